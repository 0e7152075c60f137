"""Small tables of numbers that visibly add up: rounded figures, the sum last, lines that fit a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 80  # of a terminal
SHORTEST_TITLE = 20  # of a title beside a long id
MOST_DECIMALS = 8


@dataclass(frozen=True)
class Sum:
    """A number as a sum of parts.

    Parameters
    ----------
    title : str
        What the parts are.
    parts : tuple of (str, float)
        Each part with its name.
    total : float
        Their sum.
    start : tuple of (str, float), optional
        What is there before any part.
    """

    title: str
    parts: tuple[tuple[str, float], ...]
    total: float
    start: tuple[str, float] | None = None

    def rows(self, decimals: int) -> list[tuple[str, str]]:
        """Return each figure as text with its name: the start, the parts with their signs, and the sum."""
        named = [*([] if self.start is None else [self.start]), *self.parts]
        figures = rounded([value for _, value in named], self.total, decimals)
        signs = ["" if self.start is not None and at == 0 else "+" for at in range(len(named))]
        shown = [f"{figure:{sign}.{decimals}f}" for figure, sign in zip(figures, signs, strict=True)]
        return [*zip(shown, [name for name, _ in named], strict=True), (f"{_figure(self.total, decimals)}", "score")]

    def to_text(self, decimals: int) -> str:
        """Return the table for a terminal: a line for each part, and the sum behind an equals sign."""
        rows = self.rows(decimals)
        width = max(len(figure) for figure, _ in rows) + 1
        first = [f"   {figure:>{width}}  {name}" for figure, name in rows[:-1]]
        figure, name = rows[-1]
        return "\n".join([self.title, *(shortened(line, WIDTH) for line in first), f"  ={figure:>{width}}  {name}"])


def rounded(values: Sequence[float], total: float, decimals: int) -> list[float]:
    """Return values of so many decimals whose sum is that of the rounded total, each off by less than one unit of the last.

    Parameters
    ----------
    values : sequence of float
    total : float
        What they sum to, but for a difference that is too small to be shown.
    decimals : int
    """
    unit = 10.0**-decimals
    down = [math.floor(value / unit) for value in values]
    left = round(total / unit) - sum(down)
    by_rest = sorted(range(len(values)), key=lambda at: (down[at] - values[at] / unit, -abs(values[at])))
    for at in by_rest[: max(left, 0)]:
        down[at] += 1
    return [number * unit + 0.0 for number in down]


def decimals_of(score: float, parts: Sequence[float]) -> int:
    """Return how many decimals show a score and its parts: none of whole numbers, otherwise enough for three figures."""
    sizes = [abs(value) for value in (score, *parts)]
    if all(float(value).is_integer() for value in sizes):
        return 0
    return min(max(3, 2 - math.floor(math.log10(max(sizes)))), MOST_DECIMALS)


def shortened(text: str, width: int) -> str:
    """Return a text as one line of at most so many places of a terminal; what is cut off is told by three points."""
    from rich.cells import cell_len, set_cell_size

    line = " ".join(text.split()) if "\n" in text else text
    return line if cell_len(line) <= width else f"{set_cell_size(line, width - 4).rstrip()} ..."


def titled(title: str, key: str, width: int) -> str:
    """Return a title with the id behind it where that is something else; the title is shortened, never the id."""
    title = " ".join(title.split())
    if title == key:
        return shortened(title, width)
    return f"{shortened(title, max(width - len(key) - 3, SHORTEST_TITLE))} ({key})"


def _figure(value: float, decimals: int) -> str:
    return f"{round(value, decimals) + 0.0:.{decimals}f}"
