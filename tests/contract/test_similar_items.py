"""Similar items: the correlation of two likes where there are solved levels, the cosine elsewhere; everywhere the same list."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet import load
from dualnet.data.content import Content
from dualnet.data.featurizers.base import unit_rows
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import create
from dualnet.models.solved import joint as joint_module
from dualnet.retrieval.answering import Answering
from dualnet.retrieval.filters import Filters
from dualnet.retrieval.questions import NewItem, SimilarQuestion
from dualnet.retrieval.topk import inner_products
from dualnet.retrieval.vectors import JoinedVectors, to_dense
from dualnet.serve.catalogue import open_catalogue
from dualnet.serve.changes import put
from dualnet.serve.replies import ModelLabel
from dualnet.serve.stored_users import StoredUsers

WORLD = blocks_world()
FRESH = {"n1": WORLD.items.title(3), "n2": WORLD.items.title(40), "n3": "word that nobody knows"}
NETWORKS = {"levels": (16, 8), "epochs": 3, "user_batch": 20, "factors": 6}
CHOSEN = {"factor_zero_weight": 0.1, "regularization": 1.5, "relation": 0.3, "new_scale": 0.5, "unliked_scale": 0.4}
MODELS = {
    "factors alone": ("solved", {**CHOSEN, "factors": 6, "content_scale": 0.0, "content_weight": 0.0, "relation": 0.0}),
    "factors and content": ("solved", {**CHOSEN, "factors": 6, "content_scale": 0.8, "content_weight": 0.0}),
    "all solved": ("solved", {**CHOSEN, "factors": 6, "content_scale": 0.8, "content_weight": 0.3}),
    "the cosine of content beside": ("solved", {**CHOSEN, "factors": 6, "content_scale": 0.0, "content_weight": 0.3}),
    "everything": ("dualnet", {**CHOSEN, **NETWORKS, "content_scale": 0.8, "content_weight": 0.3, "network_weight": 0.7}),
    "no content as it is": ("dualnet", {**CHOSEN, **NETWORKS, "content_scale": 0.0, "content_weight": 0.0}),
}
WIDE = {"content whole": 600, "content along axes": 10}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.fixture(scope="module", params=[(name, wide) for name in MODELS for wide in WIDE], ids=" - ".join)
def fitted(request):
    name, parameters = MODELS[request.param[0]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joint_module, "FEW_FEATURES", WIDE[request.param[1]])
        patch.setattr("dualnet.models.level_learning.FEW_FEATURES", WIDE[request.param[1]])
        model = create(name, **parameters).fit(WORLD)
        if model.capabilities.new_items:
            rows = Content.from_rows(list(FRESH), {"title": list(FRESH.values())}, WORLD.items.spec)
            model.add_items(rows)
        yield model


def gains(model):
    """Return k(i, j) by asking: what a history of i alone gives j, each level for itself, before i takes its own share."""
    levels, space = model.levels_, model.catalogue_
    n = len(space)
    alone, is_new = csr_array(np.eye(n, dtype=np.float32)), ~space.is_known
    solved = replace(levels, runtime=None, weights=replace(levels.weights, network=0.0, content=0.0))
    own = np.where(is_new, 1.0, 1 / (1 - levels.solved.choice.zero_weight))
    asked = inner_products(solved.user_vectors(alone, space, None, None), solved.item_vectors(space, np.arange(n)))
    scale = levels.scale(space, np.arange(n))
    scale = np.ones(n) if scale is None else scale.astype(np.float64)
    # y_i = own_i / (own_i + k(i, i)), and the score of i itself is y_i k(i, i)
    itself = np.diag(asked) / scale
    k = asked / scale * ((own + own * itself / (own - itself)) / own)[:, None]
    if levels.weights.content:
        content = unit_rows(space.features)
        k = k + levels.weights.content * (content @ content.T).toarray()
    if levels.network is not None:
        items = levels.network.item_vectors(space.features, space.known).astype(np.float64)
        k = k + levels.weights.network**2 * items @ items.T
    return k * np.outer(scale, scale), own


def by_hand(model):
    k, own = gains(model)
    length = np.sqrt(own + np.diag(k))
    return k / np.outer(length, length)


def answering(model):
    return Answering(Filters(model.catalogue_.content.table), StoredUsers(model))


def asked_of(answer, catalogue, question):
    (found,) = answer(catalogue, [question])
    assert not isinstance(found, Exception), found
    return found


def test_the_library_gives_the_correlation_of_two_likes(fitted):
    expected, ids = by_hand(fitted), fitted.catalogue_.ids
    assert np.abs(expected).max() <= 1 + 1e-6
    listed = np.flatnonzero(fitted.scorable(fitted.catalogue_))
    for key in ("i0-3", "i2-1", *[key for key in FRESH if key in ids]):
        found, row = fitted.similar_items(key, k=100), ids.row(key)
        assert sorted(found.ids) == sorted(ids.take(listed[listed != row]))
        np.testing.assert_allclose(found.scores, expected[row][ids.rows(found.ids)], atol=2e-5)
        assert found.scores == sorted(found.scores, reverse=True)


def test_similarity_is_mutual(fitted):
    ids = fitted.catalogue_.ids
    one, other = (fitted.similar_items(key, k=100) for key in ("i0-3", "i2-1"))
    assert one.scores[one.ids.index("i2-1")] == pytest.approx(other.scores[other.ids.index("i0-3")], abs=1e-5)
    assert "i0-3" not in one.ids
    assert len(one) <= len(ids) - 1


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"exclude": ("i0-4", "i1-1")},
        {"candidates": ("i0-4", "i1-1", "i3-2", "n1")},
        {"only": "known"},
        {"only": "new"},
        {"new_share": 0.4},
        {"filter": {"title": {"contains": "0"}}},
    ],
    ids=lambda wanted: next(iter(wanted), "plain"),
)
def test_the_server_gives_what_the_library_gives(fitted, wanted, tmp_path):
    new = fitted.capabilities.new_items
    served = create(fitted.name, **fitted.get_params()).fit(WORLD)
    catalogue = open_catalogue(served, ModelLabel(fitted.name, "0" * 12))
    if new:
        for key, title in FRESH.items():  # one by one, as they are put
            catalogue, _, _ = put(catalogue, [NewItem(key, {"title": title})])
    answer = answering(served)
    for key in ("i0-3", "n1") if new else ("i0-3",):
        own = fitted.similar_items(key, k=7, **wanted)
        found = asked_of(answer, catalogue, SimilarQuestion(item=key, k=7, **wanted))
        assert found.ids == own.ids
        np.testing.assert_allclose(found.scores, own.scores, atol=1e-5)
    again = load(fitted.save(tmp_path / "model"))
    assert again.similar_items("i0-3", k=9, **wanted).ids == fitted.similar_items("i0-3", k=9, **wanted).ids


def test_questions_of_both_kinds_in_one_batch(fitted):
    from dualnet.retrieval.questions import RecommendQuestion

    catalogue, answer = open_catalogue(fitted, ModelLabel(fitted.name, "0" * 12)), answering(fitted)
    questions = [RecommendQuestion(user="u0-0"), SimilarQuestion(item="i0-3"), RecommendQuestion(history=["i1-1"])]
    together = answer(catalogue, questions)
    for question, found in zip(questions, together, strict=True):
        alone = asked_of(answer, catalogue, question)
        assert found.ids == alone.ids
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-5)


def test_items_of_which_nothing_is_known_are_like_nothing(fitted):
    if "n3" not in fitted.catalogue_.ids or fitted.levels_.network is not None:
        pytest.skip("only content as it is tells nothing of a word that nobody knows")
    np.testing.assert_allclose(fitted.similar_items("n3", k=100).scores, 0, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["wmf", "content-profile", "fusion", "ease", "dualnet", "content-factors", "item-knn", "coupled"]
)
def test_without_solved_levels_it_is_the_cosine(name):
    small = {"dualnet": {**NETWORKS, "factors": 0}, "ease": {"regularization": 5.0}, "item-knn": {}, "content-profile": {}}
    model = create(name, **small.get(name, {"factors": 6})).fit(WORLD)
    vectors = to_dense(model.encode_items(model.catalogue_)).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    expected = vectors @ vectors.T / np.maximum(np.outer(lengths, lengths), 1e-12)
    found, ids = model.similar_items("i0-3", k=100), model.catalogue_.ids
    np.testing.assert_allclose(found.scores, expected[ids.row("i0-3")][ids.rows(found.ids)], atol=1e-5)


def test_the_two_forms_of_content_are_both_met(fitted):
    vectors = fitted.encode_items(fitted.catalogue_)
    sparse = isinstance(vectors, JoinedVectors)
    along = fitted.levels_.solved.joint.axes is not None
    assert sparse == (along or bool(fitted.levels_.weights.content))
