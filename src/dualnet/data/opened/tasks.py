"""Row groups of parts as tasks of bounded size, done by several threads and given back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from .batches import opened
from .layout import Part

Done = TypeVar("Done")

ROWS = 4_000_000  # of a task, where row groups are smaller


@dataclass(frozen=True)
class Task:
    """Some row groups of a part.

    Parameters
    ----------
    part : Part
        The file.
    groups : tuple of int
        Row groups.
    start : int
        Rows of the part before them.
    """

    part: Part
    groups: tuple[int, ...]
    start: int


def tasks_of(parts: Sequence[Part]) -> list[Task]:
    """Return all row groups of some parts, in order."""
    tasks = []
    for part in parts:
        with opened(part) as found:
            sizes = [found.metadata.row_group(group).num_rows for group in range(found.metadata.num_row_groups)]
        groups: list[int] = []
        start = rows = 0
        for group, size in enumerate(sizes):
            if groups and rows + size > ROWS:
                tasks.append(Task(part, tuple(groups), start))
                groups, start, rows = [], start + rows, 0
            groups.append(group)
            rows += size
        if rows:
            tasks.append(Task(part, tuple(groups), start))
    return tasks


def in_order(workers: int, work: Callable[[Task], Done], tasks: Sequence[Task]) -> Iterator[Done]:
    """Yield what each task gives, in their order; at most one more than the workers is done ahead."""
    if workers == 1:
        yield from map(work, tasks)
        return
    waiting: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
