"""The scope of a study: its data sets, its seeds, quick or full."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ...data.cache import cache_folder
from ...data.sources import registry
from ...data.sources.raw import SourceFolder
from ...errors import UsageError, nearest
from .cells import Repeat

CONTENT: dict[str, tuple[tuple[str, ...], ...]] = {"citeulike-a": (("title", "tags"), ("title",))}


@dataclass(frozen=True)
class Scope:
    """Part of a study that is run.

    Parameters
    ----------
    datasets : tuple of str, optional
        Instead of the study's own.
    seeds : tuple of int, optional
        Instead of the study's own.
    quick : bool
        A smaller version: minutes.
    """

    datasets: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    quick: bool = False

    def choose_datasets(self, full: tuple[str, ...], quick: tuple[str, ...]) -> tuple[str, ...]:
        """Return the data sets to run; a quick run without the real data takes the embedded world.

        Raises
        ------
        UsageError
            If a data set is asked for by a name that does not exist, or twice, or none is.
        """
        if self.datasets is not None:
            for name in self.datasets:
                if name not in known_names(full):
                    raise UsageError(f"there is no data set '{name}'.{nearest(name, known_names(full))}")
            if not self.datasets or len(set(self.datasets)) < len(self.datasets):
                raise UsageError(f"--datasets wants at least one name, and each once, got '{','.join(self.datasets)}'")
            return self.datasets
        if not self.quick:
            return full
        return quick if all(is_here(name) for name in quick) else ("demo",)

    def repeats(self, full: int = 5, quick: int = 1, folds: int | None = None) -> tuple[Repeat, ...]:
        """Return seeds 0, 1, ... (or those asked for), or the folds of the first of them."""
        count = quick if self.quick else full
        if folds is not None:
            return tuple((seed, fold) for seed in (self.seeds or (0,)) for fold in range(min(folds, count)))
        return tuple((seed, None) for seed in self.seeds or range(count))

    def contents(self, dataset: str) -> tuple[tuple[str, ...], ...]:
        """Return the sets of content columns to run, the fullest first; a quick run takes that alone."""
        found = CONTENT.get(dataset, ((),))
        return found[:1] if self.quick else found


def known_names(wanted: tuple[str, ...] = ()) -> list[str]:
    """Return every name that a study may run on."""
    return sorted({"demo", *registry.known(), *wanted})


def is_here(dataset: str) -> bool:
    """Return whether a data set can be loaded without fetching it."""
    if dataset == "demo":
        return True
    if dataset not in registry.known():
        return False
    info = registry.find(dataset)
    given = os.environ.get(registry.FOLDER_VARIABLE)
    if given and (Path(given) / info.folder).is_dir():
        return True
    cached = SourceFolder(cache_folder() / info.folder)
    return bool(info.files) and all(cached.has(file) for file in info.files)


def slug(dataset: str, protocol: str, content: tuple[str, ...]) -> str:
    """Return a short name of a block."""
    return "-".join([dataset, protocol, *content])
