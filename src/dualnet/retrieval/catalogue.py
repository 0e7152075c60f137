"""The interface of a catalogue, over which questions are answered: ids, vectors, listable items, popularity, stored histories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..ids import IdMap, Key, Rows
from .principal import PrincipalAxes
from .vectors import Matrix, Vectors

Weights: TypeAlias = NDArray[np.float32] | None  # of the items of a history; None where all count alike


@dataclass(frozen=True, eq=False)
class Brought:
    """Encoded items that come with a question; their rows follow those of the catalogue.

    Parameters
    ----------
    ids : IdMap
    titles : list of str
        What to show a person.
    vectors : Vectors, shape (len(ids), width)
    space : object
        The items as the model reads them; only the catalogue that made this looks into it.
    contents : callable
        Returns the raw content of each item, column to value.
    """

    ids: IdMap
    titles: list[str]
    vectors: Vectors
    space: Any
    contents: Callable[[], Sequence[Mapping[str, Any]]]

    def __len__(self) -> int:
        return len(self.ids)


class Catalogue(Protocol):
    """The items of one model that can be recommended; nothing changes while a question is answered."""

    @property
    def name(self) -> str:
        """Name of the model, for error texts."""

    @property
    def size(self) -> int:
        """Rows, those that may not be listed included."""

    @property
    def integer_ids(self) -> bool:
        """Whether the ids of items are whole numbers."""

    @property
    def reads_new(self) -> bool:
        """Whether the model takes account of items in a history that it was not trained on."""

    @property
    def vectors(self) -> Vectors:
        """Vectors of all rows, shape (size, width)."""

    @property
    def longest(self) -> float:
        """Length of the longest vector."""

    @property
    def axes(self) -> PrincipalAxes | None:
        """Axes that make the search faster, or None where there are none."""

    @property
    def heads(self) -> NDArray[np.float32] | None:
        """Heads of the vectors on `axes`."""

    @property
    def known(self) -> Rows:
        """The model's own row of each item, -1 for those it was not trained on."""

    @property
    def listed(self) -> NDArray[np.bool_]:
        """Which rows may be listed."""

    @property
    def unlisted(self) -> Rows:
        """Rows that may not."""

    @property
    def popularity(self) -> NDArray[np.float32]:
        """Training events of each row, 0 for items the model was not trained on."""

    @property
    def by_popularity(self) -> Rows:
        """Rows of the items the model was trained on, most popular first, ties by row."""

    def similar_query(self, row: int) -> Vectors:
        """Return the vector that an item asks with for similar ones, shape (1, width); see `similar_lengths`."""

    @property
    def similar_lengths(self) -> NDArray[np.float64]:
        """Divisors of the product of two items, one number for each item, that make the product a similarity."""

    def find(self, key: Key) -> int:
        """Return the row of an item that is there, -1 for others."""

    def rows(self, keys: Sequence[Key], what: str = "item") -> Rows:
        """Return the row of each item; raises `UnknownIdError` for one that is not there."""

    def keys(self, rows: Sequence[int]) -> list[Key]:
        """Return the ids of some rows."""

    def titles(self, rows: Sequence[int]) -> list[str]:
        """Return what to show a person for some rows."""

    def later_contents(self) -> Sequence[Mapping[str, Any]]:
        """Return the raw content of the rows behind those that `Filters` has as a table."""

    def deleted(self, row: int) -> bool:
        """Whether an item of the model was taken out of all lists."""

    def history(self, user: Key) -> Rows:
        """Return the rows of a stored history, ascending; raises `UnknownIdError` if there is no such user."""

    def history_weights(self, user: Key, rows: Rows) -> Weights:
        """Return what the items of a stored history count, given its rows; None where all count alike."""

    def fading(self, times: NDArray[np.int64]) -> Weights:
        """Return what items count by the times of their events; raises `UsageError` where age makes no difference."""

    def seen(self, user: Key) -> Rows:
        """Return the rows of what a stored user saw or disliked and did not like, ascending."""

    def stored_columns(self, user: Key) -> Matrix | None:
        """Return the features of the stored columns of a user, shape (1, n), or None."""

    def read_columns(self, columns: Any) -> Matrix:
        """Return the features of columns that come with a question, shape (1, n).

        Raises
        ------
        CapabilityError
            If the model reads no user columns.
        DataError
            For a column that the model does not have, or a value that does not fit it.
        """

    @property
    def average(self) -> Vectors:
        """Vector of the average user, shape (1, width): what everybody's scores have in common."""

    def bring(self, items: Any) -> Brought:
        """Return items for one question, encoded.

        Raises
        ------
        CapabilityError
            If the model cannot score new items.
        DataError
            If their content does not fit.
        """

    def encode_histories(
        self,
        histories: Sequence[Rows],
        extra: Brought | None = None,
        columns: Sequence[Matrix | None] = (),
        weights: Sequence[Weights] = (),
    ) -> Vectors:
        """Return the user vectors of some histories of distinct rows; from `size` on they are rows of `extra`.

        `columns` has the features of the columns of each, or is empty where nobody has any; `weights` what their items count, or
        is empty where all count alike.
        """


@dataclass(frozen=True, eq=False)
class ScoredUsers:
    """Scores of one item for every user with a stored history.

    Parameters
    ----------
    scores : ndarray of float32, shape (n_users,)
    readers : ndarray of int64
        Places of those whose history holds the item, and of those who saw or disliked it.
    keys : callable
        Returns the ids of the users at some places.
    find : callable
        Returns the places of some users; raises `UnknownIdError` for one who is not there.
    """

    scores: NDArray[np.float32]
    readers: Rows
    keys: Callable[[Rows], list[Key]]
    find: Callable[[Sequence[Key]], Rows]
