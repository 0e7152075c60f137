"""A batch of different questions gives what the library gives one by one; a question that fails fails alone."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from dualnet import Content, Dataset, load
from dualnet.data.content_spec import ContentSpec
from dualnet.data.synthetic import blocks_world
from dualnet.errors import CapabilityError, DataError, DualNetError, UnknownIdError, UsageError
from dualnet.models.registry import create
from dualnet.retrieval.answering import Answering
from dualnet.retrieval.filters import Filters
from dualnet.retrieval.questions import (
    EncodeItemQuestion,
    EncodeUserQuestion,
    NewItem,
    RecommendQuestion,
    ScoreQuestion,
    SimilarQuestion,
    UsersQuestion,
)
from dualnet.retrieval.vectors import to_dense
from dualnet.serve.catalogue import open_catalogue
from dualnet.serve.changes import add_events, delete, put
from dualnet.serve.replies import ModelLabel
from dualnet.serve.stored_users import StoredUsers

WORLD = blocks_world()
DUAL = {"levels": (16, 8), "epochs": 6, "user_batch": 20}
MODELS = {
    "dualnet with content": ("dualnet", {**DUAL, "content_weight": 0.5}),
    "dualnet alone": ("dualnet", {**DUAL, "content_weight": 0.0}),
    "dualnet, reference input": ("dualnet", {**DUAL, "content_weight": 0.0, "user_input": "reference"}),
    "wmf": ("wmf", {"factors": 6}),
    "fusion": ("fusion", {"factors": 6}),
    "content-profile": ("content-profile", {}),
    "popularity": ("popularity", {}),
    "content-factors": ("content-factors", {"factors": 6}),
    "item-knn": ("item-knn", {}),
    "lsa-profile": ("lsa-profile", {"width": 5}),
    "ease": ("ease", {"regularization": 5.0}),
}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def label(name):
    return ModelLabel(name, "0" * 12)


def answering(model):
    content = model.catalogue_.content
    return Answering(Filters(None if content is None else content.table), StoredUsers(model))


@pytest.fixture(scope="module", params=sorted(MODELS))
def served(request):
    name, parameters = MODELS[request.param]
    model = create(name, **parameters).fit(WORLD)
    return model, open_catalogue(model, label(name)), answering(model)


def same(answer, expected):
    assert answer.ids == expected.ids
    np.testing.assert_allclose(answer.scores, expected.scores, atol=1e-5)
    assert (answer.paths, answer.resolved, answer.ignored, answer.titles) == (
        expected.paths,
        expected.resolved,
        expected.ignored,
        expected.titles,
    )


def fresh(key, row=0):
    return Content.from_rows([key], {"title": [WORLD.items.title(row)]}, WORLD.items.spec)


def test_a_mixed_batch_equals_the_library_one_by_one(served):
    model, catalogue, answer = served
    history = ["i0-1", "i0-2", "i2-5"]
    some = ["i0-5", "i1-1", "i3-3", "i0-6"]
    questions = [
        RecommendQuestion(user="u2-3", k=7),
        RecommendQuestion(history=history, k=4, exclude=["i0-5"]),
        RecommendQuestion(history=[], k=5, candidates=some),
        RecommendQuestion(history=history, k=3, candidates=some),
        SimilarQuestion(item="i1-2", k=6),
        RecommendQuestion(history=history, keep_seen=True, k=46),
        ScoreQuestion(history=history, items=some),
        EncodeUserQuestion(user="u0-0"),
        UsersQuestion(item="i3-0", k=8),
        EncodeItemQuestion(item="i3-0"),
        RecommendQuestion(user="u0-0", k=200),
        UsersQuestion(item="i3-0", k=40, keep_seen=True),
    ]
    found = answer(catalogue, questions)
    expected = [
        model.recommend("u2-3", k=7),
        model.recommend(history=history, k=4, exclude=["i0-5"]),
        model.recommend(history=[], k=5, candidates=some),
        model.recommend(history=history, k=3, candidates=some),
        model.similar_items("i1-2", k=6),
        model.recommend(history=history, k=46, filter_seen=False),
        None,
        None,
        model.recommend_users("i3-0", k=8),
        None,
        model.recommend("u0-0", k=200),
        model.recommend_users("i3-0", k=40, filter_seen=False),
    ]
    for got, want in zip(found, expected, strict=True):
        if want is not None:
            same(got, want)
    np.testing.assert_allclose(found[6].scores, model.score(some, history=history), atol=1e-5)
    user = to_dense(model.encode_users(model.histories_[[0]], model.catalogue_))[0]
    item = to_dense(model.encode_items(model.catalogue_, model.catalogue_.ids.rows(["i3-0"])))[0]
    for vector, wanted in ((found[7], user), (found[9], item)):
        rebuilt = np.zeros(len(wanted), np.float32)
        rebuilt[: len(vector.vector)] = vector.vector
        if vector.content_index is not None:
            rebuilt[np.array(vector.content_index, int) + len(vector.vector)] = vector.content_value
        np.testing.assert_allclose(rebuilt, wanted, atol=1e-5)


def test_one_alone_equals_one_in_a_batch(served):
    _, catalogue, answer = served
    questions = [RecommendQuestion(user=user, k=5) for user in WORLD.interactions.users][:32]
    together = answer(catalogue, questions)
    for question, one in zip(questions, together, strict=True):
        alone = answer(catalogue, [question])[0]
        assert alone.ids == one.ids
        np.testing.assert_allclose(alone.scores, one.scores, atol=1e-5)


def test_items_of_one_question_equal_the_library(served):
    model, catalogue, answer = served
    question = RecommendQuestion(history=["i0-1", "n1"], new_items=[NewItem("n1", {"title": WORLD.items.title(0)}),
                                                                    NewItem("n2", {"title": WORLD.items.title(1)})], k=9)  # fmt: skip
    found = answer(catalogue, [question, RecommendQuestion(user="u0-0")])
    assert len(found[1]) == 10
    if not model.capabilities.new_items:
        assert isinstance(found[0], CapabilityError)
        return
    both = fresh("n1").append(fresh("n2", 1))
    same(found[0], model.recommend(history=["i0-1", "n1"], new_items=both, k=9))
    scored = answer(catalogue, [ScoreQuestion(history=["i0-1"], items=["n2", "i0-2"], new_items=question.new_items)])[0]
    assert scored.paths == ["content", "known"]


def test_items_put_and_events_equal_a_library_model_with_the_same(served):
    model, catalogue, answer = served
    if not model.capabilities.new_items:
        with pytest.raises(CapabilityError, match="cannot score items that it did not see"):
            put(catalogue, [NewItem("n1", {"title": "x"})])
        return
    later, changes, outcome = put(catalogue, [NewItem("n1", {"title": WORLD.items.title(0)})])
    assert (len(later), len(catalogue), outcome) == (49, 48, ["added"])
    assert changes == [{"put": [["n1", {"title": WORLD.items.title(0)}]]}]
    other = create(model.name, **model.get_params()).fit(WORLD).add_items(fresh("n1"))
    history = ["i0-1", "n1"]
    same(answer(later, [RecommendQuestion(history=history, k=9)])[0], other.recommend(history=history, k=9))
    same(answer(later, [SimilarQuestion(item="n1", k=5)])[0], other.similar_items("n1", k=5))
    assert isinstance(answer(catalogue, [RecommendQuestion(history=history)])[0], UnknownIdError)
    grown, _, counts = add_events(later, [("u0-0", "n1"), ("new", "i0-1"), ("new", "n1"), ("new", "n1")])
    assert counts == {"added": 3, "repeated": 1, "new_users": 1}
    row = WORLD.interactions.matrix[[0]].indices
    longer = [*WORLD.interactions.items.take(row), "n1"]
    first, second, users = answer(
        grown, [RecommendQuestion(user="u0-0"), RecommendQuestion(user="new"), UsersQuestion(item="n1", k=50)]
    )
    assert first.ids == other.recommend(history=longer).ids
    assert second.ids == other.recommend(history=history).ids
    assert (first.resolved, second.resolved) == ("known", "known")
    assert not {"u0-0", "new"} & set(users.ids)
    assert len(users) == 39
    everyone = answer(grown, [UsersQuestion(item="i3-3", k=50, keep_seen=True)])[0]
    assert len(everyone) == 41
    if model.capabilities.new_items_in_history:
        at = everyone.ids.index("new")
        assert everyone.scores[at] == pytest.approx(float(other.score(["i3-3"], history=history)[0]), abs=1e-5)


def test_users_for_an_item_follow_what_becomes_of_their_histories(served):
    """Put, delete, put again with other content: the list is that of somebody who never saw what was there before."""
    model, catalogue, answer = served
    if not model.capabilities.new_items:
        view, _, _ = add_events(catalogue, [("x", "i0-1")])
        assert "x" in answer(view, [UsersQuestion(item="i1-1", k=50, keep_seen=True)])[0].ids
        return
    last = model.users_.key(len(model.users_) - 1)
    view, _, _ = put(catalogue, [NewItem("n1", {"title": WORLD.items.title(0)})])
    view, _, _ = add_events(view, [("x", "n1"), ("y", "n1"), ("y", "i2-3"), ("u0-0", "n1")])
    views = [view, delete(view, "n1")[0]]
    views.append(put(views[1], [NewItem("n1", {"title": WORLD.items.title(20)})])[0])
    views.append(put(views[2], [NewItem("n1", {"title": WORLD.items.title(40)})])[0])
    for now in [*views, *reversed(views)]:
        for item in ("i1-1", *(["n1"] if now is not views[1] else [])):
            for keep_seen in (True, False):
                question = UsersQuestion(item=item, k=50, keep_seen=keep_seen)
                found, anew = answer(now, [question])[0], answering(model)(now, [question])[0]
                assert dict(zip(found.ids, found.scores, strict=True)) == pytest.approx(
                    dict(zip(anew.ids, anew.scores, strict=True)), abs=1e-5
                )
                readable = model.capabilities.new_items_in_history and now is not views[1]
                assert ("x" in found.ids) == (readable and (keep_seen or item != "n1"))
                assert last in found.ids or not keep_seen or item != "n1"


def test_questions_that_fail_fail_alone(served):
    model, catalogue, answer = served
    good = RecommendQuestion(user="u1-1", k=3)
    bad = [
        (RecommendQuestion(user="nobody"), UnknownIdError, "unknown user 'nobody'"),
        (RecommendQuestion(history=["nothing"]), UnknownIdError, "unknown item in the history 'nothing'"),
        (RecommendQuestion(history=[7]), UnknownIdError, "the ids here are text, not integers"),
        (RecommendQuestion(), UsageError, "give either user"),
        (RecommendQuestion(user="u0-0", history=[]), UsageError, "give either user"),
        (RecommendQuestion(user="u0-0", k=0), UsageError, "k must be a whole number"),
        (RecommendQuestion(history=[], fallback="error"), DataError, "the history is empty"),
        (RecommendQuestion(user="u0-0", candidates=["x"], unknown="error"), UnknownIdError, "unknown candidate item 'x'"),
        (RecommendQuestion(user="u0-0", exclude=["x"], unknown="error"), UnknownIdError, "unknown excluded item 'x'"),
        (RecommendQuestion(user="u0-0", filter={"year": {"is": 1}}), UsageError, "no item column 'year'"),
        (ScoreQuestion(user="u0-0", items=["x"]), UnknownIdError, "unknown item 'x'"),
        (SimilarQuestion(item="x"), UnknownIdError, "unknown item 'x'"),
        (UsersQuestion(), UsageError, "give either an item or content"),
        (EncodeItemQuestion(content={"tilte": "x"}), DualNetError, "Did you mean 'title'|cannot score items"),
        (object(), UsageError, "no such question"),
    ]
    questions = [part for wrong, _, _ in bad for part in (good, wrong)]
    found = answer(catalogue, questions)
    expected = model.recommend("u1-1", k=3)
    for place, (wrong, kind, text) in enumerate(bad):
        same(found[2 * place], expected)
        failed = found[2 * place + 1]
        assert isinstance(failed, kind), (wrong, failed)
        with pytest.raises(kind, match=text):
            raise failed


def test_filters_candidates_and_new_items_together(served):
    model, catalogue, answer = served
    if not model.capabilities.new_items:
        pytest.skip("the model knows no new items")
    title = WORLD.items.title(0)
    new = [NewItem("n1", {"title": title}), NewItem("n2", {"title": "other " + title})]
    wanted = {"title": {"is": title}}
    found = answer(
        catalogue,
        [
            RecommendQuestion(history=["i0-1"], new_items=new, filter=wanted, k=48),
            RecommendQuestion(history=["i0-1"], filter=wanted, candidates=["i0-0", "i1-1"], k=48),
            RecommendQuestion(history=["i0-1"], candidates=[]),
            RecommendQuestion(history=[], filter=wanted, k=48),
            RecommendQuestion(history=["i0-1"], new_items=new, candidates=["n2", "i0-2"], exclude=["n1"]),
        ],
    )
    same_title = {key for row, key in enumerate(WORLD.items.ids) if WORLD.items.title(row) == title} - {"i0-1"}
    assert set(found[0].ids) == same_title | {"n1"}
    assert found[1].ids == ["i0-0"]
    assert found[2].ids == []
    assert set(found[3].ids) == same_title
    assert set(found[4].ids) == {"n2", "i0-2"}


def test_a_poisoned_vector_fails_alone(monkeypatch):
    model = create("wmf", factors=6).fit(WORLD)
    catalogue, answer = open_catalogue(model, label("wmf")), answering(model)
    plain = type(model)._encode_users
    poison = model.items_.row("i3-11")

    def poisoned(self, history, space, columns):
        vectors = plain(self, history, space, columns)
        vectors[(history[:, space.known == poison].sum(axis=1) > 0)] = np.nan
        return vectors

    monkeypatch.setattr(type(model), "_encode_users", poisoned)
    good = RecommendQuestion(history=["i0-1"], k=4)
    found = answer(catalogue, [good, RecommendQuestion(history=["i3-11"]), good])
    assert isinstance(found[1], DataError)
    assert found[0].ids == found[2].ids == model.recommend(history=["i0-1"], k=4).ids


def test_a_poisoned_vector_of_someone_with_items_of_their_own_fails_alone(monkeypatch):
    model = create("fusion", factors=6).fit(WORLD)
    catalogue, answer = open_catalogue(model, label("fusion")), answering(model)
    plain = type(model)._encode_users

    def poisoned(self, history, space, columns):
        vectors = plain(self, history, space, columns)
        if (space.known < 0).any():
            dense = vectors.dense if hasattr(vectors, "dense") else vectors
            dense[:] = np.nan
        return vectors

    monkeypatch.setattr(type(model), "_encode_users", poisoned)
    new = [NewItem("n1", {"title": WORLD.items.title(0)})]
    found = answer(catalogue, [RecommendQuestion(history=["n1"], new_items=new), RecommendQuestion(history=["i0-1"], k=4)])
    assert isinstance(found[0], DataError)
    assert found[1].ids == model.recommend(history=["i0-1"], k=4).ids


def test_a_loaded_model_with_added_items_is_served_whole(tmp_path):
    model = create("dualnet", **DUAL).fit(WORLD).add_items(fresh("n1"))
    again = load(model.save(tmp_path / "m"))
    found = answering(again)(open_catalogue(again, label("dualnet")), [RecommendQuestion(history=["n1", "i0-2"], k=48)])[0]
    same(found, model.recommend(history=["n1", "i0-2"], k=48))


def test_columns_of_users_count_on_the_server(tmp_path):
    users = WORLD.interactions.users
    groups = Content(users, pa.table({"group": [str(key)[1] for key in users]}), ContentSpec(categories=("group",)))
    model = create("dualnet", **DUAL).fit(Dataset(WORLD.interactions, WORLD.items, groups))
    catalogue, answer = open_catalogue(load(model.save(tmp_path / "model")), label("dualnet")), answering(model)
    columns = {"group": "3"}
    questions = [
        RecommendQuestion(user="u2-3", k=6),
        RecommendQuestion(user_columns=columns, k=6),
        RecommendQuestion(history=["i0-1"], k=6),
        RecommendQuestion(history=["i0-1"], user_columns=columns, k=6),
        RecommendQuestion(user="u2-3", user_columns=columns, k=6),
        RecommendQuestion(history=["i0-1"], user_columns={"grup": "3"}),
    ]
    *found, refused = answer(catalogue, questions)
    assert isinstance(refused, DataError)
    expected = [
        model.recommend("u2-3", k=6),
        model.recommend(user_columns=columns, k=6),
        model.recommend(history=["i0-1"], k=6),
        model.recommend(history=["i0-1"], user_columns=columns, k=6),
        model.recommend("u2-3", user_columns=columns, k=6),
    ]
    for got, want in zip(found, expected, strict=True):
        same(got, want)
    assert found[1].resolved == "columns"
    # a history that grew is encoded anew, with the same columns
    grown, _, _ = add_events(catalogue, [("u2-3", "i3-3")])
    everyone = answer(grown, [UsersQuestion(item="i0-5", k=40, keep_seen=True)])[0]
    history = [*catalogue.keys(catalogue.history("u2-3").tolist()), "i3-3"]
    score = model.score(["i0-5"], history=history, user_columns={"group": "2"})[0]
    assert everyone.scores[everyone.ids.index("u2-3")] == pytest.approx(float(score), abs=1e-5)


def test_odd_columns_of_users_are_refused_with_a_sentence():
    users = WORLD.interactions.users
    groups = Content(users, pa.table({"group": [str(key)[1] for key in users]}), ContentSpec(categories=("group",)))
    model = create("dualnet", **DUAL).fit(Dataset(WORLD.interactions, WORLD.items, groups))
    with pytest.raises(DataError, match=r"have shape \(7,\), expected \(1, 4\)"):
        model.recommend(history=["i0-1"], user_columns=np.ones(7, np.float32))
    with pytest.raises(UsageError, match="a row for each; got one mapping"):
        model.recommend(histories=[["i0-1"], ["i0-2"]], user_columns={"group": "3"})
    with pytest.raises(UsageError, match="for each user, got a int"):
        model.recommend(histories=[["i0-1"], ["i0-2"]], user_columns=[1, 2])
    plain = create("popularity").fit(WORLD)
    with pytest.raises(CapabilityError, match="was fitted without user columns"):
        plain.recommend(history=["i0-1"], user_columns=np.ones((1, 4), np.float32))


@pytest.mark.parametrize("what", ["history", "seen", "exclude", "candidates"])
def test_one_text_is_no_list_of_ids(what):
    model = create("popularity").fit(WORLD)
    with pytest.raises(UsageError, match=f"{what} must be a list of ids, got the text 'i0-1'"):
        model.recommend(**({"history": ["i0-2"]} | {what: "i0-1"}))


def test_users_to_list_and_not_to_list(served):
    _, catalogue, answer = served
    later, _, _ = add_events(catalogue, [("fresh", "i0-1")])
    found, unknown = answer(
        later,
        [
            UsersQuestion(item="i0-5", k=9, candidates=["u0-1", "fresh", "u2-2"], exclude=["u2-2"], keep_seen=True),
            UsersQuestion(item="i0-5", exclude=["nobody"], unknown="error"),
        ],
    )
    assert set(found.ids) == {"u0-1", "fresh"}
    assert isinstance(unknown, UnknownIdError)


def test_what_was_seen_is_not_listed_on_the_server(served):
    model, catalogue, answer = served
    seen = np.zeros(model.histories_.shape, np.float32)
    first = answer(catalogue, [RecommendQuestion(user="u1-1", k=3)])[0].ids
    seen[model.users_.row("u1-1"), model.items_.rows(first)] = 1
    model.seen_ = csr_array(seen)
    try:
        plain, all_of_it, dismissed = answer(
            catalogue,
            [
                RecommendQuestion(user="u1-1", k=45),
                RecommendQuestion(user="u1-1", k=45, keep_seen=True),
                RecommendQuestion(history=["i0-1"], seen=first, k=45),
            ],
        )
    finally:
        model.seen_ = None
    assert not set(first) & {*plain.ids, *dismissed.ids}
    assert set(first) <= set(all_of_it.ids)
