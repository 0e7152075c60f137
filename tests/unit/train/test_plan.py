"""The plan: its arithmetic is that of the formulas, its peak that of a run, its command prints it."""

import json
import re

import pytest

from dualnet.cli import main
from dualnet.models import als, level_learning
from dualnet.models.solved import choice, content, factors, ridge
from dualnet.nn import sparse
from dualnet.train import objective, solving_plan
from dualnet.train import plan as planning
from dualnet.train.plan import IN_A_STEP, Machine, Workload, plan
from dualnet.train.shared_plan import share
from dualnet.train.solving_plan import solving

MACHINE = Machine(1e11, 2e10)


def test_parts_are_those_of_the_objective():
    for name in ("USERS_AT_ONCE", "ITEMS_AT_ONCE", "ITEMS_KEPT"):
        assert getattr(planning, name) == getattr(objective, name)
    assert planning.ROWS_AT_ONCE == sparse.ROWS_AT_ONCE


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


def test_numbers_of_the_solved_levels_are_those_that_they_are_solved_with():
    settings = factors.FactorSettings(1, 0.0, 0.0)
    assert (settings.iterations, settings.rounds) == (solving_plan.ITERATIONS, solving_plan.ROUNDS)
    assert (solving_plan.STEPS, solving_plan.AXES) == (als.STEPS, level_learning.AXES)
    assert (solving_plan.LONG, solving_plan.LONG_AXES) == (content.LONG, content.LONG_AXES)
    assert solving_plan.FEW_FEATURES == content.FEW_FEATURES
    assert (solving_plan.OVERSAMPLING, solving_plan.AXIS_ROUNDS) == (ridge.OVERSAMPLING, ridge.ROUNDS)
    assert (solving_plan.NARROW, solving_plan.NARROW_ITERATIONS) == (choice.SEARCH_FACTORS, choice.SEARCH_ITERATIONS)
    assert (solving_plan.WIDER, solving_plan.NARROW_PAIRS) == (choice.READING_FACTORS, choice.SEARCH_PAIRS)


def test_the_solved_levels_cost_what_the_formulas_say():
    made = solving(3000, 2000, 30_000, 0, 0, 20)
    assert made.flop == 8 * (2 * 4 * 20**2 * 5000 + 2 * 4 * 4 * 30_000 * 20)
    assert made.kept == 4 * 2000 * 20
    assert made.peak == 2 * 8 * 30_000 + 4 * 20 * (3 * 3000 + 2000) + made.kept
    read = solving(3000, 2000, 30_000, 10, 500, 20)  # the search has the content as further rows of another matrix
    assert read.peak - read.kept - 4 * 20 * (3 * 3000 + 2000) == 4 * 8 * (30_000 + 20_000) + 2 * 8 * 20_000
    whole = plan(Workload(3000, 2000, 30_000, 0, 0, factors=20), MACHINE)
    assert whole.solve_seconds == pytest.approx((made.flop / 1e11 + made.traffic / 2e10) / 0.8)
    assert whole.solving - whole.memory["interpreter"] - whole.memory["pairs and ids"] == made.peak
    none = plan(Workload(3000, 2000, 30_000, 0, 0, factors=0), MACHINE)
    assert none.solve_seconds == none.search_seconds == none.memory["solving"] == none.memory["solved levels"] == 0
    assert whole.training == none.training + made.kept


def test_networks_of_further_seeds_are_kept_and_take_as_long_again(capsys):
    sizes = (3000, 2000, 30_000, 10, 500, (20, 10))
    one, three = plan(Workload(*sizes), MACHINE), plan(Workload(*sizes, ensemble=3), MACHINE)
    assert three.seconds == one.seconds  # of an epoch of one pair of networks
    assert three.training - one.training == 2 * 4 * (2 * 500 + 2 * 2000) * 20
    asked = "plan --users 3000 --items 2000 --pairs 30000 --gpus 1 --ensemble 3"
    assert main(asked.split()) == 0
    assert "10 epochs of each of 3 pairs of networks" in capsys.readouterr().out


def test_content_is_read_whole_beside_its_axes_or_along_them():
    few, short, long = (
        solving(3000, 2000, 30_000, terms, words, 20) for terms, words in ((100, 600), (200, 5000), (201, 5000))
    )
    assert few.kept == 4 * (2000 + 600) * 20
    assert short.kept == 4 * (2000 + 5000) * 20 + 4 * 5000 * 200
    assert long.kept == 4 * (2000 + 500) * 20 + 4 * 5000 * 500
    assert long.peak - short.peak > 4 * (5000 + 2 * 2000) * 300 - 4 * 5000 * 20 * 6
    assert short.flop < long.flop < solving(3000, 2000, 30_000, 400, 5000, 20).flop
    assert solving(3000, 2000, 30_000, 100, 601, 20).peak > few.peak


def test_a_wide_solution_can_be_the_peak():
    work = {"users": 10**7, "items": 10**4, "pairs": 10**8, "terms": 0, "vocabulary": 0, "levels": (8,)}
    wide, narrow = (plan(Workload(**work, factors=factors), MACHINE) for factors in (500, 10))
    assert wide.peak == wide.solving > narrow.peak > narrow.solving


