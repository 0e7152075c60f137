"""Warm updates: new pairs, users and items enter a fitted model without starting again."""

from __future__ import annotations

import copy
import time
from typing import Any, Self

import numpy as np

from ..data.content import Content
from ..data.dataset import Dataset
from ..data.interactions import Interactions
from ..data.other_events import count_kinds
from ..errors import CapabilityError, UsageError
from ..train.options import RunOptions
from ..train.tracking.guard import tracked
from ..typed_values import plain
from .core import Core, Prepared
from .growth import grow
from .known_zeros import learned_dislikes
from .one_writer import one_writer
from .question_content import as_content, as_user_content


class Updates(Core):
    """Learning on from new rows, written once for every model that has `_update`."""

    def update(
        self,
        new: Interactions | Dataset | None = None,
        *,
        items: Content | Any = None,
        users: Content | Any | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        run: RunOptions | None = None,
    ) -> Self:
        """Learn from new rows, starting from what was learned, in a part of the time of a fit.

        New users and new items become known ones; pairs that were known are merged. What turns content into features stays as it
        was fitted: words that it has never met are left out and counted in ``info_["update"]``. The model changes only when all
        is done: an update that fails or is interrupted leaves it as it was.

        Parameters
        ----------
        new : Interactions or Dataset, optional
            New pairs; of a data set also the content of its items. Without any, new items only join the catalogue.
        items : Content or data frame, optional
            Content of new items (as in `add_items`); needed for those that are not in the catalogue yet.
        users : Content or data frame, optional
            User columns, for models fitted with such; a data frame has the id column ``user_id``.
        epochs : int, optional
            Passes over all pairs, old and new; the model's own default otherwise, and none at 0.
        learning_rate : float, optional
            Peak rate, for models with a rate.
        run : RunOptions, optional
            Progress, log, threads.

        Returns
        -------
        Recommender
            The model itself; ``info_["update"]`` says what was added, how it was trained, and which saved model it grew from.

        Raises
        ------
        CapabilityError
            If this kind of model has to be fitted anew.
        DataError
            If the new rows cannot be used.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> new = dualnet.Interactions.from_pairs(["ann", "ann"], ["i0-0", "i0-1"])
        >>> model.update(new).users_.row("ann")
        40
        """
        self._require_fitted()
        with one_writer(self):
            self._update_now(new, items, users, epochs, learning_rate, run)
        return self

    def _update_now(
        self,
        new: Interactions | Dataset | None,
        items: Content | Any,
        users: Content | None,
        epochs: int | None,
        learning_rate: float | None,
        run: RunOptions | None,
    ) -> None:
        """Update with nobody else writing; arguments and errors as `update`."""
        epochs, learning_rate = plain(epochs), plain(learning_rate)
        if not self.capabilities.updates:
            raise CapabilityError(
                f"model '{self.name}' cannot be updated; fit it again on all data, which gives the same and is as fast"
            )
        if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0):
            raise UsageError(f"epochs={epochs!r} must be a whole number of at least 0")
        if learning_rate is not None and not learning_rate > 0:
            raise UsageError(f"learning_rate={learning_rate!r} must be above 0")
        if new is None and items is None:
            raise UsageError("there is nothing to update from: give new pairs, new items or both")
        started = time.perf_counter()
        if isinstance(new, Dataset):
            items = new.items if items is None else items
            users = new.users if users is None else users
            new = new.interactions
        grown = grow(
            self,
            new,
            None if items is None else as_content(items, self),
            None if users is None else as_user_content(users, self),
        )
        updated = copy.copy(self)
        data = grown.prepared.data.interactions
        updated.users_, updated.items_, updated.histories_ = data.users, data.items, data.pattern()
        updated.weights_ = None if (data.matrix.data == 1).all() else data.matrix.data
        updated.popularity_ = np.bincount(data.matrix.indices, minlength=len(data.items)).astype(np.float32)
        updated.catalogue_, updated.seen_ = grown.catalogue, grown.seen
        updated.user_features_ = grown.prepared.user_features
        number = int(self.info_.get("update", {}).get("number", 0)) + 1
        weights = np.ones(self.histories_.nnz, np.float32) if self.weights_ is None else self.weights_
        dislikes = (learned_dislikes(self, self.seen_, len(self.items_)), learned_dislikes(self, grown.seen, len(data.items)))
        # no pair is new, none is heavier, and no dislike that counts is new
        idle = grown.added["pairs"] == 0 and np.array_equal(data.matrix.data, weights) and dislikes[0] == dislikes[1]
        fingerprint = grown.prepared.data.fingerprint()
        described = {"model": self.name, "data": self.info_["data"], "fingerprint": fingerprint, "update": number}
        described |= self.written_params()
        with tracked(run or RunOptions(), described) as options:
            trained = updated._update(
                grown.prepared, number, len(self.items_),
                epochs=0 if idle else epochs, learning_rate=learning_rate, run=options,
            )  # fmt: skip
        updated.info_ = {
            **self.info_,
            "fingerprint": fingerprint,
            "users": len(data.users),
            "items": len(data.items),
            "pairs": data.n_pairs,
            **count_kinds(grown.seen),
            "update": {
                "number": number,
                "parent": getattr(self, "manifest_", None),
                **grown.added,
                **trained,
                "seconds": round(time.perf_counter() - started, 3),
            },
        }
        vars(updated).pop("manifest_", None)
        self.__dict__ = dict(vars(updated))  # at once: nobody who asks meanwhile finds half a model

    def _update(
        self, known: Prepared, number: int, n_old: int, *, epochs: int | None, learning_rate: float | None, run: RunOptions
    ) -> dict[str, Any]:
        """Learn from old and new pairs, starting from the learned state; return what is worth recording.

        Parameters
        ----------
        known : Prepared
            Old and new users and items with pairs; old ones first, in their order.
        number : int
            Of this update, from 1.
        n_old : int
            Items that were trained before.
        epochs, learning_rate, run
            As in `update`.
        """
        raise CapabilityError("this model cannot be updated; fit it again on all data")
