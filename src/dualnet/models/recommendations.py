"""A list of recommendations, and how each side was resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

from ..ids import Key

LONGEST_TITLE = 100  # characters of a printed list; `to_json` and tables have all of it

UserPath = Literal["known", "history", "columns", "fallback", "item"]
ItemPath = Literal["known", "content", "popularity"]


@dataclass(frozen=True)
class Recommendations:
    """The best items (or users) for one question, best first.

    Parameters
    ----------
    ids : list of str or int
        What is recommended.
    scores : list of float
        Inner products, or event counts where `resolved` says ``fallback``.
    titles : list of str
        What to show a person.
    paths : list of str
        How each entry was encoded: ``known`` (seen in training), ``content`` (new, from its content), ``popularity``.
    resolved : str
        How the asking side was resolved: ``known`` (a stored id), ``history`` (given with the question), ``columns``,
        ``item``, or ``fallback`` (nothing known: the most popular items).
    ignored : list of str or int
        History entries that the model could not take account of.
    what : str
        ``item`` or ``user``.
    """

    ids: list[Key]
    scores: list[float]
    titles: list[str]
    paths: list[ItemPath]
    resolved: UserPath
    ignored: list[Key]
    what: Literal["item", "user"] = "item"

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self):  # type: ignore[no-untyped-def]
        """Iterate over (id, score) pairs."""
        return iter(zip(self.ids, self.scores, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "resolved": self.resolved,
            "ignored": self.ignored,
            f"{self.what}s": [
                {"rank": place + 1, self.what: key, "score": score, "title": title, "path": path}
                for place, (key, score, title, path) in enumerate(
                    zip(self.ids, self.scores, self.titles, self.paths, strict=True)
                )
            ],
        }

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table with columns rank, item (or user), score, title, path."""
        import pyarrow as pa

        return pa.table(
            {
                "rank": list(range(1, len(self) + 1)),
                self.what: self.ids,
                "score": self.scores,
                "title": self.titles,
                "path": self.paths,
            }
        )

    def __str__(self) -> str:
        head = f"{len(self)} {self.what}s, asked by {self.resolved}" + (f", ignored {self.ignored}" if self.ignored else "")
        width = max((len(str(key)) for key in self.ids), default=0)
        lines = [
            f"{place:>3}. {str(key).ljust(width)}  {score:8.4f}  {_short(title)}{'  (new)' if path == 'content' else ''}"
            for place, (key, score, title, path) in enumerate(
                zip(self.ids, self.scores, self.titles, self.paths, strict=True), 1
            )
        ]
        return "\n".join([head, *lines])


def _short(title: str) -> str:
    """Cut what stands for a title where things have none, such as a whole text, to a line."""
    return title if len(title) <= LONGEST_TITLE else f"{title[:LONGEST_TITLE].rstrip()} ..."
