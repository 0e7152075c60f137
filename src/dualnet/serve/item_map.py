"""Items on a plane: the two directions in which their vectors differ most."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ..retrieval.vectors import JoinedVectors, Vectors
from .catalogue import LiveCatalogue

MOST = 5_000  # items shown


def item_map(catalogue: LiveCatalogue) -> dict[str, Any]:
    """Return principal coordinates of item vectors: ``{"items","x","y","explained"}``.

    At most 5,000 items, the most popular first; then, if there is room, those the model was not trained on. Where content
    is matched beside embeddings, the embeddings alone are shown.
    """
    listed = catalogue.listed
    fresh = np.flatnonzero(listed & (catalogue.known < 0))
    rows = np.concatenate([catalogue.by_popularity[listed[catalogue.by_popularity]], fresh])[:MOST]
    x, y, explained = plane(catalogue.vectors[rows])
    return {"items": catalogue.keys(rows.tolist()), "x": x, "y": y, "explained": explained}


def plane(vectors: Vectors) -> tuple[list[float], list[float], float]:
    """Return the first two principal coordinates of vectors and the share of their variance.

    The eigenvectors are those of the covariance, a few hundred numbers wide, not singular vectors of all rows; of each the
    largest entry is positive, so that the picture does not flip from day to day. Long sparse vectors go through their
    inner products with a fixed random projection first (256 numbers; distances are kept within a few per cent).
    """
    if isinstance(vectors, JoinedVectors):
        vectors = vectors.dense
    values = _projected(csr_array(vectors)) if issparse(vectors) else np.asarray(vectors, np.float64)
    if len(values) == 0:
        return [], [], 0.0
    centred = values - values.mean(axis=0)
    spread, directions = np.linalg.eigh(centred.T @ centred)
    two = directions[:, ::-1][:, :2]
    two = two * np.sign(two[np.abs(two).argmax(axis=0), np.arange(two.shape[1])])
    places = centred @ two
    if places.shape[1] < 2:
        places = np.hstack([places, np.zeros((len(places), 1))])
    total = float(spread.clip(min=0).sum())
    share = float(spread[-2:].clip(min=0).sum()) / total if total > 0 else 0.0
    return places[:, 0].tolist(), places[:, 1].tolist(), min(share, 1.0)


def _projected(vectors: csr_array) -> Any:
    if vectors.shape[1] <= 256:
        return vectors.toarray().astype(np.float64)
    draws = np.random.Generator(np.random.Philox(0)).normal(size=(vectors.shape[1], 256)) / 16
    return np.asarray(vectors @ draws, np.float64)
