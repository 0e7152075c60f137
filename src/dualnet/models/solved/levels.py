"""The solved levels of a fitted model: vectors of items and users, and the reasons for a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...data.space import ItemSpace
from ...errors import ArtifactError
from ...ids import Rows
from ...retrieval.vectors import JoinedVectors, Vectors
from ..explain.level_names import CONTENT, FACTORS
from ..explain.reasons import Cut, Reasons
from ..saved_arrays import saved_array, saved_columns, saved_number
from .content import AS_IT_IS, ContentReader, WordsAndVectors, words_of
from .factors import ItemFactors
from .joint import JointSolution

Array = NDArray[np.float32]


@dataclass(frozen=True)
class SolvedChoice:
    """Parameters that determine the solved levels.

    Parameters
    ----------
    zero_weight : float
        Weight b of zeros.
    regularization : float
        Penalty l.
    relation : float
        Weight of the content's words, tags and labels as further rows of the matrix; 0 for none.
    prior : float or None
        Penalty of the map from content to factors; None for factors without a prior.
    content_scale : float
        Weight c of the content beside the factors.
    """

    zero_weight: float
    regularization: float
    relation: float
    prior: float | None
    content_scale: float


@dataclass(frozen=True, eq=False)
class SolvedLevels:
    """Item factors with a prior from content, and content as it is, behind one exact solution for users.

    Parameters
    ----------
    items : ItemFactors
        Factors of the training items, and the map that predicts those of others from content.
    joint : JointSolution
        The user's side.
    choice : SolvedChoice
        What decided them.
    reader : ContentReader
        How content is read.
    """

    items: ItemFactors
    joint: JointSolution
    choice: SolvedChoice
    reader: ContentReader = AS_IT_IS

    @property
    def beside(self) -> float:
        """Weight in a score of the products of the sparse content that vectors have beside their dense part; 0 where they have none."""
        return self.joint.beside if self.joint.axes is not None and self.reader.axes is None else 0.0

    @property
    def reads_content(self) -> bool:
        """Whether content says anything of an item: its factors, or a part of the score as it is."""
        return self.items.read_content or self.joint.reads_content

    def item_vectors(self, space: ItemSpace, rows: Rows) -> Vectors:
        """Return the vectors of some items of a space; new items have the factors that their content predicts."""
        known = space.known[rows]
        content = self._content(space, rows)
        factors = np.zeros((len(rows), self.items.items.shape[1]), np.float32)
        new = np.flatnonzero(known < 0)
        if len(new) and content is not None and self.items.content_map is not None:  # asked last: it may have to be solved for
            factors[new] = np.asarray(content[new] @ self.items.content_map)
        factors[known >= 0] = self.items.items[known[known >= 0]]
        return self.joint.item_vectors(factors, content)

    def user_vectors(self, history: csr_array, space: ItemSpace, table: Array | None = None) -> Vectors:
        """Return the vectors of users with histories over a space, shape (n_users, width).

        Parameters
        ----------
        history : csr_array, shape (n_users, len(space))
            What each user took; values do not count.
        space : ItemSpace
        table : ndarray, shape (len(space), dense width), optional
            From `table`, for a caller that keeps it.
        """
        taken, part = _taken(history)
        if table is None:
            items = self.item_vectors(space, taken)
        else:
            words = words_of(self._content(space, taken)) if self.joint.axes is not None else None
            items = table[taken] if words is None else JoinedVectors(table[taken], csr_array(words))
        return self.joint.user_vectors(part, items, ~space.is_known[taken])

    def table(self, space: ItemSpace) -> Array:
        """Return the dense part of the vectors of all items of a space, which is what histories are solved from."""
        vectors = self.item_vectors(space, np.arange(len(space)))
        return vectors.dense if isinstance(vectors, JoinedVectors) else np.asarray(vectors, np.float32)

    def reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        """Return why one history gets some items: the score is a sum over the history, and over factors and content."""
        taken, part = _taken(history)
        dense, sparse = self.joint.split(part, self.item_vectors(space, taken), ~space.is_known[taken])
        width, known, content = self.joint.width, space.known[rows], self._content(space, rows)
        factors = np.zeros((len(rows), width))
        if self.items.content_map is not None and content is not None:
            factors[known < 0] = content[np.flatnonzero(known < 0)] @ self.items.content_map
        factors[known >= 0] = self.items.items[known[known >= 0]]
        others = factors @ dense[:, :width].T
        features = space.features
        if content is None or features is None:
            return Reasons(((FACTORS, others.sum(axis=1)),), Cut(np.zeros(len(rows)), others), None)
        about, weights = np.zeros_like(others), np.zeros(content.shape[1])
        if self.joint.reads_content:
            about, weights = self._about(content, dense[:, width:], sparse)
        levels = ((FACTORS, others.sum(axis=1)), (CONTENT, about.sum(axis=1)))
        predicted = np.zeros(content.shape[1])
        if self.items.content_map is not None:
            predicted = self.items.content_map @ dense[:, :width].sum(axis=0)
        if self.reader.axes is not None:  # a sum along the axes is a sum over the features
            weights, predicted = self.reader.axes @ weights, self.reader.axes @ predicted
        own = self.reader.by_feature(features[rows]).astype(np.float64)
        by_feature = self._by_feature(own, known, others, weights, predicted)
        return Reasons(levels, Cut(np.zeros(len(rows)), others + about), by_feature)

    def _about(
        self, content: Any, beside: NDArray[np.float64], sparse: csr_array | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what content gives items by each item of a history, and the weight of each feature, from `JointSolution.split`."""
        scale, axes = self.joint.content_scale, self.joint.axes
        words = content.words if isinstance(content, WordsAndVectors) else content
        n_along = words.shape[1] if axes is None else axes.shape[1]
        along, total = beside[:, :n_along], beside.sum(axis=0)
        about = scale * np.asarray((words if axes is None else words @ axes) @ along.T)
        weights = scale * (total[:n_along] if axes is None else axes @ total[:n_along])
        if sparse is not None:
            about = about + (words @ sparse.T).toarray()
            weights = weights + np.asarray(sparse.sum(axis=0)).ravel()
        if isinstance(content, WordsAndVectors):
            about = about + scale * content.vectors @ beside[:, n_along:].T
            weights[content.columns] += scale * total[n_along:]
        return about, weights

    @staticmethod
    def _by_feature(
        own: csr_array,
        known: Rows,
        others: NDArray[np.float64],
        weights: NDArray[np.float64],
        predicted: NDArray[np.float64],
    ) -> Cut:
        """Return scores by content feature; the learned factors of training items are not content, and are the base."""
        is_new = np.repeat(known < 0, np.diff(own.indptr))
        values = own.data * (weights[own.indices] + np.where(is_new, predicted[own.indices], 0))
        base = np.where(known < 0, 0, others.sum(axis=1))
        return Cut(base, csr_array((values, own.indices, own.indptr), shape=own.shape))

    def _content(self, space: ItemSpace, rows: Rows) -> Any | None:
        if space.features is None or not self.reads_content:
            return None
        return self.reader(space.features[rows])

    def get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return JSON-ready settings and arrays, for a model folder."""
        tensors = {"factors": self.items.items, "rotation": self.joint.rotation, "signs": self.joint.signs}
        optional = {
            "content_map": self.items.content_map,
            "axes": self.joint.axes,
            "content_axes": self.reader.axes,
            "vector_columns": self.reader.vectors,
        }
        return asdict(self.choice), tensors | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def from_state(
        cls, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], n_items: int | None, n_features: int | None
    ) -> SolvedLevels:
        """Take back what `get_state` returned, for so many items and features (any where None).

        Raises
        ------
        ArtifactError
            If a setting is no number, or an array is missing or does not fit.
        """
        numbers: dict[str, Any] = {
            name: saved_number(config, name) for name in config if name != "prior" or config["prior"] is not None
        }
        choice = SolvedChoice(**{"prior": None, **numbers})
        if not (0 <= choice.zero_weight < 1 and choice.regularization > 0):
            raise ArtifactError("weight of zeros or penalty of the solved levels is out of range; the model folder was altered")
        factors = saved_array(tensors, "factors", n_items, None)
        width = factors.shape[1]
        along = saved_array(tensors, "content_axes", n_features, None) if "content_axes" in tensors else None
        n_read = n_features if along is None else along.shape[1]
        content_map = saved_array(tensors, "content_map", n_read, width) if "content_map" in tensors or n_features else None
        axes = saved_array(tensors, "axes", n_read, None) if "axes" in tensors else None
        vectors = saved_columns(tensors, "vector_columns", n_features) if "vector_columns" in tensors else None
        if along is not None and vectors is not None:
            raise ArtifactError("content is read along axes or as words and vectors, not both; the model folder was altered")
        beside: int | None = 0
        if choice.content_scale and n_features != 0:
            beside = n_read if axes is None else axes.shape[1]
            if beside is not None and vectors is not None:
                beside += len(vectors)
        dense = None if beside is None else width + beside
        saved_array(tensors, "rotation", dense, dense)
        saved_array(tensors, "signs", dense)
        items = ItemFactors(factors, content_map)
        joint = JointSolution(
            choice.content_scale, choice.zero_weight, choice.regularization,
            axes, np.asarray(tensors["rotation"]), np.asarray(tensors["signs"]), items.items.shape[1],
        )  # fmt: skip
        return cls(items, joint, choice, ContentReader(along, vectors))

    def start(self, content: Any | None, n_old: int, n_items: int) -> Array:
        """Return the factors of an update before its first step: learned ones, then what content predicts for items that follow.

        Parameters
        ----------
        content : csr_array or ndarray of float32, shape (n_items, n_features), optional
            Rows of unit length.
        n_old, n_items : int
            Items of the former fit, which come first, and all.
        """
        new = np.zeros((n_items - n_old, self.items.items.shape[1]), np.float32)
        if self.items.content_map is not None and content is not None:
            new = np.asarray(content[np.arange(n_old, n_items)] @ self.items.content_map)
        return np.concatenate([self.items.items[:n_old], new]).astype(np.float32)


def _taken(history: csr_array) -> tuple[Rows, csr_array]:
    """Return the items that occur in histories, ascending, and the histories over these alone."""
    taken = np.unique(history.indices).astype(np.int64)
    columns = np.searchsorted(taken, history.indices)
    return taken, csr_array((history.data, columns, history.indptr), shape=(history.shape[0], len(taken)))
