"""The four quadrants: known and new users, known and new items, and the list that holds both kinds of items."""

from __future__ import annotations

from .cells import Block, Row, Study, against
from .methods import DUALNET, NETWORKS, whole_methods
from .scope import Scope, slug
from .table1 import NOTES

TASKS = ("known-known", "known-new", "new-known", "new-new")
NOTE = (
    " A fifth of the items and a tenth of the users are new at once. The table of one list of all items is the served question:"
    " new items stand among known ones in the proportion in which they occur."
)


def quadrants(scope: Scope) -> Study:
    """Return the study of the four quadrants.

    Parameters
    ----------
    scope : Scope
        What of it is wanted.
    """
    blocks = []
    for dataset in scope.choose_datasets(("movielens-100k", "citeulike-a"), ("demo",)):
        content = scope.contents(dataset)[0]
        # on citeulike-a the networks alone take as long as the whole, and table 1 and table 2 have them
        networks = () if dataset == "citeulike-a" else (Row(NETWORKS, "dualnet"),)
        rows = (
            Row("popularity", "popularity"),
            Row("content profile", "content-profile"),
            Row("late fusion", "fusion"),
            *networks,
            *whole_methods(),
        )
        blocks.append(
            Block(
                name=slug(dataset, "four-quadrants", content),
                title=f"{dataset}, four quadrants, content: {', '.join(content) or 'all there is'}",
                dataset=dataset,
                content=content,
                protocol="four-quadrants",
                rows=rows,
                cuts=(50, 100, 200),
                repeats=scope.repeats(),
                tasks=TASKS,
                contrasts=against(DUALNET, [row.label for row in rows if row.label != DUALNET]),
                plots=(),
                note=NOTES.get(dataset, "") + NOTE,
            )
        )
    return Study(
        "quadrants",
        "Known and new users, known and new items",
        "One pair of networks serves all four quadrants (section 3 of the paper; the paper has no table of all four).",
        tuple(blocks),
    )