def test_a_step_and_a_validation_do_not_need_memory_together():
    made = plan(Workload(10**6, 10**6, 10**8, 0, 0, (100, 100, 50), factors=0), MACHINE)
    step, vectors = sum(made.memory[name] for name in IN_A_STEP), made.memory["item vectors for validation"]
    always = sum(made.memory[name] for name in ("interpreter", "pairs and ids", "weights, gradients, optimiser"))
    assert made.training == pytest.approx(always + max(step, vectors))
    # a step was measured without the ids, the best epoch and the export, with 8 bytes a pair: 5.65 GB
    assert always - 2 * 4 * 2e6 * 100 - 4 * 1e8 - 150 * 2e6 + step == pytest.approx(5.65e9, rel=0.1)


def test_cost_grows_with_the_pairs_not_with_the_cells():
    small, large = (plan(Workload(u, i, 20 * u), MACHINE) for u, i in ((10**5, 10**4), (10**7, 10**6)))
    assert sum(large.flop.values()) < 150 * sum(small.flop.values())
    assert large.peak < 150 * small.peak


def test_command_prints_and_refuses(capsys):
    assert main(["plan", "--users", "1e6", "--items", "1e5", "--pairs", "2e7"]) == 0
    text = capsys.readouterr().out
    assert "peak memory" in text
    assert "the solved levels take about" in text
    assert "limit" in text
    assert main(["plan", "--users", "1e9", "--items", "1e8", "--pairs", "1e11", "--gpus", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shared"]["workers"] == 64
    assert found["plan"]["peak"] > 1e11
    for arguments, message in (
        (["--users", "10", "--items", "10", "--pairs", "101"], "more than the 100 cells"),
        (["--users", "1.5", "--items", "10", "--pairs", "10"], "--users 1.5 must be a whole number"),
        (["--users", "10", "--items", "10", "--pairs", "10", "--terms", "-1"], "--terms -1 must be a whole number"),
    ):
        assert main(["plan", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_workers_send_what_the_formulas_say():
    work = Workload(1000, 2000, 30_000, 10, 500, (20, 10), 1000, 2000)
    made = plan(work, MACHINE)
    shared = share(work, made, MACHINE, 4, 1e9)
    part, towers = 4 * 3 / 4, 20 * 10 + 20 * 20  # bytes of a number times the share that goes to others; one step
    assert list(shared.sent.values()) == pytest.approx(
        [2 * part * 2000 * 30, 2 * part * 2000 * 20, 2 * part * (2 * 500 * 20 + 2 * towers), 4 * part * 30**2]
    )
    assert shared.memory["weights, gradients, optimiser"] == 6 * 4 * 2 * 20 * (500 + 2000 / 4)
    assert shared.memory["tables of all items for validation"] == 4 * 2 * 20 * 2000
    at_validation = ("tables of all items for validation", "item vectors for validation")
    steps = sum(shared.memory[name] for name in IN_A_STEP)
    assert shared.peak == pytest.approx(
        sum(shared.memory.values()) - min(steps, sum(shared.memory[name] for name in at_validation))
    )
    assert shared.parts["arithmetic"] == pytest.approx(sum(made.flop.values()) / 1e11 / 0.8 / 4)
    assert shared.parts["network"] == pytest.approx(sum(shared.sent.values()) / 1e9 + 0.012)
    assert shared.seconds == pytest.approx(sum(shared.parts.values()))
    assert share(work, made, MACHINE, 4, 1e3).bottleneck == "network"
    alone = share(work, made, MACHINE, 1, 1e9)
    assert sum(alone.sent.values()) == 0
    assert alone.peak == pytest.approx(made.training)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--workers", "2", "--gpus", "4"], "a worker has one GPU; give --workers 4"),
        (["--network", "2"], "--network means nothing for one process"),
        (["--workers", "2", "--network", "0"], "--network 0 must be above 0"),
        (["--workers", "2", "--network", "nan"], "--network nan must be above 0"),
        (["--workers", "2", "--network", "1e7"], "--network 1e+07 must be above 0 and below 1,000,000"),
    ],
)
def test_command_refuses_workers_that_mean_nothing(given, message, capsys):
    assert main(["plan", "--users", "100", "--items", "50", "--pairs", "900", *given]) == 2
    assert message in capsys.readouterr().err


def test_command_prints_the_share_of_a_worker(capsys):
    assert main(["plan", "--users", "1e6", "--items", "1e5", "--pairs", "2e7", "--gpus", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shared"]["workers"] == 4
    assert found["shared"]["bottleneck"] in found["shared"]["parts"]
    assert found["shared"]["peak"] < found["plan"]["peak"]


def test_networks_of_several_seeds_take_workers_longer_too(capsys):
    told = []
    for ensemble in ("1", "3"):
        sizes = ["--users", "1e9", "--items", "1e8", "--pairs", "1e11", "--gpus", "64"]  # at assumed rates: the same each time
        assert main(["plan", *sizes, "--ensemble", ensemble]) == 0
        told.append(re.findall(r"10 epochs(.*?) about ([\d,.]+) (\w+)", capsys.readouterr().out))
    for (_, one, unit), (each, three, same) in zip(*told, strict=True):  # of one process, and of the workers
        assert each == " of each of 3 pairs of networks"
        seconds = {"s": 1, "minutes": 60, "hours": 3600, "days": 86400}
        once, thrice = float(one.replace(",", "")) * seconds[unit], float(three.replace(",", "")) * seconds[same]
        assert thrice == pytest.approx(3 * once, rel=0.05)  # what is printed is rounded
    assert len(told[0]) == 2
