"""The live catalogue: one immutable view of everything that can be recommended now, and of what people did."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..computed_once import computed_once
from ..data.content import Matrix
from ..data.recency import fading, relative
from ..data.space import ItemSpace
from ..errors import UnknownIdError, listing
from ..ids import IdMap, Key, Rows, clean_id
from ..models.base import Recommender
from ..models.catalogue import ModelView, base_content, brought, check_finite, seen_rows
from ..retrieval.catalogue import Brought, Weights
from ..retrieval.principal import PrincipalAxes
from ..retrieval.questions import Columns, NewItem
from ..retrieval.vectors import Vectors, norms, stack_vectors
from ..runs.forgotten_record import plain_id
from .append_only import GrowingArray, GrowingHeads, GrowingVectors, growing
from .event_notes import NOTHING, Notes, weight_of
from .new_content import new_rows, stored_contents
from .replies import ModelLabel

SHOWN = 80  # characters of an id in an error text


@dataclass(eq=False)
class Lineage:
    """Rows that all views of one model share; they only grow, and no view reads rows that were added after it.

    Parameters
    ----------
    vectors, features, table : GrowingVectors, optional
        Item vectors, their content features, and what each adds to a history (models that sum such rows).
    heads : GrowingHeads, optional
        Bounds of their scores, where searching through those is faster.
    lengths, similar_lengths, known : GrowingArray
        Euclidean lengths of the vectors; what similar items are divided by; the model's own row or -1.
    ids, titles, contents : list
        By row; `contents` begins behind the model's own catalogue.
    """

    vectors: GrowingVectors
    heads: GrowingHeads | None
    features: GrowingVectors | None
    table: GrowingArray | None
    lengths: GrowingArray
    similar_lengths: GrowingArray
    known: GrowingArray
    ids: list[Key]
    titles: list[str]
    contents: list[Columns]


@dataclass(frozen=True, eq=False)
class LiveCatalogue(ModelView):
    """One view: it never changes, so that readers need no lock; a change makes another view (`changes`).

    Parameters
    ----------
    model : Recommender
        The served model.
    label : ModelLabel
        Its name and version.
    lineage : Lineage
        Rows shared with other views.
    size : int
        Rows of this view, those replaced or removed included.
    index : mapping of id to row
        May hold rows of later views; `row` knows.
    dead : frozenset of int
        Rows of items that were replaced or removed.
    hidden : frozenset of int
        Rows of the model's own items that are not to be listed.
    moved : mapping of row to row
        Where a replaced item is now; -1 for nowhere.
    events : mapping of user to tuple of row
        What was appended to stored histories; rows of later views are left out by `history`.
    others : mapping of user to mapping of row to {"seen", "dislike", "none"}
        What users saw or disliked meanwhile; ``none`` takes back what the model knows.
    notes : mapping of user to mapping of item to note
        Types and times of what was told (`event_notes`).
    gone : mapping of user to frozenset of row
        What was taken back of stored histories: the model's pairs that no longer count.
    forgotten : frozenset of users
        Users of the model who are unknown from now on.
    absent : mapping of item to tuple of (user, what happened)
        What users did with items that were not there when the view was made; it counts when these come back.
    """

    model: Recommender
    label: ModelLabel
    lineage: Lineage
    size: int
    index: dict[Key, int]
    dead: frozenset[int]
    hidden: frozenset[int]
    moved: Mapping[int, int]
    events: dict[Key, tuple[int, ...]]
    others: dict[Key, Mapping[int, str]]
    gone: dict[Key, frozenset[int]] = field(default_factory=dict)
    notes: Notes = field(default_factory=dict)
    forgotten: frozenset[Key] = frozenset()
    absent: Mapping[Key, tuple[tuple[Key, str], ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.size

    @computed_once
    def n_base(self) -> int:
        """Rows of the model's own catalogue."""
        return len(self.model.catalogue_)

    def not_understood(self, keys: Sequence[Key]) -> list[Key]:
        """Return the new items among some whose content has nothing that the model knows: their scores say nothing."""
        features = self.features
        if features is None:
            return []
        fresh = [key for key in keys if (row := self.find(key)) >= 0 and self.known[row] < 0]
        rows = np.array([self.find(key) for key in fresh], np.int64)
        filled = np.asarray(abs(features[rows]).sum(axis=1)).ravel() > 0
        return [key for key, some in zip(fresh, filled.tolist(), strict=True) if not some]

    @property
    def n_items(self) -> int:
        """Items that are there now, hidden ones not counted."""
        return self.size - len(self.dead) - len(self.hidden)

    @property
    def n_users(self) -> int:
        """Users with a stored history."""
        return len(self.model.users_) - len(self.forgotten) + len(self.new_users)

    @computed_once
    def new_users(self) -> list[Key]:
        """Users that the model was not trained on, in order of arrival."""
        return [user for user in {**self.events, **self.others} if self.trained_row(user) < 0]

    @computed_once
    def vectors(self) -> Vectors:
        """Vectors of all rows."""
        return self.lineage.vectors.view(self.size)

    @property
    def axes(self) -> PrincipalAxes | None:
        """Axes that make the search faster, or None where they would save nothing."""
        return None if self.lineage.heads is None else self.lineage.heads.axes

    @computed_once
    def heads(self) -> NDArray[np.float32] | None:
        """Heads of the vectors of all rows (`retrieval.principal`), or None where they would save nothing."""
        return None if self.lineage.heads is None else self.lineage.heads.view(self.size)

    @computed_once
    def lengths(self) -> NDArray[np.float64]:
        """Euclidean lengths of the vectors."""
        return self.lineage.lengths.view(self.size)

    @computed_once
    def similar_lengths(self) -> NDArray[np.float64]:
        """Divisors of the similarity of two items (`Core._similar_lengths`)."""
        return self.lineage.similar_lengths.view(self.size)

    @computed_once
    def known(self) -> Rows:
        """The model's own row of each item, -1 for those it was not trained on."""
        return self.lineage.known.view(self.size)

    @computed_once
    def features(self) -> Matrix | None:
        """Content features of all rows, or None for a model without content."""
        return None if self.lineage.features is None else self.lineage.features.view(self.size)

    @computed_once
    def unlisted(self) -> Rows:
        """Rows that may never be listed: gone, hidden, or without a score."""
        silent = [] if self.lineage.features is not None and self.model.capabilities.new_items else self._unknown_rows()
        return np.array(sorted({*self.dead, *self.hidden, *silent}), np.int64)

    @computed_once
    def listed(self) -> NDArray[np.bool_]:
        """Which rows may be listed."""
        mask = np.ones(self.size, bool)
        mask[self.unlisted] = False
        return mask

    def row(self, key: Key, what: str = "item") -> int:
        """Return the row of an item that is there, hidden or not.

        Raises
        ------
        UnknownIdError
            If it is not.
        """
        return int(self.rows([key], what)[0])

    def rows(self, keys: Sequence[Key], what: str = "item") -> Rows:
        """Return the row of each item; arguments and errors as in `IdMap.rows`."""
        if not self.dead and not self.integer_ids:  # most questions: the model's own items, which never move
            get, size = self.index.get, self.size
            at = [get(key, size) for key in keys]
            if max(at, default=0) < self.n_base:
                return np.array(at, np.int64)
        found = [self.find(key) for key in keys]
        if -1 in found:
            unknown = [key if isinstance(key, int) else key[:SHOWN] for key, row in zip(keys, found, strict=True) if row < 0]
            integers, first = self.model.catalogue_.ids.is_integer, unknown[0]
            hint = ""
            if integers != isinstance(first, int) and self.size:
                hint = f"; the ids here are {'integers, not text' if integers else 'text, not integers'}"
            raise UnknownIdError(f"unknown {what} {listing(unknown)}{hint}")
        return np.array(found, np.int64)

    def find(self, key: Key) -> int:
        """Return the row of an item that is there, -1 for others."""
        row = self.index.get(key, -1)
        if row < 0 and isinstance(key, str) and (plain := clean_id(key)) != key:
            key, row = plain, self.index.get(plain, -1)
        if row >= self.size or isinstance(key, bool) or row in self.dead or (row >= 0 and self.lineage.ids[row] != key):
            return -1
        return row

    def keys(self, rows: Iterable[int]) -> list[Key]:
        """Return the ids of some rows."""
        ids = self.lineage.ids
        return [ids[row] for row in rows]

    def titles(self, rows: Iterable[int]) -> list[str]:
        """Return what to show a person for some rows."""
        titles = self.lineage.titles
        return [titles[row] for row in rows]

    def has_user(self, user: Key) -> bool:
        """Whether anything is stored of somebody."""
        row, key = self.stored_user(user)
        return row >= 0 or key in self.events or key in self.others

    def stored_user(self, user: Key) -> tuple[int, Key]:
        """Return the row of somebody in the model, -1 for who was not in its training or was forgotten, and the id as it is kept."""
        row = int(self.model.users_.find([user])[0])
        if row < 0:
            return row, plain_id(user)
        key = self.model.users_.key(row)
        return (-1 if key in self.forgotten else row), key

    def trained_row(self, user: Key) -> int:
        """Return the row of somebody in the model, as `stored_user`."""
        return self.stored_user(user)[0]

    def user_key(self, user: Key) -> Key:
        """Return the id of somebody in the one form in which it is kept, as `stored_user`."""
        return self.stored_user(user)[1]

    def stored_columns(self, user: Key) -> Matrix | None:
        """Return the features of the columns of a user seen in training, shape (1, n), or None."""
        return None if self.trained_row(user) < 0 else super().stored_columns(user)

    def history(self, user: Key) -> Rows:
        """Return the rows of a stored history, ascending, as far as its items are still there.

        Raises
        ------
        UnknownIdError
            If there is no such user.
        """
        base: Rows = np.empty(0, np.int64)
        row, user = self.stored_user(user)
        if row >= 0:
            stored = self.model.histories_
            base = stored.indices[stored.indptr[row] : stored.indptr[row + 1]].astype(np.int64)
            base = self._still_there(user, base)
        elif user not in self.events and user not in self.others:
            shown = user if isinstance(user, int) else user[:SHOWN]
            raise UnknownIdError(f"unknown user {shown!r}; for someone new pass a history instead")
        later = [self.now_at(row) for row in self.events.get(user, ()) if row < self.size]
        return np.unique(np.concatenate([base, np.array([row for row in later if row >= 0], np.int64)]))

    def history_by_time(self, user: Key) -> Rows:
        """Return the rows of a stored history, the newest first, as far as times are known; errors as `history`.

        What was told since the model was made comes first, the last of it before the others, unless its time says otherwise.
        Rows of the model whose times are not known stay in their order.
        """
        rows, (place, key) = self.history(user), self.stored_user(user)
        when = dict.fromkeys(rows.tolist(), (0, 0))
        model = self.model
        if place >= 0 and model.times_ is not None:
            stored = slice(*model.histories_.indptr[place : place + 2].tolist())
            trained = zip(model.histories_.indices[stored].tolist(), model.times_[stored].tolist(), strict=True)
            when |= {row: (time, 0) for row, time in trained if row in when}
        notes, newest = self.notes.get(key, {}), max((time for time, _ in when.values()), default=0)
        for order, told in enumerate(self.events.get(key, ()), 1):
            row = self.now_at(told) if told < self.size else -1
            if row in when:
                time = int(notes.get(self.lineage.ids[row], NOTHING).get("time", newest))
                when[row], newest = (time, order), max(time, newest)
        return np.array(sorted(rows.tolist(), key=lambda row: when[row], reverse=True), np.int64)

    def seen(self, user: Key) -> Rows:
        """Return the rows of what a user saw or disliked, ascending, as far as its items are still there."""
        row, user = self.stored_user(user)
        base = self._still_there(user, np.empty(0, np.int64) if row < 0 else seen_rows(self.model, user))
        if not self.moved and user not in self.others:
            return base
        found = {self.now_at(row) for row in base.tolist()}
        for row, kind in self.others.get(user, {}).items():
            if row < self.size and (now := self.now_at(row)) >= 0:
                (found.discard if kind == "none" else found.add)(now)
        return np.array(sorted(found - {-1}), np.int64)

    def history_weights(self, user: Key, rows: Rows) -> Weights:
        """Return what the items of a stored history count, by what is told of each event and what the model has of it."""
        model = self.model
        if not model.weighs_histories:
            return None
        place, user = self.stored_user(user)
        found: dict[int, float] = {}
        if place >= 0:
            stored = slice(*model.histories_.indptr[place : place + 2].tolist())
            values = np.ones(stored.stop - stored.start) if model.weights_ is None else model.weights_[stored]
            found = dict(zip(model.histories_.indices[stored].tolist(), values.tolist(), strict=True))
        notes, weights = self.notes.get(user, {}), []
        for row in rows.tolist():
            note = notes.get(self.lineage.ids[row])
            if note is None and row in found:
                weights.append(found[row])
                continue
            weight = weight_of(model.event_weights_, note or NOTHING)
            if model.half_life_ is not None:
                when = int((note or NOTHING).get("time", model.newest_))
                weight *= float(fading(np.array([when]), model.newest_, model.half_life_)[0])
            weights.append(weight)
        return relative(np.array(weights), model.least_in_history)

    def pair_weight(self, user: Key, row: int) -> float:
        """Return what somebody's like of an item weighs, as it was told or as the model has it."""
        place, user = self.stored_user(user)
        note = self.notes.get(user, {}).get(self.lineage.ids[row])
        model, known = self.model, int(self.known[row])
        if note is not None or place < 0 or known < 0 or model.weights_ is None:
            return weight_of(model.event_weights_, note or NOTHING)
        stored = slice(*model.histories_.indptr[place : place + 2].tolist())
        at = np.flatnonzero(model.histories_.indices[stored] == known)
        return float(model.weights_[stored][at[0]]) if len(at) else 1.0

    def _still_there(self, user: Key, rows: Rows) -> Rows:
        """Return the rows that were not taken back."""
        gone = self.gone.get(user)
        return rows if not gone else rows[~np.isin(rows, list(gone))]

    def part(self, rows: Rows, extra: Brought | None = None) -> ItemSpace:
        """Return some rows, and all items of a question behind them, as one space, with what each adds to a history."""
        known, features = self.known[rows], None if self.features is None else self.features[rows]
        if extra is not None:
            known = np.concatenate([known, extra.space.known])
            features = stack_vectors(features, extra.space.features)
        space = ItemSpace(IdMap(np.arange(len(known))), known, features, None)
        if self.lineage.table is not None:
            table = self.lineage.table.view(self.size)[rows]
            if extra is not None:
                table = np.concatenate([table, self.model._history_rows(extra.space)])
            self.model._use_history_rows(space, table)
        return space

    def bring(self, items: Sequence[NewItem]) -> Brought:
        """Return items for one question, encoded; errors as in `new_rows`."""
        space = new_rows(self.model, items)
        assert space.content is not None
        return brought(self.model, space, stored_contents(space.content, items))

    def content(self, row: int, columns: Collection[str]) -> Columns:
        """Return the raw content of a row, as far as it has these columns."""
        return self.lineage.contents[row - self.n_base] if row >= self.n_base else base_content(self.model, row, columns)

    def later_contents(self) -> Sequence[Columns]:
        """Return the raw content of the rows behind the model's own."""
        return self.lineage.contents[: self.size - self.n_base]

    def deleted(self, row: int) -> bool:
        """Whether an item of the model was taken out of all lists."""
        return row in self.hidden

    def with_model(self, model: Recommender) -> LiveCatalogue:
        """Return the same items and histories as another model sees them that reads the same features (a baseline)."""
        known = self.known
        space = ItemSpace(IdMap(np.arange(self.size)), known, self.features, None)
        lineage = replace(self.lineage, **_encoded(model, space, with_features=self.lineage.features is not None))
        return replace(self, model=model, label=ModelLabel(model.name, self.label.version), lineage=lineage)

    def now_at(self, row: int) -> int:
        """Return where the item of a row is in this view, -1 for nowhere."""
        while row in self.moved:
            row = self.moved[row]
        return row if row < self.size else -1

    def _unknown_rows(self) -> list[int]:
        return np.flatnonzero(self.known < 0).tolist()


