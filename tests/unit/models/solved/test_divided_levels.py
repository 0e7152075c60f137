"""Solved levels of a run in several processes: what one process solves for, however users and items are divided."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet import DualNetError, RunOptions, Solved
from dualnet.data.synthetic import blocks_world
from dualnet.data.tasks import RankingTask
from dualnet.distributed.divided_matrix import DividedMatrix, own_rows
from dualnet.ids import IdMap
from dualnet.models.als import SortedRows, half_step
from dualnet.models.divided_als import DividedRows
from dualnet.models.solved import choice as choices
from dualnet.models.solved.choice import Search, recall_of, thinned
from dualnet.models.solved.content import WordsAndVectors
from dualnet.models.solved.ridge import ContentAxes, ContentRidge
from dualnet.retrieval.vectors import JoinedVectors
from tests.unit.models.solved.test_solved_levels import CHOICE, N_NEW, N_OLD
from tests.unit.models.solved.test_solved_levels import world as made

SIZES = (2, 3, 4)
CLOSE = {"rtol": 1e-5, "atol": 1e-6}
WIDTH = 6
ITERATIONS = 3


def weights_of(n_users, n_items, seed=0):
    """Return weights with empty rows and columns, rows longer than the factors are wide, and known zeros."""
    rng = np.random.default_rng(seed)
    share = np.where(np.arange(n_users) % 3, 0.1, 0.6)[:, None] * (np.arange(n_items) % 5 > 0)
    kind = rng.random((n_users, n_items))
    return csr_array(np.where(kind < share, rng.uniform(1, 2, kind.shape), np.where(kind > 0.97, -0.3, 0)).astype(np.float32))


def exact(other, matrix, zero_weight, regularization, prior, power=0.0):
    """Return the minimiser in float64, row by row, from the formula in `half_step`."""
    v, dense = other.astype(np.float64), matrix.toarray().astype(np.float64)
    found = np.zeros((len(dense), v.shape[1]))
    for row, values in enumerate(dense):
        weight = np.where(values > 0, values, zero_weight - np.minimum(values, 0))
        penalty = regularization * (np.maximum(values, 0).sum() + zero_weight * len(v)) ** power
        right = v.T @ np.maximum(values, 0) + (0 if prior is None else penalty * prior[row].astype(np.float64))
        found[row] = np.linalg.solve(v.T @ (weight[:, None] * v) + penalty * np.eye(v.shape[1]), right)
    return found


def half_steps(group, shape, power, with_prior, start, most):
    """Return this rank's rows of one half-step over rows and one over columns."""
    matrix, rng = weights_of(*shape), np.random.default_rng(1)
    items, users = (rng.normal(size=(n, WIDTH)).astype(np.float32) for n in shape[::-1])
    divided = DividedMatrix.of(own_rows(matrix, group), group)
    found = []
    for side, other, own in ((divided, items, users), (divided.T, users, items)):
        rows = DividedRows.of(side, WIDTH, most)
        own = own_rows(own, group)
        found.append(
            rows.half_step(
                own_rows(other, group), 0.05, 0.5, prior=own if with_prior else None, start=own if start else None,
                regularization_power=power,
            )
        )  # fmt: skip
    return found, len(rows.blocks)


