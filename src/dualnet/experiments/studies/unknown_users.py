"""Section 5.1 taken literally: users who never trained, against the same users trained."""

from __future__ import annotations

from .cells import Block, Row, Study
from .scope import Scope, slug
from .table1 import NOTES

FOLDS = 10
UNSEEN, TRAINED = "DualNet, users unseen", "DualNet, the same users trained"
NOTE = (
    " The same users, the same visible 3/5 of their histories and the same hidden fifth, once with the visible part in training and"
    " once without. Every user is unknown in one fold, so that the paired interval is over all users."
)


def unknown_users(scope: Scope) -> Study:
    """Return the study of unknown users.

    Parameters
    ----------
    scope : Scope
        What of it is wanted.
    """
    blocks = []
    for dataset in scope.choose_datasets(("citeulike-a",), ("citeulike-a",)):
        content = scope.contents(dataset)[0]
        blocks.append(
            Block(
                name=slug(dataset, "unknown-users", content),
                title=f"{dataset}, ten folds of the users, content: {', '.join(content) or 'all there is'}",
                dataset=dataset,
                content=content,
                protocol="unknown-users",
                options={"folds": FOLDS},
                rows=(
                    Row(UNSEEN, "dualnet", options={"trained": False}),
                    Row(TRAINED, "dualnet", options={"trained": True}),
                    Row("WMF, users folded in", "wmf", options={"trained": False}),
                    Row("WMF, the same users trained", "wmf", options={"trained": True}),
                ),
                cuts=(50, 100, 200),
                repeats=scope.repeats(full=FOLDS, quick=2, folds=FOLDS),
                contrasts=((UNSEEN, TRAINED), ("WMF, users folded in", "WMF, the same users trained")),
                plots=("curves", "gains"),
                bar=0.03,
                note=NOTES.get(dataset, "") + NOTE,
            )
        )
    return Study(
        "unknown-users",
        "Users who never trained",
        "The user network serves people it never saw; the bar is a recall within 3 % of that for the same people trained.",
        tuple(blocks),
    )
