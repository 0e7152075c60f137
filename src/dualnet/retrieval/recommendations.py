"""Lists of recommendations, one or many, and how the user and the items of each were found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    import pyarrow as pa

from ..errors import listing
from ..ids import Key
from ..representations import represented
from ..tabular import Tabular, cut_cell, html_table

UserPath = Literal["known", "history", "columns", "fallback", "item"]
ItemPath = Literal["known", "content", "popularity"]

UNTAKEN = "nobody took it yet"  # of an item without a like in the training data, wherever a list is printed
PATHS: dict[ItemPath, str] = {
    "known": "seen in training", "content": f"from its content, as {UNTAKEN}", "popularity": "by popularity"
}  # fmt: skip

ASKED = {  # how a printed list begins, after the number of its entries
    ("item", "known"): " for someone known",
    ("item", "history"): " for this history",
    ("item", "columns"): " for someone with these columns",
    ("item", "fallback"): ", the most popular (nothing is known of the user)",
    ("item", "item"): " like this item",
    ("user", "item"): " for this item",
}


@dataclass(frozen=True)
class Ruled:
    """What rules did to a list (`rules.rules.Rules`).

    Parameters
    ----------
    by : list of list of str
        For each entry the rules that put it there or moved it.
    score_ranks : list of int
        For each entry the rank it would have by its score alone; of an item that was drawn (`explore`) its place behind the list among
        those that could be.
    unmet : list of str
        What could not be done, a sentence each.
    """

    by: list[list[str]]
    score_ranks: list[int]
    unmet: list[str]

    def cut(self, place: slice) -> Ruled:
        """Return what is said of some places."""
        return Ruled(self.by[place], self.score_ranks[place], self.unmet)


@dataclass(frozen=True, repr=False)
class Recommendations(Tabular):
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
        How each entry was encoded: ``known`` (seen in training), ``content`` (from its content, as nobody took it yet), ``popularity``.
    resolved : str
        How the question was understood: ``known`` (a stored id), ``history`` (given with the question), ``columns``,
        ``item``, or ``fallback`` (nothing known: the most popular items).
    ignored : list of str or int
        History entries that the model could not take account of, and ids of the question that are not in the catalogue.
    what : str
        ``item`` or ``user``.
    popularity : float
        Share of the average user's score that is in the scores; 1 for all of it.
    ruled : Ruled, optional
        What rules did to the list, where there were any that choose among what may be listed.
    next_page : str, optional
        Where pages were asked for: what `recommend` takes as `page` for the next one; None where no page follows.
    paged : bool
        Whether pages were asked for.
    probabilities : list of float, optional
        With which probability each entry was to be on the list, where new items were drawn (`explore`).

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
    ruled: Ruled | None = None
    next_page: str | None = None
    paged: bool = False
    probabilities: list[float] | None = None

    @property
    def rules(self) -> list[list[str]]:
        """For each entry the rules that put it there or moved it; empty lists without rules."""
        return [[] for _ in self.ids] if self.ruled is None else self.ruled.by

    @property
    def unmet(self) -> list[str]:
        """What could not be done of the rules, a sentence each."""
        return [] if self.ruled is None else self.ruled.unmet

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self):  # type: ignore[no-untyped-def]
        """Iterate over (id, score) pairs."""
        return iter(zip(self.ids, self.scores, strict=True))

    @overload
    def __getitem__(self, place: int) -> tuple[Key, float]: ...
    @overload
    def __getitem__(self, place: slice) -> Recommendations: ...
    def __getitem__(self, place: int | slice) -> tuple[Key, float] | Recommendations:
        """Return the (id, score) pair of a place, or the list of some places."""
        if isinstance(place, slice):
            names = ("ids", "scores", "titles", "paths", *(("probabilities",) if self.probabilities is not None else ()))
            kept = {name: getattr(self, name)[place] for name in names}
            return replace(self, **kept, ruled=None if self.ruled is None else self.ruled.cut(place))
        return self.ids[place], self.scores[place]

    def __repr__(self) -> str:
        named = [*(repr(cut_cell(title)) for title in self.titles[:3]), *(["..."] if len(self) > 3 else [])]
        return represented("Recommendations", named, f"{self._heading()}:" if self.ids else self._heading())

    def _repr_html_(self) -> str:
        named = self.titles != [str(key) for key in self.ids]  # users have no titles but their ids
        rows = [
            (place + 1, *self.titles[place : place + named], self.ids[place], float(self.scores[place]), PATHS[path])
            for place, path in enumerate(self.paths)
        ]
        columns = ("rank", *(("title",) if named else ()), self.what, "score", "how it was encoded")
        return html_table(columns, rows, self._heading())

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
        entries: list[dict[str, Any]] = [
            {"rank": place + 1, self.what: key, "score": score, "title": title, "path": path, **self._odds(place)}
            for place, (key, score, title, path) in enumerate(zip(self.ids, self.scores, self.titles, self.paths, strict=True))
        ]
        more: dict[str, Any] = {} if self.popularity == 1 else {"popularity": self.popularity}
        if self.ruled is not None:
            more["unmet"] = self.ruled.unmet
            for entry, by, rank in zip(entries, self.ruled.by, self.ruled.score_ranks, strict=True):
                entry |= {"rules": by, "score_rank": rank}
        if self.paged:
            more["next_page"] = self.next_page
        return {"resolved": self.resolved, "ignored": self.ignored, **more, f"{self.what}s": entries}

    def _odds(self, place: int) -> dict[str, float]:
        return {} if self.probabilities is None else {"probability": self.probabilities[place]}

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
                **({} if self.probabilities is None else {"probability": self.probabilities}),
            }
        )

    def __str__(self) -> str:
        width = max((len(str(key)) for key in self.ids), default=0)
        lines = [
            f"{place:>3}. {str(key).ljust(width)}  {score:8.4f}"
            + (f"  {cut_cell(title)}" if title != str(key) else "")
            + (f"  ({UNTAKEN})" if path == "content" else "")
            + (f"  [{'; '.join(by)}; {rank:,} by score]" if by else "")
            for place, (key, score, title, path, by, rank) in enumerate(
                zip(self.ids, self.scores, self.titles, self.paths, self.rules, self._score_ranks(), strict=True), 1
            )
        ]
        return "\n".join([self._heading(), *lines, *(f"     not met: {told}" for told in self.unmet)])

    def _score_ranks(self) -> list[int]:
        return list(range(1, len(self) + 1)) if self.ruled is None else self.ruled.score_ranks

    def _heading(self) -> str:
        """Return what was asked and what was left out of account, as one line."""
        head = f"{len(self)} {self.what}{'' if len(self) == 1 else 's'}{ASKED[self.what, self.resolved]}"
        if self.popularity != 1:
            head += f"; popularity counts {self.popularity:g}"
        if self.ignored:
            head += f"; not taken account of: {listing(self.ignored)}"
        return head


@dataclass(frozen=True, repr=False)
class RecommendationLists(Sequence[Recommendations], Tabular):
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

    def __repr__(self) -> str:
        return f"RecommendationLists({self._heading()})"

    def _repr_html_(self) -> str:
        rows = [
            (user, place + 1, found.titles[place], found.ids[place], float(found.scores[place]))
            for user, found in zip(self.users, self.lists, strict=True)
            for place in range(len(found))
        ]
        return html_table(("user", "rank", "title", "item", "score"), rows, self._heading())

    def _heading(self) -> str:
        items = sum(map(len, self.lists))
        return f"{len(self)} list{'' if len(self) == 1 else 's'} with {items:,} item{'' if items == 1 else 's'}"
