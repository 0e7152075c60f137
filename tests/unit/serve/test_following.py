"""Changes of other servers: brought in one by one they give the view that is made of the whole state."""

import random

import pytest

from dualnet.serve.catalogue import reopened
from dualnet.serve.changes import replay
from dualnet.serve.following import follow
from dualnet.serve.live_state import LiveState
from dualnet.serve.versions import load_version

TITLE = {"title": "g0 word0", "tags": ["g0", "even"], "year": 1999}
USERS = ("newcomer", "u0-1", "u0-2")


def told(view):
    """What a view knows of users."""
    found = {}
    for user in USERS:
        known = view.has_user(user)
        found[user] = (view.history(user).tolist(), view.seen(user).tolist()) if known else None
    return found


PUT = {"put": [["later", TITLE]]}
CASES = {
    "like": [{"events": [["newcomer", "later"], ["u0-1", "later"]]}, PUT],
    "seen": [{"events": [["newcomer", "later", "seen"], ["u0-1", "i0-0"]]}, PUT],
    "seen, then liked": [{"events": [["u0-1", "later", "seen"]]}, {"events": [["u0-1", "later"]]}, PUT],
    "disliked, then not": [{"events": [["u0-1", "later", "dislike"], ["u0-1", "later", "none"]]}, PUT],
    "taken back": [{"events": [["u0-1", "later"]]}, {"gone": [["u0-1", "later"]]}, PUT],
    "taken back, then liked": [{"gone": [["u0-1", "later"]]}, {"events": [["u0-1", "later"]]}, PUT],
    "nothing comes": [{"events": [["newcomer", "later"], ["newcomer", "i0-3"]]}],
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_events_on_items_that_come_later_count_as_in_a_view_made_anew(folder_of, changes):
    base = load_version(folder_of()).base
    state = LiveState()
    view, _ = follow(reopened(base), state, changes)
    assert told(view) == told(replay(reopened(base), state)[0])


def test_whoever_is_forgotten_is_so_also_where_only_absent_items_are_known(folder_of):
    base = load_version(folder_of()).base
    state = LiveState()
    changes = [{"events": [["newcomer", "later"], ["stayer", "later"], ["other", "later", "seen"]]}]
    changes += [{"forget": [state.salt, state.hash_of(user)]} for user in ("newcomer", "other", "u0-1")]
    view, _ = follow(reopened(base), state, [*changes, PUT])
    assert {user: view.has_user(user) for user in ("newcomer", "stayer", "other", "u0-1", "u0-2")} == {
        "newcomer": False,
        "stayer": True,
        "other": False,
        "u0-1": False,
        "u0-2": True,
    }
    assert len(view.history("stayer")) == 1


def test_ids_are_hashed_once_for_all_who_are_forgotten_together(folder_of, monkeypatch):
    base = load_version(folder_of()).base
    state, scans = LiveState(), []
    from dualnet.serve import following

    found_among = following.found_among
    monkeypatch.setattr(following, "found_among", lambda *asked: scans.append(1) or found_among(*asked))
    users = random.Random(0).sample(list(base.model.users_), 5)
    view, _ = follow(reopened(base), state, [{"forget": [state.salt, state.hash_of(user)]} for user in users])
    assert scans == [1]
    assert not any(view.has_user(user) for user in users)
