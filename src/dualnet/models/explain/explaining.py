"""Explanations of recommendations, for every model: from the model's own reasons, or by leaving one thing out at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ...data.content import Content, Matrix
from ...data.space import ItemSpace
from ...errors import CapabilityError, UsageError, nearest
from ...ids import IdMap, Key, Rows
from ...retrieval.askers import check_one_asker, resolve
from ...retrieval.catalogue import Weights
from ...retrieval.questions import Asker
from ...retrieval.recommendations import UserPath
from ...retrieval.topk import inner_products
from ...retrieval.unknown_ids import Unknown, check_list
from ...retrieval.vectors import stack_vectors
from ..catalogue import ReadableCatalogue, catalogue_of
from ..core import Core
from ..question_content import as_content
from .explanation import METHODS, ContentPart, Explanation, HistoryPart, Method, View
from .reasons import Cut, Reasons


class Explains(Core):
    """The explanations of a model, from its reasons."""

    def explain(
        self,
        item: Key,
        *,
        user: Key | None = None,
        history: Sequence[Key] | None = None,
        user_columns: Any = None,
        new_items: Content | Any | None = None,
        method: Method = "integrated-gradients",
        times: Sequence[int] | None = None,
        unknown: Unknown | None = None,
    ) -> Explanation:
        """Return why someone gets an item: its score by level, by item of the history and by content term.

        Parameters
        ----------
        item : str or int
            An item of the catalogue or of `new_items`.
        user, history, user_columns, new_items, times, unknown
            As in `recommend`. With times one thing is left out at a time.
        method : {"integrated-gradients", "leave-one-out"}
            Parts that sum to the score, or the decrease of the score when one part is left out.

        Returns
        -------
        Explanation

        Raises
        ------
        UnknownIdError, UsageError
            As `recommend`; also for an unknown method.
        CapabilityError
            If the model cannot score the item.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> why = model.explain("i0-3", history=["i0-0", "i0-1"])
        >>> sorted(part.item for part in why.history.parts)
        ['i0-0', 'i0-1']
        """
        return self.explain_many(
            [item], user=user, history=history, user_columns=user_columns, new_items=new_items, method=method, times=times,
            unknown=unknown,
        )[0]  # fmt: skip

    def explain_many(
        self,
        items: Sequence[Key],
        *,
        user: Key | None = None,
        history: Sequence[Key] | None = None,
        user_columns: Any = None,
        new_items: Content | Any | None = None,
        method: Method = "integrated-gradients",
        times: Sequence[int] | None = None,
        unknown: Unknown | None = None,
    ) -> list[Explanation]:
        """Return one explanation for each of some items, such as a whole list of recommendations; faster than one by one.

        Parameters
        ----------
        items : sequence of str or int
            As `item` in `explain`.
        user, history, user_columns, new_items, method, times, unknown
            As in `explain`.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> [why.item for why in model.explain_many(["i0-3", "i0-4"], user="u0-0")]
        ['i0-3', 'i0-4']
        """
        self._require_fitted()
        if user is not None or history is not None or user_columns is None:
            check_one_asker(user, history)
        check_list(items, "items")
        fresh: Any = () if new_items is None else as_content(new_items, self)
        asker = Asker(user=user, history=history, user_columns=user_columns, new_items=fresh, times=times, unknown=unknown)
        return explain(catalogue_of(self), asker, items, method)

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        return leave_one_out(self, history, space, rows)

    def _reasons_with_columns(self, history: csr_array, space: ItemSpace, rows: Rows, columns: Matrix) -> Reasons:
        return leave_one_out(self, history, space, rows, columns)


def explain(
    catalogue: ReadableCatalogue, asker: Asker, items: Sequence[Key], method: Method = "integrated-gradients"
) -> list[Explanation]:
    """Return an explanation of each item's score, whatever catalogue it is in: that of a model in memory or of a server.

    The items in question and those of the history make a small space of their own, whatever the size of the catalogue.

    Parameters
    ----------
    catalogue : ReadableCatalogue
    asker : Asker
    items : sequence of str or int
        Items of the catalogue or of those that come with the asker.
    method : str
        As in `Explains.explain`.

    Raises
    ------
    UnknownIdError
        For a user or item that is not there.
    CapabilityError
        If the model cannot score an item, or it was deleted.
    """
    who = resolve(catalogue, asker)
    asked = who.find(catalogue, items, "item")
    for key, row in zip(items, asked.tolist(), strict=True):
        if catalogue.deleted(row):
            raise CapabilityError(f"item {str(key)[:80]!r} has no score to explain: it was deleted")
    size, model = catalogue.size, catalogue.model
    shown = np.concatenate([who.rows, asked])
    here = np.unique(shown[shown < size])
    keys, titles, extra = catalogue.keys(here.tolist()), catalogue.titles(here.tolist()), who.extra
    if extra is not None:  # items for this question come behind, all of them
        keys, titles = [*keys, *extra.ids], [*titles, *extra.titles]
    space = replace(catalogue.part(here, extra), ids=IdMap(keys))
    places = np.where(shown < size, np.searchsorted(here, shown), len(here) + shown - size)
    columns = [] if model.featurizer_ is None else model.featurizer_.labels.value_columns
    brought = [] if extra is None else extra.contents()
    contents = (
        [catalogue.content(row, columns) if row < size else brought[row - size] for row in asked.tolist()] if columns else []
    )
    raw = [{name: content.get(name) for name in columns} for content in contents]
    return explain_rows(
        model, space, places[: len(who.rows)], places[len(who.rows) :], [titles[place] for place in places], who.resolved,
        method, raw, who.columns, who.weights,
    )  # fmt: skip


def explain_rows(
    model: Core,
    space: ItemSpace,
    taken: Rows,
    rows: Rows,
    titles: Sequence[str],
    resolved: UserPath,
    method: Method = "integrated-gradients",
    raw: Sequence[Mapping[str, Any]] = (),
    user_columns: Matrix | None = None,
    weights: Weights = None,
) -> list[Explanation]:
    """Explain some items of a space for one history; only the items of both are encoded.

    Parameters
    ----------
    model : Core
        Fitted.
    space : ItemSpace
        Any list of items with the model's features, such as a server's live catalogue.
    taken : ndarray of int, shape (n,)
        Rows of the history, distinct.
    rows : ndarray of int, shape (M,)
        Rows to explain.
    titles : sequence of str, length n + M
        What to show for the history, then for the items.
    resolved : str
        How the person was found.
    method : str
        As in `Explains.explain`.
    raw : sequence of mapping, length M
        Raw content of the items; of use only for `Featurizer.labels.value_columns`. Without it, numbers are shown without
        their value, words as they are compared and hashed words as buckets.
    user_columns : csr_array or ndarray, shape (1, n_user_features), optional
        Features of the person's columns.
    weights : ndarray of float32, shape (n,), optional
        What each row of the history counts, where not all count alike; reasons then leave one thing out at a time.
    """
    if method not in METHODS:
        raise UsageError(f"there is no method '{method}'.{nearest(method, METHODS)}")
    if not len(rows):
        return []
    here = np.unique(np.concatenate([taken, rows])).astype(np.int64)
    part = space.part(here)
    scorable = model.scorable(part)
    asked = np.searchsorted(here, rows)
    for at in asked[~scorable[asked]]:
        raise CapabilityError(
            f"model '{model.name}' cannot score item {part.ids.key(int(at))!r}, which it did not see in training"
        )
    columns = np.searchsorted(here, taken)
    readable = part.is_known[columns].any() or (model.capabilities.new_items_in_history and len(columns) > 0)
    readable |= user_columns is not None and abs(user_columns).sum() > 0
    own = titles[len(taken) :]
    if not readable:
        counts = [float(model.popularity_[known]) if known >= 0 else 0.0 for known in part.known[asked]]
        nothing = ("popularity",)
        return [
            Explanation(part.ids.key(int(at)), title, "fallback", count, method, ((*nothing, count),), View(count, ()), None)
            for at, title, count in zip(asked, own, counts, strict=True)
        ]
    order = np.argsort(columns)
    values = np.ones(len(columns), np.float32) if weights is None else weights[order]
    history = csr_array((values, columns[order], np.array([0, len(columns)])), shape=(1, len(part)))
    method = method if weights is None else "leave-one-out"
    if user_columns is None:
        found = (leave_one_out if method == "leave-one-out" else type(model)._reasons)(model, history, part, asked)
    else:
        reasons = leave_one_out if method == "leave-one-out" else type(model)._reasons_with_columns
        found = reasons(model, history, part, asked, user_columns)
    keys = part.ids.take(columns[order])
    names = [titles[at] for at in order]
    explained = []
    for place, (at, title) in enumerate(zip(asked, own, strict=True)):
        score = float(found.scores[place])
        levels = tuple((name, float(scores[place])) for name, scores in found.levels)
        because = [
            HistoryPart(key, name, float(s)) for key, name, s in zip(keys, names, found.history.parts[place], strict=True)
        ]
        content = None if found.content is None else _terms(model, found.content, place, score, raw[place] if raw else {})
        view = _view(found.history.base[place], because, score)
        key = part.ids.key(int(at))
        explained.append(Explanation(key, title, resolved, score, found.method, levels, view, content))
    return explained


def _terms(model: Core, cut: Cut, place: int, score: float, raw: Mapping[str, Any]) -> View:
    """Return the parts of one item by term; numbers of a vector or picture, which mean nothing alone, are one part."""
    own = csr_array(cut.parts[[place]])
    sums: dict[tuple[str, str], float] = {}
    if model.featurizer_ is not None:
        terms = model.featurizer_.labels.terms(own.indices, raw)
        for term, value in zip(terms, own.data.tolist(), strict=True):
            sums[term] = sums.get(term, 0.0) + value
    parts = [ContentPart(column, term, value) for (column, term), value in sums.items() if value]
    return _view(cut.base[place], parts, score)


def _view(base: Any, parts: list[Any], score: float) -> View:
    ordered = tuple(sorted(parts, key=lambda part: -abs(part.score)))
    return View(float(base), ordered, score - float(base) - sum(part.score for part in ordered))


ROUNDING = 1e-6  # of the scores; smaller losses are none
MOST_TERMS = 100  # of an item, the heaviest; each is one more encoding


def leave_one_out(model: Core, history: csr_array, space: ItemSpace, rows: Rows, columns: Matrix | None = None) -> Reasons:
    """Return reasons by leaving one thing out at a time.

    Such losses need not sum to the score: two like items each lose little while the other is there. The difference is the base.

    Parameters
    ----------
    model : Core
        Fitted.
    history : csr_array, shape (1, len(space))
        What the person did.
    space : ItemSpace
        Items of the history and those to explain.
    rows : ndarray of int64, shape (M,)
        Which to explain.
    columns : csr_array or ndarray, shape (1, n_user_features), optional
        Features of the person's columns, which are never left out.
    """
    taken = history.indices
    without = np.ones((1 + len(taken), len(taken)), np.float32)
    without[1 + np.arange(len(taken)), np.arange(len(taken))] = 0
    place = csr_array((history.data.astype(np.float32), (np.arange(len(taken)), taken)), shape=(len(taken), len(space)))
    histories = csr_array(csr_array(without) @ place)
    known = None if columns is None else stack_vectors(*[columns] * (1 + len(taken)))
    users, items = model.encode_users(histories, space, known), model.encode_items(space, rows)
    scores = inner_products(users, items).astype(np.float64)
    lost = (scores[0] - scores[1:]).T
    by_item = Cut(scores[0] - lost.sum(axis=1), lost)
    return Reasons((("score", scores[0]),), by_item, _by_feature(model, users[:1], space, rows, scores[0]), "leave-one-out")


def _by_feature(model: Core, user: Any, space: ItemSpace, rows: Rows, scores: Any) -> Cut | None:
    """Return what each content term (of a dense block, all of it) of each item is worth; known items whose vectors were learned have no parts."""
    if not model.uses_content or space.features is None or model.featurizer_ is None:
        return None
    columns, places, values = [], [], []
    for place, row in enumerate(rows):
        own = csr_array(space.features[[row]])
        groups, of_group = np.unique(model.featurizer_.labels.groups(own.indices), return_inverse=True)
        heaviest = np.argsort(-np.bincount(of_group, np.square(own.data)), kind="stable")[:MOST_TERMS]
        if not len(heaviest):
            continue
        dense = np.repeat(own.toarray(), len(heaviest), axis=0)
        for trial, group in zip(dense, heaviest, strict=True):
            trial[own.indices[of_group == group]] = 0
        features = csr_array(dense) if issparse(space.features) else dense
        trials = ItemSpace(IdMap(list(range(len(heaviest)))), np.repeat(space.known[row], len(heaviest)), features)
        columns.append(groups[heaviest])
        places.append(np.full(len(heaviest), place))
        lost = scores[place] - inner_products(user, model.encode_items(trials))[0].astype(np.float64)
        values.append(np.where(np.abs(lost) > ROUNDING * np.abs(scores).max(initial=1), lost, 0))
    shape = (len(rows), space.features.shape[1])
    if not columns:
        return Cut(scores, csr_array(shape, dtype=np.float64))
    parts = csr_array((np.concatenate(values), (np.concatenate(places), np.concatenate(columns))), shape=shape)
    return Cut(scores - parts.sum(axis=1), parts)
