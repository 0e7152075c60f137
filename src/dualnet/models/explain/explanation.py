"""The explanation of one score: its parts by level, by item of the history and by content term, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ...errors import counted
from ...ids import Key
from ...representations import ShowsChanges
from ...retrieval.recommendations import UserPath
from ...tabular import html_table
from .level_names import in_plain_words
from .sums import WIDTH, Sum, decimals_of, shortened, titled

Method = Literal["integrated-gradients", "leave-one-out"]
METHODS: tuple[Method, ...] = ("integrated-gradients", "leave-one-out")

ROUNDING = 1e-6  # a smaller difference between a score and the sum of its parts is none
SHOWN_PARTS = 5  # of each view, so that an explanation fits a screen
HTML_PARTS = 3  # the same in a notebook
NAME_WIDTH = WIDTH - 15  # beside a figure
REPR_WIDTH = 26  # of each of the two titles of a short representation
TOLD_GAP = 1e-5  # a larger difference between a score and the sum of its parts is said, of small scores a smaller one too


@dataclass(frozen=True)
class HistoryPart:
    """Contribution of one item of the history to a score."""

    item: Key
    title: str
    score: float


@dataclass(frozen=True)
class ContentPart:
    """Contribution of one content term of the recommended item to its score; a word is as the item's text writes it first."""

    column: str
    term: str
    score: float


