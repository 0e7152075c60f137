"""Results that are tables: as Arrow, pandas or Polars for programs, as HTML for notebooks."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any

from .errors import ResourceError

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROWS = 20  # of a table in a notebook
LONGEST_CELL = 100  # characters of a cell; tables for programs have all of it

STYLE = "text-align:left;padding:2px 12px 2px 0"
NUMBERS = "text-align:right;padding:2px 12px 2px 0;font-variant-numeric:tabular-nums"
NOTHING = "-"  # where there is no figure
_NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?( \(-?\d+\.\d+ to -?\d+\.\d+\))?")


class Tabular(ABC):
    """A result with one table: `to_arrow` makes it, everything else follows from it.

    Examples
    --------
    >>> import dualnet
    >>> from dualnet.tabular import Tabular
    >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
    >>> isinstance(model.recommend("u0-0", k=2), Tabular)
    True
    """

    @abstractmethod
    def to_arrow(self) -> pa.Table:
        """Return the result as an Arrow table.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> model.recommend("u0-0", k=2).to_arrow().num_rows
        2
        """

    def to_pandas(self) -> Any:
        """Return the table of `to_arrow` as a pandas data frame.

        Raises
        ------
        ResourceError
            Without pandas.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> list(model.recommend("u0-0", k=2).to_pandas().columns)
        ['rank', 'item', 'score', 'title', 'path']
        """
        return self._as_frame("pandas")

    def to_polars(self) -> Any:
        """Return the table of `to_arrow` as a Polars data frame.

        Raises
        ------
        ResourceError
            Without Polars.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> model.recommend("u0-0", k=2).to_polars().shape
        (2, 5)
        """
        return self._as_frame("polars")

    def _as_frame(self, package: str) -> Any:
        import narwhals as nw

        try:
            return getattr(nw.from_native(self.to_arrow(), eager_only=True), f"to_{package}")()
        except ModuleNotFoundError as error:
            if error.name != package:
                raise
            raise ResourceError(
                f"a data frame needs the package '{package}', which is not installed; run: pip install {package}, or take to_arrow()"
            ) from error


def wrapped(line: str, width: int) -> str:
    r"""Return a line broken between words; what follows is indented as the line is.

    Parameters
    ----------
    line : str
        One line.
    width : int
        Characters of a line.

    Examples
    --------
    >>> from dualnet.tabular import wrapped
    >>> wrapped("  one two", 6)
    '  one\n  two'
    """
    indent = line[: len(line) - len(line.lstrip())]
    return fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def html_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    heading: str,
    *,
    note: str = "",
    bold: Collection[tuple[int, int]] = (),
) -> str:
    """Return a table as HTML, for a notebook: every text escaped, long cells cut, at most 20 rows.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns.
    rows : sequence of sequence
        Cells of each row, one for each column; a float is shown with three decimals. Columns of numbers stand to the right.
    heading : str
        Sentence above the table.
    note : str
        Lines below it.
    bold : collection of (int, int)
        Cells to mark, by row and column.

    Examples
    --------
    >>> from dualnet.tabular import html_table
    >>> "&lt;b&gt;" in html_table(["title"], [["<b>"]], "one item")
    True
    """
    cells = [[_text(value) for value in row] for row in rows[:SHOWN_ROWS]]
    styles = [NUMBERS if _are_numbers([row[at] for row in cells]) else STYLE for at in range(len(columns))]
    head = "".join(f'<th style="{style}">{escape(name)}</th>' for name, style in zip(columns, styles, strict=True))
    body = [
        "<tr>" + "".join(_html_cell(text, styles[at], (place, at) in bold) for at, text in enumerate(row)) + "</tr>"
        for place, row in enumerate(cells)
    ]
    rest = len(rows) - SHOWN_ROWS
    if rest > 0:
        body.append(f'<tr><td colspan="{len(columns)}" style="{STYLE}">and {rest:,} more</td></tr>')
    below = f"<p>{'<br>'.join(map(escape, note.splitlines()))}</p>" if note else ""
    return (
        f"<div><p>{escape(heading)}</p><table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{below}</div>"
    )


def cut_cell(text: str) -> str:
    """Return a text as at most one line, such as a title where a whole abstract stands for it.

    Examples
    --------
    >>> from dualnet.tabular import cut_cell
    >>> cut_cell("short")
    'short'
    """
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_CELL else f"{line[:LONGEST_CELL].rstrip()} ..."


def _text(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else cut_cell(str(value))


def _are_numbers(texts: Sequence[str]) -> bool:
    return any(map(_NUMBER.fullmatch, texts)) and all(text in ("", NOTHING) or _NUMBER.fullmatch(text) for text in texts)


def _html_cell(text: str, style: str, marked: bool) -> str:
    text = escape(text)
    return f'<td style="{style}">{f"<b>{text}</b>" if marked else text}</td>'
