"""The question why: explanations of recommendations, for every model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..data.content import Content
from ..data.space import ItemSpace
from ..errors import CapabilityError, UsageError, nearest
from ..ids import Key, Rows
from .answers import Answers
from .core import Core
from .explanation import METHODS, ContentPart, Explanation, HistoryPart, Method, View
from .leaving_out import leave_one_out
from .reasons import Cut, Reasons
from .recommendations import UserPath


class Explains(Answers, Core):
    """Why somebody gets an item; written once for every model, from its reasons."""

    def explain(
        self,
        item: Key,
        *,
        user: Key | None = None,
        history: Sequence[Key] | None = None,
        new_items: Content | Any | None = None,
        method: Method = "integrated-gradients",
    ) -> Explanation:
        """Return why someone gets an item: its score by level, by item of the history and by content term.

        Parameters
        ----------
        item : str or int
            An item of the catalogue or of `new_items`.
        user, history, new_items
            As in `recommend`.
        method : {"integrated-gradients", "leave-one-out"}
            Parts that sum to the score, or what the score loses when one thing is left out.

        Returns
        -------
        Explanation

        Raises
        ------
        UnknownIdError, UsageError
            As `recommend`; also for an unknown method.
        CapabilityError
            If the model cannot score the item.
        """
        return self.explain_many([item], user=user, history=history, new_items=new_items, method=method)[0]

    def explain_many(
        self,
        items: Sequence[Key],
        *,
        user: Key | None = None,
        history: Sequence[Key] | None = None,
        new_items: Content | Any | None = None,
        method: Method = "integrated-gradients",
    ) -> list[Explanation]:
        """Return one explanation for each of some items, such as a whole list of recommendations; faster than one by one.

        Parameters
        ----------
        items : sequence of str or int
            As `item` in `explain`.
        user, history, new_items, method
            As in `explain`.
        """
        self._require_fitted()
        if (user is None) == (history is None):
            raise UsageError("give either user= (someone seen in training) or history= (what someone did)")
        space = self._with_new_items(new_items)
        row, resolved = self._history_row(user, history, space)
        if isinstance(items, str):
            raise UsageError(f"items must be a list of item ids, got the text {items!r}")
        rows = space.ids.rows(list(items), "item")
        shown = np.concatenate([row.indices, rows]).astype(np.int64)
        titles = [str(key) for key in space.ids.take(shown)] if space.content is None else space.content.titles(shown)
        return explain_rows(self, space, row.indices, rows, titles, resolved, method, _raw_values(self, space, rows))

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        """Return why one history over a space gets some of its items; by leaving out where a model knows nothing better."""
        return leave_one_out(self, history, space, rows)


def explain_rows(
    model: Explains,
    space: ItemSpace,
    taken: Rows,
    rows: Rows,
    titles: Sequence[str],
    resolved: UserPath,
    method: Method = "integrated-gradients",
    raw: Sequence[Mapping[str, Any]] = (),
) -> list[Explanation]:
    """Explain some items of a space for one history; only the items of both are encoded.

    Parameters
    ----------
    model : Explains
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
        their value and hashed words as buckets.
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
    own = titles[len(taken) :]
    if not readable:
        counts = [float(model.popularity_[known]) if known >= 0 else 0.0 for known in part.known[asked]]
        nothing = ("popularity",)
        return [
            Explanation(part.ids.key(int(at)), title, "fallback", count, method, ((*nothing, count),), View(count, ()), None)
            for at, title, count in zip(asked, own, counts, strict=True)
        ]
    order = np.argsort(columns)
    history = csr_array((np.ones(len(columns), np.float32), columns[order], np.array([0, len(columns)])), shape=(1, len(part)))
    found = (leave_one_out if method == "leave-one-out" else type(model)._reasons)(model, history, part, asked)
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


def _raw_values(model: Core, space: ItemSpace, rows: Rows) -> list[dict[str, Any]]:
    """Return the values of each item that its terms are named by."""
    if model.featurizer_ is None or space.content is None:
        return []
    table = space.content.table
    columns = [name for name in model.featurizer_.labels.value_columns if name in table.column_names]
    if not columns:
        return []
    found: list[dict[str, Any]] = table.select(columns).take(rows).to_pylist()
    return found


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
