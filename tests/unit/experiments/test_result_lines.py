"""A results file survives other writers, and a claim is one process's."""

import subprocess
import sys

import pytest

from dualnet.errors import DataError
from dualnet.experiments.result_lines import add_run, by_key, claimed, read_lines

HOLD = """
import sys
from pathlib import Path
from dualnet.experiments.result_lines import add_run, claimed
folder = Path(sys.argv[1])
with claimed(folder, "cell") as ours:
    print("ours" if ours else "taken", flush=True)
    sys.stdin.readline()
    add_run(folder / "results.jsonl", [{"key": "other", "value": 2}])
"""


def test_a_run_replaces_its_own_lines_only(tmp_path):
    path = tmp_path / "results.jsonl"
    add_run(path, [{"key": "a", "value": 1}, {"key": "a", "value": 2}])
    add_run(path, [{"key": "b", "value": 3}])
    add_run(path, [{"key": "a", "value": 4}])
    assert by_key(read_lines(path)) == {"b": [{"key": "b", "value": 3}], "a": [{"key": "a", "value": 4}]}


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"key": "a"}\n{"key": \n')
    with pytest.raises(DataError, match=r"line 2 is not a result record"):
        read_lines(path)


def test_two_processes_share_a_folder(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "ours\n"
        with claimed(tmp_path, "cell") as ours:
            assert not ours
        with claimed(tmp_path, "another") as ours:
            assert ours
        add_run(tmp_path / "results.jsonl", [{"key": "mine", "value": 1}])
        other.communicate("go on\n")
    assert set(by_key(read_lines(tmp_path / "results.jsonl"))) == {"mine", "other"}
    with claimed(tmp_path, "cell") as ours:  # the claim ended with the process
        assert ours
