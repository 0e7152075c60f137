"""The report of a study as data (tables, texts, pictures in order), which Markdown, page and terminal print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...report import FIRST, PROTOCOL_TEXT, SERVED_TEXT
from ..result_lines import Record
from ..studies.cells import Block, Study
from .figures import RowResult, ordering, race, row_result
from .paired_tests import Key
from .plots import PLOTS
from .results import SERVED, Results

Entry = tuple[str, str, bool]  # text, small print, whether best of its column
VIEWS = {
    "task": "candidates: the new items alone",
    "all": "candidates: all items",
    "known-known": "known users, known items",
    "known-new": "known users, new items",
    "new-known": "new users, known items",
    "new-new": "new users, new items",
    "known-all": "known users, one list of all items, as it is served",
    "new-all": "new users, one list of all items, as it is served",
}
TESTS_NOTE = (
    "Over users: paired bootstrap, each user's mean over the runs. Over runs: paired t-interval over seeds or folds. More than"
    " noise where both 95 % intervals leave zero out. Where the figures of each user are not kept, the test over runs stands alone."
)


@dataclass(frozen=True, eq=False)
class Table:
    """A table with its small print.

    Parameters
    ----------
    heading : str
        Above it.
    header : list of str
        Columns.
    rows : list of list of (text, small print, whether best)
        Entries.
    notes : list of str
        Below it.
    is_part : bool
        Whether it belongs to the table before it.
    """

    heading: str
    header: list[str]
    rows: list[list[Entry]]
    notes: list[str] = field(default_factory=list)
    is_part: bool = False


@dataclass(frozen=True, eq=False)
class Picture:
    """A plot.

    Parameters
    ----------
    heading : str
        Above it.
    name : str
        Of its file, without suffix.
    svg : str
        The picture.
    """

    heading: str
    name: str
    svg: str


def sections(
    study: Study,
    results: Results,
    comparisons: Mapping[Key, Record],
    pending: Mapping[str, str],
) -> list[Table | Picture]:
    """Return everything that a report of a study shows.

    Parameters
    ----------
    study : Study
        The plan.
    results : Results
        What is done.
    comparisons : mapping
        From `compare`.
    pending : mapping of key to str
        From `run_study`.
    """
    parts: list[Table | Picture] = []
    for block in study.blocks:
        for candidates in block.views:
            rows = {row.label: row_result(results, block, row, candidates, pending) for row in block.rows}
            heading = block.title + (f"; {VIEWS.get(candidates, candidates)}" if candidates else "")
            parts.append(figures_table(heading, block, rows))
            tests = _tests_table(block, candidates or "", comparisons)
            if tests is not None:
                parts.append(tests)
            if block.race and (raced := _race_table(rows)) is not None:
                parts.append(raced)
            name = block.name + (f"-{candidates}" if candidates and len(block.views) > 1 else "")
            tested = {key[2:]: record for key, record in comparisons.items() if key[:2] == (block.name, candidates or "")}
            for kind in block.plots:
                svg = PLOTS[kind](rows, block, tested)
                if svg is not None:
                    parts.append(Picture(f"{heading}: {kind}", f"{name}-{kind}", svg))
        for task in SERVED:
            served = {row.label: row_result(results, block, row, task, pending) for row in block.rows}
            if any(row.figures for row in served.values()):
                parts.append(served_table(block, task, served))
    return parts


def figures_table(heading: str, block: Block, rows: Mapping[str, RowResult]) -> Table:
    """Return the paper's figures beside ours.

    Parameters
    ----------
    heading : str
        Above the table.
    block : Block
        The plan of the table.
    rows : mapping of label to RowResult
        What is done.
    """
    with_paper = any(row.paper for row in block.rows)
    kinds = ("paper", "ours") if with_paper else ("",)
    header = ["method", *(f"R@{cut} {kind}".strip() for cut in block.cuts for kind in kinds), "runs"]
    best = {
        cut: max((row.figures[cut].mean for row in rows.values() if row.figures), default=None) for cut in block.cuts
    }  # fmt: skip
    table = []
    for label, result in rows.items():
        line: list[Entry] = [(label, "", False)]
        for cut in block.cuts:
            if with_paper:
                printed = result.row.paper.get(cut)
                line.append(("" if printed is None else f"{printed:.3f}", "", False))
            if result.figures:
                figure = result.figures[cut]
                line.append((f"{figure.mean:.3f}", f"{figure.low:.3f}-{figure.high:.3f}", figure.mean == best[cut]))
            else:
                line.append(("pending" if result.is_pending else "n/a", "", False))
        table.append([*line, (f"{result.done}/{result.planned}", "", False)])
    notes = [block.note, *_row_notes(rows), *ordering(block, rows)]
    return Table(heading, header, table, [note for note in notes if note])


def served_table(block: Block, task: str, rows: Mapping[str, RowResult]) -> Table:
    """Return the figures of one list of all items; rows that ran before such lists were measured are left out.

    Parameters
    ----------
    block : Block
        The plan of the table.
    task : str
        One of `SERVED`.
    rows : mapping of label to RowResult
        From `row_result` with that task.
    """
    done = {label: result for label, result in rows.items() if result.figures}
    shown = figures_table(f"{block.title}; {VIEWS[task]}", replace(block, note="", order=()), done)
    shares = [
        (header, f"{name}@{FIRST}")
        for header, name in ((f"P@{FIRST}", "precision"), (f"new@{FIRST}", "new_share"), (f"unliked@{FIRST}", "unliked_share"))
        if all(f"{name}@{FIRST}" in record["metrics"] for result in done.values() for record in result.records)
    ]
    kept = [0, *(place for place, name in enumerate(shown.header) if name.startswith("R@") and not name.endswith("paper"))]
    lines = []
    for result, line in zip(done.values(), shown.rows, strict=True):
        means = [sum(r["metrics"][name]["mean"] for r in result.records) / len(result.records) for _, name in shares]
        lines.append([line[place] for place in kept] + [(f"{mean:.3f}", "", False) for mean in means] + [line[-1]])
    header = [shown.header[place].removesuffix(" ours") for place in kept] + [name for name, _ in shares] + ["runs"]
    return Table(shown.heading, header, lines, [SERVED_TEXT])


def _row_notes(rows: Mapping[str, RowResult]) -> list[str]:
    """Return the notes on rows; rows with the same note share a line."""
    gathered: dict[str, list[str]] = {}
    for label, result in rows.items():
        if result.row.note:
            gathered.setdefault(result.row.note, []).append(label)
        if result.reason:
            some = f"figures of {result.done} of {result.planned} runs; " if result.figures else ""
            gathered.setdefault(some + result.reason, []).append(label)
        if result.figures and result.over == "users" and result.planned > 1:
            gathered.setdefault("One run so far: the interval is over its users.", []).append(label)
    return [f"{'; '.join(labels)}: {note}" for note, labels in gathered.items()]


def _tests_table(block: Block, candidates: str, comparisons: Mapping[Key, Record]) -> Table | None:
    rows: list[list[Entry]] = []
    notes = [TESTS_NOTE]
    for first, second in block.contrasts:
        for cut in block.cuts:
            record = comparisons.get((block.name, candidates, first, second, cut))
            if record is None:
                continue
            rows.append(
                [
                    (f"{first} minus {second}", "", False),
                    (f"R@{cut}", "", False),
                    _signed(record["over_users"], 3),
                    _signed(record["over_runs"], 3),
                    _signed(record["relative"], 1, 100, " %"),
                    (record["verdict"], "", False),
                ]
            )
            if block.bar is not None and record["relative"] is not None:
                notes.append(f"{first} against {second}, R@{cut}: {held(record['relative'], block.bar)}.")
    if not rows:
        return None
    return Table(
        "Paired tests",
        ["difference", "at", "over users", "over runs", "relative", "verdict"],
        rows,
        notes,
        is_part=True,
    )


def held(interval: Mapping[str, Any], bar: float) -> str:
    """Return whether a relative difference stays within a bar, in words.

    Parameters
    ----------
    interval : mapping
        ``mean`` and ``ci95`` of first / second - 1.
    bar : float
        Such as 0.03.
    """
    low, high = interval["ci95"]
    if -bar <= low and high <= bar:
        return f"within {bar:.0%}, and so is the whole interval"
    if abs(interval["mean"]) <= bar:
        return f"within {bar:.0%}, but the interval reaches beyond"
    return f"better by more than {bar:.0%}" if interval["mean"] > 0 else f"worse by more than {bar:.0%}"


def _signed(interval: Mapping[str, Any] | None, digits: int, scale: float = 1, unit: str = "") -> Entry:
    if interval is None:
        return ("", "", False)
    mean, low, high = (round(scale * value, digits) + 0.0 for value in (interval["mean"], *interval["ci95"]))  # no "-0.000"
    return (f"{mean:+.{digits}f}{unit}", f"{low:+.{digits}f} to {high:+.{digits}f}", False)


def _race_table(rows: Mapping[str, RowResult]) -> Table | None:
    found = race(rows)
    if not found:
        return None
    return Table(
        f"To a validation recall of {found[0].target:.3f} (recall@auto)",
        ["method", "epochs", "seconds", "seconds an epoch", "runs"],
        [
            [
                (entry.label, "", False),
                (f"{entry.epochs:.1f}", "", entry.epochs == min(e.epochs for e in found)),
                (f"{entry.seconds:.1f}", "", entry.seconds == min(e.seconds for e in found)),
                (f"{entry.epoch_seconds:.2f}", "", entry.epoch_seconds == min(e.epoch_seconds for e in found)),
                (str(entry.runs), "", False),
            ]
            for entry in found
        ],
        ["The target is 99 % of the best that the weakest row reaches on a seed. Seconds include validation after each epoch."],
        is_part=True,
    )


def summary(study: Study, results: Results) -> str:
    """Return what the figures mean and where they come from, for the head of a report."""
    cells = [cell for _, _, cell in study.cells()]
    records = [record for cell in cells for record in results.of(cell)]
    machines = dict.fromkeys(
        f"{r['machine']['processor']}, {r['machine']['cores']} cores, Python {r['machine']['python']}, "
        + ", ".join(f"{name} {number}" for name, number in r["versions"].items() if name != "commit")
        for r in records
    )
    commits = dict.fromkeys(r["versions"]["commit"] for r in records)
    done = sum(bool(results.of(cell)) for cell in cells)
    return " ".join(
        [
            f"{done} of {len(cells)} cells done.",
            PROTOCOL_TEXT,
            "Figures are means over runs (seeds or folds) with 95 % t-intervals; of a single run, intervals are over users.",
            *(f"Machine: {machine}." for machine in machines),
            *([f"Commits: {', '.join(commits)}."] if commits else []),
        ]
    )
