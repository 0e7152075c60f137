"""EASE: a linear item-to-item model with a closed form, a strong baseline for deep models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..errors import CapabilityError
from ..ids import Rows
from ..train.options import RunOptions
from .base import Capabilities, Prepared, Recommender
from .explain.reasons import Reasons, chosen_items, linear
from .limits import POSITIVE, Limit
from .saved_arrays import saved_array

MOST_ITEMS = 25_000  # the weights are items x items: 2.5 GB here, and as much again to invert


class EASE(Recommender):
    """A ridge regression that predicts each item from all others, solved in closed form (Steck 2019).

    Parameters
    ----------
    regularization : float
        Penalty l; a few hundred for thousands of users.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.EASE(regularization=10.0).fit(data)
    >>> [item[:2] for item in model.recommend("u1-0", k=3).ids]
    ['i1', 'i1', 'i1']
    """

    name: ClassVar[str] = "ease"
    limits: ClassVar[Mapping[str, Limit]] = {"regularization": POSITIVE}

    def __init__(self, *, regularization: float = 500.0) -> None:
        self.regularization = regularization

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known items, for any history."""
        return Capabilities.known_items()

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        n = len(self.items_)
        if n > MOST_ITEMS:
            raise CapabilityError(
                f"EASE inverts a matrix of items x items, and {n:,} items are more than {MOST_ITEMS:,}; use wmf or item-knn"
            )
        gram = np.asarray((self.histories_.T @ self.histories_).toarray(), np.float32)
        gram[np.diag_indices(n)] += np.float32(self.regularization)
        inverse = cho_solve(cho_factor(gram, overwrite_a=True), np.eye(n, dtype=np.float32), overwrite_b=True)
        weights = inverse / -np.diag(inverse)
        weights[np.diag_indices(n)] = 0
        self.item_weights_ = np.ascontiguousarray(weights.T, np.float32)

    def _encode_items(self, space: ItemSpace, rows: Rows) -> NDArray[np.float32]:
        return space.known_rows(self.item_weights_, rows)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> csr_array:
        return space.to_known(history, len(self.items_))

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        return linear("neighbours", chosen_items(space, history.indices, len(self.items_)), self._encode_items(space, rows))

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"item_weights": self.item_weights_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.item_weights_ = saved_array(tensors, "item_weights", len(self.items_), len(self.items_))
