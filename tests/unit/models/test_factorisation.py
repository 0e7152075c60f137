"""WMF and what is built on it: the half-step is exact, the objective falls, implicit agrees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix

from dualnet import Dataset, evaluate, splits
from dualnet.data.synthetic import blocks_world
from dualnet.errors import CapabilityError, UsageError
from dualnet.models import ease
from dualnet.models.als import half_step, weighted_error
from dualnet.models.content_factors import ContentFactors
from dualnet.models.ease import EASE
from dualnet.models.fusion import Fusion
from dualnet.models.wmf import WMF

WORLD = blocks_world()
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def world(seed: int, rows: int, columns: int, density: float) -> csr_array:
    rng = np.random.default_rng(seed)
    dense = (rng.random((rows, columns)) < density) * rng.uniform(0.5, 3, (rows, columns))
    return csr_array(dense.astype(np.float32))


@given(
    seed=st.integers(0, 999), rows=st.integers(1, 9), columns=st.integers(1, 30), width=st.integers(1, 12),
    density=st.sampled_from([0.05, 0.4, 1.0]),
)  # fmt: skip
def test_half_step_is_the_textbook_formula(seed, rows, columns, width, density):
    """Both branches: fewer positives than factors, and more."""
    matrix = world(seed, rows, columns, density)
    factors = np.random.default_rng(seed).normal(size=(columns, width)).astype(np.float32)
    found = half_step(factors, matrix, 0.05, 0.3)
    dense, v = matrix.toarray().astype(float), factors.astype(float)
    for row in range(rows):
        weight = np.where(dense[row] > 0, dense[row], 0.05)
        left = v.T @ (weight[:, None] * v) + 0.3 * np.eye(width)
        expected = np.linalg.solve(left, v.T @ (weight * (dense[row] > 0)))
        np.testing.assert_allclose(found[row], expected, rtol=2e-3, atol=2e-4)


def test_rows_without_positives_are_zero_and_error_is_the_sum_over_all_cells():
    matrix = world(1, 6, 8, 0.3)
    matrix = csr_array(matrix.multiply(np.arange(6)[:, None] > 0))
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(6, 4)).astype(np.float32), rng.normal(size=(8, 4)).astype(np.float32)
    assert not half_step(v, matrix, 0.1, 1.0)[0].any()
    dense = matrix.toarray()
    weight = np.where(dense > 0, dense, 0.1)
    expected = (weight * ((dense > 0) - u @ v.T) ** 2).sum() + 2 * (u**2).sum() + 3 * (v**2).sum()
    assert weighted_error(u, v, matrix, 0.1, 2.0, 3.0) == pytest.approx(expected, rel=1e-5)


def test_every_half_step_lowers_the_objective():
    matrix = world(2, 60, 50, 0.1)
    items = np.random.default_rng(0).random((50, 8), dtype=np.float32) * np.float32(0.01)
    errors = []
    for _ in range(6):
        users = half_step(items, matrix, 0.02, 0.5)
        errors.append(weighted_error(users, items, matrix, 0.02, 0.5, 0.5))
        items = half_step(users, csr_array(matrix.T), 0.02, 0.5)
        errors.append(weighted_error(users, items, matrix, 0.02, 0.5, 0.5))
    assert (np.diff(errors) <= 1e-5 * np.array(errors[:-1])).all()
    assert errors[-1] < 0.9 * errors[0]


def test_same_objective_as_implicit():
    """The same start, exact solver, mapped weights: implicit divides everything by b."""
    als = pytest.importorskip("implicit.cpu.als", reason="implicit is not installed (extra 'bench')")
    matrix = csr_array((world(3, 80, 60, 0.1) > 0).astype(np.float32))
    peer = als.AlternatingLeastSquares(
        factors=8, alpha=50, regularization=25, iterations=5, use_cg=False, dtype=np.float64, random_state=0
    )
    start = np.random.default_rng(0).random((60, 8)) * 0.01
    peer.item_factors, peer.user_factors = start.copy(), np.random.default_rng(1).random((80, 8)) * 0.01
    peer.fit(csr_matrix(matrix), show_progress=False)
    items = start.astype(np.float32)
    for _ in range(5):
        users = half_step(items, matrix, 0.02, 0.5)
        items = half_step(users, csr_array(matrix.T), 0.02, 0.5)
    ours = weighted_error(users, items, matrix, 0.02, 0.5, 0.5)
    theirs = weighted_error(peer.user_factors, peer.item_factors, matrix, 0.02, 0.5, 0.5)
    assert ours == pytest.approx(theirs, rel=1e-3)


def test_ease_is_the_constrained_ridge_regression():
    model = EASE(regularization=3.0).fit(WORLD)
    x = WORLD.interactions.pattern().toarray().astype(float)
    for item in (0, 17):
        others = np.delete(np.arange(x.shape[1]), item)
        a = x[:, others]
        expected = np.linalg.solve(a.T @ a + 3 * np.eye(len(others)), a.T @ x[:, item])
        np.testing.assert_allclose(model.item_weights_[item, others], expected, atol=1e-4)
        assert model.item_weights_[item, item] == 0


def test_ease_refuses_what_it_cannot_invert(monkeypatch):
    monkeypatch.setattr(ease, "MOST_ITEMS", 10)
    with pytest.raises(CapabilityError, match="are more than 10; use wmf or item-knn"):
        EASE().fit(WORLD)


@pytest.mark.parametrize("model", [ContentFactors(factors=8), Fusion(factors=8)], ids=["content-factors", "fusion"])
def test_new_items_are_served_from_content(model):
    report = evaluate(model.fit(*_parts()), splits.four_quadrants(WORLD, seed=1), at=(10,), bootstrap=0)
    assert min(result.mean("recall@10") for result in report.results) > 0.7


def test_fusion_chooses_its_weight_on_validation():
    train, validation = _parts()
    chosen = Fusion(factors=8).fit(train, validation)
    assert chosen.weight_ > 0  # new items are among the tasks: without content they cannot be ranked
    assert Fusion(factors=8).fit(train).weight_ == 0.5
    assert Fusion(factors=8, weight=0.0).fit(train, validation).weight_ == 0.0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"factors": 0}, "factors=0 must be a whole number"),
        ({"regularization": 0}, "regularization=0 must be above 0"),
        ({"zero_weight": 1.0}, "below the lightest positive"),
        ({"iterations": 1.5}, "iterations=1.5 must be"),
    ],
)
def test_bad_parameters(changes, text):
    with pytest.raises(UsageError, match=text):
        WMF(**changes).fit(Dataset(WORLD.interactions))


def _parts():
    split = splits.four_quadrants(WORLD, seed=1)
    return split.train, split.validation
