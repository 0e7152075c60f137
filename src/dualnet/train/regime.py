"""Which block sizes train fastest: the rule behind the default batch sizes."""

from __future__ import annotations

import math

BLOCKS = 25  # an epoch: see docs/explanation/speed.md for the measured time-to-recall
SMALLEST = 32


def choose_blocks(n_users: int, n_items: int, user_batch: int | None, item_batch: int | None) -> tuple[int, int]:
    """Return users and items of a dual mini-batch; sizes that are given are kept.

    The towers cost users x (blocks along the items) + items x (blocks along the users), which for a given number of blocks
    is least for square ones. About 25 steps an epoch reached a recall soonest: fewer are starved of steps, more encode every
    row again and again.

    Parameters
    ----------
    n_users, n_items : int
        Of the training data.
    user_batch, item_batch : int, optional
        What the caller insists on.

    Returns
    -------
    tuple of int
        Users and items of a block.
    """
    side = max(SMALLEST, round(math.sqrt(n_users * n_items / BLOCKS)))
    return (
        _even(n_users, side) if user_batch is None else user_batch,
        _even(n_items, side) if item_batch is None else item_batch,
    )


def _even(count: int, side: int) -> int:
    """Return the size of blocks that cut `count` rows evenly into about count / side."""
    return -(-count // max(1, round(count / side)))
