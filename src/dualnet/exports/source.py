"""The source of every export: ids, titles and vectors of items or users, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..data.content import Content
from ..data.interactions import Interactions
from ..errors import DataError
from ..ids import IdMap, Key
from ..models.base import Recommender
from ..models.catalogue import catalogue_of
from ..retrieval.askers import check_one_asker, resolve
from ..retrieval.questions import Asker
from ..retrieval.topk import top_k
from ..retrieval.vectors import JoinedVectors, Vectors, to_dense, to_sparse
from ..rng import generator

BLOCK = 2048  # rows encoded and held at a time
OVERLAP_USERS = 200


@dataclass(frozen=True)
class Layout:
    """Layout of the vectors of a model: their pieces, whose inner products sum to the score.

    Users have the layout of the items, so that the pieces can be multiplied.

    Parameters
    ----------
    width : int
        Numbers of the dense piece, named ``embedding`` in stores; 0 for models whose vectors are sparse.
    sparse_width : int
        Length of the sparse piece; 0 for models without one.
    """

    width: int
    sparse_width: int

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """Return the layout of some vectors."""
        if isinstance(vectors, JoinedVectors):
            return cls(vectors.dense.shape[1], vectors.sparse.shape[1])
        return cls(0, vectors.shape[1]) if issparse(vectors) else cls(vectors.shape[1], 0)

    @property
    def sparse_name(self) -> str:
        """Name of the sparse piece: ``content`` beside an embedding, else it is the embedding itself."""
        return "content" if self.width else "embedding"

    def split(self, vectors: Vectors) -> tuple[NDArray[np.float32] | None, csr_array | None]:
        """Return the dense and the sparse piece of encoded rows; None for a piece that the model lacks."""
        if isinstance(vectors, JoinedVectors):
            return np.ascontiguousarray(vectors.dense, np.float32), _canonical(vectors.sparse)
        if self.width:
            return np.ascontiguousarray(to_dense(vectors)), None
        return None, _canonical(to_sparse(vectors))


@dataclass(frozen=True, eq=False)
class VectorBlock:
    """Some rows of a `VectorSource`.

    Parameters
    ----------
    ids : list of str or int
        External ids.
    titles : list of str or None
        What to show a person; None for users.
    dense : ndarray of float32, shape (len(ids), width), or None
        The dense piece.
    sparse : csr_array of float32, shape (len(ids), sparse_width), or None
        The sparse piece, indices sorted.
    """

    ids: list[Key]
    titles: list[str] | None
    dense: NDArray[np.float32] | None
    sparse: csr_array | None


@dataclass(frozen=True, eq=False)
class VectorSource:
    """Vectors of many items or users, encoded as they are read, so that memory stays bounded.

    Parameters
    ----------
    what : {"items", "users"}
        What the rows are.
    model : Recommender
        Where they come from.
    ids : IdMap
        External ids in row order.
    layout : Layout
        In which pieces the vectors come.
    encode : callable
        From a range of rows to their vectors.
    content : Content, optional
        For titles, row-aligned.
    """

    what: str
    model: Recommender
    ids: IdMap
    layout: Layout
    encode: Callable[[slice], Vectors]
    content: Content | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self, rows: int = BLOCK, start: int = 0, stop: int | None = None) -> Iterator[VectorBlock]:
        """Yield rows in order, at least one block even if there is no row.

        Parameters
        ----------
        rows : int
            Rows a block.
        start, stop : int, optional
            Which rows; all by default.

        Raises
        ------
        DataError
            If a vector holds NaN or an infinite number.
        """
        end = len(self) if stop is None else min(stop, len(self))
        for first in range(start, max(end, start + 1), rows):
            part = slice(first, min(first + rows, end))
            ids = self.ids.take(np.arange(part.start, part.stop))
            dense, sparse = self.layout.split(self.encode(part))
            for piece in (dense, None if sparse is None else sparse.data):
                if piece is not None and not np.isfinite(piece).all():
                    raise DataError("the model returned vectors that are not numbers; its weights are damaged or diverged")
            titles = None
            if self.what == "items":
                content = self.content
                titles = [str(k) for k in ids] if content is None else [content.title(r) for r in range(part.start, part.stop)]
            yield VectorBlock(ids, titles, dense, sparse)


def layout_of(model: Recommender) -> Layout:
    """Return in which pieces the vectors of a model come."""
    return Layout.of(model.encode_items(model.catalogue_, np.arange(min(1, len(model.catalogue_)))))


def items_of(model: Recommender, content: Content | None = None) -> VectorSource:
    """Return the vectors of a model's catalogue, or of other items from their content.

    Parameters
    ----------
    model : Recommender
        Fitted.
    content : Content, optional
        Items to encode instead of the catalogue.
    """
    space = model.catalogue_ if content is None else model.space(content.ids, content)

    def encode(part: slice) -> Vectors:
        return model.encode_items(space, np.arange(part.start, part.stop))

    return VectorSource("items", model, space.ids, layout_of(model), encode, space.content)


def users_of(model: Recommender, events: Interactions | None = None) -> VectorSource:
    """Return the vectors of the users seen in training, or of other histories.

    Parameters
    ----------
    model : Recommender
        Fitted.
    events : Interactions, optional
        Histories over the catalogue (``events.items`` is ``model.catalogue_.ids``) to encode instead.
    """
    space = model.catalogue_
    if events is None:
        stored = model.histories_  # over the items seen in training, which come first in the catalogue
        shape = (len(model.users_), len(space))
        ids, histories = model.users_, csr_array((stored.data, stored.indices, stored.indptr), shape=shape)
        columns = model.user_features_
    else:
        ids, histories, columns = events.users, events.pattern(), None

    def encode(part: slice) -> Vectors:
        known = None if columns is None else columns[part.start : part.stop]
        return model.encode_users(csr_array(histories[part.start : part.stop]), space, known)

    return VectorSource("users", model, ids, layout_of(model), encode)


def query_vectors(model: Recommender, *, user: Key | None = None, history: Sequence[Key] | None = None) -> VectorBlock:
    """Return the vector of one user or history, to ask a vector store with; a block of one row.

    Parameters
    ----------
    model : Recommender
        The model that the store's vectors come from.
    user, history
        As in `Recommender.recommend`; exactly one.

    Raises
    ------
    UnknownIdError
        For a user or item that is not known.
    UsageError
        For both or neither.
    """
    check_one_asker(user, history)
    catalogue = catalogue_of(model)
    asked = resolve(catalogue, Asker(user=user, history=history))
    dense, sparse = layout_of(model).split(catalogue.encode_histories([asked.rows], None, [asked.columns]))
    return VectorBlock(["query" if user is None else user], None, dense, sparse)


def _canonical(matrix: csr_array) -> csr_array:
    """Return a CSR matrix of float32 with sorted indices, no stored zero and no place twice."""
    tidy = csr_array(matrix, dtype=np.float32, copy=True)
    tidy.sum_duplicates()
    tidy.eliminate_zeros()
    return tidy


def embedding_overlap(model: Recommender, *, k: int = 10, users: int = OVERLAP_USERS, seed: int = 0) -> float | None:
    """Return the mean share of the exact top k that ranking by the embedding alone also puts into the top k.

    Parameters
    ----------
    model : Recommender
        Fitted.
    k : int
        Length of the lists; clipped to the catalogue.
    users : int
        At most this many users seen in training are asked, drawn once.
    seed : int
        Of the draw.

    Returns
    -------
    float or None
        Between 0 and 1; None for a model whose vectors are of one piece, so that nothing is lost.
    """
    space = model.catalogue_
    items = model.encode_items(space)
    if not isinstance(items, JoinedVectors) or not len(model.users_):
        return None
    chosen = np.sort(generator(seed, "overlap").permutation(len(model.users_))[:users])
    stored = csr_array(model.histories_[chosen])
    history = csr_array((stored.data, stored.indices, stored.indptr), shape=(len(chosen), len(space)))
    asked = model.encode_users(history, space, None if model.user_features_ is None else model.user_features_[chosen])
    k = min(k, len(space))
    exact = top_k(asked, items, k, exclude=history).rows
    alone = top_k(asked.dense, items.dense, k, exclude=history).rows
    shares = [len(set(a[a >= 0]) & set(b[b >= 0])) / max(int((a >= 0).sum()), 1) for a, b in zip(exact, alone, strict=True)]
    return float(np.mean(shares))
