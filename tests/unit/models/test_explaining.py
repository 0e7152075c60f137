"""Explanations add up, name the planted cause, and say what they are."""

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, Dataset, Interactions
from dualnet.data.content_spec import ContentSpec
from dualnet.data.synthetic import blocks_world, library
from dualnet.errors import CapabilityError, UnknownIdError, UsageError
from dualnet.models.explain.explanation import View
from dualnet.models.registry import create

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
SETTINGS = {"levels": (16, 8), "epochs": 3, "user_batch": 50, "trials": 2}


@pytest.fixture(scope="module")
def papers():
    return library(n_readers=120, n_papers=150)


@pytest.fixture(scope="module", params=["content level", "embeddings alone", "reference", "no content"])
def model(request, papers):
    data = papers
    kinds = {
        "content level": {"content_weight": 0.4},
        "embeddings alone": {"content_weight": 0.0, "norm": "layer"},
        "reference": {"user_input": "reference", "content_weight": 0.3, "design": "multi-level"},
        "no content": {},
    }
    if request.param == "no content":
        data = Dataset(papers.interactions, None, name="bare")
    return create("dualnet", **SETTINGS, **kinds[request.param]).fit(data)


def adds_up(view, score):
    assert view.base + sum(part.score for part in view.parts) + view.gap == pytest.approx(score, abs=1e-9)
    assert abs(view.gap) < 1e-5
    sizes = [abs(part.score) for part in view.parts]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("taken", [["p001"], ["p001", "p002", "p030", "p077"]])
def test_every_view_adds_up_to_the_score(model, taken):
    items = ["p010", "p001", "p149"]
    scores = model.score(items, history=taken)
    for item, score, found in zip(items, scores, model.explain_many(items, history=taken)):
        assert found.item == item
        assert found.score == pytest.approx(float(score), abs=1e-5)
        assert sum(part for _, part in found.levels) == pytest.approx(found.score, abs=1e-9)
        adds_up(found.history, found.score)
        assert {part.item for part in found.history.parts} == set(taken)
        assert (found.content is None) == (model.featurizer_ is None)
        if found.content is not None:
            adds_up(found.content, found.score)


def test_known_users_and_one_by_one(model, papers):
    user = papers.interactions.users.key(3)
    together = model.explain_many(["p005", "p006"], user=user)
    assert together[0].resolved == "known"
    alone = model.explain("p006", user=user)
    assert [part.item for part in alone.history.parts] == [part.item for part in together[1].history.parts]
    assert alone.history.base == pytest.approx(together[1].history.base, abs=1e-9)
    stored = set(model.items_.take(model.histories_[[3]].indices))
    assert {part.item for part in together[0].history.parts} == stored
    assert model.explain_many([], user=user) == []


def test_the_base_is_the_score_of_nothing(model):
    found = model.explain("p010", history=["p001", "p002"])
    empty = model.encode_users(_empty(len(model.catalogue_)), model.catalogue_)
    item = model.encode_items(model.catalogue_, np.array([model.catalogue_.ids.row("p010")]))
    from dualnet.retrieval.topk import inner_products

    assert found.history.base == pytest.approx(float(inner_products(empty, item)[0, 0]), abs=1e-5)


def _empty(width):
    from scipy.sparse import csr_array

    return csr_array((1, width), dtype=np.float32)


def test_new_items_on_both_sides(papers):
    model = create("dualnet", **SETTINGS, content_weight=0.4).fit(papers)
    words = papers.items.table.column("abstract")[0].as_py()
    new = Content(
        *_rows(["n1", "n2"], {"title": ["One more", "Another"], "abstract": [words, words]}), papers.items.spec
    )  # fmt: skip
    found = model.explain("n1", history=["n2", "p001"], new_items=new)
    assert found.title == "One more"
    assert {part.item for part in found.history.parts} == {"n2", "p001"}
    assert found.score == pytest.approx(
        model.recommend(history=["n2", "p001"], new_items=new, candidates=["n1"]).scores[0], abs=1e-5
    )
    adds_up(found.content, found.score)


