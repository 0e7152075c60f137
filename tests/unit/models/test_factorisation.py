"""WMF and what is built on it: the half-step is exact, the objective falls, implicit agrees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix

from dualnet import Dataset, evaluate, splits, synthetic
from dualnet.data.interactions import Interactions
from dualnet.data.synthetic import blocks_world
from dualnet.errors import CapabilityError, TrainingError, UsageError
from dualnet.models import ease
from dualnet.models.als import SortedRows, half_step, weighted_error
from dualnet.models.content_factors import ContentFactors
from dualnet.models.ease import EASE
from dualnet.models.fusion import Fusion
from dualnet.models.registry import create
from dualnet.models.wmf import PAPER_FACTORS, WMF, start_factors

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


def test_wmf_is_implicit_from_the_same_start():
    """Exact solver, mapped weights: implicit has 1 on zeros and alpha on positives, so we divide everything by alpha."""
    als = pytest.importorskip("implicit.cpu.als", reason="implicit is not installed (extra 'dev')")
    data = synthetic.library(n_readers=90, n_papers=120, text=False, seed=3)
    ours = WMF(factors=8, zero_weight=0.02, regularization=0.5, iterations=5).fit(data)
    matrix = ours.histories_
    peer = als.AlternatingLeastSquares(
        factors=8, alpha=1 / 0.02, regularization=0.5 / 0.02, iterations=5, use_cg=False, dtype=np.float64, num_threads=1
    )
    peer.item_factors = start_factors(matrix.shape[1], 8, seed=0).astype(np.float64)
    peer.user_factors = np.zeros((matrix.shape[0], 8))  # solved for first, so their start does not matter
    peer.fit(csr_matrix(matrix), show_progress=False)
    exact = start_factors(matrix.shape[1], 8, seed=0)
    for _ in range(5):
        exact = half_step(half_step(exact, matrix, 0.02, 0.5), csr_array(matrix.T), 0.02, 0.5)
    np.testing.assert_allclose(exact, peer.item_factors, atol=2e-3 * np.abs(peer.item_factors).max())
    found, theirs = (
        weighted_error(half_step(np.float32(items), matrix, 0.02, 0.5), items, matrix, 0.02, 0.5, 0.5)
        for items in (ours.item_factors_, peer.item_factors)
    )
    assert found == pytest.approx(theirs, rel=2e-3)  # a fit takes three steps of conjugate gradients where peer is exact


@pytest.mark.parametrize("power", [0.0, 0.7])
@pytest.mark.parametrize("with_prior", [False, True])
def test_steps_from_a_start_go_to_the_exact_rows(power, with_prior):
    """Rows of 0 to 40 positives, so that batches are padded and both exact forms are used; one thread or three."""
    rng = np.random.default_rng(3)
    matrix = csr_array(
        ((rng.random((300, 50)) < rng.random((300, 1)) ** 2) * rng.uniform(0.5, 2, (300, 50))).astype(np.float32)
    )
    factors = rng.normal(size=(50, 12)).astype(np.float32)
    prior = rng.normal(size=(300, 12)).astype(np.float32) if with_prior else None
    exact = half_step(factors, matrix, 0.1, 0.5, prior=prior, regularization_power=power)
    start, rows = np.zeros_like(exact), SortedRows.of(matrix)
    distances = []
    for steps in (1, 3, 12):
        found = half_step(factors, rows, 0.1, 0.5, prior=prior, regularization_power=power, start=start, steps=steps)
        many = half_step(factors, rows, 0.1, 0.5, prior=prior, regularization_power=power, start=start, steps=steps, threads=3)
        np.testing.assert_array_equal(found, many)
        distances.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
    assert distances[0] > 4 * distances[1] > 16 * distances[2]
    assert distances[2] < 1e-4


@pytest.mark.parametrize("steps", [None, 20])
def test_the_penalty_of_a_row_grows_with_its_data(steps):
    """l (sum of weights + b n)^v, where n counts the factors that zeros are summed over."""
    matrix, rng = world(7, 8, 20, 0.4), np.random.default_rng(0)
    v, every = rng.normal(size=(20, 5)), rng.normal(size=(33, 5))
    inexact = {} if steps is None else {"start": np.zeros((8, 5), np.float32), "steps": steps}
    found = half_step(
        v.astype(np.float32), matrix, 0.05, 0.3, of_all=every.astype(np.float32), regularization_power=0.6, **inexact
    )
    for row, weights in enumerate(matrix.toarray().astype(float)):
        extra = np.where(weights > 0, weights - 0.05, 0)
        penalty = 0.3 * (weights.sum() + 0.05 * 33) ** 0.6
        left = v.T @ (extra[:, None] * v) + 0.05 * every.T @ every + penalty * np.eye(5)
        np.testing.assert_allclose(found[row], np.linalg.solve(left, v.T @ weights), rtol=2e-3, atol=2e-4)


def test_shares_of_a_prediction_add_up_with_a_penalty_that_grows():
    user, item = WORLD.interactions.users.keys[0], WORLD.interactions.items.keys[5]
    told = {
        power: WMF(factors=6, regularization=0.1, regularization_power=power).fit(WORLD).explain(user=user, item=item)
        for power in (0.0, 1.0)
    }
    for explanation in told.values():
        assert sum(part.score for part in explanation.history.parts) == pytest.approx(explanation.score, abs=1e-4)
    assert told[1.0].score < 0.95 * told[0.0].score


def test_two_penalties_give_the_scores_of_their_geometric_mean():
    """Scaling users up and items down keeps the scores, so equation 1 with l_u and l_v needs one number."""
    matrix, start = world(4, 40, 30, 0.2), start_factors(30, 5, seed=1)

    def scores(user_penalty, item_penalty, items):
        for _ in range(4):
            users = half_step(items, matrix, 0.05, user_penalty)
            items = half_step(users, csr_array(matrix.T), 0.05, item_penalty)
        return half_step(items, matrix, 0.05, user_penalty) @ items.T

    scale = np.float32((0.2 / 3.2) ** 0.25)  # users by scale, items by 1 / scale: l_u |u|^2 becomes sqrt(l_u l_v) |u|^2
    np.testing.assert_allclose(scores(0.2, 3.2, start), scores(0.8, 0.8, start / scale), rtol=1e-3, atol=1e-4)


def test_the_papers_widths():
    assert PAPER_FACTORS == (450, 300)
    assert (WMF.paper().factors, WMF.paper(factors=PAPER_FACTORS[1]).factors) == PAPER_FACTORS


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
    quadrants = splits.four_quadrants(WORLD, seed=1).tasks  # how new items stand beside known ones is another question
    report = evaluate(model.fit(*_parts()), quadrants, at=(10,), bootstrap=0)
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
        ({"regularization_power": 1.5}, "regularization_power=1.5 must be between 0"),
        ({"iterations": 1.5}, "iterations=1.5 must be"),
    ],
)
def test_bad_parameters(changes, text):
    with pytest.raises(UsageError, match=text):
        WMF(**changes).fit(Dataset(WORLD.interactions))


def _parts():
    split = splits.four_quadrants(WORLD, seed=1)
    return split.train, split.validation


@pytest.mark.parametrize("width", [3, 30])  # wide systems, and systems as small as the positives are few
def test_a_positive_on_a_new_item_replaces_no_zero(width):
    rng = np.random.default_rng(5)
    trained, new = rng.normal(size=(9, width)), rng.normal(size=(4, width))
    columns = np.concatenate([trained[:6], new]).astype(np.float32)  # a list of some trained items and some new ones
    is_new = np.arange(10) >= 6
    weights = (rng.random((7, 10)) < 0.6) * rng.uniform(0.5, 1.5, size=(7, 10))
    history = csr_array(weights.astype(np.float32))
    found = half_step(columns, history, 0.05, 0.4, of_all=trained.astype(np.float32), is_new=is_new)
    for row in range(7):
        left = 0.05 * trained.T @ trained + 0.4 * np.eye(width)
        for column in np.flatnonzero(weights[row]):
            replaced = 0 if is_new[column] else 0.05
            left += (weights[row, column] - replaced) * np.outer(columns[column], columns[column])
        expected = np.linalg.solve(left, columns.T @ weights[row])
        np.testing.assert_allclose(found[row], expected, atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize("weight", [1e20, 1e30, 3e38])
@pytest.mark.parametrize("name", ["wmf", "solved", "fusion", "coupled", "content-factors"])
def test_weights_too_large_to_solve_with_are_told(name, weight):
    """Not `LinAlgError: Eigenvalues did not converge`."""
    matrix = WORLD.interactions.matrix
    heavy = csr_array((np.full(matrix.nnz, weight, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
    data = Dataset(Interactions(WORLD.interactions.users, WORLD.interactions.items, heavy), WORLD.items, name="heavy")
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="very large weights"):
        create(name, factors=6).fit(data)


@pytest.mark.parametrize("start", [None, np.full((2, 3), 1e30, np.float32)])
def test_factors_that_are_not_finite_end_a_half_step(start):
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="no longer finite"):
        half_step(np.full((4, 3), 1e30, np.float32), csr_array(np.full((2, 4), 1e30, np.float32)), 0.1, 1.0, start=start)
