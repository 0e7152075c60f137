"""Running a small study: resumed, shared, budgeted; pending cells say why; reports print what was found."""

import re
from dataclasses import replace

import numpy as np
import pytest

from dualnet import evaluate, splits
from dualnet.data import synthetic
from dualnet.experiments.reproduction import runner
from dualnet.experiments.reproduction.data import Loader, part_of
from dualnet.experiments.reproduction.figures import race, row_result
from dualnet.experiments.reproduction.markdown import write_markdown, write_page
from dualnet.experiments.reproduction.paired_tests import paired_tests
from dualnet.experiments.reproduction.results import Results
from dualnet.experiments.reproduction.runner import outstanding, run_study
from dualnet.experiments.reproduction.sections import held, sections, summary
from dualnet.experiments.result_lines import claimed
from dualnet.experiments.studies.cells import CURVE, Block, Row, Study
from dualnet.models.registry import create

COMMAND = "dualnet reproduce small --datasets demo"


@pytest.fixture(autouse=True)
def small_world(monkeypatch):
    world = synthetic.library(n_readers=240, n_papers=300, pairs_per_reader=24)
    monkeypatch.setattr(synthetic, "library", lambda: world)
    return world


@pytest.fixture
def tmp_path(tmp_path):
    """Return a folder without other tests' results beside it, which a study would take over."""
    alone = tmp_path / "studies" / "alone"
    alone.mkdir(parents=True)
    return alone


def block(**changes):
    given = Block(
        name="known",
        title="demo, citeulike2",
        dataset="demo",
        protocol="citeulike2",
        rows=(
            Row("popularity", "popularity", paper={10: 0.123}, note="Everybody gets the same."),
            Row("item-kNN", "item-knn"),
            Row("of tomorrow", "model-of-tomorrow"),
        ),
        cuts=(10, 50),
        repeats=((0, None), (1, None)),
        contrasts=(("item-kNN", "popularity"),),
        order=("popularity", "item-kNN"),
        plots=("curves", "intervals", "gains"),
    )
    return replace(given, **changes)


def study(*blocks):
    return Study("small", "A small study", "Neighbours beat popularity.", blocks or (block(),))


def run(plan, folder, **options):
    said = []
    results = Results(folder)
    pending = run_study(plan, results, command=COMMAND, say=said.append, **options)
    return results, pending, said


def report(plan, results, pending, folder):
    head = summary(plan, results)
    parts = sections(plan, results, paired_tests(plan, results), pending)
    write_page(plan, parts, head, COMMAND, folder)
    return write_markdown(plan, parts, head, COMMAND, folder).read_text()


def of_protocol(results):
    return [record for record in results.records if not record["task"].endswith("-all")]


def test_a_study_runs_once_and_its_figures_are_those_of_evaluate(tmp_path, small_world):
    results, pending, said = run(study(), tmp_path)
    assert len(of_protocol(results)) == 4
    assert [r["task"] for r in results.records] == ["known-known", "known-all"] * 4
    assert len([line for line in said if "left" in line]) == 4
    assert set(pending.values()) == {
        "there is no model 'model-of-tomorrow'. Known: " + ", ".join(sorted(runner_models())) + "."
    }
    split = splits.citeulike2(small_world, seed=1)
    expected = evaluate(create("item-knn").fit(split.train), split, at=CURVE)["known-known"]
    record = next(r for r in results.records if (r["label"], r["seed"]) == ("item-kNN", 1))
    assert record["split"] == split.fingerprint()
    assert record["metrics"]["recall@50"]["mean"] == pytest.approx(expected.mean("recall@50"), abs=1e-6)
    assert record["metrics"]["recall@50"]["ci95"] == pytest.approx(expected.intervals["recall@50"], abs=1e-6)
    for field in ("study", "label", "parameters", "command", "machine", "versions", "fit_on", "candidates", "peak_rss_mb"):
        assert field in record
    before = results.lines.read_bytes()
    _, _, said = run(study(), tmp_path)
    assert said == []
    assert results.lines.read_bytes() == before


def runner_models():
    from dualnet.models.registry import MODELS

    return MODELS


def test_a_killed_run_goes_on_where_it_was(tmp_path, monkeypatch):
    class KilledError(BaseException):
        pass

    calls, whole = [], runner.run_cell

    def dies(*arguments):
        calls.append(arguments[2].key)
        if len(calls) == 3:
            raise KilledError
        return whole(*arguments)

    monkeypatch.setattr(runner, "run_cell", dies)
    with pytest.raises(KilledError):
        run(study(), tmp_path)
    results, _, _ = run(study(), tmp_path)
    assert len(of_protocol(results)) == 4
    assert len(calls) == len(set(calls)) + 1  # only the one that died ran twice


