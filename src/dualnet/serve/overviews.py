"""Overviews: what is served, where its items lie in the plane, tastes to begin with, the served model beside simple ones."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..errors import UsageError
from ..retrieval.questions import Asker, RecommendQuestion
from ..retrieval.recommendations import Recommendations
from ..retrieval.topk import inner_products
from ..retrieval.vectors import JoinedVectors, Vectors
from .cards import card
from .catalogue import LiveCatalogue
from .event_notes import types_known
from .facets import dated_column
from .new_content import content_columns, tag_separators, user_columns
from .regions import colours, regions
from .versions import Version

WELL_KNOWN = 300  # items among which tastes are looked for
TOGETHER = 3  # items of a taste
MOST_PLACED = 5_000  # items in the plane


def model_summary(version: Version, catalogue: LiveCatalogue, previous: Version | None) -> dict[str, Any]:
    """Return name, parameters, figures, sizes, columns and abilities of the served model as JSON."""
    model, manifest = version.model, version.manifest
    dated = dated_column(catalogue)
    return {
        "name": version.label.name,
        "version": version.label.version,
        "previous": None if previous is None else previous.label.to_json(),
        "parameters": manifest["parameters"],
        "info": manifest["info"],
        "metrics": manifest.get("metrics", {}),
        "versions": manifest.get("versions", {}),
        "items": catalogue.n_items,
        "items_trained": len(model.items_),
        "items_hidden": len(catalogue.hidden),
        "users": catalogue.n_users,
        "users_trained": len(model.users_),
        "columns": content_columns(model),
        "user_columns": user_columns(model),
        "event_types": types_known(model.event_weights_),
        "ids": {
            "items": "integer" if model.catalogue_.ids.is_integer else "string",
            "users": "integer" if model.users_.is_integer else "string",
        },
        "capabilities": asdict(model.capabilities) | {"explain": True},
        "dials": ["popularity", *(["recency"] if dated else []), "diversity"],
        "recency_column": dated,
        "tag_separators": tag_separators(model),
        "saved": version.saved,
        "training": version.training,
    }


def item_map(catalogue: LiveCatalogue, colour: str = "") -> dict[str, Any]:
    """Return principal coordinates of item vectors: ``{"items","x","y","explained","total","regions","colours"}``.

    At most 5,000 items, the most popular first; then, if there is room, those the model was not trained on. Where content
    is matched beside embeddings, the embeddings alone are shown. `colour` names a column whose labels become ``colours``.
    """
    listed = catalogue.listed
    fresh = np.flatnonzero(listed & (catalogue.known < 0))
    rows = np.concatenate([catalogue.by_popularity[listed[catalogue.by_popularity]], fresh])[:MOST_PLACED]
    x, y, explained = plane(catalogue.vectors[rows])
    return {
        "items": catalogue.keys(rows.tolist()),
        "x": x,
        "y": y,
        "explained": explained,
        "total": catalogue.n_items,
        "regions": regions(catalogue, rows, x, y),
        "colours": colours(catalogue, rows, colour) if colour else None,
    }


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


def compare(version: Version, catalogue: LiveCatalogue, asker: Asker, k: int) -> dict[str, Any]:
    """Return ``{"models": [{"name", "items"}], "pending": [names]}``, the served model first.

    Raises
    ------
    DualNetError
        If the served model cannot answer; a baseline that cannot is listed with the reason as ``error``.
    """
    if asker.new_items:
        raise UsageError("new_items cannot be compared: some of the simple models know nothing of content")
    question = RecommendQuestion(
        user=asker.user, history=asker.history, user_columns=asker.user_columns, seen=asker.seen, k=k, times=asker.times
    )
    plain = replace(
        question, user_columns=None, times=None, history=question.history if asker.user is not None else question.history or []
    )
    views, pending = version.baselines.views(catalogue)
    models: list[dict[str, Any]] = []
    for name, view in [(version.model.name, catalogue), *views.items()]:
        answer = version.answering(view, [question if view is catalogue else plain])[0]
        if isinstance(answer, Exception):
            if view is catalogue:
                raise answer
            models.append({"name": name, "items": [], "error": str(answer)})
        else:
            assert isinstance(answer, Recommendations)
            models.append({"name": name, "items": answer.to_json()["items"]})
    return {"models": models, "pending": pending}


def tastes(catalogue: LiveCatalogue, limit: int = 6) -> dict[str, Any]:
    """Return ``{"tastes": [{"items": [cards]}]}``: three items each, the first of them popular, the others like it.

    The first taste starts with the most popular item; each other one with the popular item that is least like those before.
    """
    listed = catalogue.listed
    rows = catalogue.by_popularity[listed[catalogue.by_popularity]][:WELL_KNOWN]
    if len(rows) == 0:
        return {"tastes": []}
    alike = _cosines(catalogue, rows)
    left = np.ones(len(rows), bool)
    nearest = np.zeros(len(rows))  # of each item to what was chosen before
    found: list[dict[str, Any]] = []
    while len(found) < limit and left.sum() >= min(TOGETHER, len(rows)) and left.any():
        # among those least like what is there, the most popular: places are in that order
        first = int(np.flatnonzero(left & (nearest <= np.quantile(nearest[left], 0.2) + 1e-9))[0])
        group = [first]
        left[first] = False
        for _ in range(min(TOGETHER, len(rows)) - 1):
            best = int(np.where(left, alike[first], -np.inf).argmax())
            group.append(best)
            left[best] = False
        nearest = np.maximum(nearest, alike[group].max(axis=0))
        found.append({"items": [card(catalogue, int(rows[at])) for at in group]})
    return {"tastes": found}


def _cosines(catalogue: LiveCatalogue, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cosines of some items with each other, as far as the model tells them apart."""
    vectors = catalogue.vectors[rows]
    dense = np.asarray(inner_products(vectors, vectors), np.float64)
    lengths = np.sqrt(np.maximum(np.diag(dense), 1e-12))
    return np.asarray(dense / lengths[:, None] / lengths[None, :], np.float64)
