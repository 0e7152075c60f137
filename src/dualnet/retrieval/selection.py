"""Selection of the best rows for each question of a batch, from one product with all item vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ids import Key, Rows
from ..rules.applying import ruled_list
from .askers import Asked
from .catalogue import Catalogue
from .principal import exact_scores, slack
from .recommendations import Ruled, UserPath
from .ruled import BoundRules
from .topk import EXCLUDED, best_of, inner_products
from .vectors import JoinedVectors, Vectors

BOUNDED = 30  # lists up to this length are searched by bounds
SPARE = 28  # exact scores beyond twice the length of a list: fewer settle too few lists, more cost more
PICKED = 15  # the score of an item that is picked costs so many times its share of a product with all items
SHORT = 100  # lists up to this length are searched together: one that is long would make all searches long

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Wanted:
    """A list to select for.

    Parameters
    ----------
    k : int
        Its length.
    away : ndarray of int64
        Rows that may not be listed.
    only : ndarray of int64, optional
        The only rows that may be listed, ascending.
    resolved : str
        How the asking side was resolved.
    ignored : list
        For the answer.
    who : Asked, optional
        Whose list.
    similar_to : int, optional
        Row of the item whose neighbours are wanted, instead.
    new_share : float, optional
        Share of the places for new items (`ListQuestion`).
    popularity : float
        How much of the average user's score stays in.
    rules : BoundRules, optional
        Rules that choose among what may be listed.
    shown : list of str or int, optional
        Where pages were asked for: the items of those before.
    """

    k: int
    away: Rows
    only: Rows | None
    resolved: UserPath
    ignored: list[Key]
    who: Asked | None = None
    similar_to: int | None = None
    new_share: float | None = None
    popularity: float = 1.0
    rules: BoundRules | None = None
    shown: list[Key] | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """Rows and scores of one list, best first, what rules did to it, and whether they left out what a next page may list."""

    rows: Rows
    scores: Scores
    ruled: Ruled | None = None
    left_out: bool = False


def best_rows(catalogue: Catalogue, wanted: Sequence[Wanted], queries: Vectors | None) -> list[Found]:
    """Return rows and scores of each list, best first, ties by row; shorter where fewer may be listed.

    Parameters
    ----------
    catalogue : Catalogue
    wanted : sequence of Wanted
    queries : Vectors, shape (n, width)
        One vector for each list that popularity does not answer, in their order; None if there is none.
    """
    asking = [place for place, want in enumerate(wanted) if want.resolved != "fallback"]
    found: dict[int, Found] = {
        place: _most_popular(catalogue, want) for place, want in enumerate(wanted) if want.resolved == "fallback"
    }
    if asking:
        assert queries is not None
        left = list(range(len(asking)))
        if catalogue.heads is not None:
            easy = [row for row in left if _by_bounds(catalogue, wanted[asking[row]])]
            lists = _bounded(catalogue, [wanted[asking[row]] for row in easy], _rows(queries, easy)) if easy else []
            found |= {asking[row]: best for row, best in zip(easy, lists, strict=True)}
            left = [row for row in left if asking[row] not in found]
        if left:
            queries, asking = _rows(queries, left), [asking[row] for row in left]
            found |= _by_all_scores(catalogue, wanted, asking, queries)
    return [found[place] for place in range(len(wanted))]


def _by_all_scores(catalogue: Catalogue, wanted: Sequence[Wanted], asking: list[int], queries: Vectors) -> dict[int, Found]:
    """Return the lists of the questions at some places, from the scores of all items."""
    found: dict[int, Found] = {}
    scores = _all_scores(queries, catalogue.vectors)
    searched: dict[bool, list[int]] = {True: [], False: []}
    for row, place in enumerate(asking):
        want = wanted[place]
        if want.similar_to is not None:
            lengths = catalogue.similar_lengths
            scores[row] = scores[row] / np.maximum(lengths * lengths[want.similar_to], 1e-12)
        if _among_all(catalogue, want):
            searched[want.k <= SHORT].append(row)
        else:
            found[place] = _among_few(catalogue, want, scores[row], queries, row)
    for rows in searched.values():
        if rows:
            lists = _searched(catalogue, [wanted[asking[row]] for row in rows], _rows(scores, rows))
            found |= {asking[row]: best for row, best in zip(rows, lists, strict=True)}
    return found


def _among_all(catalogue: Catalogue, want: Wanted) -> bool:
    """Whether nearly everything may be on a list."""
    if want.only is not None or want.new_share is not None or want.rules is not None:
        return False
    return (want.who is None or want.who.extra is None) and not _scarce(catalogue, want)


def _by_bounds(catalogue: Catalogue, want: Wanted) -> bool:
    """Whether a list is short, of inner products, and nearly everything may be on it."""
    return want.similar_to is None and want.k <= BOUNDED and _among_all(catalogue, want)


def _bounded(catalogue: Catalogue, wanted: Sequence[Wanted], queries: Vectors) -> list[Found]:
    """Return the lists from bounds of all scores and exact scores of the few that could be on them.

    Lists and scores are those of the search through all exact scores, in half its time.
    """
    axes, heads, items = catalogue.axes, catalogue.heads, catalogue.vectors
    assert axes is not None
    assert heads is not None
    joined = isinstance(queries, JoinedVectors)
    dense = queries.dense if joined else queries
    bounds = axes.heads(dense) @ heads.T
    if joined:
        content = (items.sparse @ queries.sparse.T.toarray()).T
        bounds += content
    _exclude(catalogue, wanted, bounds)
    longest = max(want.k for want in wanted)
    count = min(2 * longest + SPARE, bounds.shape[1] - 1)
    best = best_of(bounds, count + 1)
    rows = np.sort(best.columns[:, :count], axis=1)  # so that ties are broken by row
    scores = exact_scores(dense, items.dense if joined else items, rows)
    if joined:
        scores += np.take_along_axis(content, rows, axis=1)
    scores[np.take_along_axis(bounds, rows, axis=1) == EXCLUDED] = EXCLUDED
    order = np.argsort(-scores, axis=1, kind="stable")[:, :longest]
    rows, scores = np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
    spare = slack(dense, catalogue.longest)
    lowest = np.array([scores[row, want.k - 1] for row, want in enumerate(wanted)]) - spare
    open_rows = np.flatnonzero(best.scores[:, count] >= lowest)  # an item that was not scored could be better
    found = [Found(rows[row, : want.k], scores[row, : want.k]) for row, want in enumerate(wanted)]
    could = {int(row): np.flatnonzero(bounds[row] >= lowest[row]) for row in open_rows}
    many = [row for row, places in could.items() if PICKED * len(places) > bounds.shape[1]]
    whole = dict(zip(many, dense[many] @ (items.dense if joined else items).T, strict=True)) if many else {}
    for row, places in could.items():  # all that could be better are scored
        if row in whole:
            values = whole[row][places]
        else:
            values = exact_scores(dense[row : row + 1], items.dense if joined else items, places[None])[0]
        if joined:
            values = values + content[row, places]
        first = np.argsort(-values, kind="stable")[: wanted[row].k]
        found[row] = Found(places[first], values[first])
    return found


def _all_scores(queries: Vectors, items: Vectors) -> Scores:
    """Return the scores of a few queries with all items, shape (n, n_items).

    Items of a server lie column by column: for a few queries that takes half the time of the product with rows.
    """
    if isinstance(queries, JoinedVectors) and isinstance(items, JoinedVectors):
        scores = queries.dense @ items.dense.T
        scores += (items.sparse @ queries.sparse.T.toarray()).T
        return scores
    return inner_products(queries, items)


def _searched(catalogue: Catalogue, wanted: Sequence[Wanted], scores: Scores) -> list[Found]:
    """Return the lists of questions for which nearly everything may be listed; `scores` is written to."""
    _exclude(catalogue, wanted, scores)
    best = best_of(scores, max(want.k for want in wanted))
    return [Found(best.columns[row, : want.k], best.scores[row, : want.k]) for row, want in enumerate(wanted)]


def _exclude(catalogue: Catalogue, wanted: Sequence[Wanted], scores: Scores) -> None:
    """Mark what may not be listed."""
    if len(catalogue.unlisted):
        scores[:, catalogue.unlisted] = EXCLUDED
    rows = np.repeat(np.arange(len(wanted)), [len(want.away) for want in wanted])
    scores[rows, np.concatenate([want.away for want in wanted])] = EXCLUDED


def _among_few(catalogue: Catalogue, want: Wanted, scores: Scores, queries: Vectors, row: int) -> Found:
    """Return one list from the scores of what may be listed."""
    rows = _allowed(catalogue, want)
    extra = None if want.who is None else want.who.extra
    if extra is not None:
        scores = np.concatenate([scores, inner_products(queries[row : row + 1], extra.vectors)[0]])
    values = scores[rows]
    if want.rules is not None:
        return _by_rules(catalogue, want, want.rules, rows, values)
    order = _first(values, want.k) if want.new_share is None else _mixed(values, _is_new(catalogue, rows), want)
    return Found(rows[order], values[order])


def _by_rules(catalogue: Catalogue, want: Wanted, rules: BoundRules, rows: Rows, values: Scores) -> Found:
    """Return the best list under rules of what may be listed."""
    extra = None if want.who is None else want.who.extra
    question, unmet = rules.question(catalogue, extra, rows, values, want.k, want.new_share)
    found = ruled_list(question)
    ruled = Ruled(found.by, found.score_ranks, [*unmet, *found.unmet])
    return Found(rows[found.chosen], values[found.chosen], ruled, left_out=len(found.chosen) < len(rows))


def _first(values: Scores, k: int) -> Rows:
    """Return the places of the k largest values, ties by place."""
    k = min(k, len(values))
    return best_of(values[None], k).columns[0] if k else np.empty(0, np.int64)


def _mixed(values: Scores, is_new: NDArray[np.bool_], want: Wanted) -> Rows:
    """Return the places of the best new and the best known values, each in its share of the list, by value."""
    assert want.new_share is not None
    new, known = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    n_new = min(int(np.floor(want.new_share * want.k + 0.5)), len(new))
    n_known = min(want.k - n_new, len(known))
    n_new = min(want.k - n_known, len(new))  # the places that known items leave
    chosen = np.sort(np.concatenate([new[_first(values[new], n_new)], known[_first(values[known], n_known)]]))
    return chosen[np.argsort(-values[chosen], kind="stable")]


def _is_new(catalogue: Catalogue, rows: Rows) -> NDArray[np.bool_]:
    """Return which rows are of items that the model was not trained on."""
    new = np.ones(len(rows), bool)
    own = rows < catalogue.size
    new[own] = catalogue.known[rows[own]] < 0
    return new


def _allowed(catalogue: Catalogue, want: Wanted) -> Rows:
    rows = want.only
    if rows is None:
        rows = np.flatnonzero(catalogue.listed)
        if want.who is not None and want.who.extra is not None:
            rows = np.concatenate([rows, catalogue.size + np.arange(len(want.who.extra))])
    return rows[~np.isin(rows, want.away)] if len(want.away) else rows


def _scarce(catalogue: Catalogue, want: Wanted) -> bool:
    """Whether so little may be listed that the search among everything could run out of it."""
    return catalogue.size - len(catalogue.unlisted) - len(want.away) < want.k


def _most_popular(catalogue: Catalogue, want: Wanted) -> Found:
    """Return the most popular of what may be listed; items that nobody took yet come last, in the order of their rows."""
    if want.rules is not None:
        rows = _allowed(catalogue, want)
        rows = rows[np.argsort(_is_new(catalogue, rows), kind="stable")]
        return _by_rules(catalogue, want, want.rules, rows, _popularity(catalogue, rows))
    if want.new_share is not None:
        rows = _allowed(catalogue, want)
        counts = _popularity(catalogue, rows)
        chosen = _mixed(counts, _is_new(catalogue, rows), want)
        return Found(rows[chosen], counts[chosen])
    allowed = catalogue.listed.copy()
    if want.only is not None:
        allowed[:] = False
        own = want.only[want.only < catalogue.size]
        allowed[own] = catalogue.listed[own]
    allowed[want.away[want.away < catalogue.size]] = False
    rows = catalogue.by_popularity[allowed[catalogue.by_popularity]][: want.k]
    if len(rows) < want.k:
        others = _allowed(catalogue, want)
        rows = np.concatenate([rows, others[_is_new(catalogue, others)][: want.k - len(rows)]])
    return Found(rows, _popularity(catalogue, rows))


def _popularity(catalogue: Catalogue, rows: Rows) -> Scores:
    """Return the training events of some rows, 0 for what came with a question."""
    counts = np.zeros(len(rows), np.float32)
    own = rows < catalogue.size
    counts[own] = catalogue.popularity[rows[own]]
    return counts


def _rows(values: Any, rows: list[int]) -> Any:
    return values if len(rows) == values.shape[0] else values[rows]
