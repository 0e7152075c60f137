"""A fit says when its threads are too many for the machine: other programs, or a container with a part of the cores."""

import pytest

from dualnet.cli.busy_cores import VARIABLES, crowded


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Four cores, nobody on them, and no container."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("os.getloadavg", lambda: (0.3, 9.0, 9.0), raising=False)
    return tmp_path


def test_nothing_is_said_of_a_quiet_machine(machine):
    assert crowded(None, machine) == ""


@pytest.mark.parametrize(("load", "told"), [(2.9, False), (3.0, True), (17.2, True)])
def test_other_programs(machine, monkeypatch, load, told):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    assert (f"load {load:.1f} on 4 cores); --threads 1 may be faster than the 4 threads" in crowded(None, machine)) == told
    assert crowded(2, machine) == ""
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert crowded(None, machine) == ""


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"cpu.max": "150000 100000\n"}, "may use 1.5 of 4 cores; --threads 1 "),
        ({"cpu.max": "50000 100000\n"}, "may use 0.5 of 4 cores; --threads 1 "),
        ({"cpu.max": "300000 100000\n"}, "may use 3 of 4 cores; --threads 3 "),
        ({"cpu.max": "max 100000\n"}, ""),
        ({"cpu.max": "800000 100000\n"}, ""),
        ({"cpu.max": "what"}, ""),
        ({"cpu.max": "100000 0\n"}, ""),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, "may use 2 of 4 cores; --threads 2 "),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, ""),
    ],
)
def test_a_part_of_the_cores(machine, files, told):
    for name, text in files.items():
        (machine / name).parent.mkdir(exist_ok=True)
        (machine / name).write_text(text)
    said = crowded(None, machine)
    assert told in said if told else said == ""


def test_one_core_needs_no_advice(machine, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr("os.getloadavg", lambda: (9.0, 9.0, 9.0), raising=False)
    assert crowded(None, machine) == ""
