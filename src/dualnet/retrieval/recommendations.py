"""Lists of recommendations, one or many, and how the user and the items of each were found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

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
        Recommended items (or users).
    scores : list of float
        Inner products, or event counts where `resolved` says ``fallback``.
    titles : list of str
        Titles for display.
    paths : list of str
        How each entry was encoded: ``known`` (seen in training), ``content`` (new, from its content), ``popularity``.
    resolved : str
        How the question was understood: ``known`` (a stored id), ``history`` (given with the question), ``columns``,
        ``item``, or ``fallback`` (nothing known: the most popular items).
    ignored : list of str or int
        History entries that the model could not take account of, and ids of the question that are not in the catalogue.
    what : str
        ``item`` or ``user``.
    popularity : float
        Share of the average user's score that is in the scores; 1 for all of it.

    Examples
    --------
    >>> import dualnet
    >>> likes = dualnet.Interactions.from_pairs(["ann", "bob", "bob", "cid"], ["tea", "tea", "jam", "jam"])
    >>> model = dualnet.Popularity().fit(dualnet.Dataset(likes))
    >>> print(model.recommend("ann", k=1))
    1 item for someone known
      1. jam    2.0000
    """

    ids: list[Key]
    scores: list[float]
    titles: list[str]
    paths: list[ItemPath]
    resolved: UserPath
    ignored: list[Key]
    what: Literal["item", "user"] = "item"
    popularity: float = 1.0

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self):  # type: ignore[no-untyped-def]
        """Iterate over (id, score) pairs."""
        return iter(zip(self.ids, self.scores, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> found = model.recommend("u0-0", k=2).to_json()
        >>> found["resolved"], [entry["rank"] for entry in found["items"]]
        ('known', [1, 2])
        """
        return {
            "resolved": self.resolved,
            "ignored": self.ignored,
            **({} if self.popularity == 1 else {"popularity": self.popularity}),
            f"{self.what}s": [
                {"rank": place + 1, self.what: key, "score": score, "title": title, "path": path}
                for place, (key, score, title, path) in enumerate(
                    zip(self.ids, self.scores, self.titles, self.paths, strict=True)
                )
            ],
        }

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table with columns rank, item (or user), score, title, path.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> model.recommend("u0-0", k=2).to_arrow().column_names
        ['rank', 'item', 'score', 'title', 'path']
        """
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
        if self.popularity != 1:
            head += f"; popularity counts {self.popularity:g}"
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


@dataclass(frozen=True)
class RecommendationLists(Sequence[Recommendations]):
    """The best items for each of many questions, in their order: a sequence of lists, and one table.

    Parameters
    ----------
    users : list of str or int
        Users of the questions: ids, or 0, 1, 2, ... for histories without a name.
    lists : list of Recommendations
        One for each of them.

    Examples
    --------
    >>> import dualnet
    >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
    >>> lists = model.recommend(["u0-0", "u1-0"], k=2)
    >>> lists.users
    ['u0-0', 'u1-0']
    >>> len(lists[0])
    2
    """

    users: list[Key]
    lists: list[Recommendations]

    def __len__(self) -> int:
        return len(self.lists)

    @overload
    def __getitem__(self, place: int) -> Recommendations: ...
    @overload
    def __getitem__(self, place: slice) -> RecommendationLists: ...
    def __getitem__(self, place: int | slice) -> Recommendations | RecommendationLists:
        if isinstance(place, slice):
            return RecommendationLists(self.users[place], self.lists[place])
        return self.lists[place]

    def __iter__(self) -> Iterator[Recommendations]:
        return iter(self.lists)

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table with columns user, rank, item, score, title, path, resolved; a row for each entry.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> model.recommend(["u0-0", "u1-0"], k=2).to_arrow().num_rows
        4
        """
        import pyarrow as pa

        entries = [
            (user, found, place) for user, found in zip(self.users, self.lists, strict=True) for place in range(len(found))
        ]
        return pa.table(
            {
                "user": [user for user, _, _ in entries],
                "rank": [place + 1 for _, _, place in entries],
                "item": [key for found in self.lists for key in found.ids],
                "score": pa.array([score for found in self.lists for score in found.scores], pa.float32()),
                "title": [title for found in self.lists for title in found.titles],
                "path": [path for found in self.lists for path in found.paths],
                "resolved": [found.resolved for _, found, _ in entries],
            }
        )

    def to_pandas(self) -> Any:
        """Return the table of `to_arrow` as a pandas data frame.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> list(model.recommend(["u0-0"], k=2).to_pandas().columns)
        ['user', 'rank', 'item', 'score', 'title', 'path', 'resolved']
        """
        return self._frame().to_pandas()

    def to_polars(self) -> Any:
        """Return the table of `to_arrow` as a Polars data frame.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> model.recommend(["u0-0"], k=2).to_polars().columns
        ['user', 'rank', 'item', 'score', 'title', 'path', 'resolved']
        """
        return self._frame().to_polars()

    def to_json(self) -> list[dict[str, Any]]:
        """Return a JSON-ready list: that of each `Recommendations`, with its user.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
        >>> [entry["user"] for entry in model.recommend(["u0-0", "u1-0"], k=2).to_json()]
        ['u0-0', 'u1-0']
        """
        return [{"user": user, **found.to_json()} for user, found in zip(self.users, self.lists, strict=True)]

    def _frame(self) -> Any:
        import narwhals as nw

        return nw.from_native(self.to_arrow(), eager_only=True)


def _short(title: str) -> str:
    """Cut what stands for a title where things have none, such as a whole text, to a line."""
    return title if len(title) <= LONGEST_TITLE else f"{title[:LONGEST_TITLE].rstrip()} ..."