def _rows(ids, columns):
    from dualnet.ids import IdMap

    return IdMap(ids), pa.table(columns)


def test_nothing_known_of_the_user(papers):
    model = create("dualnet", **SETTINGS).fit(papers)
    found = model.explain("p010", history=[])
    count = float(model.popularity_[model.items_.row("p010")])
    assert (found.resolved, found.score, found.levels) == ("fallback", count, (("popularity", count),))
    assert found.history.parts == ()
    assert "nothing is known" in str(found)


def test_the_planted_cause_is_named():
    """Two groups of taste; a tag shared with one history item alone must be the first reason of both views."""
    rng = np.random.default_rng(0)
    users, items = np.repeat(np.arange(60), 6), []
    for user in range(60):
        items += list(user % 2 * 15 + rng.choice(15, 6, replace=False))
    tags = [["jazz"] if item < 15 else ["metal"] for item in range(30)]
    for item in range(30):
        tags[item].append(f"label{item % 5}")
    from dualnet.ids import IdMap

    ids = IdMap([f"i{item}" for item in range(30)])
    events = Interactions.from_rows(IdMap([f"u{user}" for user in range(60)]), ids, users, np.array(items))
    content = Content(ids, pa.table({"tags": tags}), ContentSpec(tags=("tags",), min_df=1))
    model = create("dualnet", factors=0, levels=(16,), epochs=30, user_batch=60, item_residual=False).fit(
        Dataset(events, content)
    )
    found = model.explain("i0", history=["i1", "i16"])
    assert found.history.parts[0].item == "i1"
    assert found.content.parts[0].term == "jazz"
    left_out = model.explain("i0", history=["i1", "i16"], method="leave-one-out")
    assert left_out.method == "leave-one-out"
    assert left_out.history.parts[0].item == "i1"
    assert max(left_out.content.parts, key=lambda part: part.score).term == "jazz"
    adds_up(left_out.history, left_out.score)


def test_leaving_out_is_what_it_says(papers):
    model = create("bpr", factors=4, batch=32, epochs=3).fit(papers)
    taken = ["p001", "p002", "p030"]
    found = model.explain("p010", history=taken, method="leave-one-out")
    assert found.method == "leave-one-out"
    whole = float(model.score(["p010"], history=taken)[0])
    for part in found.history.parts:
        rest = [item for item in taken if item != part.item]
        assert part.score == pytest.approx(whole - float(model.score(["p010"], history=rest)[0]), abs=1e-5)


def test_numbers_of_a_vector_are_one_part():
    world = blocks_world()
    vectors = np.random.default_rng(0).normal(size=(len(world.items), 5)).astype(np.float32)
    content = Content(
        world.items.ids, world.items.table, ContentSpec(text=("title",), vectors=("v",), min_df=1), {"v": vectors}
    )
    model = create("dualnet", levels=(8,), epochs=2, content_weight=0.2).fit(Dataset(world.interactions, content))
    found = model.explain("i0-1", history=["i0-2"])
    adds_up(found.content, found.score)
    assert [part.term for part in found.content.parts if part.column == "v"] == ["the vector"]
    dense = Content(world.items.ids, world.items.table, ContentSpec(vectors=("v",)), {"v": vectors})
    for name, settings in (("dualnet", {"levels": (8,), "epochs": 2, "content_weight": 0.2}), ("fusion", {"factors": 4})):
        found = create(name, **settings).fit(Dataset(world.interactions, dense)).explain("i0-1", history=["i0-2"])
        assert len(found.content.parts) == 1
        adds_up(found.content, found.score)


