"""Rows that several tables share: the paper's methods, and further baselines."""

from __future__ import annotations

from collections.abc import Mapping

from .cells import Row

DUALNET = "DualNet"
NETWORKS = "DualNet, networks alone"
SOLVED = "solved levels alone"
COUPLED = "coupled"
JOINT = "fusion, solved jointly"
DUALNET_PAPER = "DualNet, the paper's settings"
CDL_PAPER = "CDL, the paper's preset"
NO_PRIOR = float("inf")
Figures = Mapping[str, Mapping[int, float]]

OURS = "What the paper describes, beyond its settings: shared input, residuals, spectral start, Adam; see docs/decisions.md."
WHOLE = "Networks and solved levels with their defaults, whose weights `fit` chooses on validation."
LEVELS = "DualNet without networks, with its defaults."
ROWS = "WMF whose matrix has a row for each word and tag."
SHARED = "WMF and content beside it; each user is solved for over both at once. Weights are chosen on validation."
SETTINGS = "DualNet.paper(): what the paper describes; what it leaves open (rates, noise, batch sizes) is ours."
SMALL_CDL = "A small autoencoder on all divisions; the weights were chosen on validation, where content serves the matching."
FULL_CDL = (
    "The hyper-parameters of section 5.2; one division, for its cost. Learning rate, epochs and pretraining are not published."
)


def paper_methods(paper: Figures, *, bpr: bool = True, own_settings: int = 0) -> tuple[Row, ...]:
    """Return WMF, BPR, CDL and DualNet with the paper's figures.

    The rows of the paper's own settings are dear, so that they run on few divisions, and on the fullest content alone.

    Parameters
    ----------
    paper : mapping of model name to recall by cut-off
        Names ``wmf``, ``bpr``, ``cdl``, ``dualnet``.
    bpr : bool
        Whether BPR is asked for.
    own_settings : int
        On how many divisions DualNet runs with the paper's own settings; 0 for no such rows.
    """
    wmf, bpr_row, cdl, dualnet = (paper.get(name, {}) for name in ("wmf", "bpr", "cdl", "dualnet"))
    rows = [Row("WMF", "wmf", paper=wmf)]
    if bpr:
        rows.append(Row("BPR", "bpr", paper=bpr_row))
    rows.append(Row("CDL", "cdl", paper=cdl, note=SMALL_CDL))
    if own_settings:
        rows.append(Row(CDL_PAPER, "cdl", preset="paper", paper=cdl, note=FULL_CDL, repeats=1))
    rows.append(Row(NETWORKS, "dualnet", paper=dualnet, note=OURS))
    if own_settings:
        rows.append(Row(DUALNET_PAPER, "dualnet", preset="paper", paper=dualnet, note=SETTINGS, repeats=own_settings))
    return tuple(rows)


def whole_methods() -> tuple[Row, ...]:
    """Return DualNet as it is given to people, its solved levels alone, and the strongest rivals without networks."""
    return (
        Row(COUPLED, "coupled", preset="default", note=ROWS),
        Row(JOINT, "solved", {"relation": 0.0, "prior": NO_PRIOR}, preset="default", note=SHARED),
        Row(SOLVED, "solved", preset="default", note=LEVELS),
        Row(DUALNET, "dualnet", preset="default", note=WHOLE),
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
