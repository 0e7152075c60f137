"""What a server did lately is counted by minute and by day, with a clock of the test's own."""

import pytest

from dualnet.serve.http.activity import MINUTES, Activity
from dualnet.serve.http.meters import Meters


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


def listed(resolved, *paths):
    return {"resolved": resolved, "items": [{"path": path} for path in paths]}


@pytest.fixture
def clock():
    return Clock(86400 * 100 + 3600 * 12 + 5)


def test_minutes_go_after_an_hour_and_the_day_at_midnight(clock):
    activity = Activity(clock)
    activity.events(3)
    clock.now += 60
    activity.events(2)
    assert activity.report()["events"][-2:] == [3, 2]
    clock.now += 60 * (MINUTES - 2)
    assert activity.report()["events"][:2] == [3, 2]
    clock.now += 60
    found = activity.report()
    assert (found["events"][0], sum(found["events"]), found["today"]["events"]) == (2, 2, 5)
    assert len(found["events"]) == len(found["p95"]) == MINUTES
    clock.now += 86400
    assert activity.report()["today"]["events"] == 0


def test_lists_are_counted_by_whom_they_are_for(clock):
    activity = Activity(clock)
    for resolved in ("known", "history", "columns", "fallback", "known"):
        activity.listed(listed(resolved, "known", "content"))
    found = activity.report()
    assert [found[kind][-1] for kind in ("known", "new", "fallback")] == [2, 2, 1]
    assert (found["today"]["lists"], found["today"]["entries"], found["today"]["new_entries"]) == (5, 10, 5)


def test_a_list_is_taken_up_once(clock):
    activity = Activity(clock)
    for request in ("a", "b", "a"):
        activity.taken_up(request)
    assert activity.report()["today"]["taken_up"] == 2


@pytest.mark.parametrize(
    ("seconds", "least", "most"), [([0.010] * 19 + [1.0], 10, 13), ([0.2], 200, 250), ([100.0], 30_000, 40_000)]
)
def test_times_are_quantiles_in_milliseconds(clock, seconds, least, most):
    activity = Activity(clock)
    assert activity.report()["p50"][-1] is None
    for one in seconds:
        activity.answered(200, one)
    assert least <= activity.report()["p50"][-1] <= most


def test_versions_and_what_counts_as_an_answer():
    meters, label = Meters(), ["solved", "a" * 12]
    meters.watch_model(lambda: tuple(label))
    meters.answered("/v1/recommend", "POST", 200, 0.01)
    meters.answered("/v1/recommend", "POST", 503, 0.01)
    meters.answered("/web/{name}", "GET", 200, 0.01)
    meters.answered("/v1/activity", "GET", 200, 0.01)
    label[1] = "b" * 12
    meters.put({"state": "added"})
    meters.put({"state": "restored"})
    meters.put({"added": 4, "replaced": 1})
    meters.told({"added": 2, "repeated": 1})
    found = meters.report()
    assert [one["version"] for one in found["versions"]] == ["b" * 12, "a" * 12]
    today = found["today"]
    assert (today["answers"], today["errors"], today["items_added"], today["events"]) == (1, 1, 5, 3)


def test_long_lists_are_remembered_for_less_time(monkeypatch):
    """What is remembered is bounded by entries, not by lists alone: a thousand entries in each of them would be a gigabyte."""
    monkeypatch.setattr("dualnet.serve.http.meters.MOST_ENTRIES", 100)
    meters = Meters()

    def shown(request, length):
        items = [{"item": f"i{place}", "path": "known"} for place in range(length)]
        meters.listed({"request_id": request, "resolved": "known", "items": items})

    for number in range(50):
        shown(f"r{number}", 40)
    for request in ("r49", "r48", "r47", "r0"):
        meters.taken(request, "i3", "like")
    assert meters.report()["today"]["taken_up"] == 2
    shown("r49", 39)  # asked again under the same id
    for number in range(20):
        shown(f"short{number}", 1)
    meters.taken("r49", "i1", "like")
    meters.taken("short0", "i0", "like")
    assert meters.report()["today"]["taken_up"] == 3  # r49 counts once


def test_each_of_several_lists_can_be_taken_up():
    meters = Meters()
    items = [{"item": "a", "path": "known"}]
    meters.listed_many(
        {"lists": [{"request_id": f"r.{n}", "resolved": "known", "items": items, "variant": "b"} for n in range(3)]}
    )
    for request in ("r.0", "r.2", "r.2", "r", "r.3"):
        meters.taken(request, "a", "like")
    assert meters.report()["today"]["taken_up"] == 2
    assert 'dualnet_taken_total{type="like",variant="b"} 2.0' in meters.text({}).decode()