def test_text_adds_up_and_the_rest_is_one_line(papers):
    model = create("dualnet", **SETTINGS, content_weight=0.4).fit(papers)
    found = model.explain("p010", history=["p001", "p002", "p030"])
    text = found.to_text(top=2)
    blocks = [block.splitlines() for block in text.split("\n\n")]
    assert blocks[0][0] == f"{found.title} (p010)"
    assert blocks[0][1].startswith(f"Score {found.score:.3f}. ")
    for block in blocks[1:]:
        assert sum(float(line.split()[0]) for line in block[1:-1]) == pytest.approx(round(found.score, 3), abs=1e-9)
    assert "more" in text
    again = model.explain("p001", history=["p001", "p002"]).to_text()
    assert "It is in the history already." in again.splitlines()


def test_errors_name_the_value(papers):
    model = create("wmf", factors=4).fit(papers)
    with pytest.raises(UnknownIdError, match="p999"):
        model.explain("p999", history=["p001"])
    with pytest.raises(UsageError, match="either user="):
        model.explain("p010")
    with pytest.raises(UsageError, match="items must be a list"):
        model.explain_many("p010", history=["p001"])
    with pytest.raises(UsageError, match="no method 'shap'"):
        model.explain("p010", history=["p001"], method="shap")
    with pytest.raises(CapabilityError, match="cannot score"):
        model.explain("n1", history=["p001"], new_items=Content(*_rows(["n1"], {"title": ["x"]}), ContentSpec(text=("title",))))


def test_items_of_the_history_that_count_nothing_are_listed_and_a_gap_is_told(papers):
    found = create("popularity").fit(papers).explain("p010", history=["p001", "p002"])
    assert [(part.item, part.score) for part in found.history.parts] == [("p001", 0.0), ("p002", 0.0)]
    assert list(found.to_json()["history"]) == ["base", "parts"]
    assert View(0.5, (), 2e-6).to_json() == {"base": 0.5, "parts": [], "gap": 2e-6}
    assert list(View(0.5, (), 9e-7).to_json()) == ["base", "parts"]


@pytest.mark.parametrize("name", ["content-profile", "lsa-profile"])
def test_profiles_have_a_level_for_each_column(name):
    content = every_kind_of_content()
    pairs = Interactions.from_pairs(["u", "u", "v", "v"], ["x", "y", "y", "z"], item_ids=content.ids)
    found = create(name).fit(Dataset(pairs, content)).explain("y", history=["x", "z"])
    assert [column for column, _ in found.levels] == list(content.spec.columns)
    for column, score in found.levels:
        assert sum(part.score for part in found.content.parts if part.column == column) == pytest.approx(score, abs=1e-9)


def every_kind_of_content():
    from dualnet.ids import IdMap

    table = pa.table(
        {
            "title": ["blue fish", "red fish", "two birds"],
            "tags": [["sea", "cold"], ["sea"], ["air"]],
            "year": [1999.0, 2005.0, None],
            "mood": [[0.1, 0.9], [0.5, 0.5], [1.0, 0.0]],
        }
    )
    spec = ContentSpec(text=("title",), tags=("tags",), numbers=("year",), vectors=("mood",), min_df=1)
    return Content(IdMap(["x", "y", "z"]), table, spec)


def test_numbers_are_named_by_their_value_and_a_vector_is_left_out_as_a_whole():
    content = every_kind_of_content()
    pairs = Interactions.from_pairs(["u", "u", "v", "v"], ["x", "y", "y", "z"], item_ids=content.ids)
    model = create("content-profile").fit(Dataset(pairs, content))
    terms = {(part.column, part.term) for part in model.explain("y", history=["x"]).content.parts}
    assert ("year", "2005") in terms
    left = model.explain("y", history=["x", "z"], method="leave-one-out")
    mood = [part.score for part in left.content.parts if part.column == "mood"]
    spec = model.featurizer_.spec
    blank = {"title": ["red fish"], "tags": [["sea"]], "year": [2005.0], "mood": [[0.0, 0.0]]}
    without = model.explain("n", history=["x", "z"], new_items=Content.from_rows(["n"], blank, spec))
    assert mood == [pytest.approx(left.score - without.score, abs=1e-6)]