def test_a_cell_of_another_process_is_left_to_it(tmp_path):
    plan = study()
    cell = plan.blocks[0].cells(plan.blocks[0].rows[1])[0]
    with claimed(tmp_path / ".claims", cell.key):
        results, pending, _ = run(plan, tmp_path)
    assert pending[cell.key] == "another process is running it"
    assert len(of_protocol(results)) == 3
    assert len(of_protocol(run(plan, tmp_path)[0])) == 4


def test_a_budget_starts_nothing_that_does_not_fit(tmp_path):
    results, pending, _ = run(study(), tmp_path, hours=0.0)
    assert results.records == []
    assert sum("do not fit the 0 hours" in reason for reason in pending.values()) == 4


def test_the_first_division_of_all_and_the_cheap_come_first(tmp_path):
    order = [(work.row.label, work.cell.seed) for work in outstanding(study(), Results(tmp_path))]
    assert order.index(("popularity", 0)) < order.index(("popularity", 1)) < order.index(("item-kNN", 1))


def test_measured_times_replace_the_guess(tmp_path):
    results, _, _ = run(study(block(repeats=((0, None),))), tmp_path)
    spent = {r["label"]: r["seconds"] for r in results.records}
    left = {work.row.label: work.seconds for work in outstanding(study(), results)}
    assert left["item-kNN"] == pytest.approx(spent["item-kNN"])


def test_results_with_other_parameters_do_not_count(tmp_path, monkeypatch):
    plan = study()
    run(plan, tmp_path)
    monkeypatch.setattr(
        "dualnet.experiments.studies.cells.chosen_parameters",
        lambda model, *rest: {"neighbours": 7} if model == "item-knn" else {},
    )
    now = Results(tmp_path)
    row = row_result(now, plan.blocks[0], plan.blocks[0].rows[1], None, {})
    assert row.is_pending
    assert "parameters changed since it ran: neighbours was" in row.reason
    assert not row_result(now, plan.blocks[0], plan.blocks[0].rows[0], None, {}).is_pending


def test_what_another_study_ran_is_taken_over(tmp_path):
    first, _, _ = run(study(), tmp_path / "small")
    again = replace(study(block(rows=(Row("neighbours", "item-knn"),), order=(), contrasts=())), name="other")
    second, pending, said = run(again, tmp_path / "other", hours=0.0)
    assert (pending, said) == ({}, [])
    ours, theirs = second.records[0], next(r for r in first.records if r["label"] == "item-kNN")
    assert ours == {**theirs, "study": "other", "label": "neighbours"}
    np.testing.assert_array_equal(second.users(ours).values, first.users(theirs).values)


def test_the_report_prints_the_paper_ours_and_what_is_pending(tmp_path):
    plan = study()
    results, pending, _ = run(plan, tmp_path)
    text = report(plan, results, pending, tmp_path)
    figures = results.records
    mean = np.mean([r["metrics"]["recall@10"]["mean"] for r in figures if r["label"] == "popularity"])
    said = re.search(r"\| popularity \| 0\.123 \| (\S+) \(", text)[1]
    assert said.strip("*") == f"{mean:.3f}"  # bold where it is the best
    assert "| of tomorrow |  | pending |  | pending | 0/2 |" in text
    assert "- of tomorrow: pending: there is no model 'model-of-tomorrow'" in text
    assert "- popularity: Everybody gets the same." in text
    assert "the paper's order (popularity < item-kNN) is found" in text
    assert "| item-kNN minus popularity | R@50 | +" in text
    assert f"```console\n{COMMAND}\n```" in text
    assert "4 of 6 cells done." in text
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 3
    for name in ("curves", "intervals", "gains"):
        assert (tmp_path / "plots" / f"known-{name}.svg").read_text().startswith("<svg")
        assert f"(plots/known-{name}.svg)" in text


def test_a_report_of_nothing_guesses_nothing(tmp_path):
    text = report(study(), Results(tmp_path), {}, tmp_path)
    assert "| popularity | 0.123 | pending |  | pending | 0/2 |" in text
    assert "pending: not run yet" in text
    assert "svg" not in text


def test_reports_need_no_per_user_figures(tmp_path):
    plan = study()
    results, pending, _ = run(plan, tmp_path)
    text = report(plan, results, pending, tmp_path)
    for file in (tmp_path / "per_user").iterdir():
        file.unlink()
    assert report(plan, Results(tmp_path), pending, tmp_path) == text


