"""A data set as a table of its pairs, which scikit-learn divides by rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..rng import generator
from .interactions import Interactions


class TableOfPairs:
    """What scikit-learn asks of a table: how many rows it has, and some of them.

    The rows are the pairs in an order that mixes the users, the same each time: a fold of neighbouring rows, as a plain number of folds
    gives it, leaves pairs of everybody to train on.
    """

    interactions: Interactions
    name: str
    __iter__ = None  # a list of data sets of one pair each would be of no use to anybody

    if TYPE_CHECKING:

        def keep(self, mask: NDArray[np.bool_], others: NDArray[np.bool_] | None = None) -> Self:
            """Return the same users and items with only some pairs."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pairs, and 2 for their user and item.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.synthetic.blocks_world().shape
        (328, 2)
        """
        return self.interactions.n_pairs, 2

    def __getitem__(self, rows: Any) -> Self:
        """Return the same users and items with only the pairs in some rows; their order is of no effect.

        Parameters
        ----------
        rows : ndarray of int or bool, or slice
            Some rows; `keep` takes a mask of the pairs in matrix order instead.

        Raises
        ------
        UsageError
            If there are no such rows.
        """
        rows = rows[0] if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis else rows
        count = self.interactions.n_pairs
        if not isinstance(rows, slice) and (np.asarray(rows).dtype.kind not in "iub" or np.ndim(rows) > 1):
            raise UsageError(
                f"rows of the pairs of data set '{self.name}' must be numbers, a mask or a slice, got {rows!r:.60}"
            )
        order = generator(0, "rows of pairs").permutation(count)
        try:
            chosen = order[rows]
        except IndexError:
            raise UsageError(f"there are no rows {rows!r:.60} among the {count:,} pairs of data set '{self.name}'") from None
        mask = np.zeros(count, bool)
        mask[chosen] = True
        return self.keep(mask)
