"""Table 2: items that training never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cells import Block, Repeat, Row, Study, against, percent
from .methods import COUPLED, DUALNET, JOINT, NETWORKS, SOLVED, paper_methods, quick_rows, sceptic_methods, whole_methods
from .scope import Scope, slug
from .table1 import NOTES

PAPER = {"cdl": percent(32.18, 43.90, 56.36), "dualnet": percent(47.51, 56.59, 66.36)}
FOLDS = 5
NOTE = (
    " The paper says neither how many items are new nor what is ranked: both divisions (a tenth of the items; five folds of a"
    " fifth) are run, and each fit ranks the new items alone and all items. For comparison, DropoutNet's published curve on"
    " CiteULike reaches 0.645 at 100 among the held-out items of a fifth, with abstracts."
)
QUICK = frozenset({"content profile", "late fusion", NETWORKS})


def table2(scope: Scope) -> Study:
    """Return table 2.

    Parameters
    ----------
    scope : Scope
        What of it is wanted.
    """
    blocks = []
    for dataset in scope.choose_datasets(("citeulike-a",), ("citeulike-a",)):
        for content in scope.contents(dataset):
            blocks.append(_block(dataset, content, scope, "cold-0.1", {"cold": 0.1}, scope.repeats()))
            if not scope.quick:
                folds = scope.repeats(full=FOLDS, folds=FOLDS)
                blocks.append(_block(dataset, content, scope, "five-folds", {"folds": FOLDS}, folds))
    return Study(
        "table2",
        "Table 2: recommending items that training never saw",
        "DualNet finds new items far more often than CDL (47.51 % against 32.18 % at 50); WMF cannot score them.",
        tuple(blocks),
    )


def _block(
    dataset: str,
    content: tuple[str, ...],
    scope: Scope,
    what: str,
    options: Mapping[str, Any],
    repeats: tuple[Repeat, ...],
) -> Block:
    full = what == "cold-0.1" and content == scope.contents(dataset)[0]
    rows: tuple[Row, ...] = (
        *sceptic_methods(known_items=False),
        *paper_methods(
            PAPER if dataset == "citeulike-a" else {}, bpr=False, own_settings=1 if full else 0
        ),  # one division: it takes half an hour
        *(whole_methods() if what == "five-folds" or scope.quick else ()),  # one division of two, for their time
    )
    if scope.quick:
        rows = quick_rows(rows, QUICK)
    labels = {row.label for row in rows}
    first = DUALNET if DUALNET in labels else NETWORKS
    rivals = [
        name
        for name in (
            "CDL",
            "late fusion",
            "content profile",
            "LSA profile",
            "content to factors",
            JOINT,
            COUPLED,
            NETWORKS,
            SOLVED,
        )
        if name in labels and name != first
    ]
    return Block(
        name=f"{slug(dataset, 'out-matrix', content)}-{what}",
        title=f"{dataset}, {'a tenth of the items new' if 'cold' in options else 'five folds of a fifth of the items'},"
        f" content: {', '.join(content) or 'all there is'}",
        dataset=dataset,
        content=content,
        protocol="out-matrix",
        options=options,
        candidates=("task", "all"),
        rows=rows,
        cuts=(50, 100, 200),
        repeats=repeats,
        contrasts=against(first, rivals),
        order=("content profile", NETWORKS) if scope.quick else ("CDL", NETWORKS),
        note=NOTES.get(dataset, "") + (NOTE if dataset == "citeulike-a" else ""),
    )
