"""The rows that several tables share: the paper's methods, and those that a sceptic asks for."""

from __future__ import annotations

from collections.abc import Mapping

from .cells import Row

DUALNET = "DualNet"
DUALNET_PAPER = "DualNet, the paper's settings"
CDL_PAPER = "CDL, the paper's preset"
Figures = Mapping[str, Mapping[int, float]]

OURS = "Our defaults go beyond the paper: shared input, residuals, spectral start, Adam; see docs/decisions.md."
SETTINGS = "DualNet.paper(): what the paper describes; what it leaves open (rates, noise, batch sizes) is ours."
SMALL_CDL = "A small autoencoder, five divisions; the paper's figures stand at the full preset below."
FULL_CDL = (
    "The hyper-parameters of section 5.2; one division, for its cost. Learning rate, epochs and pretraining are not published."
)


def paper_methods(paper: Figures, *, bpr: bool = True) -> tuple[Row, ...]:
    """Return WMF, BPR, CDL and DualNet with the paper's figures.

    Parameters
    ----------
    paper : mapping of model name to recall by cut-off
        Names ``wmf``, ``bpr``, ``cdl``, ``dualnet``.
    bpr : bool
        Whether BPR is asked for.
    """
    rows = [Row("WMF", "wmf", paper=paper.get("wmf", {}))]
    if bpr:
        rows.append(Row("BPR", "bpr", paper=paper.get("bpr", {})))
    return (
        *rows,
        Row("CDL", "cdl", note=SMALL_CDL),
        Row(CDL_PAPER, "cdl", preset="paper", paper=paper.get("cdl", {}), note=FULL_CDL, repeats=1),
        Row(DUALNET, "dualnet", paper=paper.get("dualnet", {}), note=OURS),
        Row(DUALNET_PAPER, "dualnet", preset="paper", paper=paper.get("dualnet", {}), note=SETTINGS),
    )


def sceptic_methods(*, known_items: bool = True) -> tuple[Row, ...]:
    """Return the simple methods: those that know items by id (unless new items are ranked), and those that read content."""
    by_id = (Row("popularity", "popularity"), Row("item-kNN", "item-knn"), Row("EASE", "ease"))
    return (
        *(by_id if known_items else ()),
        Row("content profile", "content-profile"),
        Row("LSA profile", "lsa-profile"),
        Row("content to factors", "content-factors"),
        Row("late fusion", "fusion", note="WMF plus a weighted content profile: the bar for every hybrid."),
    )


def quick_rows(rows: tuple[Row, ...], keep: frozenset[str]) -> tuple[Row, ...]:
    """Return the rows that a quick run can afford."""
    return tuple(row for row in rows if row.label in keep)
