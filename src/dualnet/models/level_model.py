"""The base class of models made of levels: it trains, encodes, explains, updates and saves them."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..ids import Rows
from ..retrieval.vectors import Vectors
from ..train.options import RunOptions
from .base import Capabilities, Prepared
from .choosing import Phase, choose_then_refit
from .dualnet_reasons import dualnet_reasons
from .explain.reasons import Reasons
from .level_learning import (
    Chosen,
    Learner,
    chosen_without_networks,
    drawn_validation,
    learn_levels,
    leaves_open,
    phases_in_words,
    update_levels,
)
from .levels import Levels, LevelSizes


class LevelModel(Learner):
    """Base of models whose vectors are levels side by side (`Levels`): solved ones, those of networks, content as it is.

    A subclass stores its parameters and checks them in `_check`.
    """

    unbounded = frozenset({"prior"})  # infinity is no prior
    on_workers = True

    choice_: Chosen

    @abstractmethod
    def _check(self) -> None:
        """Check the parameters; raises `UsageError`."""

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: with content, known and new items for known and new users."""
        fitted = hasattr(self, "levels_")
        with_content = not fitted or self.levels_.reads_content
        by_history = self.user_input == "shared" or (self.levels_.solved is not None if fitted else bool(self.factors))
        return Capabilities(
            new_items=with_content,
            new_users=True,
            new_items_in_history=with_content and (by_history or not fitted or bool(self.levels_.weights.content)),
            needs_content=False,
            user_columns=bool(self.levels) and self.network_weight != 0,  # the networks alone read them
            updates=True,
        )

    @property
    def n_parameters(self) -> int:
        """Number of parameters that the fitted model has learned."""
        return self.levels_.n_numbers

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        """Learn; without a validation one is drawn where anything is left open: the solved levels choose on it, once."""
        from ..train.progress import begin_log

        if not run.resume:
            begin_log(run.log_path)
        draws = validation is None and bool(self.factors) and leaves_open(self)
        drawn = drawn_validation(known.undivided, self.seed_) if draws else None
        if drawn is None:
            self.choice_ = choose_then_refit(self, known, validation, run, learn_levels)
        else:
            alone = self._twin(levels=()) if self.levels else self
            words = phases_in_words(alone, "choose", chooses=True) | phases_in_words(self, "train", chooses=False)
            run.steps.plan(words)
            self.choice_ = chosen_without_networks(self, drawn, run)
            learn_levels(self, known, Phase("train", (), (), self.choice_, run))

    def _phases_in_words(self, phase: str, *, chooses: bool) -> dict[str, str]:
        return phases_in_words(self, phase, chooses=chooses)

    def _update(
        self, known: Prepared, number: int, n_old: int, *, epochs: int | None, learning_rate: float | None, run: RunOptions
    ) -> dict[str, Any]:
        return update_levels(self, known, number, n_old, epochs=epochs, learning_rate=learning_rate, run=run)

    def _encode_items(self, space: ItemSpace, rows: Rows) -> Vectors:
        return self.levels_.item_vectors(space, rows)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> Vectors:
        table = self._tables.get(space)
        if table is None:
            table = self._tables[space] = self.levels_.history_table(space)
        return self.levels_.user_vectors(history, space, table, user_features)

    def _similar_queries(self, vectors: Vectors) -> Vectors:
        """Return the vectors that items ask with for similar ones (`Levels.similar_queries`), shape (n, width)."""
        return self.levels_.similar_queries(vectors)

    def _similar_lengths(self, vectors: Vectors, known: Rows) -> NDArray[np.float64]:
        """Return what the product of two items is divided by (`Levels.similar_lengths`), shape (n,)."""
        return self.levels_.similar_lengths(vectors, known)

    def _history_rows(self, space: ItemSpace) -> NDArray[np.float32]:
        """Return what each item is in a history (`Levels.history_table`), shape (len(space), width)."""
        return self.levels_.history_table(space)

    def _use_history_rows(self, space: ItemSpace, rows: NDArray[np.float32]) -> None:
        """Take such rows for a space; they are forgotten with it."""
        self._tables[space] = rows

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        return dualnet_reasons(self.levels_, history, space, rows)

    def _reasons_with_columns(self, history: csr_array, space: ItemSpace, rows: Rows, columns: Matrix) -> Reasons:
        return dualnet_reasons(self.levels_, history, space, rows, columns)

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return self.levels_.get_state()

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        widths = LevelSizes(
            len(self.items_), self._n_features(), 0 if self.user_features_ is None else int(self.user_features_.shape[1]),
            shared=self.user_input == "shared",
        )  # fmt: skip
        self.levels_ = Levels.from_state(config, tensors, self.unliked_, widths)

    @property
    def _tables(self) -> weakref.WeakKeyDictionary[ItemSpace, NDArray[np.float32]]:
        """Rows of the items of a space in a history, computed once for each space."""
        return self._cached("_history_tables", weakref.WeakKeyDictionary)
