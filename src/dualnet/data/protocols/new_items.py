"""The out-matrix protocol: known users, and items without training pairs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...errors import DataError, UsageError
from ...ids import Rows
from ...rng import generator
from ...typed_values import typed
from ..dataset import Dataset
from ..tasks import RankingTask, Split, Validation
from .parts import (
    Mask,
    as_trained,
    draw_fold,
    draw_share,
    items_of,
    make_task,
    row_mask,
    training_set,
    users_left_out,
    users_of,
)

VALIDATION_SHARE = 0.1  # of the training items play the new ones while choosing


@typed
def out_matrix(
    data: Dataset,
    *,
    seed: int = 0,
    cold: float | None = None,
    folds: int | None = None,
    fold: int = 0,
    candidates: Literal["task", "all"] = "task",
) -> Split:
    """Remove all pairs of some items from training, and rank those items (section 5.1; Wang & Blei).

    Parameters
    ----------
    data : Dataset
        Everything, with item content.
    seed : int
        Seed of the division.
    cold : float, optional
        Share of items that are new; 0.1 (9 : 1) when neither `cold` nor `folds` is given.
    folds, fold : int
        Instead of `cold`: take one of several disjoint parts, such as five folds of 20 %.
    candidates : {"task", "all"}
        Rank the held-out items only (the convention), or every item.

    Returns
    -------
    Split
        With one ``known-new`` task. Users with new items only are left out, counted in the options. While choosing, 10 %
        of the training items play the new ones; then refit. No list is served: no pair of a known item is held out, so
        that new items first would win; ``candidates="all"`` says where new items stand, `four_quadrants` has both kinds.

    Raises
    ------
    DataError
        If there is no content, without which nothing is known of a new item.
    UsageError
        If both `cold` and `folds` are given, or a fold without folds.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.out_matrix(dualnet.synthetic.blocks_world(), cold=0.25)
    >>> [task.name for task in split.tasks], len(split.tasks[0].candidates)
    (['known-new'], 12)
    """
    if candidates not in ("task", "all"):
        raise UsageError(f"candidates must be 'task' or 'all', got {candidates!r}")
    if cold is not None and folds is not None:
        raise UsageError(f"cold={cold} and folds={folds} are two ways to choose the new items; give one")
    if folds is None and fold != 0:
        raise UsageError(f"fold={fold} needs folds, such as folds=5")
    if data.items is None:
        raise DataError(f"data set '{data.name}' has no item content, so nothing is known of new items; add content columns")
    with_pairs = data.known_items()
    rng = generator(seed, "out-matrix")
    if folds is not None:
        new = draw_fold(with_pairs, folds, fold, rng, "items")
        options: dict[str, object] = {"folds": folds, "candidates": candidates}
    else:
        cold = 0.1 if cold is None else cold
        new = draw_share(with_pairs, cold, rng, "items")
        options = {"cold": cold, "candidates": candidates}
    items = data.interactions.pairs()[1]
    train = ~row_mask(new, data.interactions.n_items)[items]
    playing = draw_share(items_of(data, train), VALIDATION_SHARE, rng, "items")
    inner = train & ~row_mask(playing, data.interactions.n_items)[items]
    choose = Validation(training_set(data, inner), (_task(data, inner, train & ~inner, playing, "task"),))
    final = _task(data, train, ~train, new, candidates)
    options["users_without_training_pairs"] = users_left_out(data, train)
    return Split(
        "out-matrix", training_set(data, train), (final,), choose, seed=seed, fold=fold if folds else None, options=options
    )


def _task(data: Dataset, visible: Mask, hidden: Mask, new: Rows, candidates: Literal["task", "all"]) -> RankingTask:
    ranked = new if candidates == "task" else np.arange(data.interactions.n_items)
    return make_task(
        "known-new", as_trained(data, visible), users=users_of(data, visible), visible=visible, seen=visible, hidden=hidden,
        candidates=ranked, candidate_set=candidates,
    )  # fmt: skip