def reopened(catalogue: LiveCatalogue) -> LiveCatalogue:
    """Return a view of the model's own items alone, with room of its own: views of the old room go on undisturbed."""
    old, base = catalogue.lineage, catalogue.n_base
    lineage = Lineage(
        vectors=GrowingVectors(old.vectors.view(base), "F" if old.heads is None else "C"),
        heads=None if old.heads is None else GrowingHeads(old.heads.axes, old.heads.view(base)),
        features=None if old.features is None else GrowingVectors(old.features.view(base)),
        table=None if old.table is None else GrowingArray(old.table.view(base)),
        lengths=GrowingArray(old.lengths.view(base)),
        similar_lengths=GrowingArray(old.similar_lengths.view(base)), known=GrowingArray(old.known.view(base)),
        ids=old.ids[:base], titles=old.titles[:base], contents=[],
    )  # fmt: skip
    index = {key: row for row, key in enumerate(lineage.ids)}
    return LiveCatalogue(catalogue.model, catalogue.label, lineage, base, index, frozenset(), frozenset(), {}, {}, {})


def open_catalogue(model: Recommender, label: ModelLabel) -> LiveCatalogue:
    """Return the catalogue of a loaded model as it was saved: every item encoded, once.

    Raises
    ------
    ArtifactError
        If a vector is not finite.
    """
    space = model.catalogue_
    titles = [str(key) for key in space.ids.keys] if space.content is None else space.content.all_titles()
    lineage = Lineage(
        **_encoded(model, space, with_features=model.featurizer_ is not None and space.features is not None),
        known=GrowingArray(np.asarray(space.known, np.int64)), ids=space.ids.keys, titles=titles, contents=[],
    )  # fmt: skip
    index = {key: row for row, key in enumerate(lineage.ids)}
    return LiveCatalogue(model, label, lineage, len(space), index, frozenset(), frozenset(), {}, {}, {})


def _encoded(model: Recommender, space: ItemSpace, *, with_features: bool) -> dict[str, Any]:
    vectors = model.encode_items(space)
    check_finite(vectors, "item vectors")
    table = model._history_rows(space)
    kept, heads = growing(vectors)
    return {
        "vectors": kept,
        "heads": heads,
        "features": GrowingVectors(space.features) if with_features else None,
        "table": None if table is None else GrowingArray(table),
        "lengths": GrowingArray(norms(vectors)),
        "similar_lengths": GrowingArray(model._similar_lengths(vectors, np.asarray(space.known, np.int64))),
    }
