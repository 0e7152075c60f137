"""The plots of a study: recall against M, designs with intervals, paired gains, training curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any

import numpy as np

from ...figures import new_figure
from ..plots import svg_text
from ..result_lines import Record
from ..studies.cells import CURVE, Block
from .figures import RowResult, validated

# Okabe and Ito's colours, told apart by most colour-blind people; lines differ in marker and dash as well
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # one more than colours, so that no pair comes twice soon
DASHES = ("-", "--", ":")
OURS = "#000000"
Tested = Mapping[tuple[str, str, int], Record]


def curves(rows: Mapping[str, RowResult], block: Block, tested: Tested) -> str | None:
    """Return recall against M, a line for each method, named in the order of the figures at the right end.

    Parameters
    ----------
    rows : mapping of label to RowResult
        What is done; rows without figures are left out.
    block : Block
        The plan.
    tested : mapping
        Not used here.
    """
    shown = sorted((row for row in rows.values() if row.figures), key=lambda row: -row.figures[CURVE[-1]].mean)
    if not shown:
        return None
    ours = [label for label, row in rows.items() if row.row.model == "dualnet"]
    if len(ours) == len(rows):
        ours = []  # nothing to tell them from
    looks = _looks([label for label in rows if label not in ours])
    looks |= {
        label: {**look, "color": OURS, "linestyle": DASHES[k % 3]} for k, (label, look) in enumerate(_looks(ours).items())
    }
    figure, axis = new_figure(1, 1, (8.4, 0.6 + max(3.4, 0.26 * len(shown))))
    for row in shown:
        label = row.row.label
        means = [row.figures[cut].mean for cut in CURVE]
        axis.plot(CURVE, means, label=label, lw=2.6 if label in ours else 1.4, ms=5, **looks[label])
        if label in ours or len(shown) <= 4:
            low, high = [row.figures[cut].low for cut in CURVE], [row.figures[cut].high for cut in CURVE]
            axis.fill_between(CURVE, low, high, color=looks[label]["color"], alpha=0.15, lw=0)
    axis.set(xlabel="M (length of the list)", ylabel="recall@M", xlim=(0, CURVE[-1] + 5), ylim=(0, None))
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)
    return _finish(figure)


def intervals(rows: Mapping[str, RowResult], block: Block, tested: Tested) -> str | None:
    """Return a point with its 95 % interval for each row, a panel for each cut-off, the paper's figure as a cross.

    Parameters
    ----------
    rows, block, tested
        As in `curves`.
    """
    shown = [row for row in rows.values() if row.figures]
    if not shown:
        return None
    figure, axes = new_figure(1, len(block.cuts), (8.4, 0.9 + 0.45 * len(rows)))
    looks = _looks(list(rows))
    places = {label: len(rows) - 1 - k for k, label in enumerate(rows)}
    for axis, cut in zip(np.atleast_1d(axes), block.cuts, strict=True):
        for label, row in rows.items():
            if cut in row.row.paper:
                axis.plot(row.row.paper[cut], places[label], "x", color="#444444", ms=8)
            if row.figures:
                point, colour = row.figures[cut], looks[label]["color"]
                axis.plot([point.low, point.high], [places[label]] * 2, color=colour, lw=2, solid_capstyle="butt")
                axis.plot(point.mean, places[label], "o", color=colour, ms=7)
        axis.set(title=f"recall@{cut}", ylim=(-0.6, len(rows) - 0.4))
        axis.set_yticks(list(places.values()), list(places) if axis is np.atleast_1d(axes)[0] else [""] * len(places))
        axis.locator_params(axis="x", nbins=4)
        axis.margins(x=0.12)
        axis.grid(axis="x", alpha=0.25)
    over = " and ".join(dict.fromkeys(row.over for row in shown))
    text = f"dot and bar: ours, 95 % interval over {over}"
    figure.supxlabel(text + ("; cross: the paper" if any(row.paper for row in block.rows) else ""), fontsize=9)
    return _finish(figure)


def gains(rows: Mapping[str, RowResult], block: Block, tested: Tested) -> str | None:
    """Return paired differences in recall against M with 95 % intervals over users.

    Parameters
    ----------
    rows, block, tested
        As in `curves`; `tested` holds the paired tests of this block by (first, second, cut).
    """
    pairs = [pair for pair in block.contrasts if tested.get((*pair, CURVE[0]), {}).get("over_users")]
    if not pairs:
        return None
    figure, axis = new_figure(1, 1, (8.4, 3.4))
    looks = _looks([" minus ".join(pair) for pair in block.contrasts])
    for pair in pairs:
        found = [tested[(*pair, cut)]["over_users"] for cut in CURVE]
        look = looks[" minus ".join(pair)]
        axis.plot(CURVE, [entry["mean"] for entry in found], label=" minus ".join(pair), lw=1.8, ms=5, **look)
        low, high = np.array([entry["ci95"] for entry in found]).T
        axis.fill_between(CURVE, low, high, color=look["color"], alpha=0.15, lw=0)
    axis.axhline(0, color="#444444", lw=0.8)
    axis.set(xlabel="M (length of the list)", ylabel="difference in recall@M", xlim=(0, CURVE[-1] + 5))
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=9, ncols=1 if len(pairs) > 2 else 2)
    return _finish(figure)


def training(rows: Mapping[str, RowResult], block: Block, tested: Tested) -> str | None:
    """Return loss (as a share of the first epoch's) and validation recall by epoch, of the first run of each row.

    Parameters
    ----------
    rows, block, tested
        As in `curves`.
    """
    histories = {label: validated(row.records[0]) for label, row in rows.items() if row.records}
    histories = {label: epochs for label, epochs in histories.items() if epochs}
    if not histories:
        return None
    figure, (left, right) = new_figure(1, 2, (8.4, 3.6))
    looks = _looks(list(rows))
    for label, epochs in histories.items():
        steps = [epoch["epoch"] for epoch in epochs]
        style = {**looks[label], "lw": 1.8, "ms": 4}
        left.plot(steps, [epoch["loss"] / epochs[0]["loss"] for epoch in epochs], label=label, **style)
        right.plot(steps, [epoch["recall@auto"] for epoch in epochs], **style)
    left.set(title="training loss / that of the first epoch", xlabel="epoch", ylim=(0, None))
    right.set(title="validation recall", xlabel="epoch")
    for axis in (left, right):
        axis.grid(alpha=0.25)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=min(3, len(histories)), frameon=False, fontsize=9
    )
    return _finish(figure)


PLOTS: dict[str, Callable[[Mapping[str, RowResult], Block, Tested], str | None]] = {
    "curves": curves,
    "intervals": intervals,
    "gains": gains,
    "training": training,
}


def _looks(labels: list[str]) -> dict[str, dict[str, Any]]:
    """Return colour, marker and dash of each line, the same in every plot of a block."""
    count = len(COLOURS)
    return {
        label: {"color": colour, "marker": marker, "linestyle": DASHES[k // count % len(DASHES)]}
        for k, (label, colour, marker) in enumerate(zip(labels, cycle(COLOURS), cycle(MARKERS), strict=False))
    }


def _finish(figure: Any) -> str:
    return svg_text(figure, transparent=False)
