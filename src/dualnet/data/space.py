"""`ItemSpace`: a list of items as rows and features of one model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import DataError
from ..ids import IdMap, Rows
from .content import Content, Matrix


@dataclass(frozen=True, eq=False)
class ItemSpace:
    """A list of items as one model sees it: `Recommender.space` makes it, `encode_items` and `encode_users` read it.

    Parameters
    ----------
    ids : IdMap
        External ids; every row number below refers to it.
    known : ndarray of int64, shape (len(ids),)
        The model's own row of each item that it saw in training, else -1.
    features : csr_array or ndarray of float32, shape (len(ids), n_features), optional
        Content features by the model's fitted featurizer; None for models without content.
    content : Content, optional
        The raw content, row-aligned with `ids`, for titles and filters.

    Raises
    ------
    DataError
        If there is not one row for each id.
    """

    ids: IdMap
    known: Rows
    features: Matrix | None = None
    content: Content | None = None

    def __post_init__(self) -> None:
        n = len(self.ids)
        if np.shape(self.known) != (n,):
            raise DataError(f"the known rows have shape {np.shape(self.known)} for {n} items; give one for each")
        if self.features is not None and (getattr(self.features, "ndim", 0) != 2 or self.features.shape[0] != n):
            raise DataError(f"the features have shape {np.shape(self.features)} for {n} items; give one row for each")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which items the model saw in training; shape (len(ids),)."""
        return self.known >= 0

    def part(self, rows: Rows) -> ItemSpace:
        """Return some rows without their raw content: histories over the few items they hold are encoded over those alone.

        Parameters
        ----------
        rows : ndarray of int64
            Distinct items of this space.
        """
        return ItemSpace(self.ids.subset(rows), self.known[rows], None if self.features is None else self.features[rows])

    def known_rows(self, table: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
        """Return the rows that a model's table has for some items, zeros for items it never saw.

        Parameters
        ----------
        table : ndarray of float32, shape (n_known, width)
            One row for each item of the model.
        rows : ndarray of int64
            Items of this space.

        Returns
        -------
        ndarray of float32, shape (len(rows), width)
        """
        known = self.known[rows]
        found = np.zeros((len(rows), table.shape[1]), np.float32)
        found[known >= 0] = table[known[known >= 0]]
        return found

    def to_known(self, history: csr_array, n_known: int) -> csr_array:
        """Translate histories over this space to the model's own items, dropping items it never saw.

        Parameters
        ----------
        history : csr_array, shape (n_users, len(self))
            Histories.
        n_known : int
            How many items the model has.

        Returns
        -------
        csr_array of float32, shape (n_users, n_known)
        """
        if len(self) == n_known and np.array_equal(self.known, np.arange(n_known)):
            return csr_array(history)
        rows = np.flatnonzero(self.is_known)
        selector = csr_array((np.ones(len(rows), np.float32), (rows, self.known[rows])), shape=(len(self), n_known))
        return csr_array(history @ selector)
