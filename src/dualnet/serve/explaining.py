"""Why an item has its score, also for items and histories that came after training."""

from __future__ import annotations

from typing import Any

from ..errors import CapabilityError
from ..ids import Key
from .askers import resolve
from .catalogue import LiveCatalogue
from .new_content import new_rows
from .questions import Asker, NewItem


def explain(catalogue: LiveCatalogue, asker: Asker, item: Key) -> dict[str, Any]:
    """Return the explanation of one score as JSON; see `Recommender.explain`.

    The library's model knows its own catalogue; items added while serving go along as new ones.

    Raises
    ------
    UnknownIdError
        For a user or item that is not there.
    CapabilityError
        If the model explains nothing.
    """
    model = catalogue.model
    ask = getattr(model, "explain", None)
    if ask is None:
        raise CapabilityError(f"model '{model.name}' explains no scores")
    who = resolve(catalogue, asker)
    target = int(who.find(catalogue, [item], "item")[0])
    own = [row for row in who.rows.tolist() if row < catalogue.size]
    brought = {new.id: new for new in asker.new_items}
    late = {row for row in (*own, target) if catalogue.n_base <= row < catalogue.size}
    fresh = [NewItem(catalogue.lineage.ids[row], catalogue.lineage.contents[row - catalogue.n_base]) for row in sorted(late)]
    fresh += list(brought.values())
    history = catalogue.keys(own)
    if who.extra is not None:
        history += who.extra.ids.take(who.rows[len(own) :] - catalogue.size)
    content = new_rows(model, fresh).content if fresh else None
    explanation: dict[str, Any] = ask(item, history=history, new_items=content).to_json()
    return explanation | ({"resolved": "known"} if who.resolved == "known" and explanation.get("resolved") == "history" else {})
