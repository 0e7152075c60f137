"""The matrix of likes of a folder in files that are mapped into memory: rows come in any order and are sorted some users at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...ids import IdMap, Rows
from ..interactions import Duplicates, Interactions
from ..other_events import OtherEvents
from .mapped import MappedFolder

AT_ONCE = 4_000_000  # events that are sorted together


@dataclass(frozen=True, eq=False)
class EventRows:
    """Some events, one value each."""

    users: Rows
    items: Rows
    kinds: NDArray[np.uint8]
    weights: NDArray[np.float64] | None
    times: NDArray[np.int64] | None


class EventFiles:
    """Events by user in files: those of a user stand together, in the order in which they came.

    Parameters
    ----------
    folder : MappedFolder
        Where the files are made.
    counts : ndarray of int64, shape (n_users,)
        Events of each user.
    n_items : int
        Items there are.
    with_kinds, with_weights, with_times : bool
        Whether events have a kind besides likes, a weight, a time.
    """

    def __init__(
        self,
        folder: MappedFolder,
        counts: NDArray[np.int64],
        n_items: int,
        *,
        with_kinds: bool,
        with_weights: bool,
        with_times: bool,
    ) -> None:
        self.folder, self.n_items = folder, n_items
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        self._next = self.starts[:-1].copy()
        kinds: dict[str, Any] = {"items": np.int32 if n_items < 2**31 else np.int64}
        kinds |= {"kinds": np.uint8} if with_kinds else {}
        kinds |= {"weights": np.float64} if with_weights else {}
        kinds |= {"times": np.int64} if with_times else {}
        self.columns = {name: folder.array(f"events-{name}", int(self.starts[-1]), kind) for name, kind in kinds.items()}

    def put(self, events: EventRows) -> None:
        """Write some events to their places."""
        order = np.argsort(events.users, kind="stable")
        users = events.users[order]
        first = np.flatnonzero(np.diff(users, prepend=-1))
        lengths = np.diff(first, append=len(users))
        places = np.repeat(self._next[users[first]] - first, lengths) + np.arange(len(users))
        self._next[users[first]] += lengths
        for name, column in self.columns.items():
            column[places] = getattr(events, name)[order]

    def finish(self, users: IdMap, items: IdMap, duplicates: Duplicates) -> Interactions:
        """Return the interactions, each pair once, in files of the folder; the files of the events go, and users without any.

        Parameters
        ----------
        users, items : IdMap
            Ids of the rows.
        duplicates : str
            See `Interactions.from_pairs`.
        """
        filled = self._next - self.starts[:-1]
        kept = np.flatnonzero(filled)
        if len(kept) < len(filled):
            users = users.subset(kept)
        starts, ends = self.starts[kept], np.cumsum(filled[kept])
        parts = _Parts(self.folder, int(ends[-1]) if len(ends) else 0, len(users), self.n_items, "times" in self.columns)
        low = 0
        while low < len(users):
            before = int(ends[low - 1]) if low else 0
            high = max(low + 1, int(np.searchsorted(ends, before + AT_ONCE, side="right")))
            some = slice(low, high)
            parts.add(low, self._some(users.subset(np.arange(low, high)), items, starts[some], filled[kept[some]], duplicates))
            low = high
        for name in self.columns:
            self.folder.drop(f"events-{name}")
        return parts.interactions(users, items)

    def _some(
        self, users: IdMap, items: IdMap, starts: NDArray[np.int64], counts: NDArray[np.int64], duplicates: Duplicates
    ) -> Interactions:
        """Return the interactions of some users, whose events stand together in the files."""
        rows = np.repeat(np.arange(len(users)), counts)
        places = np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(len(rows))
        found = {name: column[places] for name, column in self.columns.items()}
        return Interactions.from_rows(
            users, items, rows, found["items"].astype(np.int64), weights=found.get("weights"), times=found.get("times"),
            kinds=found.get("kinds"), duplicates=duplicates,
        )  # fmt: skip


class _Parts:
    """Interactions of some users after others, put together in files."""

    def __init__(self, folder: MappedFolder, most: int, n_users: int, n_items: int, with_times: bool) -> None:
        self.folder, self.n_items = folder, n_items
        wide = most >= 2**31 or n_items >= 2**31
        self.indices = folder.array("indices", most, np.int64 if wide else np.int32)
        self.weights = folder.array("weights", most, np.float32)
        self.times = folder.array("times", most, np.int64) if with_times else None
        self.pointers = np.zeros(n_users + 1, np.int64)
        self.others: list[tuple[int, OtherEvents]] = []
        self.size = 0

    def add(self, low: int, part: Interactions) -> None:
        """Add the users from `low` on."""
        end = self.size + part.n_pairs
        self.indices[self.size : end] = part.matrix.indices
        self.weights[self.size : end] = part.matrix.data
        if self.times is not None:
            self.times[self.size : end] = part.times
        self.pointers[low + 1 : low + 1 + part.n_users] = self.size + part.matrix.indptr[1:]
        if part.others is not None:
            self.others.append((low, part.others))
        self.size = end

    def interactions(self, users: IdMap, items: IdMap) -> Interactions:
        """Write what is left, and return all."""
        np.save(self.folder.folder / "pointers.npy", self.pointers.astype(self.indices.dtype))
        for name in ("indices", "weights", *(["times"] if self.times is not None else [])):
            self._cut(name)
        others = self._others(len(users))
        if others is not None:
            for name, values in (
                ("pointers", others.kinds.indptr),
                ("indices", others.kinds.indices),
                ("kinds", others.kinds.data),
            ):
                np.save(self.folder.folder / f"others-{name}.npy", values)
            if others.times is not None:
                np.save(self.folder.folder / "others-times.npy", others.times)
        self.folder.write_ids("users", users)
        self.folder.write_ids("items", items)
        return read_interactions(self.folder, users, items)

    def _cut(self, name: str) -> None:
        """Make a file as short as what it holds."""
        array = getattr(self, name)
        if self.size < len(array):
            shorter = self.folder.array(f"{name}-cut", self.size, array.dtype)
            shorter[:] = array[: self.size]
            (self.folder.folder / f"{name}-cut.npy").replace(self.folder.folder / f"{name}.npy")
        setattr(self, name, None)

    def _others(self, n_users: int) -> OtherEvents | None:
        if not self.others:
            return None
        counts = np.zeros(n_users, np.int64)
        for low, part in self.others:
            counts[low : low + part.kinds.shape[0]] = np.diff(part.kinds.indptr)
        pointers = np.concatenate([[0], np.cumsum(counts)])
        kinds = csr_array(
            (
                np.concatenate([part.kinds.data for _, part in self.others]),
                np.concatenate([part.kinds.indices for _, part in self.others]),
                pointers.astype(self.others[0][1].kinds.indices.dtype if pointers[-1] < 2**31 else np.int64),
            ),
            shape=(n_users, self.n_items),
        )
        times = [part.times for _, part in self.others if part.times is not None]
        return OtherEvents(kinds, np.concatenate(times) if times else None)


def read_interactions(folder: MappedFolder, users: IdMap | None = None, items: IdMap | None = None) -> Interactions:
    """Return the interactions in the files of a folder, mapped into memory; all indices are checked."""
    users = folder.read_ids("users") if users is None else users
    items = folder.read_ids("items") if items is None else items
    shape = (len(users), len(items))
    matrix = csr_array((folder.existing("weights"), folder.existing("indices"), folder.existing("pointers")), shape=shape)
    others = None
    if folder.has("others-kinds"):
        kinds = csr_array(
            (folder.existing("others-kinds"), folder.existing("others-indices"), folder.existing("others-pointers")),
            shape=shape,
        )
        others = OtherEvents(kinds, folder.existing("others-times") if folder.has("others-times") else None)
    return Interactions(users, items, matrix, folder.existing("times") if folder.has("times") else None, others)
