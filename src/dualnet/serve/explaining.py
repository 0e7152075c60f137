"""Why items have their scores, also for items and histories that came after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import CapabilityError
from ..ids import IdMap, Key
from ..models.explaining import explain_rows
from .askers import resolve
from .catalogue import LiveCatalogue
from .questions import Asker


def explain(catalogue: LiveCatalogue, asker: Asker, items: Sequence[Key]) -> list[dict[str, Any]]:
    """Return an explanation of each item's score as JSON; see `Recommender.explain_many`, whose answers these are.

    The items in question and those of the history make a small space of their own, whatever the size of the catalogue.

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
        if row in catalogue.hidden:
            raise CapabilityError(f"item {str(key)[:80]!r} has no score to explain: it was deleted")
    size, base = catalogue.size, catalogue.n_base
    shown = np.concatenate([who.rows, asked])
    here = np.unique(shown[shown < size])
    keys, titles, names = catalogue.keys(here.tolist()), catalogue.titles(here.tolist()), []
    if who.extra is not None:  # items for this question come behind, all of them
        names = list(who.extra.ids)
        assert who.extra.content is not None
        titles += who.extra.content.titles(np.arange(len(names)))
    space = replace(catalogue.part(here, who.extra), ids=IdMap([*keys, *names]))
    places = np.where(shown < size, np.searchsorted(here, shown), len(here) + shown - size)
    model = catalogue.model
    columns = [] if model.featurizer_ is None else model.featurizer_.labels.value_columns
    own = model.catalogue_.content
    brought = {new.id: new.content for new in asker.new_items}

    def raw(row: int) -> dict[str, Any]:
        """Return the values that terms of an item are named by."""
        if row < base:
            known = [] if own is None else [name for name in columns if name in own.table.column_names]
            return {} if own is None else {name: own.table.column(name)[row].as_py() for name in known}
        content = catalogue.lineage.contents[row - base] if row < size else brought[names[row - size]]
        return {name: content.get(name) for name in columns}

    found = explain_rows(
        model, space, places[: len(who.rows)], places[len(who.rows) :], [titles[place] for place in places], who.resolved,
        raw=[raw(row) for row in asked.tolist()],
    )  # fmt: skip
    return [each.to_json() for each in found]
