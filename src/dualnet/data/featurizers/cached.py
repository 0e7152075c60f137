"""Vectors that are expensive to compute: read from the cache, or computed in batches with a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from ..cache import VectorCache


def vectors_of(
    keys: Sequence[bytes | None], width: int, describe: Callable[[list[int]], NDArray[np.float32]], *, batch: int, label: str
) -> NDArray[np.float32]:
    """Return one vector for each row; rows with the same key are computed once.

    Parameters
    ----------
    keys : sequence of bytes or None
        From `cache_key`; None for a row with nothing to describe, which stays zero.
    width : int
        Length of the vectors.
    describe : callable
        From row numbers to vectors, shape (len(rows), width).
    batch : int
        Rows described at a time, and kept if the process dies in the next.
    label : str
        For the progress bar.

    Returns
    -------
    ndarray of float32, shape (len(keys), width)
    """
    cache = VectorCache()
    first: dict[bytes, int] = {}
    for row, key in enumerate(keys):
        if key is not None:
            first.setdefault(key, row)
    known = cache.get(first, width)
    missing = [(key, row) for key, row in first.items() if key not in known]
    with progress_bar(label, len(missing)) as advance:
        for start in range(0, len(missing), batch):
            some = missing[start : start + batch]
            vectors = describe([row for _, row in some])
            fresh = {key: vector for (key, _), vector in zip(some, vectors, strict=True)}
            cache.put(fresh)
            known |= fresh
            advance(len(some))
    out = np.zeros((len(keys), width), np.float32)
    for row, key in enumerate(keys):
        if key is not None:
            out[row] = known[key]
    return out


@contextmanager
def progress_bar(label: str, total: int, show: bool | None = None) -> Iterator[Callable[[int], None]]:
    """Show a bar with the time left on standard error.

    Parameters
    ----------
    label : str
        What is being done.
    total : int
        Steps in all; no bar for none.
    show : bool, optional
        Default: only when standard error is a terminal, so that pipes and logs stay quiet.

    Yields
    ------
    callable
        Takes the number of steps that were just done.
    """
    if not total or not (sys.stderr.isatty() if show is None else show):
        yield lambda steps: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda steps: bar.advance(task, steps)
