"""The protocol for published divisions in files: ids of the files are matched to the ids of the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from ...errors import DataError, UsageError, warn
from ...ids import IdMap, whole_number
from ...typed_values import typed
from ..dataset import Dataset
from ..interactions import Interactions
from ..pairs import Layout, PairFormat, read_candidates, read_pairs
from ..tasks import Split
from .files import Kind, MissingContent, all_ids, from_files
from .shifted_ids import shift_of


@typed
def read_files(
    data: Dataset | None = None,
    *,
    train: str | Path | None = None,
    test: str | Path | None = None,
    validation: str | Path | None = None,
    shown: str | Path | None = None,
    layout: Layout = "auto",
    base: Literal[0, 1] | None = None,
    header: bool | None = None,
    user: str = "user_id",
    item: str = "item_id",
    kind: Kind = "auto",
    candidates: str | Path = "task",
    missing_content: MissingContent = "error",
) -> Split:
    r"""Read an existing division from files: tables of pairs, or lines of items, warm or cold.

    Parameters
    ----------
    data : Dataset, optional
        Where content comes from. Ids of the files that are whole numbers are read as its ids are, as integers or as text.
    train, test, validation, shown : path
        Files of pairs; see `from_files`.
    layout, base, header, user, item
        How the files are written; see `dualnet.data.pairs.PairFormat`. Without a base, ids that would fit the content better if
        they were shifted by one are refused; ``base=0`` takes them as they stand.
    candidates : {"task", "all"} or path
        See `from_files`; the path of a file ranks its items (`dualnet.data.pairs`).
    kind, missing_content
        See `from_files`.

    Returns
    -------
    Split

    Raises
    ------
    UsageError
        If `train` or `test` is missing.
    DataError
        For a file, line or value that cannot be used, or ids that are shifted.

    Examples
    --------
    >>> import dualnet
    >>> from pathlib import Path
    >>> _ = Path("train.csv").write_text("user_id,item_id\nann,tea\nann,jam\nbob,tea\nbob,egg\n")
    >>> _ = Path("test.csv").write_text("user_id,item_id\nann,egg\n")
    >>> split = dualnet.splits.read_files(train="train.csv", test="test.csv")
    >>> split.train.interactions.n_pairs
    4
    """
    if train is None or test is None:
        raise UsageError("protocol 'files' needs a file of training pairs and one of test pairs; give train= and test=")
    integers = data is not None and data.interactions.items.is_integer and data.interactions.users.is_integer
    form = PairFormat(layout, 0 if base is None and integers else base, header, user, item)
    parts = [None if path is None else _in_kind_of(read_pairs(path, form), data) for path in (train, test, validation, shown)]
    there = [part for part in parts if part is not None]
    if data is not None and data.items is not None and base != 0:
        _refuse_shifted(there[0], all_ids([part.items for part in there], "item"), data, Path(train).name, base)
    ranked: str | IdMap = str(candidates)
    if ranked not in ("task", "all"):
        ranked = IdMap(read_candidates(candidates, form))
        ranked = _in_kind(ranked, there[0].items if data is None else data.interactions.items)
    return from_files(
        there[0], there[1], parts[2], shown=parts[3], data=data, kind=kind, candidates=ranked,  # type: ignore[arg-type]
        name="files" if data is None else data.name, missing_content=missing_content,
    )  # fmt: skip


def _refuse_shifted(train: Interactions, every: IdMap, data: Dataset, file: str, base: int | None) -> None:
    """Refuse ids that would fit the content of the data better if they were shifted by one."""
    assert data.items is not None
    by = shift_of(train, data.items, every)
    if by == 0:
        return
    if base is None:
        remedy = "say base=1" if by < 0 else "add 1 to the ids of the files"
        raise DataError(
            f"the items of {file} fit the content of '{data.name}' better with {abs(by)} {'less' if by < 0 else 'more'}: their ids"
            f" count from {1 if by < 0 else 0}, those of the table from {0 if by < 0 else 1}; {remedy}, or say base=0 to take them as"
            " they stand"
        )
    if by < 0:
        return  # less by two than in the file is no way to count
    told = (
        f"the items of {file} fit the content of '{data.name}' better as they stand than with base=1, which takes 1 off their ids;"
        " leave base out"
    )
    if (data.items.ids.find(every.keys) < 0).any():
        raise DataError(told)
    warn(told)


def _in_kind_of(pairs: Interactions, data: Dataset | None) -> Interactions:
    """Return pairs with ids as those of the data are, integers or text, where they can be."""
    if data is None:
        return pairs
    users, items = _in_kind(pairs.users, data.interactions.users), _in_kind(pairs.items, data.interactions.items)
    return replace(pairs, users=users, items=items)


def _in_kind(ids: IdMap, like: IdMap) -> IdMap:
    if ids.is_integer == like.is_integer or not len(like):
        return ids
    if ids.is_integer:
        return IdMap([str(key) for key in ids])
    numbers = [whole_number(str(key)) for key in ids]
    return ids if None in numbers else IdMap(np.array(numbers, np.int64))
