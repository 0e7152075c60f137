"""The estimated time of a cell in seconds on two cores: measured where a like cell ran, else from a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .cells import Cell

# fit and ranking of citeulike-a with titles and tags, one fit, on a core of its own; measured times replace them, where a like cell ran
FIT_SECONDS = {
    "popularity": 1.0,
    "item-knn": 5.0,
    "ease": 90.0,
    "content-profile": 5.0,
    "lsa-profile": 15.0,
    "content-factors": 15.0,
    "wmf": 6.0,
    "bpr": 95.0,
    "coupled": 25.0,
    "solved": 60.0,
    "fusion": 13.0,
    "cdl": 70.0,
    "dualnet": 100.0,
}
BOTH_FITS = {("dualnet", "citeulike1"): 150.0, ("dualnet", "out-matrix"): 70.0, ("dualnet", "unknown-users"): 80.0}
PAPER_PRESET = {"cdl": 3600.0, "dualnet": 300.0}
UNKNOWN = 60.0
CHOOSES = frozenset({"dualnet", "cdl", "fusion"})  # fits twice where the training set is not the one that chooses
SIZE = {"demo": 0.15, "movielens-1m-posters": 0.8, "ciao": 1.0, "ciao-dvd": 0.3, "amazon-reviews": 0.1}
NARROW = 0.2  # of the paper's autoencoder, whose cost is that of its first layer, where the content has few columns
SMALL_BLOCKS = 6.0  # small blocks have many steps


def estimate_seconds(cell: Cell, measured: Mapping[tuple[Any, ...], float]) -> float:
    """Return how long a cell will take.

    Parameters
    ----------
    cell : Cell
        The cell.
    measured : mapping
        From `measured_seconds`.
    """
    for key in _likeness(cell.model, cell.dataset, cell.protocol, cell.preset, cell.users, dict(cell.parameters)):
        if key in measured:
            return measured[key]
    refits = cell.protocol != "citeulike2" or cell.options.get("fit_on") == "train+validation"
    fits = 2 if refits and cell.model in CHOOSES else 1
    if cell.preset == "paper":
        seconds = PAPER_PRESET.get(cell.model, UNKNOWN)
        if cell.model == "cdl" and not cell.dataset.startswith("citeulike"):
            seconds *= NARROW
    else:
        seconds = BOTH_FITS.get((cell.model, cell.protocol), fits * FIT_SECONDS.get(cell.model, UNKNOWN)) / fits
    if cell.model == "dualnet" and isinstance(cell.parameters.get("epochs"), int):
        seconds *= cell.parameters["epochs"] / 10
    return seconds * fits * (SMALL_BLOCKS if cell.users else SIZE.get(cell.dataset, 1.0))


def measured_seconds(records: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], float]:
    """Return the mean seconds of the cells that ran, under the keys that a like cell looks for.

    Parameters
    ----------
    records : iterable of mapping
        Result records.
    """
    spent: dict[tuple[Any, ...], list[float]] = {}
    for run in {record["key"]: record for record in records if record["fit_seconds"]}.values():
        likeness = _likeness(run["model"], run["dataset"], run["protocol"], run["preset"], run["part"], run["row_parameters"])
        for key in likeness:
            spent.setdefault(key, []).append(run["seconds"])
    return {key: sum(values) / len(values) for key, values in spent.items()}


def _likeness(
    model: str, dataset: str, protocol: str, preset: str, users: int | None, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return keys from the most alike to the least: the same row elsewhere, then the same model on the same division."""
    same = (model, dataset, protocol, preset, users)
    return [(*same, tuple(sorted((name, str(value)) for name, value in parameters.items()))), same]
