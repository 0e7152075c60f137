"""A study's report as Markdown with its pictures beside it, and as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...files import write_text
from ..report_page import ReportPage
from ..studies.cells import Study
from .sections import Entry, Picture, Table

ANOTHER = "choose another --out"


def write_markdown(study: Study, parts: Sequence[Table | Picture], head: str, command: str, folder: Path) -> Path:
    """Write ``report.md`` and ``plots/*.svg``.

    Parameters
    ----------
    study : Study
        Title and claim.
    parts : sequence of Table or Picture
        From `sections`.
    head : str
        What the figures are.
    command : str
        What makes them again.
    folder : Path
        Where to write.

    Raises
    ------
    ResourceError
        If a file cannot be written.
    """
    lines = [f"# {study.title}", "", f"The paper: {study.claim}", "", head, "", "```console", command, "```", ""]
    for part in parts:
        if isinstance(part, Picture):
            write_text(folder / "plots" / f"{part.name}.svg", part.svg, ANOTHER)
            lines += [f"![{part.heading}](plots/{part.name}.svg)", ""]
            continue
        lines += [
            f"{'###' if part.is_part else '##'} {part.heading}",
            "",
            _line(part.header),
            "|---" + "|---:" * (len(part.header) - 1) + "|",
        ]
        lines += [_line([_entry(entry) for entry in row]) for row in part.rows]
        lines += ["", *(f"- {note}" for note in part.notes), ""]
    return write_text(folder / "report.md", "\n".join(lines).rstrip() + "\n", ANOTHER)


def write_page(study: Study, parts: Sequence[Table | Picture], head: str, command: str, folder: Path) -> Path:
    """Write ``report.html``, pictures within; arguments as in `write_markdown`."""
    page = ReportPage(study.title, f"The paper: {study.claim} {head} Command: {command}")
    for part in parts:
        if isinstance(part, Picture):
            page.plot(part.heading, part.svg)
        else:
            page.table(part.heading, part.header, part.rows, part.notes)
    return page.write(folder / "report.html")


def _line(entries: Sequence[str]) -> str:
    return "| " + " | ".join(entry.replace("|", "\\|") for entry in entries) + " |"


def _entry(entry: Entry) -> str:
    text, small, best = entry
    return (f"**{text}**" if best else text) + (f" ({small})" if small else "")
