"""Every model says why: for stored and given histories, for known and new items, alone and in lists."""

import pytest

from dualnet import Content
from dualnet.data.synthetic import blocks_world
from dualnet.errors import CapabilityError
from dualnet.models.explain.level_names import CONTENT, FACTORS
from dualnet.models.registry import MODELS, create

SMALL = {
    "dualnet": {"levels": (16, 8), "epochs": 10, "user_batch": 20, "noise": 0.1, "history_noise": 0.2},
    "lsa-profile": {"width": 5},
    "wmf": {"factors": 6},
    "bpr": {"factors": 6, "batch": 16, "negatives": 8, "epochs": 20},
    "ease": {"regularization": 5.0},
    "cdl": {"levels": (16, 8)},
    "content-factors": {"factors": 6},
    "coupled": {"factors": 6},
    "solved": {"factors": 6},
    "fusion": {"factors": 6},
}
LEVELS = {
    "dualnet": ["content", "level 1", "level 2"],
    "content-profile": ["title"],
    "lsa-profile": ["title"],
    "fusion": ["content", "factors"],
}
WORLD = blocks_world()
HISTORY = ["i0-1", "i0-2", "i1-3", "i0-5"]
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.fixture(scope="module", params=sorted(MODELS))
def model(request):
    return create(request.param, **SMALL.get(request.param, {})).fit(WORLD)


def fresh(*keys):
    titles = [WORLD.items.title(place) for place in range(len(keys))]
    return Content.from_rows(list(keys), {"title": titles}, WORLD.items.spec)


def check(explanation, score):
    assert explanation.score == pytest.approx(score, abs=1e-5)
    assert sum(level for _, level in explanation.levels) == pytest.approx(explanation.score, abs=1e-5)
    for view in (explanation.history, explanation.content):
        if view is not None:
            assert view.base + sum(part.score for part in view.parts) == pytest.approx(explanation.score, abs=1e-5)
            sizes = [abs(part.score) for part in view.parts]
            assert sizes == sorted(sizes, reverse=True)


def test_known_items_for_a_stored_history(model):
    user = "u2-3"
    for item in ("i2-0", "i0-4"):
        found = model.explain(item, user=user)
        check(found, float(model.score([item], user=user)[0]))
        assert found.resolved == "known"
        row = model.histories_[[model.users_.row(user)]].indices
        assert {part.item for part in found.history.parts} == set(model.items_.take(row))
    names = [name for name, _ in found.levels]
    if model.name in ("dualnet", "solved"):  # which levels count is chosen
        assert names[:2] == [FACTORS, CONTENT]
        assert set(names) <= {FACTORS, CONTENT, "content", "level 1", "level 2"}
    else:
        assert names == LEVELS.get(model.name, names[:1])


def test_the_history_is_what_speaks_for_its_own_group(model):
    parts = {part.item: part.score for part in model.explain("i0-4", history=HISTORY).history.parts}
    own = sum(parts[key] for key in ("i0-1", "i0-2", "i0-5"))
    if model.name == "popularity":
        assert set(parts.values()) == {0.0}
    else:
        assert own > abs(parts["i1-3"]) * (
            1 if model.name in ("dualnet", "solved") else 3
        )  # a solution has no share that is zero
        assert own > 0


def test_new_items_as_the_item_and_in_the_history(model):
    if not model.capabilities.new_items:
        with pytest.raises(CapabilityError, match="cannot score items that it did not see"):
            model.explain("n1", history=HISTORY, new_items=fresh("n1"))
        return
    new = fresh("n1", "n2")
    for history in (HISTORY, [*HISTORY, "n2"], ["n2"]):
        score = dict(model.recommend(history=history, k=50, new_items=new))["n1"]
        found = model.explain("n1", history=history, new_items=new)
        check(found, score)
        assert {part.item for part in found.history.parts} == set(history)
        assert {part.term for part in found.content.parts} <= set(WORLD.items.title(0).split())
        assert found.content.parts
    assert "n1" not in model.catalogue_.ids


def test_a_list_is_explained_like_its_items_one_by_one(model):
    ids = model.recommend("u1-1", k=5).ids
    for together, apart in zip(model.explain_many(ids, user="u1-1"), [model.explain(key, user="u1-1") for key in ids]):
        assert (together.item, together.title) == (apart.item, apart.title)
        assert together.score == pytest.approx(apart.score, abs=1e-6)
        first, second = ({p.item: p.score for p in one.history.parts} for one in (together, apart))
        assert first == pytest.approx(second, abs=1e-6)


def test_leaving_out_is_what_the_model_itself_says_without_a_part(model):
    found = model.explain("i0-4", history=HISTORY, method="leave-one-out")
    whole = model.score(["i0-4"], history=HISTORY)[0]
    assert found.score == pytest.approx(whole, abs=1e-5)
    assert len(found.history.parts) == len(HISTORY)
    for part in found.history.parts:
        left = [key for key in HISTORY if key != part.item]
        assert part.score == pytest.approx(whole - model.score(["i0-4"], history=left)[0], abs=1e-5)


def test_only_the_items_in_question_are_encoded(model, monkeypatch):
    sizes = []
    for hook in ("_reasons", "_encode_items", "_encode_users"):
        whole = getattr(type(model), hook)

        def noted(self, *arguments, whole=whole):
            sizes.extend(len(each) for each in arguments if type(each).__name__ == "ItemSpace")
            return whole(self, *arguments)

        monkeypatch.setattr(type(model), hook, noted)
    for method in ("integrated-gradients", "leave-one-out"):
        model.explain_many(["i0-4", "i0-7"], history=HISTORY, method=method)
    assert sizes
    assert max(sizes) <= len(HISTORY) + 2
