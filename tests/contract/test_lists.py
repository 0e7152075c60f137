"""What may be on a list (known, new, a share of both, seen, columns, popularity), for every model, against slow twins."""

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, Dataset, load
from dualnet.data.content_spec import ContentSpec
from dualnet.data.synthetic import blocks_world
from dualnet.errors import CapabilityError, DataError, UnknownIdError, UsageError
from dualnet.models.registry import MODELS, create
from dualnet.retrieval.vectors import to_dense

PLAIN = blocks_world()
USERS = PLAIN.interactions.users
GROUPS = Content(
    USERS,
    pa.table({"group": [str(key)[1] for key in USERS], "age": [20 + 3 * (row % 7) for row in range(len(USERS))]}),
    ContentSpec(categories=("group",), numbers=("age",)),
)
WORLD = Dataset(PLAIN.interactions, PLAIN.items, GROUPS, "with columns")
SMALL = {
    "dualnet": {"levels": (16, 8), "epochs": 15, "user_batch": 20},
    "cdl": {"levels": (16, 8)},
    "wmf": {"factors": 6},
    "bpr": {"factors": 6, "epochs": 5},
    "fusion": {"factors": 6},
    "content-factors": {"factors": 6},
    "lsa-profile": {"width": 5},
    "ease": {"regularization": 5.0},
}
HISTORY = ["i0-1", "i0-2", "i2-5"]
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def new_items(*keys):
    return Content.from_rows(keys, {"title": [WORLD.items.title(at) for at in range(len(keys))]}, WORLD.items.spec)


@pytest.fixture(scope="module", params=sorted(MODELS))
def fitted(request):
    model = create(request.param, **SMALL.get(request.param, {})).fit(WORLD)
    return model.add_items(new_items("n1", "n2", "n3", "n4")) if model.capabilities.new_items else model


def kinds(found):
    return ["n" if str(key).startswith("n") else "k" for key in found.ids]


def test_only_known_or_only_new(fitted):
    everything = fitted.recommend(history=HISTORY, k=100)
    for kind, letter in (("known", "k"), ("new", "n")):
        found = fitted.recommend(history=HISTORY, k=100, only=kind)
        expected = [entry for entry, its in zip(everything, kinds(everything), strict=True) if its == letter]
        assert found.ids == [key for key, _ in expected]
        np.testing.assert_allclose(found.scores, [score for _, score in expected], atol=1e-6)
    some = ["i0-5", "i1-1", "i3-3", "n2"] if fitted.capabilities.new_items else ["i0-5", "i1-1", "i3-3"]
    found = fitted.recommend(history=HISTORY, k=4, only="known", candidates=some, exclude=["i1-1"])
    assert set(found.ids) == {"i0-5", "i3-3"}


@pytest.mark.parametrize(("share", "k", "n_new"), [(0, 5, 0), (0.5, 5, 3), (0.3, 5, 2), (0.29, 5, 1), (1, 3, 3), (0.1, 4, 0)])
def test_a_share_of_new_items(fitted, share, k, n_new):
    found = fitted.recommend(history=HISTORY, k=k, new_share=share)
    best = {kind: fitted.recommend(history=HISTORY, k=k, only=kind) for kind in ("new", "known")}
    n_new = n_new if fitted.capabilities.new_items else 0
    assert sorted(found.ids) == sorted(best["new"].ids[:n_new] + best["known"].ids[: k - n_new])
    assert found.scores == sorted(found.scores, reverse=True)


def test_when_one_kind_runs_out_the_other_fills(fitted):
    if not fitted.capabilities.new_items:
        pytest.skip("it lists no new items")
    assert kinds(fitted.recommend(history=HISTORY, k=10, new_share=1)).count("n") == 4
    some = ["i0-5", "n1", "n2", "n3"]
    assert sorted(fitted.recommend(history=HISTORY, k=3, new_share=0, candidates=some).ids)[0] == "i0-5"
    assert len(fitted.recommend(history=HISTORY, k=3, new_share=0, candidates=some)) == 3
    brought = fitted.recommend(history=HISTORY, k=6, new_share=1, new_items=new_items("m1"), exclude=["n1", "n2"])
    assert {"m1", "n3", "n4"} <= set(brought.ids)
    assert len(brought) == 6


