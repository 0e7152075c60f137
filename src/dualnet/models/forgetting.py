"""Removal of users from a fitted model: their rows, ids, histories and columns; nothing is trained again."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from ..data.dataset import Dataset
from ..data.interactions import Interactions
from ..data.other_events import OtherEvents, count_kinds
from ..errors import UsageError
from ..ids import Key
from ..retrieval.unknown_ids import Unknown, check_list, check_unknown
from .core import Core
from .one_writer import one_writer


class Forgets(Core):
    """Removal of users from a fitted model."""

    def forget_users(self, users: Sequence[Key], *, unknown: Unknown = "error") -> Self:
        """Remove users from the model: they become unknown, and a saved model holds neither their ids nor their histories.

        This is for users who ask to be forgotten. What was learned from all users together (factors, weights, similarities of
        items) stays until the next fit; it holds no id. An item whose events all came from them stays, with a popularity of 0. The
        model changes only when all is done.

        Parameters
        ----------
        users : sequence of str or int
            Users to remove.
        unknown : {"error", "ignore"}
            Treatment of ids that the model does not know: refuse them, or leave them out, which is right for a list that
            is used every night.

        Returns
        -------
        Recommender
            The model itself; ``info_["forgotten"]`` counts the users that it has forgotten since it was fitted.

        Raises
        ------
        UnknownIdError
            For a user whom the model does not know, unless they are to be ignored; nothing is forgotten then.
        UsageError
            If `users` is no list of ids, or holds everybody: a model without any user has to be fitted anew.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world())
        >>> "u0-0" in model.forget_users(["u0-0"]).users_.keys
        False
        """
        self._require_fitted()
        check_list(users, "users")
        check_unknown(unknown)
        with one_writer(self):
            rows = self.users_.find(users) if unknown == "ignore" else self.users_.rows(list(users), "user")
            self._forget_rows(np.setdiff1d(np.arange(len(self.users_)), rows))
        return self

    def _forget_rows(self, kept: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        """Keep these users alone, with nobody else writing."""
        lost = len(self.users_) - len(kept)
        if not lost:
            return
        if not len(kept):
            raise UsageError("a model cannot forget all of its users; fit a new one without them, or delete this one")
        weights = np.ones(self.histories_.nnz, np.float32) if self.weights_ is None else self.weights_
        old = self.histories_
        matrix = csr_array(csr_array((weights, old.indices, old.indptr), shape=old.shape)[kept])
        changed = copy.copy(self)
        changed.users_ = self.users_.subset(kept)
        changed.histories_ = self._stored(matrix)
        changed.weights_ = None if self.weights_ is None or (matrix.data == 1).all() else matrix.data
        if self.times_ is not None:
            places = csr_array((np.arange(old.nnz), old.indices, old.indptr), shape=old.shape)[kept]
            changed.times_ = self.times_[places.data]
        changed.popularity_ = np.bincount(matrix.indices, minlength=len(self.items_)).astype(np.float32)
        others = None
        if self.seen_ is not None:
            seen = OtherEvents(self.seen_).select(users=kept)
            changed.seen_ = seen.kinds if len(seen) else None
            others = seen.select(items=np.arange(len(self.items_))) if len(seen) else None
        if self.user_features_ is not None:
            changed.user_features_ = self.user_features_[kept]
        data = Dataset(Interactions(changed.users_, self.items_, matrix, None, others), name=self.info_["data"])
        changed.info_ = {
            **{name: value for name, value in self.info_.items() if name not in ("disliked", "seen")},
            **count_kinds(changed.seen_),
            "fingerprint": data.fingerprint(),
            "users": len(changed.users_),
            "pairs": matrix.nnz,
            "forgotten": int(self.info_.get("forgotten", 0)) + lost,
        }
        vars(changed).pop("manifest_", None)
        self.__dict__ = dict(vars(changed))  # at once: nobody who asks meanwhile finds half a model
