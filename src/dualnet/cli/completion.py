"""Shell completion: names of models, protocols, data sets and studies."""

from __future__ import annotations

from collections.abc import Iterable


def models(incomplete: str) -> list[str]:
    """Return model names that start so."""
    from ..models.registry import MODELS

    return _starting(incomplete, MODELS)


def several_models(incomplete: str) -> list[str]:
    """Return lists of models, separated by commas, whose last name starts so."""
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [before + comma + name for name in models(last) if name not in taken]


def protocols(incomplete: str) -> list[str]:
    """Return protocol names that start so."""
    from ..data.splits import PROTOCOLS

    return _starting(incomplete, PROTOCOLS)


def drawn_protocols(incomplete: str) -> list[str]:
    """Return names of protocols that divide one data set, all but ``files``."""
    return [name for name in protocols(incomplete) if name != "files"]


def data_sets(incomplete: str) -> list[str]:
    """Return names of data sets that start so; the shell adds files where there is none."""
    from ..data import sources

    return _starting(incomplete, ["demo", *sources.known()])


def studies(incomplete: str) -> list[str]:
    """Return names of the paper's studies that start so."""
    from ..experiments.studies.registry import STUDIES

    return _starting(incomplete, STUDIES)


def tracker_names(incomplete: str) -> list[str]:
    """Return names of trackers that start so."""
    from ..train.tracking.by_name import TRACKERS

    return _starting(incomplete, TRACKERS)


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
