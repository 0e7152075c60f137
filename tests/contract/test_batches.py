"""Many questions at once give what one by one gives, for every model."""

import numpy as np
import pytest

from dualnet import Content
from dualnet.data.synthetic import blocks_world
from dualnet.errors import UnknownIdError, UsageError
from dualnet.models import asking
from dualnet.models.registry import MODELS, create

WORLD = blocks_world()
SMALL = {
    "dualnet": {"levels": (16, 8), "epochs": 2, "user_batch": 20},
    "cdl": {"levels": (16, 8)},
    "wmf": {"factors": 6},
    "bpr": {"factors": 6, "epochs": 2},
    "fusion": {"factors": 6},
    "content-factors": {"factors": 6},
    "lsa-profile": {"width": 5},
    "ease": {"regularization": 5.0},
}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.fixture(scope="module", params=sorted(MODELS))
def fitted(request):
    return create(request.param, **SMALL.get(request.param, {})).fit(WORLD)


def same(one, other):
    assert (one.ids, one.titles, one.paths, one.resolved, one.ignored) == (
        other.ids,
        other.titles,
        other.paths,
        other.resolved,
        other.ignored,
    )
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


def test_many_users_at_once(fitted, monkeypatch):
    monkeypatch.setattr(asking, "MOST_TOGETHER", 7)  # several batches, side by side
    users = WORLD.interactions.users.keys[::-3]
    found = fitted.recommend(users=users, k=4, exclude=["i0-1"])
    assert found.users == users
    for user, one in zip(users, found, strict=True):
        same(one, fitted.recommend(user, k=4, exclude=["i0-1"]))


def test_many_histories_at_once(fitted):
    histories = [["i0-1", "i0-2"], [], ["i3-3"], ["i1-1", "i2-2", "i1-5"]]
    new = Content.from_rows(["n1"], {"title": [WORLD.items.title(0)]}, WORLD.items.spec)
    for given in [{}, {"new_items": new}] if fitted.capabilities.new_items else [{}]:
        found = fitted.recommend(histories=histories, k=50, **given)
        for history, one in zip(histories, found, strict=True):
            same(one, fitted.recommend(history=history, k=50, **given))
        assert ("n1" in found[0].ids) == bool(given)
    assert [one.resolved for one in found] == ["history", "fallback", "history", "history"]


def test_the_table_has_a_row_for_each_entry(fitted):
    found = fitted.recommend(histories=[["i0-1"], [], ["i3-3"]], k=3)
    rows = found.to_arrow().to_pylist()
    assert [(row["user"], row["rank"], row["item"], row["resolved"]) for row in rows] == [
        (user, rank, key, one.resolved) for user, one in enumerate(found) for rank, key in enumerate(one.ids, 1)
    ]
    assert found[1:].users == [1, 2]
    assert found.to_pandas()["item"].tolist() == [row["item"] for row in rows]
    assert [entry["user"] for entry in found.to_json()] == [0, 1, 2]


def test_no_user_is_an_empty_table(fitted):
    found = fitted.recommend(users=[])
    assert len(found) == 0
    assert found.to_arrow().column_names == ["user", "rank", "item", "score", "title", "path", "resolved"]


def test_bad_batches(fitted):
    with pytest.raises(UsageError, match="users= or histories= for many"):
        fitted.recommend("u0-0", users=["u0-1"])
    with pytest.raises(UsageError, match="users must be a list of ids, got the text"):
        fitted.recommend(users="u0-0")
    with pytest.raises(UnknownIdError, match="unknown user 'nobody'"):
        fitted.recommend(users=["u0-0", "nobody"])
