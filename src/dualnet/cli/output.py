"""The output of commands: JSON or text on standard output, remarks on standard error, and files that are written."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..tabular import wrapped
from .visible import visible

PIPE_WIDTH = 160

JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def print_json(value: Any) -> None:
    """Write a result as JSON; NaN and infinite numbers are refused rather than written as something no parser reads."""
    sys.stdout.write(json.dumps(value, indent=1, allow_nan=False, default=_plain) + "\n")


def say(text: str) -> None:
    """Write a line for a person on standard output."""
    sys.stdout.write(visible(text) + "\n")


def say_lines(text: str) -> None:
    """Write sentences for a person on standard output, broken between words where that is a terminal."""
    width = terminal_width()
    say("\n".join(wrapped(line, width) for line in text.split("\n")) if width else text)


def terminal_width() -> int | None:
    """Return the width of the terminal that standard output is (``COLUMNS`` first); None for a pipe, which has none of its own."""
    return get_terminal_size().columns if sys.stdout.isatty() else None


def note(text: str) -> None:
    """Write a line of progress on standard error."""
    sys.stderr.write(visible(text) + "\n")
    sys.stderr.flush()


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    notes: Sequence[str] = (),
    best: str = "of its column",
) -> None:
    """Write an aligned table; the first column to the left, the others to the right.

    Parameters
    ----------
    header : sequence of str
        Column names.
    rows : sequence of sequence of str
        Cells. A figure that ends in ``*`` is the best of its column (or as `best` says), ``n/a`` one that a model cannot have; a line under the
        table says so where they occur.
    title : str, optional
        Above it.
    notes : sequence of str
        Lines below it; one that starts with ``n/a`` says why.
    best : str
        What a figure that ends in ``*`` is the best of.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for place, name in enumerate(header):
        table.add_column(Text(visible(name)), justify="left" if place == 0 else "right", no_wrap=False)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    # a pipe has no width of its own; a table cut off at 80 columns would lose figures
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
    cells = [cell for row in rows for cell in row[1:]]
    if any(cell.split(" ")[0].endswith("*") for cell in cells):
        say(f"*: the best {best}")
    if any(cell == "n/a" for cell in cells) and not any(line.startswith("n/a") for line in notes):
        say("n/a: the model cannot answer this kind of question")
    for line in dict.fromkeys(notes):
        say_lines(line)


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def check_output_file(path: Path, suffix: str, *, overwrite: bool) -> None:
    """Make sure, before any work, that a command may write a file.

    Parameters
    ----------
    path : Path
        What ``--out`` says.
    suffix : str
        Of the format that is written, such as ``.parquet``.
    overwrite : bool
        Whether a file that exists may be replaced.

    Raises
    ------
    UsageError
        For another suffix, a folder, or a file that exists and is to be kept.
    """
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path} does not end in {suffix}, the format that is written; choose another --out")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; choose another --out")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; replace it with --overwrite or choose another --out")
