"""The table of bad inputs: each by library, command line and server, a row in a process of its own with bounds."""

import pytest

from campaign.bad_cases import ALL
from campaign.bad_cases.doors import faults_of_row, make_model, warm_up
from campaign.bounded import bounded

MOST_MEGABYTES = 200


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    warm_up()
    return make_model(tmp_path_factory.mktemp("small") / "model")


@pytest.mark.parametrize("row", range(1, 85))
def test_one_sentence_an_exit_code_and_nothing_left(row, small_model, tmp_path):
    cases = [case for case in ALL if case.row == row]
    assert cases
    outcome = bounded(lambda: faults_of_row(cases, tmp_path, small_model))
    assert not outcome.fault
    assert not outcome.result
    assert any(case.policy == "accepted" for case in cases) or outcome.megabytes < MOST_MEGABYTES


def test_names_are_distinct():
    assert len({case.name for case in ALL}) == len(ALL)


@pytest.mark.parametrize("fault", ["library", "command", "left", "memory", "death"])
def test_a_fault_that_is_put_back_is_found(monkeypatch, small_model, tmp_path, fault):
    """The negative control: with each kind of fault in the readers, the same check speaks."""
    import mmap
    import os
    import signal

    import numpy as np

    from dualnet.data import read_table
    from dualnet.errors import DataError

    def broken(path, *rest):
        if fault == "left":
            (path.parent / ".x.tmp").touch()
        elif fault == "memory":
            np.frombuffer(mmap.mmap(-1, 2**28), np.uint8).fill(1)  # fresh pages, whatever the process keeps of freed ones
        elif fault == "death":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "command":
            raise DataError("two\nlines with an <class 'X'>")
        raise KeyError("title") if fault == "library" else DataError("empty")

    monkeypatch.setattr(read_table, "_load_file", broken)
    case = next(case for case in ALL if case.name == "14 empty file")
    outcome = bounded(lambda: faults_of_row([case], tmp_path, small_model))
    assert outcome.died if fault == "death" else outcome.megabytes > 200 if fault == "memory" else outcome.result
