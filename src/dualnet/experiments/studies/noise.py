"""Section 5.3, noise injection: zeros among the inputs, for known and for new items."""

from __future__ import annotations

from .cells import Block, Row, Study, against
from .scope import Scope, slug
from .table1 import NOTES

PAPER_IN, PAPER_OUT = (0.712, 0.673), (0.475, 0.386)  # recall@300 in-matrix, recall@50 out-matrix: with noise, without
WITH, WITHOUT = "noise", "no noise"


def noise(scope: Scope) -> Study:
    """Return the study of noise.

    Parameters
    ----------
    scope : Scope
        What of it is wanted.
    """
    blocks = []
    for dataset in scope.choose_datasets(("citeulike-a",), ("citeulike-a",)):
        for protocol in ("citeulike2", "out-matrix"):
            blocks.append(_block(dataset, protocol, scope.contents(dataset)[0], scope))
    return Study(
        "noise",
        "Noise injection",
        "Setting a fraction of the inputs to zero has little effect on recall@M for known items below M = 30, and raises recall@300"
        " from 67.3 % to 71.2 %, and recall@50 of new items from 38.6 % to 47.5 %.",
        tuple(blocks),
    )


def _block(dataset: str, protocol: str, content: tuple[str, ...], scope: Scope) -> Block:
    known = protocol == "citeulike2"
    cut, (with_noise, without) = (300, PAPER_IN) if known else (50, PAPER_OUT)
    real = dataset == "citeulike-a"
    rows = [
        Row(WITH, "dualnet", paper={cut: with_noise} if real else {}),
        Row(WITHOUT, "dualnet", {"noise": 0.0, "history_noise": 0.0}, paper={cut: without} if real else {}),
    ]
    return Block(
        name=slug(dataset, protocol, content),
        title=f"{dataset}, {'known items (citeulike2)' if known else 'new items (a tenth)'}, content:"
        f" {', '.join(content) or 'all there is'}",
        dataset=dataset,
        content=content,
        protocol=protocol,
        options={} if known else {"cold": 0.1},
        candidates=() if known else ("task",),
        rows=tuple(rows),
        cuts=(10, 30, 50, 100, 300),
        repeats=scope.repeats(),
        contrasts=against(WITH, [row.label for row in rows[1:]]),
        order=(WITHOUT, WITH),
        plots=("curves", "gains", "training"),
        note=NOTES.get(dataset, ""),
    )