@dataclass(frozen=True, repr=False)
class View(ShowsChanges):
    """A score as a stated base and parts, the largest first.

    Parameters
    ----------
    base : float
        The score without any of the parts: of an empty history, or of an item without content.
    parts : tuple of HistoryPart or of ContentPart
        By size, whatever the sign; ties in catalogue order.
    gap : float
        The score less base and parts: what the sum misses, rounding where all is well.
    """

    base: float
    parts: tuple[HistoryPart, ...] | tuple[ContentPart, ...]
    gap: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; a gap is in it only where it is more than rounding."""
        shown = {"base": self.base, "parts": [dict(vars(part)) for part in self.parts]}
        return shown | ({"gap": self.gap} if abs(self.gap) > ROUNDING else {})


@dataclass(frozen=True, repr=False)
class Explanation:
    """Explanation of the score of one item for one user.

    The levels are one way to divide the score; history and content are two others. The parts of each view sum to the score;
    parts of different views must not be added.

    Parameters
    ----------
    item : str or int
        The item explained.
    title : str
        Title for display.
    resolved : str
        How the question was understood, as in `Recommendations`.
    score : float
        The score; ``fallback``: the number of training events.
    method : str
        ``integrated-gradients`` (closed sums for linear parts of a model) or ``leave-one-out``.
    levels : tuple of (str, float)
        The score by matched level, such as ``what others took``, ``what it is about``, ``level 1``; sums to it.
    history : View
        By items of the history, those that count nothing among them.
    content : View, optional
        By content terms of the item that count at all; None for models that do not read content.

    Examples
    --------
    >>> import dualnet
    >>> model = dualnet.ContentProfile().fit(dualnet.synthetic.blocks_world())
    >>> why = model.explain("i0-3", history=["i0-0", "i0-1"])
    >>> sorted(part.item for part in why.history.parts)
    ['i0-0', 'i0-1']
    """

    item: Key
    title: str
    resolved: UserPath
    score: float
    method: Method
    levels: tuple[tuple[str, float], ...]
    history: View
    content: View | None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.ContentProfile().fit(dualnet.synthetic.blocks_world())
        >>> model.explain("i0-3", history=["i0-0"]).to_json()["title"]
        'mutation promoter transcription'
        """
        return {
            "item": self.item,
            "title": self.title,
            "resolved": self.resolved,
            "score": self.score,
            "method": self.method,
            "levels": [{"name": name, "score": score} for name, score in self.levels],
            "history": self.history.to_json(),
            "content": None if self.content is None else self.content.to_json(),
        }

    def to_text(self, top: int = SHOWN_PARTS) -> str:
        """Return the explanation for a person: three tables in plain words, each of which adds up to the score, within 80 columns.

        Levels that mean the same to a person are one line; `levels` has each of them. Figures are rounded so that they add up as
        printed.

        Parameters
        ----------
        top : int
            Parts of each table to name; the rest is summed in one line.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.ContentProfile().fit(dualnet.synthetic.blocks_world())
        >>> print(model.explain("i0-3", history=["i0-2", "i0-1"]).to_text(top=1))
        mutation promoter transcription (i0-3)
        Score ...
        """
        lines = [titled(self.title, str(self.item), WIDTH)]
        if self.resolved == "fallback":
            lines.append(f"Score {self.score:g}: nothing is known of this user, so it is how many took the item.")
            return "\n".join(lines)
        decimals = self._decimals()
        tables = self._tables(top, decimals)
        lines.append(f"Score {self.score:.{decimals}f}. Each table divides it in another way, and adds up to it.")
        if any(isinstance(part, HistoryPart) and part.item == self.item for part in self.history.parts):
            lines.append("It is in the history already.")
        return "\n\n".join(["\n".join(lines), *(table.to_text(decimals) for table in tables)])

    def _decimals(self) -> int:
        views = [self.history, *([] if self.content is None else [self.content])]
        parts = [part.score for view in views for part in view.parts]
        return decimals_of(self.score, [*(score for _, score in self.levels), *(view.base for view in views), *parts])

    def _tables(self, top: int, decimals: int) -> list[Sum]:
        told = min(TOLD_GAP, 0.5 * 10.0**-decimals)  # what could be seen is said
        closed = self.method == "integrated-gradients"
        tables = []
        if closed:
            tables.append(Sum("What the score comes from", tuple(in_plain_words(self.levels)), self.score))
        empty, rest = "somebody without a history", "what no single item explains"
        tables.append(_table("Items of the history", self.history, self.score, empty if closed else rest, closed, top, told))
        if self.content is not None:
            empty, rest = "the item without its content", "what no single part explains"
            tables.append(_table("Content of the item", self.content, self.score, empty if closed else rest, closed, top, told))
        return tables

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        best = self.history.parts[0] if self.history.parts else None
        because = f", most because of {shortened(best.title, REPR_WIDTH)}" if isinstance(best, HistoryPart) else ""
        return f"Explanation({shortened(self.title, REPR_WIDTH)}: score {self.score:.3f}{because})"

    def _repr_html_(self) -> str:
        decimals = self._decimals()
        tables = self._tables(HTML_PARTS, decimals)
        rows: list[list[object]] = []
        sums: set[tuple[int, int]] = set()
        for table in tables:
            shown = table.rows(decimals)
            rows += [[table.title if at == 0 else "", name, figure] for at, (figure, name) in enumerate(shown)]
            sums |= {(len(rows) - 1, 1), (len(rows) - 1, 2)}
        ways = counted(len(tables), "{way|ways}")
        heading = f"{titled(self.title, str(self.item), WIDTH)}: score {self.score:.{decimals}f}, divided in {ways}"
        return html_table(("by", "part", "score"), rows, heading, bold=sums)


def _table(title: str, view: View, score: float, base: str, closed: bool, top: int, told: float) -> Sum:
    parts = [(_name(part), part.score) for part in view.parts[:top]]
    rest = view.parts[top:]
    if rest:
        parts.append((f"{len(rest):,} more", sum(part.score for part in rest)))
    if abs(view.gap) > told:
        parts.append(("not accounted for", view.gap))
    if closed:
        return Sum(title, tuple(parts), score, (base, view.base) if view.base or not parts else None)
    return Sum(title, (*parts, (base, view.base)), score)


def _name(part: HistoryPart | ContentPart) -> str:
    if isinstance(part, ContentPart):
        return shortened(f"{part.column}: {part.term}", NAME_WIDTH)
    return titled(part.title, str(part.item), NAME_WIDTH)
