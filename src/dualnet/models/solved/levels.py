"""The solved levels of a fitted model: vectors of items and users, and the reasons for a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...data.space import ItemSpace
from ...ids import Rows
from ...retrieval.vectors import Vectors
from ..content_cosine import at_unit_length
from ..reasons import Cut, Reasons
from .factors import ItemFactors
from .joint import JointSolution

Array = NDArray[np.float32]

FACTORS = "what others took"
CONTENT = "what it is about"


@dataclass(frozen=True, eq=False)
class SolvedLevels:
    """Item factors with a prior from content, and content as it is, behind one exact solution for users.

    Parameters
    ----------
    items : ItemFactors
        Factors of the training items, and the map that predicts those of others from content.
    joint : JointSolution
        The user's side.
    """

    items: ItemFactors
    joint: JointSolution

    def item_vectors(self, space: ItemSpace, rows: Rows) -> Vectors:
        """Return the vectors of some items of a space; new items have the factors that their content predicts."""
        known = space.known[rows]
        content = self._content(space, rows)
        factors = np.zeros((len(rows), self.items.items.shape[1]), np.float32)
        if self.items.content_map is not None and content is not None and (known < 0).any():
            new = np.flatnonzero(known < 0)
            factors[new] = np.asarray(content[new] @ self.items.content_map)
        factors[known >= 0] = self.items.items[known[known >= 0]]
        return self.joint.item_vectors(factors, content)

    def user_vectors(self, history: csr_array, space: ItemSpace) -> Vectors:
        """Return the vectors of users with histories over a space, shape (n_users, width)."""
        taken, part = _taken(history)
        return self.joint.user_vectors(part, self.item_vectors(space, taken), ~space.is_known[taken])

    def reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        """Return why one history gets some items: the score is a sum over the history, and over factors and content."""
        taken, part = _taken(history)
        dense, sparse = self.joint.split(part, self.item_vectors(space, taken), ~space.is_known[taken])
        order = np.searchsorted(taken, history.indices)
        dense, sparse = dense[order], None if sparse is None else csr_array(sparse[order])
        width, known, content = self.joint.width, space.known[rows], self._content(space, rows)
        factors = np.zeros((len(rows), width))
        if self.items.content_map is not None and content is not None:
            factors[known < 0] = content[np.flatnonzero(known < 0)] @ self.items.content_map
        factors[known >= 0] = self.items.items[known[known >= 0]]
        others = factors @ dense[:, :width].T
        if content is None:
            return Reasons(((FACTORS, others.sum(axis=1)),), Cut(np.zeros(len(rows)), others), None)
        about, weights = np.zeros_like(others), np.zeros(content.shape[1])
        if self.joint.reads_content:
            scale, beside = self.joint.content_scale, dense[:, width:]
            along = content if self.joint.axes is None else content @ self.joint.axes
            about = scale * np.asarray(along @ beside.T)
            back = beside.sum(axis=0) if self.joint.axes is None else self.joint.axes @ beside.sum(axis=0)
            weights = scale * back
            if sparse is not None:
                about = about + (content @ sparse.T).toarray()
                weights = weights + np.asarray(sparse.sum(axis=0)).ravel()
        levels = ((FACTORS, others.sum(axis=1)), (CONTENT, about.sum(axis=1)))
        return Reasons(levels, Cut(np.zeros(len(rows)), others + about), self._by_feature(content, known, dense, others, weights))

    def _by_feature(
        self, content: Any, known: Rows, dense: NDArray[np.float64], others: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> Cut:
        """Return scores by content feature; the learned factors of training items are not content, and are the base."""
        own = csr_array(content).astype(np.float64)
        predicted = np.zeros(content.shape[1])
        if self.items.content_map is not None:
            predicted = self.items.content_map @ dense[:, : self.joint.width].sum(axis=0)
        is_new = np.repeat(known < 0, np.diff(own.indptr))
        values = own.data * (weights[own.indices] + np.where(is_new, predicted[own.indices], 0))
        base = np.where(known < 0, 0, others.sum(axis=1))
        return Cut(base, csr_array((values, own.indices, own.indptr), shape=own.shape))

    def _content(self, space: ItemSpace, rows: Rows) -> Any | None:
        if space.features is None or (self.items.content_map is None and not self.joint.reads_content):
            return None
        return at_unit_length(space.features[rows])

    def get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return JSON-ready settings and arrays, for a model folder."""
        joint = self.joint
        config = {"content_scale": joint.content_scale, "zero_weight": joint.zero_weight, "regularization": joint.regularization}
        tensors = {"factors": self.items.items, "rotation": joint.rotation, "signs": joint.signs}
        optional = {"content_map": self.items.content_map, "axes": joint.axes}
        return config, tensors | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def from_state(cls, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> SolvedLevels:
        """Take back what `get_state` returned."""
        items = ItemFactors(np.asarray(tensors["factors"]), tensors.get("content_map"))
        joint = JointSolution(
            config["content_scale"], config["zero_weight"], config["regularization"],
            tensors.get("axes"), np.asarray(tensors["rotation"]), np.asarray(tensors["signs"]), items.items.shape[1],
        )  # fmt: skip
        return cls(items, joint)


def _taken(history: csr_array) -> tuple[Rows, csr_array]:
    """Return the items that occur in histories, ascending, and the histories over these alone."""
    taken = np.unique(history.indices).astype(np.int64)
    columns = np.searchsorted(taken, history.indices)
    return taken, csr_array((history.data, columns, history.indptr), shape=(history.shape[0], len(taken)))
