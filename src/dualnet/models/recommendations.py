"""A list of recommendations, and how each side was resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

from ..errors import listing
from ..ids import Key

LONGEST_TITLE = 100  # characters of a printed list; `to_json` and tables have all of it

UserPath = Literal["known", "history", "columns", "fallback", "item"]
ItemPath = Literal["known", "content", "popularity"]


ASKED = {  # how a printed list begins, after the number of its entries
    ("item", "known"): " for someone known",
    ("item", "history"): " for this history",
    ("item", "columns"): " for someone with these columns",
    ("item", "fallback"): ", the most popular (nothing is known of the user)",
    ("item", "item"): " like this item",
    ("user", "item"): " for this item",
}


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
        head = f"{len(self)} {self.what}{'' if len(self) == 1 else 's'}{ASKED[self.what, self.resolved]}"
        if self.ignored:
            head += f"; not taken account of: {listing(self.ignored)}"
        width = max((len(str(key)) for key in self.ids), default=0)
        lines = [
            f"{place:>3}. {str(key).ljust(width)}  {score:8.4f}"
            + (f"  {_short(title)}" if title != str(key) else "")
            + ("  (new)" if path == "content" else "")
            for place, (key, score, title, path) in enumerate(
                zip(self.ids, self.scores, self.titles, self.paths, strict=True), 1
            )
        ]
        return "\n".join([head, *lines])


def _short(title: str) -> str:
    """Cut what stands for a title where things have none, such as a whole text, to a line."""
    return title if len(title) <= LONGEST_TITLE else f"{title[:LONGEST_TITLE].rstrip()} ..."