def test_where_only_means_are_kept_the_test_over_runs_stands_alone(tmp_path):
    plan = study()
    results, _, _ = run(plan, tmp_path)
    whole = paired_tests(plan, results, keep=False)
    for file in (tmp_path / "per_user").iterdir():
        file.unlink()
    found = paired_tests(plan, Results(tmp_path), keep=False)
    key = ("known", "", "item-kNN", "popularity", 50)
    assert found[key]["over_users"] is None
    assert found[key]["relative"] is None
    assert found[key]["over_runs"]["mean"] == pytest.approx(whole[key]["over_runs"]["mean"], abs=1e-5)
    assert found[key]["verdict"] in ("within noise", "more than noise over 2 runs")
    text = report(plan, Results(tmp_path), {}, tmp_path)
    line = next(line for line in text.splitlines() if line.startswith("| item-kNN minus popularity | R@50"))
    assert line.split("|")[3].strip() == ""


def test_a_protocol_with_several_tasks_has_a_table_for_each(tmp_path):
    tasks = ("known-known", "known-new", "new-known", "new-new")
    rows = (Row("content profile", "content-profile"), Row("item-kNN", "item-knn"))
    plan = study(
        block(protocol="four-quadrants", rows=rows, tasks=tasks, contrasts=(), order=(), plots=(), repeats=((0, None),))
    )
    results, pending, _ = run(plan, tmp_path)
    text = report(plan, results, pending, tmp_path)
    for task, heading in (("known-new", "known users, new items"), ("new-known", "new users, known items")):
        record = next(r for r in results.records if (r["label"], r["task"]) == ("content profile", task))
        part = text.split(f"## demo, citeulike2; {heading}\n", 1)[1]
        line = next(line for line in part.splitlines() if line.startswith("| content profile"))
        assert f"{record['metrics']['recall@10']['mean']:.3f}" in line
    served = [line for line in text.splitlines() if line.endswith("one list of all items, as it is served")]
    assert [line.split("; ")[1].split(",")[0] for line in served] == ["known users", "new users"]
    assert all(" 2/1 " not in line for line in text.splitlines())


def test_one_fit_serves_both_candidate_sets(tmp_path, small_world):
    plan = study(
        block(
            name="new",
            protocol="out-matrix",
            options={"cold": 0.2},
            candidates=("task", "all"),
            rows=(Row("content profile", "content-profile"), Row("popularity", "popularity")),
            contrasts=(),
            order=(),
            plots=(),
        )
    )
    results, pending, said = run(plan, tmp_path)
    assert len(said) == 4  # two rows, two seeds
    assert len(results.records) == 8
    alone = splits.out_matrix(small_world, seed=0, cold=0.2, candidates="all")
    expected = evaluate(create("content-profile").fit(alone.train), alone, at=CURVE)["known-new"]
    record = next(r for r in results.records if (r["label"], r["seed"], r["candidates"]) == ("content profile", 0, "all"))
    assert record["split"] == alone.fingerprint()
    assert record["metrics"]["recall@10"]["mean"] == pytest.approx(expected.mean("recall@10"), abs=1e-6)
    text = report(plan, results, pending, tmp_path)
    assert "candidates: the new items alone" in text
    assert "| popularity |  | n/a |" not in text  # no paper column here
    assert "| popularity | n/a | n/a | 2/2 |" in text
    assert "did not see in training" in text


def test_a_part_of_the_data_is_drawn_once(small_world):
    part = part_of(small_world, 20)
    assert part.interactions.n_users == 20
    assert part.interactions.n_items == len(part.known_items())
    assert part.fingerprint() == part_of(small_world, 20).fingerprint()
    assert set(part.interactions.users) <= set(small_world.interactions.users)


def test_the_same_users_unseen_and_trained_are_paired(tmp_path):
    rows = (
        Row("unseen", "item-knn", options={"trained": False}),
        Row("trained", "item-knn", options={"trained": True}),
    )
    plan = study(
        block(
            name="users", protocol="unknown-users", options={"folds": 3}, repeats=((0, 0), (0, 1), (0, 2)), rows=rows,
            contrasts=(("unseen", "trained"),), order=(), plots=(), bar=0.03,
        )
    )  # fmt: skip
    results, pending, _ = run(plan, tmp_path)
    assert "- unseen against trained, R@50: " in report(plan, results, pending, tmp_path)
    found = paired_tests(plan, results)[("users", "", "unseen", "trained", 50)]
    users = {r["fold"]: r["users"] for r in of_protocol(results) if r["label"] == "unseen"}
    assert found["over_users"]["n"] == sum(users.values())  # every user once
    assert found["over_runs"]["n"] == 3