def test_similar_items_of_a_kind(fitted):
    everything = fitted.similar_items("i0-3", k=100)
    known = fitted.similar_items("i0-3", k=100, only="known", exclude=["i0-4"])
    assert known.ids == [
        key for key, its in zip(everything.ids, kinds(everything), strict=True) if its == "k" and key != "i0-4"
    ]
    some = ["i1-1", "i0-5"]
    assert set(fitted.similar_items("i0-3", k=2, candidates=some).ids) == set(some)
    if fitted.capabilities.new_items:
        assert kinds(fitted.similar_items("i0-3", k=4, new_share=0.5)).count("n") == 2


def test_bad_kinds(fitted):
    with pytest.raises(UsageError, match="give one of them"):
        fitted.recommend(history=HISTORY, only="new", new_share=0.5)
    with pytest.raises(UsageError, match="'known' or 'new', got 'old'"):
        fitted.recommend(history=HISTORY, only="old")
    for value in (-0.1, 1.1, True, "half", float("nan")):
        with pytest.raises(UsageError, match="new_share must be a number from 0 to 1"):
            fitted.similar_items("i0-3", new_share=value)
        with pytest.raises(UsageError, match="popularity must be a number from 0 to 1"):
            fitted.recommend(history=HISTORY, popularity=value)


def test_popularity_takes_the_score_of_the_average_user_away(fitted):
    space = fitted.catalogue_
    items = to_dense(fitted.encode_items(space))
    history = np.zeros((1, len(space)), np.float32)
    history[0, space.ids.rows(HISTORY)] = 1
    from scipy.sparse import csr_array

    whole = (to_dense(fitted.encode_users(csr_array(history), space)) @ items.T)[0]
    stored = fitted.histories_
    everybody = csr_array((stored.data, stored.indices, stored.indptr), shape=(stored.shape[0], len(space)))
    average = (to_dense(fitted.encode_users(everybody, space)) @ items.T).mean(axis=0)
    for share in (0.0, 0.25):
        found = fitted.recommend(history=HISTORY, k=7, popularity=share)
        expected = (whole - (1 - share) * average)[space.ids.rows(found.ids)]
        np.testing.assert_allclose(found.scores, expected, atol=1e-4)
        assert found.to_json()["popularity"] == share
        assert f"popularity counts {share:g}" in str(found)
        rest = np.setdiff1d(np.flatnonzero(fitted.scorable(space)), space.ids.rows([*found.ids, *HISTORY]))
        assert (whole - (1 - share) * average)[rest].max() <= found.scores[-1] + 1e-4
    assert "popularity" not in fitted.recommend(history=HISTORY).to_json()


def test_what_somebody_saw_is_not_listed_and_not_in_the_history(fitted):
    plain = fitted.recommend(history=HISTORY, k=100)
    found = fitted.recommend(history=HISTORY, k=100, seen=["i0-5", "i3-3"])
    assert found.ids == [key for key in plain.ids if key not in ("i0-5", "i3-3")]
    assert "i0-5" in fitted.recommend(history=HISTORY, k=100, seen=["i0-5"], filter_seen=False).ids
    with pytest.raises(UnknownIdError, match="unknown seen item 'nothing'"):
        fitted.recommend(history=HISTORY, seen=["nothing"], unknown="error")


def test_what_a_known_user_saw_is_not_listed(fitted, monkeypatch):
    from scipy.sparse import csr_array

    first = fitted.recommend("u1-1", k=3, only="known").ids
    stored = np.zeros(fitted.histories_.shape, np.float32)
    stored[fitted.users_.row("u1-1"), fitted.items_.rows(first)] = 1
    monkeypatch.setattr(fitted, "seen_", csr_array(stored))
    for found in (fitted.recommend("u1-1", k=100), fitted.recommend(users=["u1-1"], k=100)[0]):
        assert not set(first) & set(found.ids)
    assert set(first) <= set(fitted.recommend("u1-1", k=100, filter_seen=False).ids)
    assert "u1-1" not in fitted.recommend_users(first[0], k=40).ids
    assert "u1-1" in fitted.recommend_users(first[0], k=40, filter_seen=False).ids
    assert not set(first) & {row["item"] for row in fitted.recommend_all(k=100) if row["user"] == "u1-1"}
    assert set(first) <= {row["item"] for row in fitted.recommend_all(k=100) if row["user"] == "u1-2"} | {
        key for key in first if fitted.histories_[fitted.users_.row("u1-2"), fitted.items_.row(key)]
    }


