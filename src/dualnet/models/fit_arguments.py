"""What `fit` is given: data of this library, and not somebody else's table or matrix."""

from __future__ import annotations

from typing import Any

from ..data.dataset import Dataset
from ..data.interactions import Interactions
from ..data.tasks import Split, Validation
from ..errors import UsageError
from ..train.options import RunOptions


def check_fit_arguments(train: Any, validation: Any, run: Any) -> None:
    """Refuse anything but a data set, a validation and run options; the text says how one is made of what was given.

    Raises
    ------
    UsageError
        For the first that is of another type.
    """
    if not isinstance(train, Dataset):
        raise UsageError(f"fit learns from a Dataset, got {_named(train)}; {_how_to_train(train)}")
    if validation is not None and not isinstance(validation, Validation):
        how = "give its validation, split.validation" if isinstance(validation, Split) else "a split has one, split.validation"
        raise UsageError(f"fit chooses on a Validation, got {_named(validation)}; {how}")
    if run is not None and not isinstance(run, RunOptions):
        raise UsageError(f"run must be RunOptions, got {_named(run)}; write run=RunOptions(threads=2), for example")


def _named(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


def _how_to_train(value: Any) -> str:
    if isinstance(value, Split):
        return "give the training set of the split, split.train"
    if isinstance(value, Interactions):
        return "write Dataset(interactions)"
    if hasattr(value, "tocoo"):
        return "make one of the rows and columns of the matrix with Dataset(Interactions.from_pairs(users, items))"
    return "make one with Dataset.from_tables(events, items)"
