"""The plan: its arithmetic is that of the formulas, its peak that of a run, its command prints it."""

import json

import pytest

from dualnet.cli import main
from dualnet.train import objective
from dualnet.train.plan import ITEMS_AT_ONCE, USERS_AT_ONCE, Machine, Workload, plan

MACHINE = Machine(1e11, 2e10)


def test_parts_are_those_of_the_objective():
    assert (USERS_AT_ONCE, ITEMS_AT_ONCE) == (objective.USERS_AT_ONCE, objective.ITEMS_AT_ONCE)


def test_one_block_costs_what_the_formulas_say():
    made = plan(Workload(1000, 2000, 30_000, 10, 500, (20, 10), 1000, 2000), MACHINE)
    tower, width = 20 * 10 + 20 * 20, 30
    assert made.steps == 1
    assert made.flop["towers"] == 6 * tower * 3000
    assert made.flop["zeros"] == 4 * width**2 * 3000
    assert made.flop["positives"] == 6 * width * 30_000
    assert made.flop["histories"] == 4 * 20 * 30_000
    assert made.flop["content"] == 4 * 20 * 20_000 * 2  # item tower and what items add to histories
    assert made.seconds_floor == pytest.approx(max(sum(made.flop.values()) / 1e11, sum(made.traffic.values()) / 2e10))


def test_cost_grows_with_the_pairs_not_with_the_cells():
    small, large = (plan(Workload(u, i, 20 * u), MACHINE) for u, i in ((10**5, 10**4), (10**7, 10**6)))
    assert sum(large.flop.values()) < 150 * sum(small.flop.values())
    assert large.peak < 150 * small.peak


def test_command_prints_and_refuses(capsys):
    assert main(["plan", "--users", "1e6", "--items", "1e5", "--pairs", "2e7"]) == 0
    text = capsys.readouterr().out
    assert "peak memory" in text
    assert "limit" in text
    assert main(["plan", "--users", "1e9", "--items", "1e8", "--pairs", "1e11", "--gpus", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["gpus"] == 64
    assert found["plan"]["peak"] > 1e11
    for arguments, message in (
        (["--users", "10", "--items", "10", "--pairs", "101"], "more than the 100 cells"),
        (["--users", "1.5", "--items", "10", "--pairs", "10"], "--users 1.5 must be a whole number"),
        (["--users", "10", "--items", "10", "--pairs", "10", "--terms", "-1"], "--terms -1 must be a whole number"),
    ):
        assert main(["plan", *arguments]) == 2
        assert message in capsys.readouterr().err