def test_filters_and_users(fitted):
    title = WORLD.items.table["title"][5].as_py()
    found = fitted.recommend(history=HISTORY, k=100, filter={"title": {"is": title}})
    assert {WORLD.items.table["title"][WORLD.items.ids.row(key)].as_py() for key in found.ids if key in WORLD.items.ids} <= {
        title
    }
    assert fitted.recommend_users("i3-0", k=40, candidates=["u3-1", "u0-0"], exclude=["u0-0"], filter_seen=False).ids == [
        "u3-1"
    ]
    with pytest.raises(UnknownIdError, match="unknown user 'nobody'"):
        fitted.recommend_users("i3-0", exclude=["nobody"], unknown="error")


def test_user_columns_count_in_every_answer(fitted, tmp_path):
    columns = {"group": "3", "age": 23}
    if not fitted.capabilities.user_columns:
        with pytest.raises(CapabilityError, match="without user columns"):
            fitted.recommend(user_columns=columns)
        return
    alone = fitted.recommend(user_columns=columns, k=5)
    assert alone.resolved == "columns"
    assert fitted.recommend(history=[], user_columns=columns, k=5).ids == alone.ids
    assert fitted.recommend(user_columns={"group": "1", "age": 23}, k=5).scores != alone.scores
    row = USERS.row("u2-3")
    space = fitted.catalogue_
    vector = to_dense(fitted.encode_users(fitted.histories_[[row]], space_of(fitted), GROUPS.take(np.array([row]))))
    items = to_dense(fitted.encode_items(space))
    for model in (fitted, load(fitted.save(tmp_path / "model"))):
        found = model.recommend("u2-3", k=6)
        assert found.resolved == "known"
        np.testing.assert_allclose(found.scores, (vector @ items.T)[0][space.ids.rows(found.ids)], atol=1e-5)
        np.testing.assert_allclose(model.score(found.ids, user="u2-3"), found.scores, atol=1e-5)
        users = model.recommend_users(found.ids[0], k=40)
        at = users.ids.index("u2-3")
        assert users.scores[at] == pytest.approx(found.scores[0], abs=1e-5)
    both = fitted.recommend(histories=[HISTORY, []], user_columns=[columns, {"group": "1"}], k=5)
    assert both[0].ids == fitted.recommend(history=HISTORY, user_columns=columns, k=5).ids
    assert both[1].ids == fitted.recommend(user_columns={"group": "1"}, k=5).ids
    table = pa.table(
        {
            "user_id": ["u0-1", "u2-3"],
            "group": ["0", "2"],
            "age": [GROUPS.table["age"][1].as_py(), GROUPS.table["age"][row].as_py()],
        }
    )
    same = fitted.recommend(users=["u2-3", "u0-1"], user_columns=table, k=4)
    assert same[0].ids == fitted.recommend("u2-3", k=4).ids
    assert same[1].ids == fitted.recommend("u0-1", k=4).ids
    assert fitted.recommend(user_columns={"group": "no such group"}, k=3).resolved == "fallback"
    for bad, text in (
        ({"grup": "1"}, "no user column 'grup'.*Did you mean 'group'"),
        ({"age": "old"}, "not a number"),
        ({}, "no user column has a value"),
        ({"group": None, "age": float("nan")}, "no user column has a value"),
    ):
        with pytest.raises(DataError, match=text):
            fitted.recommend(history=HISTORY, user_columns=bad)
    with pytest.raises(DataError, match="user 'u0-1' has more than one row in user_columns"):
        fitted.recommend(users=["u2-3", "u0-1"], user_columns=pa.concat_tables([table, table[:1]]))
    with pytest.raises(UsageError, match="1 rows for 2 users"):
        fitted.recommend(users=["u2-3", "u0-1"], user_columns=[{"group": "1"}])


def space_of(model):
    return model.space(model.items_)


@pytest.mark.parametrize("method", ["integrated-gradients", "leave-one-out"])
def test_explanations_are_of_scores_with_columns(method):
    model = create("dualnet", **SMALL["dualnet"]).fit(WORLD)
    for asker in ({"user": "u2-3"}, {"history": HISTORY, "user_columns": {"group": "1"}}, {"user_columns": {"group": "1"}}):
        found = model.recommend(k=3, **asker)
        for key, score in found:
            why = model.explain(key, method=method, **asker)
            assert why.resolved == found.resolved
            assert why.score == pytest.approx(score, abs=1e-4)
            assert abs(why.history.gap) < 1e-3
