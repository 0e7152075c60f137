"""Vectors of the catalogue are encoded once, added items alone, and nothing of former catalogues is kept."""

import copy
import gc
import weakref

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet import Content
from dualnet.data.synthetic import blocks_world
from dualnet.models import als
from dualnet.models.als import half_step
from dualnet.models.catalogue import kept_vectors
from dualnet.models.registry import create
from dualnet.retrieval.vectors import to_dense

WORLD = blocks_world()
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def fresh(key, row=0):
    return Content.from_rows([key], {"title": [WORLD.items.title(row)]}, WORLD.items.spec)


@pytest.fixture
def counted(monkeypatch):
    """A fusion model whose encodings are counted: rows of each call."""
    model, calls = create("fusion", factors=6).fit(WORLD), []
    plain = type(model)._encode_items

    def counting(self, space, rows):
        calls.append(len(rows))
        return plain(self, space, rows)

    monkeypatch.setattr(type(model), "_encode_items", counting)
    return model, calls


def test_many_questions_encode_the_catalogue_once(counted):
    model, calls = counted
    first = model.recommend("u0-0")
    for _ in range(3):
        assert model.recommend("u0-0").ids == first.ids
        model.similar_items("i0-0")
    assert calls == [48]
    model.recommend(history=["i0-0"], new_items=fresh("n0"))
    assert calls == [48, 1]
    model.add_items(fresh("n1"))
    assert "n1" in model.recommend(history=["i0-1", "i0-2"], k=12).ids
    assert calls == [48, 1, 1]
    np.testing.assert_allclose(
        to_dense(kept_vectors(model).of(model, model.catalogue_).vectors),
        to_dense(model.encode_items(model.catalogue_)),
        atol=1e-6,
    )


def test_a_new_fit_forgets_the_vectors(counted):
    model, _ = counted
    model.recommend("u0-0")
    other = blocks_world(seed=5)
    model.fit(other)
    assert model.recommend("u0-0").ids == create("fusion", factors=6).fit(other).recommend("u0-0").ids


def test_former_catalogues_are_not_kept():
    model = create("content-profile").fit(WORLD)
    model.recommend("u0-0")
    former = weakref.ref(model.catalogue_)
    model.add_items(fresh("n1"))
    model.recommend("u0-0")
    gc.collect()
    assert former() is None


def test_a_fold_in_over_few_columns_is_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(60, 5)).astype(np.float32)
    history = csr_array((rng.random((4, 60)) < 0.08).astype(np.float32))
    few = half_step(factors, history, 0.01, 1.0)
    assert half_step(factors, history, 0.02, 1.0) == pytest.approx(few, abs=0.1)
    with monkeypatch.context() as patch:
        patch.setattr(als, "FEW_POSITIVES", 0)
        for weight in (0.01, 0.02):
            whole = half_step(factors, history, weight, 1.0)
            np.testing.assert_allclose(half_step(factors, history, weight, 1.0), whole, atol=1e-6)
    kept, exact = als.KeptGram().of(factors), factors.astype(float)
    np.testing.assert_allclose(kept.product, exact.T @ exact, atol=1e-9)
    np.testing.assert_allclose(kept.basis @ np.diag(kept.values) @ kept.basis.T, exact.T @ exact, atol=1e-4)
    with monkeypatch.context() as patch:
        patch.setattr(als, "FEW_POSITIVES", 0)
        whole = half_step(factors, history, 0.01, 1.0)
    np.testing.assert_allclose(few, whole, atol=1e-5)


def test_a_model_keeps_the_gram_matrix_of_its_factors_and_of_no_others(monkeypatch):
    model, asked, real = create("wmf", factors=4, iterations=2).fit(WORLD), [], als.Gram.of.__func__
    monkeypatch.setattr(als.Gram, "of", classmethod(lambda cls, factors: (asked.append(factors), real(cls, factors))[1]))
    user = WORLD.interactions.users.key(0)
    first = [model.recommend(user, k=3).ids for _ in range(3)]
    assert len(asked) == 1
    assert first[0] == first[2]
    model.item_factors_ = -model.item_factors_  # as an update puts other factors in place
    model.recommend(user, k=3)
    assert [array is model.item_factors_ for array in asked] == [False, True]
    copied = copy.deepcopy(model)
    assert "_gram" not in vars(copied)
