"""Table 1: known users, known items, against WMF and CDL on four divisions of three data sets."""

from __future__ import annotations

from .cells import Block, Row, Study, against, percent
from .methods import (
    COUPLED,
    DUALNET,
    JOINT,
    NETWORKS,
    SOLVED,
    Figures,
    paper_methods,
    quick_rows,
    sceptic_methods,
    whole_methods,
)
from .scope import Scope, slug

PAPER: dict[tuple[str, str], Figures] = {
    ("citeulike-a", "citeulike1"): {
        "wmf": percent(22.14, 32.58, 43.65),
        "cdl": percent(25.02, 36.57, 48.32),
        "dualnet": percent(30.41, 41.71, 52.24),
    },
    ("citeulike-a", "citeulike2"): {
        "wmf": percent(40.45, 50.28, 59.95),
        "cdl": percent(39.49, 52.02, 64.41),
        "dualnet": percent(41.26, 53.80, 65.21),
        "bpr": percent(39.11, 49.16, 59.96),  # section 5.3
    },
    ("movielens-1m-posters", "citeulike2"): {
        "wmf": percent(37.14, 48.81, 60.25),
        "cdl": percent(38.11, 49.73, 61.00),
        "dualnet": percent(44.95, 59.15, 72.56),
    },
    ("ciao", "citeulike2"): {"wmf": percent(14.46, 19.66, 26.22), "cdl": percent(17.90, 24.55, 32.53)},
}
NOTES = {
    "citeulike-a": "The paper's content is title and abstract. Abstracts are public for 1,929 of the 16,980 papers only, so ours is"
    " the title, with and without the readers' tags.",
    "movielens-1m-posters": "A stand-in: five-star pairs of MovieLens-1M with real posters. The paper's figures are of"
    " MovieLens-20M with posters (76,531 users), so that the order of the methods can be compared, not the figures.",
    "ciao": "The review texts that the paper concatenates are not public; the content is the product's category. The copy of the"
    " paper at hand lacks DualNet's figures on Ciao.",
    "ciao-dvd": "A stand-in for Ciao; the content is the film's category. The paper has no figures.",
    "amazon-reviews": "A stand-in for products with review texts: training reviews of each product, concatenated. The paper has no"
    " figures.",
    "demo": "The embedded synthetic library of papers and readers, not the paper's data: it shows that everything works, nothing"
    " about the paper's figures.",
}
FULL = ("citeulike-a", "movielens-1m-posters", "ciao", "ciao-dvd", "amazon-reviews")
OWN_SETTINGS = 2  # divisions that the rows with the paper's own settings run on; they take 15 to 30 minutes each
REFIT = {"fit_on": "train+validation"}
QUICK = frozenset({"popularity", "WMF", "content profile", "late fusion", NETWORKS})


def table1(scope: Scope) -> Study:
    """Return table 1.

    Parameters
    ----------
    scope : Scope
        What of it is wanted.
    """
    blocks = []
    for dataset in scope.choose_datasets(FULL, ("citeulike-a",)):
        protocols = ("citeulike1", "citeulike2") if dataset.startswith("citeulike") and not scope.quick else ("citeulike2",)
        for protocol in protocols:
            for content in scope.contents(dataset):
                blocks.append(_block(dataset, protocol, content, scope))
    return Study(
        "table1",
        "Table 1: recommending known items to known users",
        "DualNet is ahead of CDL and WMF on all data sets, the more so the more the content is to the point.",
        tuple(blocks),
    )


def _block(dataset: str, protocol: str, content: tuple[str, ...], scope: Scope) -> Block:
    figures = PAPER.get((dataset, protocol), {})
    full = bool(figures) and content == scope.contents(dataset)[0]
    rows = (*sceptic_methods(), *paper_methods(figures, own_settings=OWN_SETTINGS if full else 0))
    if (
        protocol == "citeulike2" or content == scope.contents(dataset)[0]
    ):  # CiteULike1 of titles alone has no new rows, for their time
        rows = (*rows, *whole_methods())
    if protocol == "citeulike2" and content == ("title", "tags"):
        rows = (*rows, *_refitted(rows))
    if scope.quick:
        rows = quick_rows(rows, QUICK)
    labels = {row.label for row in rows}
    return Block(
        name=slug(dataset, protocol, content),
        title=f"{dataset}, {protocol}, content: {', '.join(content) or 'all there is'}",
        dataset=dataset,
        content=content,
        protocol=protocol,
        rows=rows,
        cuts=(50, 100, 200),
        repeats=scope.repeats(),
        contrasts=_contrasts(labels),
        order=("WMF", NETWORKS) if scope.quick else ("WMF", "CDL", NETWORKS),
        note=NOTES.get(dataset, ""),
    )


def _contrasts(labels: set[str]) -> tuple[tuple[str, str], ...]:
    rivals = ("WMF", "BPR", "CDL", "EASE", "late fusion", JOINT, COUPLED, NETWORKS, SOLVED)
    first = DUALNET if DUALNET in labels else NETWORKS
    return against(first, [name for name in rivals if name in labels and name != first])


def _refitted(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the rows of a refit on training and validation pairs; without the paper's figures, which are of the other fit."""
    note = "Chosen on validation, then fitted on training and validation pairs; the rows above saw the training pairs alone."
    return tuple(
        Row(f"{row.label}, refitted", row.model, parameters=row.parameters, options=REFIT, note=note)
        for row in rows
        if row.label in ("WMF", "late fusion", NETWORKS)
    )
