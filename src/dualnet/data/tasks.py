"""`Split`, `RankingTask` and `Validation`: a training set, hidden truths, and a validation that mirrors the test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import DataError, counted
from ..ids import IdMap, Rows
from ..representations import represented
from ..tabular import html_table
from .content import Content
from .csr import check_matrix, checked_rows
from .dataset import Dataset

Quadrant = Literal["known-known", "known-new", "new-known", "new-new"]
FitOn = Literal["train", "train+validation"]
CandidateSet = Literal["task", "all", "given"]


class ItemKind(IntEnum):
    """Kind of an item in relation to a training set: liked in it, liked only elsewhere in the data, or liked nowhere."""

    KNOWN = 0
    NEW = 1
    UNLIKED = 2


@dataclass(frozen=True, eq=False, repr=False)
class RankingTask:
    """Rank candidates for some users, given their visible histories; the truth is hidden until `evaluate` opens it.

    All item rows refer to `items`, all user rows to `users`; a model translates ids to its own rows.

    Parameters
    ----------
    name : str
        Quadrant, users first: ``known-known`` (in-matrix), ``known-new`` (out-matrix), ``new-known``, ``new-new``;
        ``known-all`` and ``new-all`` for one list of all items, as it is served.
    users : IdMap
        The users to rank for.
    items : IdMap
        All items of histories, candidates and truth.
    history : csr_array of float32, shape (len(users), len(items))
        History of each user that the model may see.
    seen : csr_array of float32, shape (len(users), len(items))
        Pairs that may not be ranked: the history, and validation pairs at test time.
    candidates : ndarray of int64
        Item rows that may be ranked for every user, ascending.
    truth : csr_array of float32, shape (len(users), len(items))
        The held-out positives. Only `dualnet.evaluate` may look.
    content : Content, optional
        Content of `items`, row-aligned.
    user_content : Content, optional
        Columns of `users`, row-aligned.
    candidate_set : {"task", "all", "given"}
        Whether the candidates are the held-out kind of items only, every item, or those that somebody named.
    kinds : ndarray of int8, shape (len(items),), optional
        `ItemKind` of every item, for tasks of one list of all items: the shares of the kinds in the list are reported. Like the truth
        it is for `dualnet.evaluate` alone, as it tells which items somebody likes in the test.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.four_quadrants(dualnet.synthetic.blocks_world())
    >>> task = split.task("known-new")
    >>> task.history.shape == (len(task.users), len(task.items))
    True
    """

    name: str
    users: IdMap
    items: IdMap
    history: csr_array
    seen: csr_array
    candidates: Rows
    truth: csr_array
    content: Content | None = None
    user_content: Content | None = None
    candidate_set: CandidateSet = "task"
    kinds: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.users), len(self.items))
        if self.kinds is not None and self.kinds.shape != shape[1:]:
            raise DataError(f"task {self.name}: kinds has shape {self.kinds.shape}, expected {shape[1:]}")
        for what in ("history", "seen", "truth"):
            check_matrix(getattr(self, what), shape, f"task {self.name}: {what}", canonical=False)
        checked_rows(self.candidates, shape[1], f"task {self.name}: candidate rows")
        if len(self.candidates) and (np.diff(self.candidates) <= 0).any():
            raise DataError(f"task {self.name}: candidate rows must be ascending and distinct")
        if self.history.multiply(self.truth).nnz:
            raise DataError(
                f"task {self.name}: a held-out pair is part of the visible history, so the answer is in the question"
            )

    def __repr__(self) -> str:
        return f"RankingTask({self.name}: {counted(len(self.candidates), '{candidate|candidates}')} for {counted(len(self.users), '{user|users}')})"

    @property
    def is_served(self) -> bool:
        """Whether the task is one list of all items, as it is served."""
        return self.name.endswith("-all")

    def fingerprint(self) -> str:
        """Return a SHA-256 over everything that decides the figure, as hexadecimal text.

        Examples
        --------
        >>> import dualnet
        >>> data = dualnet.synthetic.blocks_world()
        >>> first, second = (dualnet.splits.citeulike2(data, seed=seed).tasks[0] for seed in (0, 1))
        >>> first.fingerprint() == second.fingerprint()
        False
        """
        digest = hashlib.sha256(f"{self.name}/{self.candidate_set}".encode())
        digest.update(self.users.fingerprint().encode() + self.items.fingerprint().encode())
        digest.update(np.ascontiguousarray(self.candidates, "<i8").tobytes())
        for matrix in (self.history, self.seen, self.truth):
            for part in (matrix.indptr, matrix.indices):
                digest.update(np.ascontiguousarray(part, "<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False, repr=False)
class Validation:
    """A smaller training set and tasks of the same kind as the test, on which parameters are chosen.

    Parameters
    ----------
    train : Dataset
        Training set while parameters are chosen. The same object as `Split.train` when the split's own training set serves
        (in-matrix, where only pairs are held out); then no refit is needed.
    tasks : tuple of RankingTask
        Validation tasks; where the test has new items (users), some training items (users) are held out here.
    served : tuple of RankingTask
        ``known-all`` and ``new-all`` of the smaller training set: the scale of new items beside known ones is chosen on these.
        Empty where the protocol holds out no pair of a known item.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.four_quadrants(dualnet.synthetic.blocks_world())
    >>> [task.name for task in split.validation.tasks]
    ['known-known', 'known-new', 'new-known', 'new-new']
    """

    train: Dataset
    tasks: tuple[RankingTask, ...]
    served: tuple[RankingTask, ...] = ()

    def __repr__(self) -> str:
        names = [task.name for task in (*self.tasks, *self.served)]
        return represented("Validation", [repr(self.train.interactions), *names], f"{self.train.name!r}:")

    def fingerprint(self) -> str:
        """Return a SHA-256 over the smaller training set and the validation tasks, as hexadecimal text; not of the test.

        The served lists follow from these and do not count.

        Examples
        --------
        >>> import dualnet
        >>> data = dualnet.synthetic.blocks_world()
        >>> dualnet.splits.validation(data).fingerprint() == dualnet.splits.validation(data, seed=1).fingerprint()
        False
        """
        digest = hashlib.sha256(_trained(self.train).encode())
        for task in self.tasks:
            digest.update(task.fingerprint().encode())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """One division of a data set by a protocol.

    Parameters
    ----------
    protocol : str
        ``citeulike1``, ``citeulike2``, ``out-matrix``, ``unknown-users``, ``four-quadrants``, ``temporal`` or ``files``.
    train : Dataset
        Known users with known items, and the items that nobody likes in the whole data; nothing of the test is in it.
    tasks : tuple of RankingTask
        The test.
    validation : Validation, optional
        Data on which parameters and the number of epochs are chosen.
    seed : int
        Seed of the division.
    fold : int, optional
        Which fold, where the protocol has folds.
    fit_on : {"train", "train+validation"}
        Whether `train` includes the validation pairs.
    options : dict
        The protocol's own settings (such as ``{"cold": 0.1}``), for the record.
    served : tuple of RankingTask
        The test as it is served: ``known-all`` and (with new users) ``new-all`` rank all items in one list, and all
        held-out pairs of known and of new items are to be found. Empty where no pair of a known item is held out.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.four_quadrants(dualnet.synthetic.blocks_world())
    >>> [task.name for task in split.tasks]
    ['known-known', 'known-new', 'new-known', 'new-new']
    >>> [task.name for task in split.served]
    ['known-all', 'new-all']
    """

    protocol: str
    train: Dataset
    tasks: tuple[RankingTask, ...]
    validation: Validation | None = None
    seed: int = 0
    fold: int | None = None
    fit_on: FitOn = "train"
    options: dict[str, object] = field(default_factory=dict)
    served: tuple[RankingTask, ...] = ()

    def __repr__(self) -> str:
        fold = "" if self.fold is None else f", fold {self.fold}"
        names = ", ".join(task.name for task in (*self.tasks, *self.served))
        validation = "none" if self.validation is None else ", ".join(task.name for task in self.validation.tasks)
        return "\n".join(
            [
                f"Split({self.protocol}, seed {self.seed}{fold}, of {self.train.name!r}",
                f"  training: {self.train.interactions!r}",
                f"  test: {names}, {sum(task.truth.nnz for task in self.tasks):,} held-out pairs",
                f"  validation: {validation}",
                f"  final fit on {self.fit_on})",
            ]
        )

    def _repr_html_(self) -> str:
        kept = f"training: {self.train.interactions!r}"
        rows = [
            (task.name, f"{len(task.users):,}", f"{len(task.candidates):,}", f"{task.truth.nnz:,}", use)
            for use, tasks in (("test", self.tasks), ("test, as served", self.served), ("choosing", self._chosen_on()))
            for task in tasks
        ]
        columns = ("task (users-items)", "users", "candidates", "held-out pairs", "for")
        return html_table(columns, rows, f"{self.protocol}, seed {self.seed}, of '{self.train.name}'", note=kept)

    def _chosen_on(self) -> tuple[RankingTask, ...]:
        return () if self.validation is None else self.validation.tasks

    @property
    def refit(self) -> bool:
        """Whether the final fit uses other data than the fit that chose."""
        return self.validation is not None and self.validation.train is not self.train

    def task(self, name: str) -> RankingTask:
        """Return the test task, or served list, of one name.

        Raises
        ------
        DataError
            If there is none; the text lists those there are.

        Examples
        --------
        >>> import dualnet
        >>> split = dualnet.splits.four_quadrants(dualnet.synthetic.blocks_world())
        >>> split.task("known-new").name
        'known-new'
        """
        every = (*self.tasks, *self.served)
        for task in every:
            if task.name == name:
                return task
        raise DataError(f"the split has no task '{name}'; it has {', '.join(task.name for task in every)}")

    def fingerprint(self) -> str:
        """Return a SHA-256 over the training pairs and every task, as hexadecimal text; the served lists follow from these.

        Examples
        --------
        >>> import dualnet
        >>> data = dualnet.synthetic.blocks_world()
        >>> dualnet.splits.citeulike2(data, seed=0).fingerprint() == dualnet.splits.citeulike2(data, seed=1).fingerprint()
        False
        """
        digest = hashlib.sha256(_trained(self.train).encode())
        for task in self.tasks:
            digest.update(task.fingerprint().encode())
        return digest.hexdigest()

    def with_content(self, names: tuple[str, ...]) -> Split:
        """Return the split with only some content columns in use (see `ContentSpec.only`).

        Examples
        --------
        >>> import dualnet
        >>> data = dualnet.synthetic.library(n_readers=20, n_papers=30, pairs_per_reader=8)
        >>> split = dualnet.splits.citeulike2(data).with_content(("title",))
        >>> split.train.items.spec.columns
        ('title',)
        """

        def narrow(task: RankingTask) -> RankingTask:
            content = task.content
            return task if content is None else replace(task, content=content.with_spec(content.spec.only(names)))

        validation = self.validation
        train = self.train.with_content(names)
        if validation is not None:
            inner = train if validation.train is self.train else validation.train.with_content(names)
            validation = Validation(inner, tuple(map(narrow, validation.tasks)), tuple(map(narrow, validation.served)))
        return replace(
            self,
            train=train,
            tasks=tuple(map(narrow, self.tasks)),
            validation=validation,
            served=tuple(map(narrow, self.served)),
        )


def _trained(train: Dataset) -> str:
    """Return the fingerprint of what trains: items without a pair are in the training set, but do not train."""
    known = train.known_items()
    whole = len(known) == train.interactions.n_items
    return (train.interactions if whole else train.interactions.select(items=known)).fingerprint()
