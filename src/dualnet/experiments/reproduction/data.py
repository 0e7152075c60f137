"""The data and divisions that a cell of a study is fitted and measured on."""

from __future__ import annotations

import numpy as np

from ...data import sources, splits, synthetic
from ...data.dataset import Dataset
from ...data.protocols.parts import row_mask
from ...data.tasks import Split
from ...errors import UsageError
from ...rng import generator
from ..studies.cells import Cell


class Loader:
    """A loader that reads each data set once."""

    def __init__(self) -> None:
        self._loaded: dict[str, Dataset] = {}

    def data(self, cell: Cell) -> Dataset:
        """Return the data of a cell, with its content and, where the cell says so, a part of the users.

        Raises
        ------
        UsageError
            If there is no such data set or content column.
        ResourceError
            If its files are not to be had.
        DataError
            If they are not as published.
        """
        if cell.dataset not in self._loaded:
            self._loaded[cell.dataset] = synthetic.library() if cell.dataset == "demo" else sources.load(cell.dataset)
        data = self._loaded[cell.dataset]
        if cell.content:
            data = data.with_content(cell.content)
        return data if cell.users is None else part_of(data, cell.users)

    def divisions(self, cell: Cell) -> list[Split]:
        """Return the split of a cell, or one for each candidate set: same training set, other candidates.

        Raises
        ------
        UsageError
            If protocol or options do not exist, or as `data`.
        """
        data = self.data(cell)
        options = {**cell.options, "seed": cell.seed, "fold": cell.fold}
        if not cell.candidates:
            return [splits.make(cell.protocol, data, **options)]
        return [splits.make(cell.protocol, data, **options, candidates=candidates) for candidates in cell.candidates]


def part_of(data: Dataset, users: int) -> Dataset:
    """Return so many users, drawn once, with the items that they have.

    Parameters
    ----------
    data : Dataset
        Everything.
    users : int
        How many; all if there are fewer.

    Raises
    ------
    UsageError
        If the number is not positive.
    """
    if users < 1:
        raise UsageError(f"a part of the data needs at least one user, got {users}")
    n_users = data.interactions.n_users
    chosen = np.sort(generator(0, "part").permutation(n_users)[:users])
    return data.only(row_mask(chosen, n_users)[data.interactions.pairs()[0]])
