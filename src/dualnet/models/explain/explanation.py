"""The explanation of one score: its parts by level, by item of the history and by content term, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import counted
from ...ids import Key
from ...retrieval.recommendations import UserPath
from ...tabular import cut_cell, html_table

Method = Literal["integrated-gradients", "leave-one-out"]
METHODS: tuple[Method, ...] = ("integrated-gradients", "leave-one-out")

ROUNDING = 1e-6  # a smaller difference between a score and the sum of its parts is none
SHOWN_PARTS = 5  # of each view, so that an explanation fits a screen
TOLD_GAP = 1e-5  # a larger difference between a score and the sum of its parts is said


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


@dataclass(frozen=True)
class View:
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
        The score by matched level; sums to it.
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
        """Return the explanation for a person.

        Parameters
        ----------
        top : int
            Parts of each view to name; the rest is summed in one line, so that what is printed still adds up.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.ContentProfile().fit(dualnet.synthetic.blocks_world())
        >>> print(model.explain("i0-3", history=["i0-2", "i0-1"]).to_text(top=1))
        mutation promoter transcription (i0-3): score ...
        <BLANKLINE>
        by level
        ...
        <BLANKLINE>
        because of
        ...
        """
        there = any(isinstance(part, HistoryPart) and part.item == self.item for part in self.history.parts)
        known = "; it is in the history already" if there else ""
        lines = [f"{_titled(self.title, self.item)}: score {self.score:.4f}{known}"]
        if self.resolved == "fallback":
            return "\n".join([*lines, "nothing is known of this user: the score is the item's number of training events"])
        lines += ["", "by level", *_lines([(name, score) for name, score in self.levels])]
        base = "with an empty history" if self.method == "integrated-gradients" else "what no single item explains"
        lines += ["", "because of", *_view(self.history, base, top)]
        if self.content is not None:
            base = "without any content" if self.method == "integrated-gradients" else "what no single term explains"
            lines += ["", "for its content", *_view(self.content, base, top)]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        best = self.history.parts[0] if self.history.parts else None
        because = "" if best is None else f", most because of {_name(best)}"
        return f"Explanation({_titled(self.title, self.item)}: score {self.score:.4f}{because})"

    def _repr_html_(self) -> str:
        parts = self.history.parts if self.content is None else (*self.history.parts, *self.content.parts)
        rows: list[list[object]] = [["level", name, score] for name, score in self.levels]
        for what, view in (("because of", self.history), ("for its content", self.content)):
            shown: Sequence[HistoryPart | ContentPart] = () if view is None else view.parts[:SHOWN_PARTS]
            rows += [[what, _name(part), part.score] for part in shown]
        left = len(parts) - len(rows) + len(self.levels)
        note = f"{counted(left, '{smaller part is|smaller parts are}')} left out." if left else ""
        heading = f"{_titled(self.title, self.item)}: score {self.score:.4f}, divided in {len({row[0] for row in rows})} ways"
        return html_table(("by", "part", "score"), rows, heading, note=note)


def _view(view: View, base: str, top: int) -> list[str]:
    rows: list[tuple[str, float]] = [(_name(part), part.score) for part in view.parts[:top]]
    rest = view.parts[top:]
    if rest:
        rows.append((f"{len(rest)} more", sum(part.score for part in rest)))
    rows.append((f"({base})", view.base))
    if abs(view.gap) > TOLD_GAP:
        rows.append(("(not accounted for)", view.gap))
    return _lines(rows)


def _name(part: HistoryPart | ContentPart) -> str:
    if isinstance(part, ContentPart):
        return cut_cell(f"{part.column}: {part.term}")
    return _titled(part.title, part.item)


def _titled(title: str, item: Key) -> str:
    """Return a title in one line, with the id where that is something else."""
    return cut_cell(title) if title == str(item) else f"{cut_cell(title)} ({item})"


def _lines(rows: Sequence[tuple[str, float]]) -> list[str]:
    return [f"  {score:>+9.4f}  {name}" for name, score in rows]
