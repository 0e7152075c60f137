"""The question why: explanations of recommendations, for every model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy.sparse import csr_array

from ..data.content import Content
from ..data.space import ItemSpace
from ..errors import CapabilityError, UsageError, nearest
from ..ids import Key, Rows
from .explanation import METHODS, ContentPart, Explanation, HistoryPart, Method, View
from .leaving_out import leave_one_out
from .reasons import Cut

if TYPE_CHECKING:
    from .base import Recommender
    from .recommendations import UserPath


class Explains:
    """Why somebody gets an item; written once for every model, from its reasons."""

    def explain(
        self,
        item: Key,
        *,
        user: Key | None = None,
        history: Sequence[Key] | None = None,
        new_items: Content | None = None,
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
        new_items: Content | None = None,
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
        model = cast("Recommender", self)
        model._require_fitted()
        if (user is None) == (history is None):
            raise UsageError("give either user= (someone seen in training) or history= (what someone did)")
        space = model._with_new_items(new_items)
        row, resolved = model._history_row(user, history, space)
        rows = space.ids.rows(list(items), "item")
        content = space.content
        titles = [str(space.ids.key(int(at))) if content is None else content.title(int(at)) for at in [*row.indices, *rows]]
        return explain_rows(model, space, row.indices, rows, titles, resolved, method)


def explain_rows(
    model: Recommender,
    space: ItemSpace,
    taken: Rows,
    rows: Rows,
    titles: Sequence[str],
    resolved: UserPath,
    method: Method = "integrated-gradients",
) -> list[Explanation]:
    """Explain some items of a space for one history; only the items of both are encoded.

    Parameters
    ----------
    model : Recommender
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
    """
    if method not in METHODS:
        raise UsageError(f"there is no method '{method}'.{nearest(method, METHODS)}")
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
        content = None if found.content is None else _terms(model, found.content, place, score)
        view = _view(found.history.base[place], because, score)
        key = part.ids.key(int(at))
        explained.append(Explanation(key, title, resolved, score, found.method, levels, view, content))
    return explained


def _terms(model: Recommender, cut: Cut, place: int, score: float) -> View:
    """Return the parts of one item by term; numbers of a vector or picture, which mean nothing alone, are one part."""
    featurizer = model.featurizer_
    own = csr_array(cut.parts[[place]])
    sums: dict[tuple[str, str], float] = {}
    if featurizer is not None:
        for feature, value in zip(own.indices.tolist(), own.data.tolist(), strict=True):
            term = featurizer.terms[feature]
            sums[term] = sums.get(term, 0.0) + value
    return _view(cut.base[place], [ContentPart(column, term, value) for (column, term), value in sums.items()], score)


def _view(base: Any, parts: list[Any], score: float) -> View:
    ordered = tuple(sorted((part for part in parts if part.score), key=lambda part: -abs(part.score)))
    return View(float(base), ordered, score - float(base) - sum(part.score for part in ordered))
