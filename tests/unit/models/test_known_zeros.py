"""Dislikes as known zeros in the factors: every half-step and every fit against dense twins that weigh each cell."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dualnet import WMF, Solved, load
from dualnet.data.content import Content
from dualnet.data.content_spec import ContentSpec
from dualnet.data.dataset import Dataset
from dualnet.data.featurizers.base import unit_rows
from dualnet.data.interactions import Interactions
from dualnet.errors import UsageError
from dualnet.ids import IdMap
from dualnet.models.als import SortedRows, half_step, weighted_error
from dualnet.models.known_zeros import known_zeros, with_known_zeros
from dualnet.models.registry import create
from dualnet.models.solved import choice as choice_module
from dualnet.models.solved.choice import Training, thinned
from dualnet.models.solved.factors import FactorSettings
from dualnet.retrieval.topk import inner_products

B, L = 0.05, 0.3


def drawn(seed, rows, columns, share=0.3):
    """Signed weights of positives and known zeros; the first row has dislikes alone, the last nothing."""
    rng = np.random.default_rng(seed)
    kinds, weights = rng.random((rows, columns)), rng.uniform(0.5, 3, (rows, columns))
    dense = np.where(kinds < share, weights, np.where(kinds > 1 - share, -weights, 0))
    dense[0] = -np.abs(dense[0])
    dense[-1] = 0
    return dense.astype(np.float32)


def cells(signed, zero_weight=B):
    """Weight and target of every cell."""
    signed = signed.astype(float)
    return np.where(signed > 0, signed, zero_weight + np.maximum(-signed, 0)), (signed > 0).astype(float)


def dense_step(other, signed, penalty, prior):
    weight, target = cells(signed)
    v = other.astype(float)
    systems = [v.T @ (w[:, None] * v) + p * np.eye(v.shape[1]) for w, p in zip(weight, penalty, strict=True)]
    rights = [v.T @ (w * t) + p * q for w, t, p, q in zip(weight, target, penalty, prior, strict=True)]
    return np.array([np.linalg.solve(system, right) for system, right in zip(systems, rights, strict=True)])


@given(
    seed=st.integers(0, 999), rows=st.integers(2, 9), columns=st.integers(1, 30), width=st.integers(1, 12),
    share=st.sampled_from([0.05, 0.4]), with_prior=st.booleans(), power=st.sampled_from([0.0, 0.6]),
)  # fmt: skip
def test_half_step_is_the_textbook_formula(seed, rows, columns, width, share, with_prior, power):
    """Both exact forms, fewer entries than factors and more, and conjugate gradients from a start."""
    signed, rng = drawn(seed, rows, columns, share), np.random.default_rng(seed)
    factors = rng.normal(size=(columns, width)).astype(np.float32)
    prior = rng.normal(size=(rows, width)).astype(np.float32) if with_prior else None
    penalty = L * (np.maximum(signed, 0).sum(axis=1, dtype=float) + B * columns) ** power
    expected = dense_step(factors, signed, penalty, np.zeros((rows, width)) if prior is None else prior.astype(float))
    matrix, settings = csr_array(signed), {"prior": prior, "regularization_power": power}
    found = half_step(factors, matrix, B, L, **settings)
    near = half_step(factors, SortedRows.of(matrix), B, L, **settings, start=found + np.float32(0.1), steps=3 * width + 5)
    for result in (found, near):
        np.testing.assert_allclose(result, expected, rtol=2e-3, atol=2e-3 * max(np.abs(expected).max(), 1))


def test_the_error_is_the_sum_over_all_cells_and_every_half_step_lowers_it():
    signed, rng = drawn(1, 14, 20), np.random.default_rng(0)
    matrix = csr_array(signed)
    weight, target = cells(signed)
    users, items = rng.normal(size=(14, 4)).astype(np.float32), rng.normal(size=(20, 4)).astype(np.float32)
    errors = []
    for _ in range(3):
        users = half_step(items, matrix, B, L)
        items = half_step(users, csr_array(matrix.T), B, L)
        errors.append(weighted_error(users, items, matrix, B, L, L))
        expected = (weight * (target - users.astype(float) @ items.T) ** 2).sum() + L * ((users**2).sum() + (items**2).sum())
        assert errors[-1] == pytest.approx(expected, rel=1e-5)
    assert errors[0] > errors[1] > errors[2]


N_USERS, N_ITEMS = 30, 24
ITEMS = IdMap([f"i{k}" for k in range(N_ITEMS)])


def world(*, dislikes=True):
    """Likes, dislikes and views of items with tags; without dislikes they are views."""
    signed, rng = drawn(5, N_USERS, N_ITEMS, 0.25), np.random.default_rng(2)
    signed[np.arange(N_ITEMS), np.arange(N_ITEMS)] = 1
    signed[-6:, :2] = 1
    kinds = np.where(signed > 0, "like", np.where(signed < 0, "dislike", np.where(rng.random(signed.shape) < 0.1, "seen", "")))
    if not dislikes:
        kinds[kinds == "dislike"] = "seen"
    users, items = np.nonzero(kinds != "")
    pairs = ([f"u{k:02}" for k in users], [f"i{k}" for k in items])
    tags = pa.table({"t": [[f"t{k % 5}", f"s{k % 3}"] for k in range(N_ITEMS)]})
    content = Content(ITEMS, tags, ContentSpec(tags=("t",), min_df=1))
    return Dataset(Interactions.from_pairs(*pairs, types=kinds[users, items].tolist(), item_ids=ITEMS), content)


SOLVED = {
    "factors": 5, "factor_zero_weight": 0.1, "regularization": 0.5, "relation": 0.0, "prior": np.inf, "content_scale": 0.0,
    "content_weight": 0.0, "new_scale": 1.0, "unliked_scale": 1.0,
}  # fmt: skip
MODELS = {
    "wmf": {"factors": 5, "zero_weight": 0.1, "regularization": 0.5},
    "solved": SOLVED,
    "dualnet": {**SOLVED, "levels": (4,), "network_weight": 0.1, "epochs": 1, "user_batch": 10},
}


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_a_fit_ends_where_no_cell_pulls_any_more(power):
    data = world()
    settings = {**MODELS["wmf"], "regularization_power": power, "iterations": 300}
    model = WMF(**settings, dislike_weight=0.6).fit(data)
    likes = model.histories_.toarray()
    signed = likes - known_zeros(data.interactions, 0.6).toarray()
    items = model.item_factors_

    def step(other, signed):
        penalty = 0.5 * ((signed > 0).sum(axis=1) + 0.1 * len(other)) ** power
        weight, target = cells(signed, 0.1)
        return np.array(
            [
                np.linalg.solve(other.T @ (w[:, None] * other) + p * np.eye(5), other.T @ (w * t))
                for w, t, p in zip(weight, target, penalty, strict=True)
            ]
        )

    again = step(step(items.astype(float), signed), signed.T)
    np.testing.assert_allclose(again, items, atol=2e-3 * np.abs(items).max())
    plain = WMF(**settings).fit(data).item_factors_
    assert np.abs(step(step(plain.astype(float), signed), signed.T) - plain).max() > 0.05 * np.abs(plain).max()


@pytest.mark.parametrize("choice", [(0.0, None), (0.4, None), (0.0, 2.0)])
def test_the_solved_levels_take_them_beside_rows_and_priors(choice):
    data, relation = world(), choice[0]
    model = Solved(**{**SOLVED, "relation": relation, "prior": choice[1] or np.inf}, dislike_weight=0.6).fit(data)
    likes, zeros = csr_array(data.interactions.matrix), known_zeros(data.interactions, 0.6)
    content = unit_rows(model.catalogue_.features)
    settings = FactorSettings(5, 0.0, 0.0, random_state=model.seed_)
    training = Training(likes, content, None, settings, known_zeros=zeros)
    np.testing.assert_array_equal(model.levels_.solved.items.items, training.factors(model.levels_.solved.choice).items)
    longer = replace(training, settings=replace(settings, iterations=300))
    items = longer.factors(replace(model.levels_.solved.choice, prior=None)).items.astype(float)
    words = csr_array(content.T).toarray() > 0 if relation else np.zeros((0, N_ITEMS))
    signed = np.vstack([likes.toarray() - zeros.toarray(), words * (0.1 + relation)])
    weight, target = cells(signed, 0.1)

    def step(other, weight, target):
        return np.array(
            [
                np.linalg.solve(other.T @ (w[:, None] * other) + 0.5 * np.eye(5), other.T @ (w * t))
                for w, t in zip(weight, target, strict=True)
            ]
        )

    again = step(step(items, weight, target), weight.T, target.T)
    np.testing.assert_allclose(again, items, atol=2e-3 * np.abs(items).max())


@pytest.mark.parametrize("name", MODELS)
def test_they_lower_what_was_disliked_and_nothing_changes_without_any(name, tmp_path):
    plain, weighed, views, without = (
        create(name, **MODELS[name], **weight).fit(world(dislikes=dislikes))
        for weight, dislikes in (({}, True), ({"dislike_weight": 2.0}, True), ({"dislike_weight": 2.0}, False), ({}, False))
    )
    interactions = world().interactions
    disliked = known_zeros(interactions, 1).toarray() > 0

    def scores(model):
        space = model.space(ITEMS)
        return inner_products(model.encode_users(interactions.matrix, space), model.encode_items(space))

    assert np.square(scores(weighed)[disliked]).mean() < 0.8 * np.square(scores(plain)[disliked]).mean()
    np.testing.assert_array_equal(scores(views), scores(without))  # a view is no dislike
    again = load(weighed.save(tmp_path / "model"))
    assert again.dislike_weight == 2.0
    np.testing.assert_allclose(scores(again), scores(weighed), atol=1e-6)


def test_an_answer_is_solved_from_the_likes():
    model = WMF(**MODELS["wmf"], dislike_weight=2.0).fit(world())
    found = model.encode_users(model.histories_, model.catalogue_)
    np.testing.assert_allclose(found, half_step(model.item_factors_, model.histories_, 0.1, 0.5), atol=1e-6)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("name", ["wmf", "solved"])
def test_an_update_learns_from_new_dislikes(name, alone):
    def updated(kind, weight):
        model = create(name, **MODELS[name], dislike_weight=weight).fit(world())
        users, kinds = model.users_.keys[:9], [kind] * 9
        if not alone:  # a new like: both are trained further
            users, kinds = [*users, "somebody new"], [*kinds, "like"]
        news = Interactions.from_pairs(users, ["i20"] * len(users), types=kinds, item_ids=ITEMS)
        return model.update(news).encode_items(model.space(ITEMS))

    assert np.abs(updated("dislike", 2.0) - updated("seen", 2.0)).max() > 1e-3
    np.testing.assert_array_equal(updated("dislike", 0.0), updated("seen", 0.0))


@pytest.mark.parametrize("weight", [-1, -1e-9, np.nan, np.inf, True, "much", None])
@pytest.mark.parametrize("name", MODELS)
def test_a_weight_is_a_number_of_at_least_0(name, weight):
    with pytest.raises(UsageError, match="dislike_weight=.* must be a number of at least 0"):
        create(name, **MODELS[name], dislike_weight=weight).fit(world())


def test_a_search_on_fewer_users_leaves_out_the_dislikes_of_the_same(monkeypatch):
    interactions = world().interactions
    matrix, zeros = csr_array(interactions.matrix), known_zeros(interactions, 0.6)
    pairs = matrix.nnz // 2
    both = with_known_zeros(thinned(matrix, pairs), thinned(zeros, pairs, matrix)).toarray()
    np.testing.assert_array_equal(both, with_known_zeros(matrix, zeros).toarray()[::2])
    assert thinned(zeros, matrix.nnz, matrix) is zeros
    found = []
    monkeypatch.setattr(choice_module, "SEARCH_PAIRS", pairs)
    solve = Training.solve
    monkeypatch.setattr(Training, "solve", lambda self, *rest, **named: found.append(self) or solve(self, *rest, **named))
    Solved(**{**SOLVED, "regularization": None}, dislike_weight=0.6).fit(world())
    narrow = [training for training in found if training.content is None]
    assert narrow
    assert all(training.known_zeros.shape == training.matrix.shape for training in narrow)
