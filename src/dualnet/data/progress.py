"""A progress bar for long work on data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
