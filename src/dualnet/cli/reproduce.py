"""`dualnet reproduce`: the paper's tables beside ours."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import arguments as arg
from . import completion
from .given_options import refuse_given
from .output import JsonFlag, note, print_json, print_table, say

if TYPE_CHECKING:
    from ..experiments.reproduction.results import Results
    from ..experiments.reproduction.sections import Picture, Table
    from ..experiments.studies.cells import Study


def reproduce(
    context: typer.Context,
    studies: Annotated[
        list[str],
        typer.Argument(
            metavar="STUDY...", autocompletion=completion.studies, help="table1, table2, table3, noise, tactics, unknown-users."
        ),
    ],
    datasets: Annotated[
        str | None, typer.Option("--datasets", help="Only these data sets, separated by commas; `demo` is the embedded world.")
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="Seeds of division and model, separated by commas.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A smaller version: minutes.")] = False,
    hours: Annotated[
        float | None, typer.Option("--hours", help="Start no run that does not fit into so many hours.", min=0.0)
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Parameter of a model: MODEL.NAME=VALUE, such as dualnet.epochs=30.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder with one folder a study; finished runs found there are not run again.")
    ] = Path("reproduced"),
    report_only: Annotated[bool, typer.Option("--report-only", help="Run nothing; write the report of what is done.")] = False,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads for matrix products.", min=1)] = None,
    device: arg.DeviceOption = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Run the paper's tables, and print them beside ours.

    Figures come with 95 % intervals. What was run is kept run by run, so that a stopped command goes on where it was, and
    several may share one --out.

    Examples
    --------
      dualnet reproduce table3 --quick
      dualnet reproduce table1 table2 --datasets citeulike-a --hours 8
      dualnet reproduce tactics --report-only
    """
    from ..experiments.reproduction.results import Results
    from ..experiments.reproduction.runner import duration, outstanding, run_study
    from ..experiments.studies.registry import build_study
    from ..experiments.studies.scope import Scope
    from ..train.options import RunOptions

    run = RunOptions(threads=threads, device=device)
    if report_only:
        refuse_given(context, ["hours", "threads", "device"], "means nothing with --report-only, which runs nothing")
    chosen = None if datasets is None else arg.words(datasets)
    scope = Scope(chosen, None if seeds is None else tuple(arg.whole_numbers(seeds, "--seeds")), quick)
    extra = arg.model_settings(settings or [])
    plans = [build_study(name, scope, extra) for name in studies]  # complain before anything runs
    records: list[dict[str, Any]] = []
    for study in plans:
        command = _command(study.name, datasets, seeds, quick, settings or [])
        results = Results(out / (f"{study.name}-quick" if quick else study.name))
        if quick and chosen is None and any(block.dataset == "demo" for block in study.blocks):
            note("the real data are not here (DUALNET_DATA): running on the embedded synthetic world instead")
        pending: dict[str, str] = {}
        if not report_only:
            pending = run_study(study, results, command=command, hours=hours, say=note, run=run)
        parts, page = _write_report(study, results, pending, command)
        left = outstanding(study, results)
        if left:
            note(f"{study.name}: {len(left)} cells pending, about {duration(sum(work.seconds for work in left))}")
        if as_json:
            records += _records(study, results, pending)
            continue
        _print(study, parts)
        say(f"report: {page} and report.md beside it; results in {results.lines}\n")
    if as_json:
        print_json(records)


def _write_report(
    study: Study, results: Results, pending: dict[str, str], command: str
) -> tuple[Sequence[Table | Picture], Path]:
    """Write the report of a study into its folder; return its parts and the page."""
    from ..experiments.reproduction.markdown import write_markdown, write_page
    from ..experiments.reproduction.paired_tests import paired_tests
    from ..experiments.reproduction.sections import sections, summary

    head, parts = summary(study, results), sections(study, results, paired_tests(study, results), pending)
    write_markdown(study, parts, head, command, results.folder)
    return parts, write_page(study, parts, head, command, results.folder)


def _print(study: Study, parts: Sequence[Table | Picture]) -> None:
    from ..experiments.reproduction.sections import Picture

    say(f"{study.title}\nThe paper: {study.claim}\n")
    for part in parts:
        if isinstance(part, Picture):
            continue
        rows = [
            [f"{text}{'*' if best else ''}" + (f" {small}" if small else "") for text, small, best in row] for row in part.rows
        ]
        print_table(part.header, rows, part.heading, notes=_marks(rows))
        say("".join(f"  {line}\n" for line in part.notes))


def _marks(rows: list[list[str]]) -> list[str]:
    """Return what stands for a figure that is not there."""
    cells = {cell for row in rows for cell in row}
    said = {"n/a": "n/a: there can be no such figure; a line below says why", "pending": "pending: not run yet"}
    return [text for mark, text in said.items() if mark in cells]


def _records(study: Study, results: Results, pending: dict[str, str]) -> list[dict[str, Any]]:
    """Return one record a task of what is done, and one a cell, without metrics, of what is not."""
    from ..experiments.reproduction.runner import why_not

    records = []
    for _, row, cell in study.cells():
        found = results.of(cell)
        reason = "pending: " + (pending.get(cell.key) or why_not(cell) or "not run yet")
        records += found or [
            {
                "key": cell.key, "study": study.name, "label": row.label, "model": cell.model, "dataset": cell.dataset,
                "content": cell.content_label, "protocol": cell.protocol, "seed": cell.seed, "fold": cell.fold, "metrics": {},
                "reason": reason,
            }
        ]  # fmt: skip
    return records


def _command(study: str, datasets: str | None, seeds: str | None, quick: bool, settings: list[str]) -> str:
    """Return the command that makes these results, wherever they were written."""
    words = ["dualnet reproduce", study]
    words += [f"--datasets {datasets}"] if datasets else []
    words += [f"--seeds {seeds}"] if seeds else []
    words += ["--quick"] if quick else []
    return " ".join([*words, *(f"--set {shlex.quote(setting)}" for setting in settings)])
