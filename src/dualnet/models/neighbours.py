"""ItemKNN: items are similar that the same users took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..ids import Rows
from ..train.options import RunOptions
from .base import Capabilities, Prepared, Recommender
from .explain.reasons import Reasons, chosen_items, linear
from .limits import COUNT, NOT_NEGATIVE, Limit
from .saved_arrays import saved_matrix

BLOCK = 1024  # items whose similarities are held at a time


class ItemKNN(Recommender):
    """A neighbourhood model: the score of an item is its similarity to the items of the history (Sarwar et al. 2001).

    A user vector is the history, an item vector its similarities: long and sparse, but an inner product like any other.

    Parameters
    ----------
    neighbours : int
        Most similar items kept for each item.
    shrinkage : float
        Added to the denominator of the cosine, so that two items with one common user do not count as equal.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.ItemKNN(neighbours=10).fit(data)
    >>> [item[:2] for item in model.recommend(history=["i2-0"], k=2).ids]
    ['i2', 'i2']
    """

    name: ClassVar[str] = "item-knn"
    limits: ClassVar[Mapping[str, Limit]] = {"neighbours": COUNT, "shrinkage": NOT_NEGATIVE}

    def __init__(self, *, neighbours: int = 200, shrinkage: float = 5.0) -> None:
        self.neighbours = neighbours
        self.shrinkage = shrinkage

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known items, for any history."""
        return Capabilities.known_items()

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        self._find_neighbours()

    def _find_neighbours(self) -> None:
        """Learn from the histories that the model has; an item that nobody took, as when its users were forgotten, has none."""
        by_item = csr_array(self.histories_.T)
        lengths = np.sqrt(np.diff(by_item.indptr))
        blocks = []
        for start in range(0, len(self.items_), BLOCK):
            common = csr_array(by_item[start : start + BLOCK] @ self.histories_)
            rows = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
            values = common.data / (lengths[start + rows] * lengths[common.indices] + self.shrinkage)
            values[common.indices == start + rows] = 0
            blocks.append(
                _keep_largest(csr_array((values, common.indices, common.indptr), shape=common.shape), self.neighbours)
            )
        self.similarity_ = csr_array(vstack(blocks, format="csr"), dtype=np.float32)
        self.similarity_.sort_indices()  # older SciPy leaves rows as they were made

    def _encode_items(self, space: ItemSpace, rows: Rows) -> csr_array:
        known = space.known[rows]
        found = np.flatnonzero(known >= 0)
        place = csr_array((np.ones(len(found), np.float32), (found, known[found])), shape=(len(rows), len(self.items_)))
        return csr_array(place @ self.similarity_)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> csr_array:
        return space.to_known(history, len(self.items_))

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        return linear("neighbours", chosen_items(space, history.indices, len(self.items_)), self._encode_items(space, rows))

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        s = self.similarity_
        return {}, {"data": s.data, "indices": s.indices.astype(np.int64), "indptr": s.indptr.astype(np.int64)}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        n = len(self.items_)
        self.similarity_ = saved_matrix(tensors, "similarities", (n, n), sparse=True)


def _keep_largest(matrix: csr_array, count: int) -> csr_array:
    """Return a CSR matrix with at most `count` largest positive entries of each row."""
    keep = matrix.data > 0
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - matrix.indptr[rows[order]]
    keep &= rank < count
    coordinates = (rows[keep], matrix.indices[keep])
    return csr_array((matrix.data[keep], coordinates), shape=matrix.shape)
