"""The plots of the report page, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import figures
from ..figures import COLOURS, new_figure
from ..train.best_figure import last_best


def training_curves(history: Sequence[Mapping[str, float]], metric: str) -> str:
    """Return loss and validation recall by epoch.

    Parameters
    ----------
    history : sequence of mapping
        One entry an epoch: ``epoch``, ``loss`` and, where validated, `metric`.
    metric : str
        Such as ``recall@100``.
    """
    seen = [(int(entry["epoch"]), entry[metric]) for entry in history if metric in entry]
    chosen = seen[last_best([figure for _, figure in seen])][0] if seen else None
    return svg_text(figures.training_curves(history, metric, chosen))


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


def svg_text(figure: Any, *, transparent: bool = True) -> str:
    """Return a figure as SVG, the same text for the same figure; a picture that stands alone should not be transparent."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "dualnet"}):
        figure.savefig(buffer, format="svg", transparent=transparent, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
