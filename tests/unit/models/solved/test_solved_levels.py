"""Solved levels of a model: reasons sum to scores, files hold all, updates begin where the fit ended."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse

from dualnet import RunOptions, Solved
from dualnet.data.featurizers.base import unit_rows
from dualnet.data.space import ItemSpace
from dualnet.data.synthetic import blocks_world
from dualnet.data.tasks import RankingTask
from dualnet.ids import IdMap
from dualnet.models.solved.choice import READINGS, Search, Training, thinned
from dualnet.models.solved.content import ContentReader
from dualnet.models.solved.factors import FactorSettings, ItemFactors
from dualnet.models.solved.levels import SolvedChoice, SolvedLevels
from dualnet.models.solved.ridge import ContentAxes
from dualnet.retrieval.topk import inner_products

N_OLD, N_NEW, N_USERS = 30, 5, 40
KINDS = ("few", "many", "dense", "many-dense", "beside", "none")
VECTORS = np.array([2, 3, 4, 698, 699])  # features of a kind of content that are columns of vectors beside words
CHOICE = SolvedChoice(zero_weight=0.1, regularization=0.7, relation=0.0, prior=1.0, content_scale=0.6)


def world(kind, seed=0):
    """Return a space of old and new items, and a training of the old ones."""
    rng = np.random.default_rng(seed)
    matrix = csr_array((rng.random((N_USERS, N_OLD)) < 0.25).astype(np.float32))
    features = None
    if kind != "none":
        n = 700 if kind.startswith(("many", "beside")) else 12
        features = rng.normal(size=(N_OLD + N_NEW, n)).astype(np.float32)
        if not kind.endswith("dense"):
            words = np.where(rng.random(features.shape) < 6 / n, np.abs(features), 0)
            if kind == "beside":
                words[:, VECTORS] = features[:, VECTORS]
                words[[3, 33]] *= ~np.isin(np.arange(n), VECTORS)  # without a vector
                words[[4, 34]] *= np.isin(np.arange(n), VECTORS)  # without a word
            features = csr_array(words.astype(np.float32))
    known = np.where(np.arange(N_OLD + N_NEW) < N_OLD, np.arange(N_OLD + N_NEW), -1)
    space = ItemSpace(IdMap([f"i{k}" for k in range(N_OLD + N_NEW)]), known, features)
    reader = ContentReader(vectors=VECTORS) if kind == "beside" else ContentReader()
    content = None if features is None else reader(features[np.arange(N_OLD)])
    axes = all_axes = None
    if content is not None and content.shape[1] > 600:
        axes = all_axes = ContentAxes.of(content, 9, 0)
        axes = ContentAxes.of(content.words, 9, 0) if kind == "beside" else axes
    settings = FactorSettings(6, 0.0, 0.0, iterations=3, rounds=2)
    return space, Training(matrix, content, axes, settings, reader, all_axes)


@cache
def solved(kind, **changes):
    space, training = world(kind)
    return space, training.solve(replace(CHOICE, **changes))


def history_of(*rows):
    return csr_array((np.ones(len(rows), np.float32), np.array(rows, np.int32), [0, len(rows)]), shape=(1, N_OLD + N_NEW))


def scores(levels, space, history, table=None):
    items = levels.item_vectors(space, np.arange(len(space)))
    return inner_products(levels.user_vectors(history, space, table), items)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("taken", [(), (3,), (2, 7, 11), (31, 12, 4, 33), (34,)], ids=str)
@pytest.mark.parametrize("changes", [{}, {"content_scale": 0.0}, {"prior": None}], ids=str)
def test_every_cut_of_the_reasons_sums_to_the_score(kind, taken, changes):
    space, levels = solved(kind, **changes)
    if kind == "none":
        taken = [row for row in taken if row < N_OLD]
    rows = np.array([33, 0, 12, 30, 5])
    history = history_of(*taken)
    expected = scores(levels, space, history)[rows]
    reasons = levels.reasons(history, space, rows)
    np.testing.assert_allclose(reasons.scores, expected, atol=2e-5)
    np.testing.assert_allclose(reasons.history.total(), expected, atol=2e-5)
    assert reasons.history.parts.shape == (5, len(taken))
    assert (reasons.content is None) == (kind == "none")
    if reasons.content is not None:
        np.testing.assert_allclose(reasons.content.total(), expected, atol=2e-5)
        assert not reasons.content.base[[0, 3]].any()  # all that is known of a new item is its content


@pytest.mark.parametrize("changes", [{}, {"content_scale": 0.0}], ids=str)
def test_reasons_by_feature_are_the_score_of_an_item_with_these_features_alone(changes):
    """Of a new item all is content, and its score is linear in it: words, and vectors beside them."""
    space, levels = solved("beside", **changes)
    history, unlike = history_of(2, 7, 11), []
    for row in range(N_OLD, N_OLD + N_NEW):
        reasons = levels.reasons(history, space, np.array([row]))
        parts = csr_array(reasons.content.parts).toarray()[0]
        unit = levels.reader.by_feature(space.features[[row]]).toarray()[0]
        for columns in (VECTORS, np.setdiff1d(np.flatnonzero(unit), VECTORS)):
            alone = np.where(np.isin(np.arange(len(unit)), columns), unit, 0).astype(np.float32)
            features = csr_array(np.vstack([space.features[:N_OLD].toarray(), alone]))
            smaller = ItemSpace(IdMap(list(range(N_OLD + 1))), np.array([*range(N_OLD), -1]), features)
            taken = csr_array((history.data, history.indices, history.indptr), shape=(1, N_OLD + 1))
            assert parts[columns].sum() == pytest.approx(scores(levels, smaller, taken)[N_OLD], abs=2e-5)
            unlike.append(abs(parts[columns].sum()))
    assert min(max(unlike[0::2]), max(unlike[1::2])) > 1e-3  # of vectors, and of words


def test_a_part_of_the_reasons_belongs_to_its_item_of_the_history():
    space, levels = solved("many")
    rows = np.arange(len(space))
    one, other = (levels.reasons(history_of(*taken), space, rows).history.parts for taken in ((31, 12, 4), (4, 12, 31)))
    assert np.abs(one - other).max() > 0.01
    np.testing.assert_allclose(one, other[:, ::-1], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_table_changes_no_answer(kind):
    space, levels = solved(kind)
    history = history_of(2, 7, 11) if kind == "none" else history_of(2, 33, 11)
    np.testing.assert_allclose(scores(levels, space, history, levels.table(space)), scores(levels, space, history), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{}, {"content_scale": 0.0}], ids=str)
def test_what_is_written_is_read_back(kind, changes):
    space, levels = solved(kind, **changes)
    config, tensors = levels.get_state()
    again = SolvedLevels.from_state(config, {name: np.array(value) for name, value in tensors.items()}, None, None)
    assert again.choice == levels.choice
    history = history_of(2, 7, 11)
    np.testing.assert_array_equal(scores(again, space, history), scores(levels, space, history))
    assert again.get_state()[0] == config
    assert set(again.get_state()[1]) == set(tensors)


def test_new_items_have_the_factors_that_their_content_predicts():
    space, levels = solved("few", content_scale=0.0)
    content = unit_rows(space.features)
    vectors = levels.item_vectors(space, np.array([32, 3]))
    expected = np.vstack([(content[[32]] @ levels.items.content_map), levels.items.items[[3]]]) @ levels.joint.rotation
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_an_update_starts_where_the_fit_ended():
    space, levels = solved("few")
    content = unit_rows(space.features)
    start = levels.start(content, N_OLD, N_OLD + N_NEW)
    np.testing.assert_array_equal(start[:N_OLD], levels.items.items)
    np.testing.assert_allclose(start[N_OLD:], content[np.arange(N_OLD, N_OLD + N_NEW)] @ levels.items.content_map, atol=1e-6)
    without = replace(levels, items=ItemFactors(levels.items.items, None))
    assert not without.start(None, N_OLD, N_OLD + N_NEW)[N_OLD:].any()


def test_an_update_moves_items_that_start_at_zero():
    _, training = world("none")
    start = np.zeros((N_OLD, 6), np.float32)
    assert training.solve(replace(CHOICE, prior=None, content_scale=0.0), start).items.items.any()


@pytest.mark.parametrize("relation", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("width", [3, 200])
def test_rows_of_features_weigh_more_than_zeros_even_in_a_dense_matrix(relation, width):
    _, training = world("few")
    training = replace(training, settings=replace(training.settings, factors=width))
    levels = training.solve(replace(CHOICE, zero_weight=0.5, relation=relation, prior=None))
    assert np.isfinite(levels.items.items).all()
    assert np.isfinite(levels.joint.rotation).all()


def test_rows_of_features_bring_items_of_like_content_together():
    _, training = world("few")
    plain, related = (training.solve(replace(CHOICE, relation=weight, prior=None)).items.items for weight in (0.0, 1.0))
    content = training.content.toarray()
    likeness = (content @ content.T)[np.triu_indices(N_OLD, 1)]

    def agreement(items):
        unit = unit_rows(items)
        return np.corrcoef((unit @ unit.T)[np.triu_indices(N_OLD, 1)], likeness)[0, 1]

    assert agreement(related) > agreement(plain) + 0.1


def test_weights_of_zeros_stay_below_the_lightest_positive():
    _, training = world("none")
    light = replace(training, matrix=csr_array(training.matrix * np.float32(0.2)))
    assert training.zero_weight(100) == 0.5
    assert light.zero_weight(100) == pytest.approx(0.5 * 0.2)
    assert light.zero_weight(0.1) == training.zero_weight(0.1) == pytest.approx(0.1 * training.matrix.nnz / (N_USERS * N_OLD))


@pytest.mark.parametrize(
    ("kind", "relation", "prior", "expected"),
    [
        ("few", None, None, list(READINGS)),
        ("few", 0.5, None, [(0.5, None)]),
        ("few", 0.0, None, [(0.0, 1.0), (0.0, 4.0), (0.0, None)]),
        ("few", 0.1, 3.0, [(0.1, 3.0)]),
        ("few", 0.1, None, [(0.1, None), (0.1, 1.0), (0.1, 4.0)]),
        ("few", None, np.inf, [(0.5, None), (0.25, None), (0.0, None)]),
        ("few", None, 7.0, [(0.5, 7.0), (0.25, 7.0), (0.0, 7.0)]),
        ("dense", None, None, [(0.0, 1.0), (0.0, 4.0), (0.0, None)]),
        ("dense", 0.5, 2.0, [(0.0, 2.0)]),
        ("dense", 0.5, np.inf, [(0.0, None)]),
    ],
)
def test_readings_that_agree_with_what_is_given_are_tried(kind, relation, prior, expected):
    search = Search(world(kind)[1], (), lambda trial, number: None)
    assert search._readings(relation, prior) == expected


def searched(limit):
    """Return what a search with so many trials chooses, and the trials with their recalls."""
    space, training = world("few")
    seen = csr_array((training.matrix.data, training.matrix.indices, training.matrix.indptr), shape=(N_USERS, len(space)))
    hidden = np.random.default_rng(1).random((N_USERS, len(space))) < 0.1
    hidden[:, N_OLD:] = False
    hidden &= seen.toarray() == 0
    users = IdMap([f"u{k}" for k in range(N_USERS)])
    task = RankingTask("known-known", users, space.ids, seen, seen, np.arange(N_OLD), csr_array(hidden.astype(np.float32)))
    trials = []
    search = Search(training, [(task, space)], lambda trial, number: trials.append(trial), limit)
    choice, levels = search(None, None, None, None, None)
    assert levels.choice == choice
    return choice, trials


def test_a_search_makes_no_more_trials_than_it_may_and_takes_the_best_of_them():
    whole, trials = searched(None)
    assert searched(len(trials)) == (whole, trials)
    for limit in (1, 2, 5, len(trials) - 1):
        choice, some = searched(limit)
        assert some == trials[:limit]  # those that are made are the first ones of a whole search
        narrow = [trial for trial in some if "relation" not in trial]
        best = max(narrow, key=lambda trial: trial["recall"])
        assert {choice.zero_weight} <= {trial["zero_weight"] for trial in some}
        if len(narrow) == limit:  # none was left for the content
            assert (choice.zero_weight, choice.regularization) == pytest.approx((best["zero_weight"], best["regularization"]))
            assert (choice.relation, choice.prior) == READINGS[0]


def test_thinning_leaves_every_kth_user():
    matrix = world("none")[1].matrix
    assert thinned(matrix, matrix.nnz) is matrix
    half = thinned(matrix, matrix.nnz // 2 + 1)
    np.testing.assert_array_equal(half.toarray(), matrix.toarray()[::2])
    assert issparse(half)


@pytest.mark.parametrize(
    ("given", "trials"), [({"trials": 0}, 0), ({"trials": 0, "prior": 1.0}, 0), ({"trials": 3}, 3)], ids=str
)
def test_trials_and_alternations_are_lines_of_the_log(tmp_path, given, trials):
    log = tmp_path / "log.jsonl"
    Solved(factors=4, **given).fit(blocks_world(), run=RunOptions(progress=False, log=log))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["phase"] for line in lines} == {"choose-solved", "train-solved"}
    for phase in ("choose-solved", "train-solved"):
        own = [line for line in lines if line["phase"] == phase]
        assert [line["epoch"] for line in own] == list(range(1, len(own) + 1))
        changes = [line["change"] for line in own if "alternation" in line]
        assert len(changes) >= FactorSettings(1, 0.1, 1.0).iterations
        assert 0 < changes[-1] < changes[0]
        assert all(line["seconds"] >= 0 for line in own)
    found = [line for line in lines if "trial" in line]
    assert [line["trial"] for line in found] == list(range(1, trials + 1))
    assert all(0 <= line["recall"] <= 1 and line["regularization"] > 0 for line in found)