@pytest.mark.parametrize("power", [0.0, 1.0], ids=["flat", "grows"])
@pytest.mark.parametrize("with_prior", [False, True], ids=["plain", "prior"])
@pytest.mark.parametrize("shape", [(31, 17), (3, 2), (9, 40)], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_a_half_step_is_that_of_one_process(world, size, shape, with_prior, power):
    matrix, rng = weights_of(*shape), np.random.default_rng(1)
    items, users = (rng.normal(size=(n, WIDTH)).astype(np.float32) for n in shape[::-1])
    for start in (False, True):
        for most in (2**20, 5 * WIDTH):
            ranks = world.run(half_steps, shape, power, with_prior, start, most, size=size)
            assert len({blocks for _, blocks in ranks}) == 1
            for side, (weights, other, own) in enumerate(((matrix, items, users), (csr_array(matrix.T), users, items))):
                found = np.concatenate([parts[side] for parts, _ in ranks])
                prior = own if with_prior else None
                expected = half_step(
                    other,
                    SortedRows.of(weights),
                    0.05,
                    0.5,
                    prior=prior,
                    start=own if start else None,
                    regularization_power=power,
                )
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
                if not start:
                    np.testing.assert_allclose(found, exact(other, weights, 0.05, 0.5, prior, power), rtol=1e-4, atol=1e-5)


def not_finite(group):
    """Return what is said where the factors of one rank are beyond all numbers."""
    matrix = DividedMatrix.of(own_rows(weights_of(12, 9), group), group)
    items = own_rows(np.ones((9, WIDTH), np.float32), group).copy()
    users = np.full((matrix.own.shape[0], WIDTH), np.inf if group.rank == 0 else 0, np.float32)
    with pytest.raises(DualNetError, match="no longer finite") as told:
        DividedRows.of(matrix, WIDTH).half_step(items, 0.05, 0.5, start=users)
    return str(told.value)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_all_ranks_are_told_of_factors_that_are_not_finite(world):
    assert len(set(world.run(not_finite, size=3))) == 1


def divided(training, group):
    """Return a training of which this rank has its own users and items."""
    content = None if training.content is None else own_rows(training.content, group)
    axes, ridge_axes = training.axes, training.ridge_axes
    if axes is not None:
        axes = ContentAxes.of(content.words if isinstance(content, WordsAndVectors) else content, 9, 0, group)
        ridge_axes = ContentAxes.of(content, 9, 0, group)
    return replace(
        training, matrix=own_rows(training.matrix, group), content=content, axes=axes, ridge_axes=ridge_axes, group=group
    )


def dense(vectors):
    return np.hstack([vectors.dense, vectors.sparse.toarray()]) if isinstance(vectors, JoinedVectors) else vectors


def figures(levels, space):
    """Return what determines the answers of solved levels, and does not depend on the signs of axes."""
    items = levels.item_vectors(space, np.arange(len(space)))
    history = csr_array(np.random.default_rng(3).random((5, len(space))) < 0.2).astype(np.float32)
    scores = dense(levels.user_vectors(history, space)) @ dense(items).T
    found = {"factors": levels.items.items, "scores": scores}
    return found | ({} if levels.items.content_map is None else {"map": levels.items.content_map})


def solve(group, kind, changes):
    space, training = made(kind)
    training = divided(training, group)
    choice = replace(CHOICE, **changes)
    found = figures(training.solve(choice), space)
    assert training.zero_weight(4.0) == made(kind)[1].zero_weight(4.0)
    start = np.vstack([found["factors"][:-3], np.zeros((3, WIDTH), np.float32)])
    return found | {f"further-{name}": value for name, value in figures(training.solve(choice, start), space).items()}


READINGS = {"prior": {}, "rows": {"prior": None, "relation": 0.5}, "plain": {"prior": None, "content_scale": 0.0}}


@pytest.mark.parametrize(
    ("kind", "reading"),
    [("few", "prior"), ("few", "rows"), ("many", "rows"), ("many-dense", "prior"), ("beside", "prior"), ("none", "plain")],
)
def test_all_that_is_solved_for_is_that_of_one_process(world, kind, reading):
    alone = world.run(solve, kind, READINGS[reading], size=1)[0]
    for size in (2, 4):
        ranks = world.run(solve, kind, READINGS[reading], size=size)
        for name, expected in alone.items():
            for found in ranks:
                np.testing.assert_array_equal(found[name], ranks[0][name], name)
            np.testing.assert_allclose(ranks[0][name], expected, rtol=1e-4, atol=2e-5 * np.abs(expected).max(), err_msg=name)


def read(group, kind, penalty):
    """Return the axes of content, as a projection, and the map to some factors."""
    training = made(kind)[1]
    content = own_rows(training.content, group)
    axes = ContentAxes.of(content, 9, 0, group)
    factors = np.random.default_rng(2).normal(size=(training.matrix.shape[1], WIDTH)).astype(np.float32)
    ridge = ContentRidge(content, penalty, axes, group)
    return (
        axes.strengths,
        axes.directions @ axes.directions.T,
        ridge.fit(own_rows(factors, group)),
        ridge.fit(own_rows(factors, group)),
    )


@pytest.mark.parametrize(
    ("kind", "penalty"), [("few", 0.01), ("dense", 1.0), ("many", 0.01), ("many-dense", 1.0), ("beside", 1.0)]
)
def test_axes_and_map_are_those_of_one_process(world, kind, penalty):
    alone = world.run(read, kind, penalty, size=1)[0]
    for size in (2, 4):
        for found in world.run(read, kind, penalty, size=size):
            for mine, expected in zip(found, alone, strict=True):
                np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def tasks(space, n_users):
    """Return a task over old items, and one over all."""
    rng = np.random.default_rng(1)
    found = []
    for candidates in (np.arange(N_OLD), np.arange(len(space))):
        kinds = rng.random((n_users, N_OLD + N_NEW))
        history, truth = (csr_array(part.astype(np.float32)) for part in (kinds < 0.3, kinds > 0.8))
        history[:, N_OLD:] = 0
        users = IdMap([f"u{k}" for k in range(n_users)])
        found.append(RankingTask("known-known", users, space.ids, history, history, candidates, truth))
    return found if space.features is not None else found[:1]


def search(group, kind, n_users):
    """Return the trials of a search, and what it chose."""
    space, training = made(kind)
    trials = []
    asked = [(task, space) for task in tasks(space, n_users)]
    choice, levels = Search(divided(training, group), asked, lambda figures, number: trials.append((number, figures)))(
        None, None, None, None, None
    )
    return trials, choice, recall_of(levels, asked, group)


@pytest.mark.parametrize(("kind", "n_users", "size"), [("few", 12, 2), ("none", 1, 3)])
def test_a_search_tries_and_chooses_what_one_process_does(world, kind, n_users, size):
    alone = world.run(search, kind, n_users, size=1)[0]
    ranks = world.run(search, kind, n_users, size=size)
    assert all(found == ranks[0] for found in ranks)
    trials, choice, recall = ranks[0]
    assert choice == alone[1]
    assert recall == pytest.approx(alone[2], abs=1e-9)
    assert [number for number, _ in trials] == [number for number, _ in alone[0]]
    for (_, mine), (_, expected) in zip(trials, alone[0], strict=True):
        assert mine == pytest.approx(expected, abs=1e-6)


GIVEN = {"factors": 8, "factor_zero_weight": 0.05, "regularization": 1.0, "random_state": 1}
FITS = {
    "given": GIVEN | {"relation": 0.5, "prior": np.inf, "content_scale": 0.5, "trials": 0},
    "searched": GIVEN | {"prior": 1.0, "trials": 3, "dislike_weight": 0.1},
}


def fit(group, name):
    """Fit a model on this rank; return its factors and scores, and what it chose."""
    data = blocks_world(groups=3, users=7, items=6)
    model = Solved(**FITS[name]).fit(data, run=RunOptions(progress=False, collectives=group))
    space = model.space(data.interactions.items, data.items)
    return figures(model.levels_.solved, space), model.choice_.weights, model.choice_.solved


@pytest.mark.parametrize("name", FITS)
def test_a_whole_fit_is_that_of_one_process(world, name):
    (expected, *chosen), ranks = world.run(fit, name, size=1)[0], world.run(fit, name, size=3)
    for found, *mine in ranks:
        assert mine == chosen
        for part, values in expected.items():
            np.testing.assert_allclose(found[part], values, rtol=1e-4, atol=1e-5 * np.abs(values).max(), err_msg=part)


def from_fewer_users(group, pairs):
    """Return factors that begin with a part of the users, and how many alternations there were."""
    before, choices.FEW_PAIRS = choices.FEW_PAIRS, pairs
    steps = []
    try:
        training = divided(made("none")[1], group)
        settings = replace(training.settings, iterations=ITERATIONS)
        training = replace(training, settings=settings, told=lambda before, after: steps.append(len(after)))
        return training.factors(replace(CHOICE, prior=None, content_scale=0.0)).items, len(steps)
    finally:
        choices.FEW_PAIRS = before


def test_factors_that_begin_with_a_part_of_the_users_are_those_of_one_process(world):
    expected, steps = world.run(from_fewer_users, 20, size=1)[0]
    assert steps == choices.FIRST_RUNG + choices.NEXT_RUNG + ITERATIONS // 2
    for found, count in world.run(from_fewer_users, 20, size=3):
        assert count == steps
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5 * np.abs(expected).max())


def thinned_rows(group, counts, pairs):
    matrix, likes = weights_of(23, 8), weights_of(23, 8, seed=1)
    starts = np.cumsum([0, *counts])
    own = slice(starts[group.rank], starts[group.rank + 1])
    return thinned(matrix[own], pairs, group=group).toarray(), thinned(matrix[own], pairs, likes[own], group).toarray()


@pytest.mark.parametrize("pairs", [1, 7, 20, 10_000])
@pytest.mark.parametrize("counts", [(8, 8, 7), (0, 20, 3), (23, 0, 0)], ids=str)
def test_the_same_users_are_left(world, counts, pairs):
    found = world.run(thinned_rows, counts, pairs, size=3)
    whole = weights_of(23, 8), weights_of(23, 8, seed=1)
    np.testing.assert_array_equal(np.concatenate([rows for rows, _ in found]), thinned(whole[0], pairs).toarray())
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in found]), thinned(whole[0], pairs, whole[1]).toarray())
