"""The best rows of each question of a batch, from one product with all item vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ids import Key, Rows
from ..models.recommendations import UserPath
from ..retrieval.topk import EXCLUDED, best_of, inner_products
from ..retrieval.vectors import JoinedVectors, Vectors
from .askers import Asked
from .catalogue import LiveCatalogue

SHORT = 100  # lists up to this length are searched together: one that is long would make all searches long

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Wanted:
    """A list that is wanted.

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
    """

    k: int
    away: Rows
    only: Rows | None
    resolved: UserPath
    ignored: list[Key]
    who: Asked | None = None
    similar_to: int | None = None


Found = tuple[Rows, Scores]


def best_rows(catalogue: LiveCatalogue, wanted: Sequence[Wanted], queries: Vectors | None) -> list[Found]:
    """Return rows and scores of each list, best first, ties by row; shorter where fewer may be listed.

    Parameters
    ----------
    catalogue : LiveCatalogue
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
        scores = _all_scores(queries, catalogue.vectors)
        searched: dict[bool, list[int]] = {True: [], False: []}
        for row, place in enumerate(asking):
            want = wanted[place]
            if want.similar_to is not None:
                lengths = catalogue.lengths
                scores[row] = scores[row] / np.maximum(lengths * lengths[want.similar_to], 1e-12)
            if want.only is not None or (want.who is not None and want.who.extra is not None) or _scarce(catalogue, want):
                found[place] = _among_few(catalogue, want, scores[row], queries, row)
            else:
                searched[want.k <= SHORT].append(row)
        for rows in searched.values():
            if rows:
                lists = _searched(catalogue, [wanted[asking[row]] for row in rows], _rows(scores, rows))
                found |= {asking[row]: best for row, best in zip(rows, lists, strict=True)}
    return [found[place] for place in range(len(wanted))]


def _all_scores(queries: Vectors, items: Vectors) -> Scores:
    """Return the scores of a few queries with all items, shape (n, n_items).

    Items lie column by column (`growing`): for a few queries that takes half the time of the product with rows.
    """
    if isinstance(queries, JoinedVectors) and isinstance(items, JoinedVectors):
        scores = queries.dense @ items.dense.T
        scores += (items.sparse @ queries.sparse.T.toarray()).T
        return scores
    return inner_products(queries, items)


def _searched(catalogue: LiveCatalogue, wanted: Sequence[Wanted], scores: Scores) -> list[Found]:
    """Return the lists of questions for which nearly everything may be listed; `scores` is written to."""
    if len(catalogue.unlisted):
        scores[:, catalogue.unlisted] = EXCLUDED
    rows = np.repeat(np.arange(len(wanted)), [len(want.away) for want in wanted])
    scores[rows, np.concatenate([want.away for want in wanted])] = EXCLUDED
    best = best_of(scores, max(want.k for want in wanted))
    return [(best.columns[row, : want.k], best.scores[row, : want.k]) for row, want in enumerate(wanted)]


def _among_few(catalogue: LiveCatalogue, want: Wanted, scores: Scores, queries: Vectors, row: int) -> Found:
    """Return one list by sorting what may be listed."""
    rows = _allowed(catalogue, want)
    extra = None if want.who is None else want.who.extra_vectors
    if extra is not None:
        scores = np.concatenate([scores, inner_products(queries[row : row + 1], extra)[0]])
    values = scores[rows]
    order = np.argsort(-values, kind="stable")[: want.k]
    return rows[order], values[order]


def _allowed(catalogue: LiveCatalogue, want: Wanted) -> Rows:
    rows = want.only
    if rows is None:
        rows = np.flatnonzero(catalogue.listed)
        if want.who is not None and want.who.extra is not None:
            rows = np.concatenate([rows, catalogue.size + np.arange(len(want.who.extra))])
    return rows[~np.isin(rows, want.away)] if len(want.away) else rows


def _scarce(catalogue: LiveCatalogue, want: Wanted) -> bool:
    """Whether so little may be listed that the search among everything could run out of it."""
    return catalogue.size - len(catalogue.unlisted) - len(want.away) < want.k


def _most_popular(catalogue: LiveCatalogue, want: Wanted) -> Found:
    allowed = catalogue.listed.copy()
    if want.only is not None:
        allowed[:] = False
        own = want.only[want.only < catalogue.size]
        allowed[own] = catalogue.listed[own]
    allowed[want.away[want.away < catalogue.size]] = False
    rows = catalogue.by_popularity[allowed[catalogue.by_popularity]][: want.k]
    return rows, catalogue.popularity[rows]


def _rows(scores: Scores, rows: list[int]) -> Scores:
    return scores if len(rows) == len(scores) else scores[rows]
