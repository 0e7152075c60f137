"""What each phase of a fit of levels does, in plain words, for somebody who waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .level_learning import Learner


def phases_in_words(model: Learner, phase: str, *, chooses: bool) -> dict[str, str]:
    """Return the phases of the log that one phase of a fit has, in their order, each with what is done.

    Parameters
    ----------
    model : Learner
        With its parameters.
    phase : {"train", "choose", "final"}
        As in `choosing.Phase`.
    chooses : bool
        Whether there is a held-out part to choose on.
    """
    found: dict[str, str] = {}
    if model.factors:
        searches = chooses and model.trials != 0
        found[f"{phase}-solved"] = (
            "trying settings for the solved part of the model on a held-out part of the data"
            if searches
            else "computing the solved part of the model"
        )
    if model.levels:
        why = " without the held-out part, to see how long" if phase == "choose" else ""
        for number in range(model.ensemble):
            which = f", {number + 1} of {model.ensemble}" if model.ensemble > 1 else ""
            prefix = f"{phase}-{number + 1}" if number else phase
            for name, what in _stages(model.stages, len(model.levels)):
                found[f"{prefix}/{name}"] = f"{what}{which}{why}"
    if chooses:
        found[f"{phase}-weights"] = "weighing the parts of the model on the held-out part"
    return found


def _stages(kinds: Sequence[str], n_levels: int) -> list[tuple[str, str]]:
    """Return the name and the words of each stage of the networks."""
    found: list[tuple[str, str]] = []
    for kind in kinds:
        if kind == "refine":
            found += [(f"refine-{k}", f"training the networks up to level {k}") for k in range(1, n_levels + 1)]
        else:
            found.append((kind, "preparing the network of the items" if kind == "pretrain" else "training the networks"))
    return found