def test_the_list_that_is_served_has_a_table_of_its_own_and_changes_no_other(tmp_path):
    plan = study()
    results, pending, _ = run(plan, tmp_path)
    text = report(plan, results, pending, tmp_path)
    served = text.split("one list of all items, as it is served", 1)[1]
    assert "| method | R@10 | R@50 | P@10 | new@10 | unliked@10 | runs |" in served
    assert "of tomorrow" not in served  # a row that did not run is said once
    record = next(r for r in results.records if (r["label"], r["task"]) == ("item-kNN", "known-all"))
    assert {"recall@50", "precision@10", "unliked_share@10", "known_recall@50"} <= set(record["metrics"])
    results.lines.write_text("".join(line for line in results.lines.read_text().splitlines(True) if "known-all" not in line))
    before = report(plan, Results(results.folder), pending, tmp_path)  # as results of earlier versions are
    assert "as it is served" not in before
    first = next(line for line in text.splitlines() if line.startswith("| item-kNN"))
    assert first in before.splitlines()


def test_a_bar_is_held_or_not_in_words():
    assert held({"mean": -0.01, "ci95": [-0.02, 0.0]}, 0.03) == "within 3%, and so is the whole interval"
    assert held({"mean": -0.02, "ci95": [-0.04, 0.0]}, 0.03) == "within 3%, but the interval reaches beyond"
    assert held({"mean": -0.05, "ci95": [-0.06, -0.04]}, 0.03) == "worse by more than 3%"
    assert held({"mean": 0.05, "ci95": [0.02, 0.08]}, 0.03) == "better by more than 3%"


def test_the_race_counts_epochs_and_seconds_to_a_recall_that_all_reach():
    def row(label, recalls, seconds):
        history = [{"epoch": k, "loss": 1.0, "recall@auto": r, "seconds": seconds} for k, r in enumerate(recalls, 1)]
        record = {"seed": 0, "fold": None, "history": history}
        return type("Row", (), {"records": [record], "row": Row(label, "dualnet")})()

    rows = {"every": row("every", [0.3, 0.5, 0.6], 2.0), "skipped": row("skipped", [0.1, 0.2, 0.3, 0.4, 0.5], 1.0)}
    every, skipped = race(rows)
    assert (every.target, every.epochs, every.seconds) == (pytest.approx(0.495), 2, 4.0)
    assert (skipped.epochs, skipped.seconds, skipped.epoch_seconds) == (5, 5.0, 1.0)


def test_training_curves_are_kept_and_drawn(tmp_path):
    pytest.importorskip("torch")
    plan = study(
        block(
            rows=(Row("DualNet", "dualnet", {"levels": [8, 4], "epochs": 2}),), repeats=((0, None),), contrasts=(), order=(),
            plots=("training",),
        )
    )  # fmt: skip
    results, pending, _ = run(plan, tmp_path)
    (record,) = of_protocol(results)
    assert [epoch["epoch"] for epoch in record["history"]] == [1, 2]
    assert {"loss", "recall@auto", "seconds"} <= set(record["history"][0])
    assert "(plots/known-training.svg)" in report(plan, results, pending, tmp_path)


def test_a_diverged_fit_is_a_result_with_a_reason(tmp_path):
    pytest.importorskip("torch")
    wild = {"levels": [8, 4], "epochs": 2, "optimizer": "sgd", "learning_rate": 1e9, "norm": "none", "activation": "identity"}
    plan = study(block(rows=(Row("wild", "dualnet", wild),), repeats=((0, None),), contrasts=(), order=(), plots=()))
    results, pending, _ = run(plan, tmp_path)
    assert results.records[0]["reason"].startswith("training failed: the loss became")
    assert "n/a: training failed" in report(plan, results, pending, tmp_path)


def test_the_loader_reads_a_data_set_once(small_world):
    loader, cells = Loader(), study().blocks[0].cells(study().blocks[0].rows[0])
    assert loader.data(cells[0]) is loader.data(cells[1])


def test_a_row_with_failed_runs_says_how_many_stand_behind_its_figures(tmp_path):
    plan = study()
    results, _, _ = run(plan, tmp_path)
    failed = next(r for r in results.records if (r["label"], r["seed"]) == ("item-kNN", 1))
    results.add([{**failed, "metrics": {}, "reason": "training failed: too wild"}])
    text = report(plan, results, {}, tmp_path)
    assert "- item-kNN: figures of 1 of 2 runs; 1 n/a: training failed: too wild" in text
    line = next(line for line in text.splitlines() if line.startswith("| item-kNN |"))
    assert line.endswith("| 1/2 |")


def test_tests_of_blocks_that_a_run_leaves_out_stay(tmp_path):
    both = study(block(), block(name="again", protocol="citeulike1"))
    results, _, _ = run(both, tmp_path)
    paired_tests(both, results)
    kept = (tmp_path / "comparisons.jsonl").read_text().splitlines()
    paired_tests(study(block()), results)
    assert sorted((tmp_path / "comparisons.jsonl").read_text().splitlines()) == sorted(kept)
    assert any("again/" in line for line in kept)
