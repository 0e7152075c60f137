"""An approximate index (HNSW) for large catalogues; its recall is measured before it may answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CapabilityError, UsageError, optional_package
from .topk import EXCLUDED, TopK, top_k

LEAST_RECALL = 0.95
WORTH_IT = 200_000  # items; below it the exact search of a batch is as fast, and has nothing to get wrong
EXPANSIONS = (64, 128, 256, 512, 1024)  # breadth of the search, tried until the recall is there
SPARE = 2  # candidates for each wanted item, ranked anew by their exact scores


class HnswIndex:
    """A hierarchical navigable small-world graph over item vectors (Malkov & Yashunin 2018), through usearch.

    Graphs are made for distances. An extra coordinate gives all vectors the same length, so that the nearest by distance is
    the largest by inner product. The candidates that the graph returns are ranked by their exact scores.

    Use `build`; the constructor is for its own use.

    Attributes
    ----------
    recall : float
        Share of the exact best that the index found for the sample it was built with.
    expansion : int
        Breadth of the search that reaches it.
    """

    def __init__(self, index: Any, items: NDArray[np.float32], recall: float, expansion: int) -> None:
        self._index, self._items, self.recall, self.expansion = index, items, recall, expansion

    @classmethod
    def build(
        cls,
        items: NDArray[np.float32],
        sample: NDArray[np.float32],
        *,
        k: int = 100,
        least_recall: float = LEAST_RECALL,
    ) -> HnswIndex:
        """Build an index and measure it against the exact search.

        Parameters
        ----------
        items : ndarray of float32, shape (n_items, width)
            Item vectors.
        sample : ndarray of float32, shape (n, width)
            User vectors to measure with; a few hundred of those that will ask.
        k : int
            Length of the lists to measure.
        least_recall : float
            What the index must find of the exact lists.

        Raises
        ------
        MissingExtraError
            Without usearch.
        UsageError
            If there is nothing to measure with.
        CapabilityError
            If no breadth of search reaches `least_recall`: such an index would answer wrongly, so there is none.
        """
        with optional_package("usearch", "ann", "an approximate index"):
            from usearch.index import Index
        if len(items) == 0 or len(sample) == 0:
            raise UsageError(f"an index needs items and a sample of users, got {len(items)} items and {len(sample)} users")
        k = min(k, len(items))
        exact = top_k(sample, items, k)
        lengths = np.square(items).sum(axis=1)
        level = np.sqrt(np.maximum(lengths.max() - lengths, 0))
        index = Index(ndim=items.shape[1] + 1, metric="l2sq", dtype="f32", connectivity=32, expansion_add=128)
        index.add(np.arange(len(items)), np.column_stack([items, level]).astype(np.float32))
        recall = 0.0
        for expansion in EXPANSIONS:
            found = cls(index, items, 0.0, expansion)
            recall = _overlap(found.search(sample, k), exact)
            if recall >= least_recall:
                found.recall = recall
                return found
        raise CapabilityError(
            f"an approximate index over these {len(items):,} items finds {recall:.3f} of the exact best {k}, and"
            f" {least_recall:g} are asked for; use the exact search"
        )

    def search(self, users: NDArray[np.float32], k: int) -> TopK:
        """Return about the k best items of each user.

        Parameters
        ----------
        users : ndarray of float32, shape (n_users, width)
            User vectors.
        k : int
            Length of the lists; clipped to the number of items.

        Returns
        -------
        TopK
            With exact scores; -1 where the graph returned fewer.
        """
        k = min(k, len(self._items))
        wanted = min(SPARE * k, len(self._items))
        self._index.expansion_search = max(self.expansion, wanted)
        queries = np.column_stack([users, np.zeros(len(users), np.float32)]).astype(np.float32)
        matches = self._index.search(queries, wanted)
        keys = np.asarray(matches.keys, np.int64).reshape(len(users), wanted)
        counts = np.asarray(getattr(matches, "counts", np.full(len(users), wanted))).reshape(-1, 1)
        missing = np.arange(wanted) >= counts
        keys = np.where(missing, 0, keys)
        scores = np.einsum("uw,ukw->uk", users, self._items[keys])
        scores[missing] = EXCLUDED
        order = np.lexsort((keys, -scores), axis=1)[:, :k]
        best = np.take_along_axis(scores, order, axis=1)
        rows = np.take_along_axis(keys, order, axis=1)
        return TopK(np.where(np.isneginf(best), -1, rows), best)


def _overlap(found: TopK, exact: TopK) -> float:
    shared = [len(np.intersect1d(a, b)) for a, b in zip(found.rows, exact.rows, strict=True)]
    return float(np.mean(shared)) / exact.rows.shape[1]
