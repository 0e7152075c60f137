"""The questions a fitted model answers: recommend, similar items, users for an item, new items, score."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Content
from ..data.space import ItemSpace
from ..errors import CapabilityError, DataError, DualNetWarning, UnknownIdError, UsageError, listing
from ..ids import IdMap, Key, Rows
from ..retrieval.topk import block_rows, inner_products
from .recommendations import ItemPath, Recommendations, UserPath

if TYPE_CHECKING:
    from .core import Core as Recommender

Fallback = Literal["popularity", "error"]


class Answers:
    """Everything that follows from two encoders and a catalogue; written once for every model."""

    def recommend(
        self,
        user: Key | None = None,
        *,
        history: Sequence[Key] | None = None,
        k: int = 10,
        exclude: Sequence[Key] = (),
        candidates: Sequence[Key] | None = None,
        filter_seen: bool = True,
        new_items: Content | Any | None = None,
        fallback: Fallback = "popularity",
    ) -> Recommendations:
        """Return the best items for someone known or never seen.

        Parameters
        ----------
        user : str or int, optional
            A user seen in training: short for that user's stored history.
        history : sequence of str or int, optional
            What someone did, instead of `user`; items of the catalogue or of `new_items`.
        k : int
            Length of the list; clipped with a warning to what may be listed.
        exclude : sequence of str or int
            Items not to list.
        candidates : sequence of str or int, optional
            List only these.
        filter_seen : bool
            Do not list items of the history.
        new_items : Content or data frame, optional
            Items for this question only, as for `add_items`; they can be recommended and can be part of the history.
        fallback : {"popularity", "error"}
            What to do when nothing is known of the user.

        Returns
        -------
        Recommendations

        Raises
        ------
        UnknownIdError
            For a user or item that is not known; the text names it.
        UsageError
            For both or neither of `user` and `history`, or k below 1.
        DataError
            For an empty history under ``fallback="error"``.
        """
        model = cast("Recommender", self)
        model._require_fitted()
        _check_k(k)
        if (user is None) == (history is None):
            raise UsageError("give either user= (someone seen in training) or history= (what someone did)")
        space = self._with_new_items(new_items)
        row, found = self._history_row(user, history, space)
        resolved: UserPath = found
        scores, usable = self._scores_of(row, space, fallback)
        if not usable:
            resolved = "fallback"
        allowed = np.ones(len(space), bool) if usable else space.is_known.copy()
        allowed &= model.scorable(space)
        if candidates is not None:
            chosen = np.zeros(len(space), bool)
            chosen[space.ids.rows(list(candidates), "candidate item")] = True
            allowed &= chosen
        allowed[space.ids.rows(list(exclude), "excluded item")] = False
        if filter_seen:
            allowed[row.indices] = False
        ignored: list[Key] = []
        if not model.capabilities.new_items_in_history:
            ignored = space.ids.take(row.indices[space.known[row.indices] < 0])
        return self._listed(scores, allowed, space, k, resolved, ignored, "content" if usable else "popularity")

    def recommend_all(
        self, path: str | Path | None = None, *, k: int = 10, filter_seen: bool = True, block: int | None = None
    ) -> int | list[dict[str, Any]]:
        """Recommend for every user seen in training, streamed.

        Parameters
        ----------
        path : str or Path, optional
            Parquet file to write (columns user, rank, item, score), in bounded memory, whole or not at all. Without it a
            list of row dictionaries is returned.
        k : int
            Length of each list.
        filter_seen : bool
            Do not list items of the stored history.
        block : int, optional
            Users at a time.

        Returns
        -------
        int or list of dict
            Rows written, or the rows.

        Raises
        ------
        ResourceError
            If the file cannot be written.
        """
        from ..data.write_table import write_tables
        from .everyone import rank_everyone

        model = cast("Recommender", self)
        model._require_fitted()
        _check_k(k)
        tables = rank_everyone(model, k, filter_seen, block)
        return [row for table in tables for row in table.to_pylist()] if path is None else write_tables(tables, Path(path))

    def similar_items(self, item: Key, *, k: int = 10) -> Recommendations:
        """Return the items nearest to one item of the catalogue by cosine of their vectors.

        Parameters
        ----------
        item : str or int
            An item of the catalogue.
        k : int
            Length of the list.
        """
        model = cast("Recommender", self)
        model._require_fitted()
        _check_k(k)
        space = model.catalogue_
        row = space.ids.row(item, "item")
        vectors = model._catalogue_vectors.of(model)
        scorable = model.scorable(space)
        if not scorable[row]:
            raise CapabilityError(f"model '{model.name}' has no vector for item {item!r}, which it did not see in training")
        lengths = model._catalogue_vectors.lengths(model)
        scores = inner_products(vectors[row : row + 1], vectors)[0] / np.maximum(lengths * lengths[row], 1e-12)
        allowed = scorable.copy()
        allowed[row] = False
        return self._listed(scores.astype(np.float32), allowed, space, k, "item", [], "content")

    def recommend_users(self, item: Key, *, k: int = 10, filter_seen: bool = True) -> Recommendations:
        """Return the users seen in training who would want an item of the catalogue most, known or new.

        Parameters
        ----------
        item : str or int
            An item of the catalogue.
        k : int
            Length of the list.
        filter_seen : bool
            Leave out users whose history holds the item.
        """
        model = cast("Recommender", self)
        model._require_fitted()
        _check_k(k)
        space = model.catalogue_
        row = space.ids.row(item, "item")
        if not model.scorable(space)[row]:
            raise CapabilityError(f"model '{model.name}' cannot score item {item!r}, which it did not see in training")
        vector = model.encode_items(space, np.array([row]))
        scores = np.empty(len(model.users_), np.float32)
        step = block_rows(len(model.items_))
        known_space = ItemSpace(model.items_, np.arange(len(model.items_)), _rows(space.features, len(model.items_)), None)
        for start in range(0, len(scores), step):
            users = model.encode_users(csr_array(model.histories_[start : start + step]), known_space)
            scores[start : start + step] = inner_products(users, vector)[:, 0]
        allowed = np.ones(len(scores), bool)
        if filter_seen and row < len(model.items_):
            allowed[csr_array(model.histories_[:, [row]]).tocoo().coords[0]] = False
        order = _best(scores, allowed, k)
        keys = model.users_.take(order)
        return Recommendations(
            keys, scores[order].tolist(), [str(key) for key in keys], ["known"] * len(keys), "item", [], "user"
        )

    def score(
        self, items: Sequence[Key], *, user: Key | None = None, history: Sequence[Key] | None = None
    ) -> NDArray[np.float32]:
        """Return the score of each given item for one user or history; shape (len(items),).

        Parameters
        ----------
        items : sequence of str or int
            Items of the catalogue.
        user, history
            As in `recommend`.
        """
        model = cast("Recommender", self)
        model._require_fitted()
        if (user is None) == (history is None):
            raise UsageError("give either user= (someone seen in training) or history= (what someone did)")
        space = model.catalogue_
        rows = space.ids.rows(list(items), "item")
        if not model.scorable(space)[rows].all():
            raise CapabilityError(f"model '{model.name}' cannot score items that it did not see in training")
        row, _ = self._history_row(user, history, space)
        return inner_products(_encode_one(model, row, space), model.encode_items(space, rows))[0]

    def add_items(self, content: Content | Any) -> Self:
        """Put new items into the catalogue from their content: recommendable at once, without training.

        Parameters
        ----------
        content : Content or data frame
            New rows with the columns the model was fitted with; a data frame (pandas, Polars, Arrow) has the id column
            ``item_id``.

        Returns
        -------
        Recommender
            The model itself.

        Raises
        ------
        CapabilityError
            If the model cannot score new items.
        DataError
            If an id is already in the catalogue, or a column is missing.
        """
        model = cast("Recommender", self)
        model._require_fitted()
        before = model.catalogue_
        model.catalogue_ = self._with_new_items(content)
        model._catalogue_vectors.extend(model, before)
        return self

    def _with_new_items(self, new_items: Content | Any | None) -> ItemSpace:
        model = cast("Recommender", self)
        space = model.catalogue_
        if new_items is None:
            return space
        content = _as_content(new_items, model)
        if not model.capabilities.new_items or model.featurizer_ is None:
            raise CapabilityError(
                f"model '{model.name}' cannot score items that it did not see in training; use one that reads content"
            )
        present = [key for key in content.ids if key in space.ids]
        if present:
            raise DataError(f"item {listing(present)} is already in the catalogue; give a new item a new id")
        fresh = model.featurizer_.transform(content)
        known = np.concatenate([space.known, np.full(len(content), -1)])
        raw = None if space.content is None else space.content.append(content)
        return ItemSpace(space.ids.extend(content.ids), known, _stack(space.features, fresh), raw)

    def _history_row(
        self, user: Key | None, history: Sequence[Key] | None, space: ItemSpace
    ) -> tuple[csr_array, Literal["known", "history"]]:
        """Return one history as a row over a space, and how it was found."""
        model = cast("Recommender", self)
        if history is None:
            try:
                row = model.users_.row(cast(Key, user), "user")
            except UnknownIdError as error:
                raise UnknownIdError(f"{error}; for someone new pass history=[...] instead") from None
            columns = model.histories_[[row]].indices
        else:
            if isinstance(history, str):
                raise UsageError(f"history must be a list of item ids, got the text {history!r}")
            columns = np.unique(space.ids.rows(list(history), "item in the history"))
        values = np.ones(len(columns), np.float32)
        matrix = csr_array((values, columns.astype(np.int32), np.array([0, len(columns)])), shape=(1, len(space)))
        return matrix, "known" if history is None else "history"

    def _scores_of(self, row: csr_array, space: ItemSpace, fallback: Fallback) -> tuple[NDArray[np.float32], bool]:
        """Return scores over a space, and whether they come from the model (else from popularity)."""
        model = cast("Recommender", self)
        readable = space.is_known[row.indices].any() or (model.capabilities.new_items_in_history and row.nnz > 0)
        if readable:
            return model._catalogue_vectors.scores(model, _encode_one(model, row, space), space), True
        if fallback == "error":
            raise DataError(
                f"nothing is known of this user: {'the history is empty' if row.nnz == 0 else 'no item of the history is known'}"
            )
        scores = np.zeros(len(space), np.float32)
        scores[space.is_known] = model.popularity_[space.known[space.is_known]]
        return scores, False

    def _listed(
        self,
        scores: NDArray[np.float32],
        allowed: NDArray[np.bool_],
        space: ItemSpace,
        k: int,
        resolved: Any,
        ignored: list[Key],
        new_path: ItemPath,
    ) -> Recommendations:
        order = _best(scores, allowed, k)
        paths: list[ItemPath] = [
            new_path if new_path == "popularity" or not known else "known" for known in space.is_known[order]
        ]
        titles = [space.content.title(int(row)) if space.content is not None else str(space.ids.key(int(row))) for row in order]
        return Recommendations(space.ids.take(order), scores[order].tolist(), titles, paths, resolved, ignored)


def _encode_one(model: Recommender, row: csr_array, space: ItemSpace) -> Any:
    """Return the vector of one history, encoded over the few items it holds."""
    part = csr_array((row.data, np.arange(row.nnz), row.indptr), shape=(1, row.nnz))
    return model.encode_users(part, space.part(row.indices))


def _best(scores: NDArray[np.float32], allowed: NDArray[np.bool_], k: int) -> Rows:
    """Return the rows of the k best allowed scores; ties by row."""
    rows = np.flatnonzero(allowed)
    if k > len(rows):
        warnings.warn(
            f"k={k:,} is more than the {len(rows):,} that may be listed; the list is shorter", DualNetWarning, stacklevel=4
        )
    return rows[np.argsort(-scores[rows], kind="stable")[:k]]


def _check_k(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise UsageError(f"k must be a whole number of at least 1, got {k!r}")


def _rows(features: Any, count: int) -> Any:
    return None if features is None else features[:count]


def _stack(upper: Any, lower: Any) -> Any:
    from scipy.sparse import issparse, vstack

    if upper is None:
        return lower
    return csr_array(vstack([upper, lower], format="csr")) if issparse(upper) else np.concatenate([upper, lower])


def _as_content(content: Any, model: Recommender) -> Content:
    if isinstance(content, Content):
        return content
    from ..data.tables import to_arrow

    if model.featurizer_ is None:
        raise CapabilityError(
            f"model '{model.name}' cannot score items that it did not see in training; use one that reads content"
        )
    table = to_arrow(content)
    if "item_id" not in table.column_names:
        raise DataError(f"new items need an id column 'item_id'; found {', '.join(table.column_names)}")
    ids = IdMap(table.column("item_id").to_pylist())
    return Content(ids, table.drop_columns(["item_id"]), model.featurizer_.spec)
