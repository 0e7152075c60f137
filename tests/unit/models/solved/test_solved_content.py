"""Content of words with vectors beside them: one matrix to whoever multiplies it, two kernels to whoever compares rows."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.models.solved import ridge
from dualnet.models.solved.content import AS_IT_IS, LONG, ContentReader, WordsAndVectors, is_long, words_of
from dualnet.models.solved.ridge import ContentAxes, ContentRidge

COLUMNS = np.array([0, 7, 40])


def features(n=25, width=50, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.where(rng.random((n, width)) < 0.15, rng.random((n, width)), 0)
    rows[:, COLUMNS] = rng.normal(size=(n, len(COLUMNS))) * 30
    rows[3, COLUMNS] = 0
    rows[4] *= np.isin(np.arange(width), COLUMNS)
    rows[5] = 0
    return csr_array(rows.astype(np.float32))


def test_words_and_vectors_are_of_unit_length_each():
    raw, reader = features(), ContentReader(vectors=COLUMNS)
    read = reader(raw)
    assert isinstance(read, WordsAndVectors)
    assert words_of(read) is read.words
    assert not read.words.toarray()[:, COLUMNS].any()
    lengths = np.linalg.norm(read.words.toarray(), axis=1), np.linalg.norm(read.vectors, axis=1)
    np.testing.assert_allclose(
        lengths, [[float(k not in (4, 5)) for k in range(25)], [float(k not in (3, 5)) for k in range(25)]], atol=1e-6
    )
    whole = reader.by_feature(raw).toarray()
    np.testing.assert_array_equal(whole[:, COLUMNS], read.vectors)
    np.testing.assert_array_equal(np.delete(whole, COLUMNS, axis=1), np.delete(read.words.toarray(), COLUMNS, axis=1))
    kernel = read.words.toarray() @ read.words.toarray().T + read.vectors @ read.vectors.T
    np.testing.assert_allclose(whole @ whole.T, kernel, atol=1e-5)
    np.testing.assert_array_equal(AS_IT_IS.by_feature(raw).toarray(), AS_IT_IS(raw).toarray())


def test_products_are_those_of_one_matrix():
    reader = ContentReader(vectors=COLUMNS)
    read, whole = reader(features()), reader.by_feature(features()).toarray()
    rng = np.random.default_rng(1)
    right, left = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=(25, 4)).astype(np.float32)
    assert read.shape == whole.shape
    np.testing.assert_allclose(read @ right, whole @ right, atol=1e-5)
    np.testing.assert_allclose(read.T @ left, whole.T @ left, atol=1e-5)
    some = np.array([7, 3, 4])
    np.testing.assert_allclose(read[some] @ right, whole[some] @ right, atol=1e-5)


@pytest.mark.parametrize("penalty", [0.1, 5.0])
def test_axes_and_ridge_are_those_of_one_matrix(penalty, monkeypatch):
    monkeypatch.setattr(ridge, "DIRECT", 10)
    monkeypatch.setattr(ridge, "TOLERANCE", 1e-6)
    reader = ContentReader(vectors=COLUMNS)
    read, whole = reader(features()), reader.by_feature(features()).astype(np.float64).toarray()
    axes = ContentAxes.of(read, 6, 0)
    values = np.linalg.eigvalsh(whole.T @ whole)[::-1][:6]
    np.testing.assert_allclose(axes.strengths, values, rtol=1e-3)
    factors = np.random.default_rng(2).normal(size=(25, 3)).astype(np.float32)
    found = ContentRidge(read, penalty, axes).fit(factors)
    expected = np.linalg.solve(whole.T @ whole + penalty * np.eye(50), whole.T @ factors)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_content_is_long_by_its_words_alone():
    many = np.arange(700)
    words = csr_array(
        (np.ones(2 * LONG * 2, np.float32), np.tile(many[: 2 * LONG], 2), [0, 2 * LONG, 4 * LONG]), shape=(2, 700)
    )
    assert is_long(words)
    assert not is_long(ContentReader(vectors=many[: 2 * LONG - 5])(words))
    assert is_long(np.ones((2, 700), np.float32))
    assert not is_long(np.ones((2, 600), np.float32))
