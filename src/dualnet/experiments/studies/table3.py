"""Table 3: the three designs."""

from __future__ import annotations

from .cells import Block, Row, Study, percent
from .scope import Scope, slug
from .table1 import NOTES

CUTS = (10, 50, 100)
PAPER = {
    "basic": percent(15.86, 38.86, 51.03, cuts=CUTS),
    "multi-level": percent(16.89, 39.92, 51.26, cuts=CUTS),
    "branching": percent(17.43, 40.31, 51.78, cuts=CUTS),
}
LABELS = {"basic": "basic", "multi-level": "multi-level", "branching": "multi-level branching"}


def table3(scope: Scope) -> Study:
    """Return table 3: once with our defaults, once with the paper's own settings.

    Parameters
    ----------
    scope : Scope
        What of it is wanted.
    """
    blocks = []
    for dataset in scope.choose_datasets(("citeulike-a",), ("citeulike-a",)):
        for content in scope.contents(dataset):
            blocks.append(_block(dataset, content, scope, paper_settings=False))
        if not scope.quick:
            blocks.append(_block(dataset, scope.contents(dataset)[0], scope, paper_settings=True))
    return Study(
        "table3",
        "Table 3: basic, multi-level and branching designs",
        "A multi-level design is a little better than a basic one, and branches add more.",
        tuple(blocks),
    )


def _block(dataset: str, content: tuple[str, ...], scope: Scope, *, paper_settings: bool) -> Block:
    rows = tuple(
        Row(
            label,
            "dualnet",
            {"design": design},
            preset="paper" if paper_settings else "chosen",
            paper=PAPER[design] if dataset == "citeulike-a" else {},
        )
        for design, label in LABELS.items()
    )
    settings = "the paper's settings" if paper_settings else "our settings"
    return Block(
        name=slug(dataset, "citeulike2", content) + ("-paper-settings" if paper_settings else ""),
        title=f"{dataset}, citeulike2, content: {', '.join(content) or 'all there is'}, {settings}",
        dataset=dataset,
        content=content,
        protocol="citeulike2",
        rows=rows,
        cuts=CUTS,
        repeats=scope.repeats(full=2 if paper_settings else 5, quick=3),
        contrasts=(
            (LABELS["multi-level"], LABELS["basic"]),
            (LABELS["branching"], LABELS["multi-level"]),
            (LABELS["branching"], LABELS["basic"]),
        ),
        order=tuple(LABELS.values()),
        plots=("intervals", "curves", "training"),
        note=NOTES.get(dataset, ""),
    )
