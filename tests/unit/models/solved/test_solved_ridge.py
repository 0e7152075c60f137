"""From content to factors: conjugate gradients equal the direct solution, axes equal the eigenvectors."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from dualnet.data.featurizers.base import unit_rows
from dualnet.models.solved import ridge
from dualnet.models.solved.ridge import ContentAxes, ContentRidge


def content_of(n_items, n_features, seed=0, density=0.02):
    rng = np.random.default_rng(seed)
    return unit_rows(csr_array(random_array((n_items, n_features), density=density, rng=rng, dtype=np.float32)))


def exact(content, factors, penalty):
    dense = (content.toarray() if hasattr(content, "toarray") else content).astype(np.float64)
    return np.linalg.solve(dense.T @ dense + penalty * np.eye(dense.shape[1]), dense.T @ factors.astype(np.float64))


@pytest.mark.parametrize("dense", [False, True])
def test_few_features_are_solved_for_directly(dense):
    content = content_of(50, 20, density=0.2)
    content = content.toarray() if dense else content
    factors = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    fitted = ContentRidge(content, 0.5)
    np.testing.assert_allclose(fitted.fit(factors), exact(content, factors, 0.5), atol=1e-5)
    np.testing.assert_allclose(fitted.predict(content), content @ exact(content, factors, 0.5), atol=1e-5)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("penalty", [0.3, 4.0])
def test_conjugate_gradients_equal_the_direct_solution(penalty, dense, monkeypatch):
    monkeypatch.setattr(ridge, "DIRECT", 100)
    content = content_of(120, 300)
    content = content.toarray() if dense else content
    factors = np.random.default_rng(1).normal(size=(120, 5)).astype(np.float32)
    fitted = ContentRidge(content, penalty, ContentAxes.of(content, 20, 0))
    right = exact(content, factors, penalty)
    found = fitted.fit(factors)
    assert np.linalg.norm(found - right) < 3 * ridge.TOLERANCE / penalty * np.linalg.norm(content.T @ factors)
    np.testing.assert_allclose(found, right, atol=0.01 * np.abs(right).max())
    other = exact(content, -factors[::-1], penalty)  # a second call starts from the first map
    np.testing.assert_allclose(fitted.fit(-factors[::-1]), other, atol=0.01 * np.abs(other).max())


def test_factors_of_nothing_have_a_map_of_nothing(monkeypatch):
    monkeypatch.setattr(ridge, "DIRECT", 100)
    content = content_of(60, 200)
    assert not ContentRidge(content, 1.0, ContentAxes.of(content, 10, 0)).fit(np.zeros((60, 4), np.float32)).any()


def test_empty_content_has_no_axes_and_a_map_of_nothing(monkeypatch):
    monkeypatch.setattr(ridge, "DIRECT", 100)
    content = csr_array((60, 200), dtype=np.float32)
    axes = ContentAxes.of(content, 10, 0)
    assert axes.directions.shape == (200, 0)
    fitted = ContentRidge(content, 1.0, axes)
    assert not fitted.fit(np.ones((60, 4), np.float32)).any()
    assert not fitted._precondition(np.zeros((200, 4), np.float32)).any()


@pytest.mark.parametrize("dense", [False, True])
def test_axes_are_orthonormal_and_those_of_a_dense_decomposition(dense):
    rng = np.random.default_rng(0)
    left, right = np.linalg.qr(rng.normal(size=(80, 40)))[0], np.linalg.qr(rng.normal(size=(90, 40)))[0]
    content = ((left * 0.8 ** np.arange(40)) @ right.T).astype(np.float32)
    axes = ContentAxes.of(content if dense else csr_array(content), 10, 3)
    np.testing.assert_allclose(axes.directions.T @ axes.directions, np.eye(10), atol=1e-4)
    values, vectors = np.linalg.eigh(content.T.astype(np.float64) @ content)
    np.testing.assert_allclose(axes.strengths, values[::-1][:10], rtol=1e-4)
    agree = np.abs((axes.directions * vectors[:, ::-1][:, :10]).sum(axis=0))
    np.testing.assert_allclose(agree, 1, atol=1e-3)


def test_there_are_no_more_axes_than_the_content_has():
    assert ContentAxes.of(content_of(5, 400, density=0.05), 50, 0).directions.shape[1] <= 5
    twice = np.repeat(content_of(6, 30, density=0.3).toarray(), 4, axis=0)  # rank 6 or less
    axes = ContentAxes.of(twice, 20, 0)
    assert axes.directions.shape[1] <= 6
    np.testing.assert_allclose(axes.directions.T @ axes.directions, np.eye(axes.directions.shape[1]), atol=1e-3)
