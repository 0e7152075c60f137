"""Figures of results and of training, as matplotlib figures in the look of the house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .errors import optional_package

COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#64748b")


def new_figure(rows: int, columns: int, size: tuple[float, float]) -> Any:
    """Return a figure and its axes in the house's look; size in inches.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    with optional_package("matplotlib", "plots", "drawing the report"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns)
    for axis in np.atleast_1d(axes):
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def recall_curves(tasks: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]) -> Any:
    """Return a figure of recall against the length of the list: a panel for each task, a line for each model.

    Parameters
    ----------
    tasks : mapping of task name to mapping of model name to sequence of (cut-off, recall)
        At least one task.
    """
    figure, axes = new_figure(1, max(len(tasks), 1), (3.6 * max(len(tasks), 1), 3.0))
    for axis, (task, lines) in zip(np.atleast_1d(axes), tasks.items(), strict=False):
        for place, (model, points) in enumerate(lines.items()):
            axis.plot(*zip(*points, strict=True), "o-", color=COLOURS[place % len(COLOURS)], label=model)
        axis.set(title=task, xlabel="length of the list", ylim=(0, None))
        axis.legend(frameon=False)
    np.atleast_1d(axes)[0].set(ylabel="recall")
    return figure


def training_curves(history: Sequence[Mapping[str, float]], metric: str, chosen: int | None = None) -> Any:
    """Return a figure of the loss and the validation recall by epoch.

    Parameters
    ----------
    history : sequence of mapping
        One entry an epoch: ``epoch``, ``loss`` and, where validated, `metric`.
    metric : str
        Such as ``recall@100``.
    chosen : int, optional
        The epoch whose weights were kept.
    """
    figure, (left, right) = new_figure(1, 2, (8.4, 3.0))
    left.plot([h["epoch"] for h in history], [h["loss"] for h in history], color=COLOURS[0])
    left.set(title="loss for each positive pair", xlabel="epoch", ylim=(0, None))
    seen = {int(h["epoch"]): h[metric] for h in history if metric in h}
    if seen:
        right.plot(list(seen), list(seen.values()), color=COLOURS[2])
        if chosen in seen:
            right.plot(chosen, seen[chosen], "o", color=COLOURS[1])
        right.set(title="validation recall" + (f" (chosen: epoch {chosen})" if chosen in seen else ""))
    right.set(xlabel="epoch")
    return figure
