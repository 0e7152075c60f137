"""The campaign in short: kills, disk faults and power cuts of small commands, and controls that must find a fault put back."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from campaign import server_kills, short
from campaign.disk import Call, why_not
from campaign.forks import Ended
from campaign.replay import Change, Cut, Disk, cuts_of
from campaign.server_kills import one_life
from campaign.short import CASES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rows():
    """What one run of the short form found, by case."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"the campaign {reason}")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    run = subprocess.run(
        [sys.executable, "-m", "campaign", "short"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"python -m campaign short ended with {run.returncode}: {run.stderr[-3_000:]}"
    return {row["case"]: row for row in map(json.loads, run.stdout.splitlines())}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_old_or_the_new_is_there_and_a_fault_that_is_put_back_is_found(rows, case):
    row = rows[case]
    assert row["faults"] == 0, row["told"]
    assert sum(value for key, value in row.items() if key not in ("case", "faults", "told", "seconds")) > 0


@pytest.mark.parametrize(
    ("code", "hit", "faults"),
    [(-9, "journal.jsonl", 0), (-9, "", 1), (1, "", 1)],
    ids=["killed at a call of its start", "it never answered", "it ended by itself"],
)
def test_a_server_that_ends_before_it_answers(code, hit, faults):
    """Each start writes too; once a kill there ended the campaign with the client's error."""

    class Gone:
        def compare(self, port):
            raise ConnectionResetError

    ended = Ended(code, "told", hit, Call.WRITE, 0, 0.1)
    found, wrong = one_life((SimpleNamespace(end=lambda kill_after: ended), 1), Gone(), 1)
    assert (found, len(wrong)) == (ended, faults)


def test_a_case_that_breaks_off_is_a_fault_of_its_own(monkeypatch, capsys):
    def broken(stage):
        raise SystemExit("a process did not end")

    monkeypatch.setattr(server_kills, "warm_up", lambda stage: None)
    monkeypatch.setattr(short, "CASES", {"one": broken, "other": lambda stage: {"kills": 1, "faults": []}})
    short.run(None, None)
    one, other = map(json.loads, capsys.readouterr().out.splitlines())
    assert "a process did not end" in one["told"][0]
    assert other == {"case": "other", "kills": 1, "faults": 0, "told": []}


def changes(place, *lines):
    return [
        Change(what, inode, 0, first and f"{place}/{first}".removesuffix("/."), second and f"{place}/{second}", data)
        for what, inode, first, second, data in lines
    ]


def left(place, trace):
    """Return all that can be in the file `a` after a power cut, None where it is not there."""
    before, found = Disk.of(place), set()
    for cut in cuts_of(trace):
        before.after(trace, cut).write(place)
        found.add((place / "a").read_bytes() if (place / "a").exists() else None)
    return found


@pytest.mark.parametrize(
    ("synced", "expected"), [(True, {b"old", b"new"}), (False, {b"old", b"", b"new"})], ids=["synchronised", "not synchronised"]
)
def test_a_power_cut_loses_data_that_was_not_synchronised(tmp_path, synced, expected):
    (tmp_path / "a").write_bytes(b"old")
    sync = [("s", 99, "b", "", b"")] if synced else []
    trace = changes(tmp_path, ("c", 99, "b", "", b""), ("w", 99, "", "", b"new"), *sync, ("r", 0, "b", "a", b""))
    assert left(tmp_path, trace) == expected


def test_a_name_that_was_not_synchronised_may_be_lost(tmp_path):
    trace = changes(tmp_path, ("c", 99, "a", "", b""), ("w", 99, "", "", b"x"), ("s", 99, "a", "", b""))
    before = Disk.of(tmp_path)
    assert left(tmp_path, trace) == {None, b"", b"x"}
    before.after(trace, Cut(len(trace), 0, data=True)).write(tmp_path)
    assert not list(tmp_path.iterdir())
    synced = [*trace, *changes(tmp_path, ("s", 1, ".", "", b""))]
    assert all(cut.names >= 1 for cut in cuts_of(synced) if cut.changes == len(synced))
