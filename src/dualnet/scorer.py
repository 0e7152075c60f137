"""Scores of fitted models on held-out pairs, for the searches and cross-validations of scikit-learn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from .data.dataset import Dataset
from .data.tasks import RankingTask
from .errors import DataError, UsageError, nearest
from .evaluation import evaluate
from .metrics import METRICS
from .retrieval.unknown_ids import check_list


@dataclass(frozen=True)
class Scorer:
    """A figure of a fitted model on held-out pairs, as ``scoring=`` of scikit-learn's searches takes it.

    Each user of the training pairs who has held-out pairs gets a list of the items of the training pairs, without those of the own
    history. Held-out pairs of users or items without a training pair count nowhere: a model that knows nothing of them has nothing to
    be right about. For new items and new users use `dualnet.evaluate` with a division of `dualnet.splits`.

    Parameters
    ----------
    figure : str
        ``recall``, ``precision``, ``ndcg``, ``map``, ``mrr`` or ``hit_rate``, and behind ``@`` the length of the list.

    Raises
    ------
    UsageError
        If there is no such figure.

    Examples
    --------
    >>> import dualnet
    >>> from sklearn.model_selection import GridSearchCV
    >>> search = GridSearchCV(dualnet.WMF(iterations=3), {"factors": [2, 8]}, scoring=dualnet.Scorer("recall@5"), cv=3)
    >>> search.fit(dualnet.synthetic.blocks_world()).best_params_["factors"] in (2, 8)
    True
    """

    figure: str = "recall@20"

    def __post_init__(self) -> None:
        name, sign, length = self.figure.partition("@") if isinstance(self.figure, str) else ("", "", "")
        if name not in METRICS or not sign or not (length.isascii() and length.isdecimal()) or int(length) < 1:
            raise UsageError(
                f"there is no figure {self.figure!r}; give a name and the length of the list, such as 'recall@20'."
                f"{nearest(name, METRICS)}"
            )

    def __call__(self, model: Any, held_out: Dataset, y: None = None) -> float:
        """Return the mean over users; not a number for pairs that were all trained on, of which there is nothing to find.

        Parameters
        ----------
        model : Recommender
            Fitted on other pairs of the same data.
        held_out : Dataset
            Pairs to find.
        y : None
            As scikit-learn passes it; of no meaning.

        Raises
        ------
        DataError
            If no held-out pair is of a user and an item of the training pairs.
        """
        task = _task(model, held_out)
        if not task.truth.nnz and len(task.users):
            return math.nan  # what scikit-learn calls a training score
        if not task.truth.nnz:
            raise DataError(
                f"none of the {held_out.interactions.n_pairs:,} held-out pairs of data set '{held_out.name}' is of a user and an item"
                " that were trained on; every fold has to leave a user some pairs: divide pairs, not users"
            )
        length = int(self.figure.partition("@")[2])
        report = evaluate(model, task, at=length, bootstrap=0)
        return report.results[0].mean(self.figure)


def check_scored(items: object) -> None:
    """Refuse what is no list of ids to score for one person, such as the pairs that a search of scikit-learn holds out; raises `UsageError`."""
    if isinstance(items, Dataset):
        raise UsageError(
            "score is of items for one person; for held-out pairs use dualnet.Scorer('recall@20') as the scoring of scikit-learn"
        )
    check_list(items, "items")


def _task(model: Any, held_out: Dataset) -> RankingTask:
    pairs, items = held_out.interactions, model.items_
    user_rows, item_rows = pairs.pairs()
    users, columns = model.users_.find(pairs.users)[user_rows], items.find(pairs.items)[item_rows]
    known = (users >= 0) & (columns >= 0)
    asked, rows = np.unique(users[known], return_inverse=True)
    shape = (len(asked), len(items))
    history = csr_array(model.histories_[asked]) if len(asked) else csr_array(shape, dtype=np.float32)
    truth = csr_array((np.ones(len(rows), np.float32), (rows, columns[known])), shape=shape)
    truth = csr_array(truth - truth.multiply(history.astype(bool)))  # of a pair that was trained on nothing is asked
    truth.eliminate_zeros()
    keys = model.users_.subset(asked)
    others = pairs.seen_over(keys, items)
    seen = history if others is None else csr_array((history + others.astype(bool)).astype(bool).astype(np.float32))
    if others is not None:
        seen = csr_array(seen - seen.multiply(truth.astype(bool)))
        seen.eliminate_zeros()
    columns_of_users = None if held_out.users is None else held_out.users.take(pairs.users.find(keys))
    return RankingTask("known-known", keys, items, history, seen, np.arange(len(items)), truth, user_content=columns_of_users)
