"""The plots of the report page, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import optional_package
from ..train.best_figure import last_best

COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#64748b")


def training_curves(history: Sequence[Mapping[str, float]], metric: str) -> str:
    """Return loss and validation recall by epoch.

    Parameters
    ----------
    history : sequence of mapping
        One entry an epoch: ``epoch``, ``loss`` and, where validated, `metric`.
    metric : str
        Such as ``recall@100``.
    """
    figure, (left, right) = new_figure(1, 2, (8.4, 3.0))
    left.plot([h["epoch"] for h in history], [h["loss"] for h in history], color=COLOURS[0])
    left.set(title="loss for each positive pair", xlabel="epoch", ylim=(0, None))
    seen = [(h["epoch"], h[metric]) for h in history if metric in h]
    if seen:
        right.plot(*zip(*seen, strict=True), color=COLOURS[2])
        best = seen[last_best([figure for _, figure in seen])]
        right.plot(*best, "o", color=COLOURS[1])
        right.set(title=f"validation recall (chosen: epoch {best[0]:.0f})")
    right.set(xlabel="epoch")
    return svg_text(figure)


def recall_by_history(lines: Mapping[str, Sequence[Mapping[str, Any]]], cut: int) -> str:
    """Return mean recall by length of the visible history, one line a model.

    Parameters
    ----------
    lines : mapping of model name to breakdown
        `TaskResult.by_history` of each model.
    cut : int
        M of the recall.
    """
    figure, axis = new_figure(1, 1, (8.4, 3.2))
    bins = list(dict.fromkeys(row["bin"] for rows in lines.values() for row in rows))
    for colour, (name, rows) in zip(COLOURS, lines.items(), strict=False):
        axis.plot([bins.index(row["bin"]) for row in rows], [row["mean"] for row in rows], "o-", color=colour, label=name)
    axis.set(title=f"recall@{cut} by length of the visible history", xlabel="items in the history", ylim=(0, None))
    axis.set_xticks(range(len(bins)), bins)
    axis.legend(frameon=False)
    return svg_text(figure)


def item_map(vectors: NDArray[np.float32], is_new: NDArray[np.bool_], marked: Sequence[int]) -> str:
    """Return a two-dimensional map of items: the two leading principal components of their vectors.

    Parameters
    ----------
    vectors : ndarray, shape (n, width)
        Item vectors.
    is_new : ndarray of bool, shape (n,)
        Drawn in another colour.
    marked : sequence of int
        Rows to ring, such as a list of recommendations.
    """
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred.T @ centred)
    points = centred @ axes[:2].T
    figure, axis = new_figure(1, 1, (8.4, 4.6))
    for chosen, colour, label in ((~is_new, COLOURS[0], "seen in training"), (is_new, COLOURS[1], "new, from content alone")):
        axis.plot(*points[chosen].T, ".", color=colour, markersize=3, alpha=0.6, label=label)
    if len(marked):
        axis.plot(
            *points[list(marked)].T, "o", mfc="none", mec="#dc2626", markersize=8, label="recommended to the reader above"
        )
    axis.set(title="items in two dimensions", xticks=[], yticks=[])
    axis.legend(frameon=False, loc="best")
    return svg_text(figure)


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


def svg_text(figure: Any, *, transparent: bool = True) -> str:
    """Return a figure as SVG, the same text for the same figure; a picture that stands alone should not be transparent."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "dualnet"}):
        figure.savefig(buffer, format="svg", transparent=transparent, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
