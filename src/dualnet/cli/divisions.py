"""Divisions that commands work on: a folder of `dualnet split`, or data that a protocol divides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import UsageError
from . import arguments as arg
from .given_options import refuse_given, refuse_tables
from .option_groups import with_options

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..data.tasks import Split


@dataclass(frozen=True)
class DivisionOptions:
    """Options of the division of data; the fields are the options that `with_division_options` adds."""

    protocol: arg.ProtocolOption = "citeulike2"
    cold: arg.ColdOption = None
    folds: arg.FoldsOption = None
    fold: arg.FoldOption = None
    candidates: arg.CandidatesOption = None
    fit_on: arg.FitOnOption = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the protocol."""
        return {name: getattr(self, name) for name in ("cold", "folds", "fold", "candidates", "fit_on")}


with_division_options = with_options(DivisionOptions, "division")


@dataclass(frozen=True)
class Divisions:
    """Data, and the divisions of them that seeds draw.

    Parameters
    ----------
    data : Dataset
        All that is divided; of a division that somebody made, its training set.
    content : str
        The content columns in use, separated by commas.
    options : DivisionOptions
        How they are divided.
    divide : callable
        From a seed and a fold to a split.
    """

    data: Dataset
    content: str
    options: DivisionOptions
    divide: Callable[[int, int | None], Split]


def divisions(
    context: typer.Context, data: str | None, tables: arg.TableOptions, division: DivisionOptions, content: str | None
) -> Divisions:
    """Return the divisions of what DATA names; of a folder of `dualnet split` there is one, and seeds are those of models.

    Raises
    ------
    UsageError
        For options that mean nothing for a division that is made already.
    """
    kept = split_folder(data)
    if kept is None:
        loaded = arg.load_data(data, tables, content)
        parameters = division.parameters()

        def divide(seed: int, fold: int | None) -> Split:
            return make_split(loaded, division.protocol, seed, {**parameters, "fold": fold})
    else:
        refuse_tables(tables, f"means nothing for {data}, a split whose tables were read when it was made")
        refuse_given(context, ["protocol", *division.parameters()], f"means nothing for {data}, which is divided already")
        given = given_split(kept, content)
        loaded = given.train
        division = DivisionOptions(given.protocol, fold=given.fold)

        def divide(seed: int, fold: int | None) -> Split:
            return replace(given, seed=seed)

    columns = content or ",".join(loaded.items.spec.columns if loaded.items is not None else ())
    return Divisions(loaded, columns, division, divide)


def split_folder(data: str | None) -> Path | None:
    """Return the folder made by `dualnet split` that an argument names, or None where it names something else."""
    from ..data.split_files import is_split

    return Path(data) if data is not None and is_split(Path(data)) else None


def given_split(folder: Path, content: str | None = None) -> Split:
    """Return the division of a folder; figures of one that is ordered by id come with a warning.

    Parameters
    ----------
    folder : Path
        Made by `dualnet split`.
    content : str, optional
        Content columns to use, separated by commas; all where left out.
    """
    from ..data.id_order import warn_of_order
    from ..data.split_files import load_split

    split = load_split(folder)
    warn_of_order(split)
    return split if content is None else split.with_content(arg.words(content))


def make_split(data: Dataset, protocol: str, seed: int, options: dict[str, Any]) -> Split:
    """Divide data by a protocol with the options that were given."""
    from ..data import splits

    if protocol == "files" and "train" not in options:
        raise UsageError(
            "protocol 'files' takes a division that somebody else made: make its folder with `dualnet split DATA --protocol files"
            " --train FILE --test FILE --out split`, and give that folder in place of DATA"
        )
    return splits.make(protocol, data, seed=seed, **options)
