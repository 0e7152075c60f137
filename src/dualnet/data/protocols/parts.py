"""Parts of every protocol: masks of pairs, training sets, tasks."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...errors import DataError, UsageError, warn
from ...ids import Rows
from ..dataset import Dataset
from ..tasks import CandidateSet, ItemKind, RankingTask
from .other_share import visible_others

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Trained(Dataset):
    """All pairs, with what training knows of the items; from `as_trained`.

    Parameters
    ----------
    train : ndarray of bool, shape (n_pairs,), optional
        Which pairs train.
    shown : ndarray of bool, shape (len(others),), optional
        Which other events are shown; the same share as of the likes when left out.
    """

    train: Mask | None = None
    shown: Mask | None = None


def training_set(data: Dataset, pairs: Mask, others: Mask | None = None, items: Rows | None = None) -> Dataset:
    """Return the data with only some pairs, the users that have one left, and the items that a list would hold.

    Those are the items that have a pair left, those that one of these users saw or disliked and, where there is content, the
    items that nobody likes in the whole data: they were there when the model was trained, and a list that is served holds them.

    Parameters
    ----------
    data : Dataset
        Everything.
    pairs : ndarray of bool, shape (n_pairs,)
        Which pairs train.
    others : ndarray of bool, optional
        Which other events train; the same share as of the likes when left out.
    items : ndarray of int64, optional
        Rows of further items to keep, although nobody likes them any more.

    Raises
    ------
    DataError
        If no pair is left.
    """
    if not pairs.any():
        raise DataError(f"data set '{data.name}' is too small for this protocol: no pair is left for training")
    shown = visible_others(data, pairs, pairs) if others is None else others
    kept, users = data.keep(pairs, shown), users_of(data, pairs)
    seen = kept.interactions.select(users=users).others
    more = [part for part in (items, None if seen is None else seen.pairs()[1]) if part is not None]
    return kept.select(users=users, items=np.unique(np.concatenate([listed_items(data, pairs), *more])))


def listed_items(data: Dataset, pairs: Mask) -> Rows:
    """Return the rows of the items that a list holds where only some pairs have happened, ascending.

    These are the items of the pairs and, where there is content to rank them by, those without a pair in the whole data.

    Parameters
    ----------
    data : Dataset
        Everything.
    pairs : ndarray of bool, shape (n_pairs,)
        What has happened.
    """
    own = items_of(data, pairs)
    if data.items is None:
        return own
    silent = ~row_mask(data.known_items(), data.interactions.n_items)
    return np.union1d(own, np.flatnonzero(silent)).astype(np.int64)


def as_trained(data: Dataset, train: Mask, others: Mask | None = None) -> Trained:
    """Return all pairs with the item content that training knows: texts of pairs (reviews) come from training pairs alone.

    A held-out pair's own text would tell the answer, so every task is made of what this returns.

    Parameters
    ----------
    data : Dataset
        Everything.
    train : ndarray of bool, shape (n_pairs,)
        Which pairs train.
    others : ndarray of bool, optional
        Which other events are shown; the same share as of the likes when left out.

    Warns
    -----
    DualNetWarning
        If items that do not train are left without any content.
    """
    parts = {field.name: getattr(data, field.name) for field in fields(Dataset)}
    if not data.pair_texts or data.items is None:
        return Trained(**parts, train=train, shown=others)
    known = data.keep(train).items
    new = np.setdiff1d(data.known_items(), items_of(data, train))
    if len(new) and set(data.items.spec.columns) <= set(data.pair_texts):
        warn(
            f"{len(new):,} items of data set '{data.name}' have no training pair and so no content, as their"
            f" {' and '.join(data.pair_texts)} come from training pairs only; they will be ranked alike: use other content columns too"
        )
    return Trained(**{**parts, "items": known, "pair_texts": {}}, train=train, shown=others)


def make_task(
    name: str,
    data: Dataset,
    *,
    users: Rows,
    visible: Mask,
    seen: Mask,
    hidden: Mask,
    candidates: Rows,
    candidate_set: CandidateSet = "task",
    kinds: NDArray[np.int8] | None = None,
) -> RankingTask:
    """Return a task over all items of the data.

    Parameters
    ----------
    name : str
        Quadrant.
    data : Dataset
        Everything, with the content that training knows (see `as_trained`).
    users : ndarray of int64
        User rows to rank for.
    visible, seen, hidden : ndarray of bool, shape (n_pairs,)
        Which pairs the model sees, may not rank, and has to find. Other events that are shown may not be ranked either.
    candidates : ndarray of int64
        Item rows that may be ranked.
    candidate_set : {"task", "all", "given"}
        For the record.
    kinds : ndarray of int8, shape (n_items,), optional
        See `RankingTask`.

    Raises
    ------
    UsageError
        If the content still holds the texts of all pairs, or nothing says which pairs train.
    """
    if data.pair_texts:
        raise UsageError(f"task {name}: the content holds texts of held-out pairs; make the task of as_trained(data, train)")

    def of_users(mask: Mask) -> csr_array:
        return csr_array(data.interactions.keep(mask).pattern()[users])

    unranked = of_users(visible | seen)
    others = data.interactions.others
    if others is not None:
        if not isinstance(data, Trained) or data.train is None:
            raise UsageError(
                f"task {name}: nothing says which other events are shown; make the task of as_trained(data, train)"
            )
        shown = visible_others(data, data.train, visible | seen) if data.shown is None else data.shown
        unranked = csr_array(unranked + others.keep(shown).pattern()[users])

    return RankingTask(
        name=name,
        users=data.interactions.users.subset(users),
        items=data.interactions.items,
        history=of_users(visible),
        seen=unranked,
        candidates=np.sort(candidates),
        truth=of_users(hidden),
        content=data.items,
        user_content=None if data.users is None else data.users.take(users),
        candidate_set=candidate_set,
        kinds=kinds,
    )


def served_task(
    name: str,
    data: Dataset,
    *,
    train: Mask,
    users: Rows,
    visible: Mask,
    seen: Mask,
    hidden: Mask,
    candidates: Rows,
) -> tuple[RankingTask, ...]:
    """Return the task of one list of all items, as it is served; none where it could not be judged.

    It cannot be judged where no pair of a known item is to be found: putting all new items first would win.

    Parameters
    ----------
    name : str
        ``known-all`` or ``new-all``.
    data : Dataset
        Everything, with the content that training knows (see `as_trained`).
    train : ndarray of bool, shape (n_pairs,)
        Which pairs train; their items are the known ones.
    users : ndarray of int64
        User rows to rank for.
    visible, seen, hidden : ndarray of bool, shape (n_pairs,)
        As for `make_task`; hidden pairs of items that are no candidates do not count.
    candidates : ndarray of int64
        Item rows of the list, ascending; see `listed_items`.
    """
    count, items = data.interactions.n_items, data.interactions.pairs()[1]
    known = row_mask(items_of(data, train), count)
    asked = hidden & row_mask(users, data.interactions.n_users)[data.interactions.pairs()[0]]
    if not (asked & known[items]).any():
        return ()
    liked = row_mask(data.known_items(), count)
    kinds = np.where(known, ItemKind.KNOWN, np.where(liked, ItemKind.NEW, ItemKind.UNLIKED)).astype(np.int8)
    found = hidden & row_mask(candidates, count)[items]
    return (
        make_task(
            name, data, users=users, visible=visible, seen=seen, hidden=found, candidates=candidates, candidate_set="all",
            kinds=kinds,
        ),
    )  # fmt: skip


def users_of(data: Dataset, pairs: Mask) -> Rows:
    """Return the rows of users with at least one of the given pairs, ascending."""
    return np.unique(data.interactions.pairs()[0][pairs])


def users_left_out(data: Dataset, train: Mask) -> int:
    """Return how many users have pairs but none that trains."""
    return len(np.unique(data.interactions.pairs()[0])) - len(users_of(data, train))


def items_of(data: Dataset, pairs: Mask) -> Rows:
    """Return the rows of items with at least one of the given pairs, ascending."""
    return np.unique(data.interactions.pairs()[1][pairs])


def row_mask(rows: Rows, count: int) -> Mask:
    """Return a mask of length `count` that is True at the given rows."""
    mask = np.zeros(count, bool)
    mask[rows] = True
    return mask


def draw_share(rows: Rows, share: float, rng: np.random.Generator, what: str) -> Rows:
    """Return a random share of some rows, at least one, ascending.

    Raises
    ------
    UsageError
        If the share is not between 0 and 1.
    DataError
        If there are fewer than two rows to draw from.
    """
    if not 0 < share < 1:
        raise UsageError(f"the share of {what} must be above 0 and below 1, got {share}")
    if len(rows) < 2:
        raise DataError(f"{len(rows)} {what} cannot be divided into seen and unseen ones; the data set is too small")
    return np.sort(rng.permutation(rows)[: min(max(1, round(share * len(rows))), len(rows) - 1)])


def draw_fold(rows: Rows, folds: int, fold: int, rng: np.random.Generator, what: str) -> Rows:
    """Return one of `folds` random parts of some rows, ascending; the parts of one seed are disjoint and complete.

    Raises
    ------
    UsageError
        If there are fewer than two folds or no such fold.
    DataError
        If there are fewer rows than folds.
    """
    if folds < 2 or not 0 <= fold < folds:
        raise UsageError(f"fold {fold} of {folds}: give at least 2 folds and a fold from 0 to {max(folds - 1, 0)}")
    if len(rows) < folds:
        raise DataError(f"{len(rows)} {what} cannot be divided into {folds} folds")
    return np.sort(np.array_split(rng.permutation(rows), folds)[fold])


def three_one_one(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return a random part 0, 1 or 2 for each of `count` pairs, in the ratio 3 : 1 : 1 as exactly as whole numbers allow."""
    part = np.empty(count, np.int64)
    order = rng.permutation(count)
    first, second = round(0.6 * count), round(0.8 * count)
    part[order[:first]], part[order[first:second]], part[order[second:]] = 0, 1, 2
    return part


def per_user_rank(data: Dataset, pairs: Mask, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return a random rank of each given pair within its user's given pairs (0, 1, ...), -1 for other pairs."""
    users = data.interactions.pairs()[0]
    chosen = np.flatnonzero(pairs)
    order = chosen[np.lexsort((rng.random(len(chosen)), users[chosen]))]
    starts = np.flatnonzero(np.diff(users[order], prepend=-1))
    rank = np.full(len(users), -1, np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return rank


def visible_share(data: Dataset, pairs: Mask, rng: np.random.Generator, shares: tuple[float, ...]) -> list[Mask]:
    """Divide each user's given pairs at random by cumulative shares, such as (0.6, 0.8) for 3 : 1 : 1.

    The first part of a user with any pair is never empty.

    Returns
    -------
    list of ndarray of bool, shape (n_pairs,)
        One mask a part; disjoint, together `pairs`.
    """
    rank = per_user_rank(data, pairs, rng)
    users = data.interactions.pairs()[0]
    counts = np.bincount(users[pairs], minlength=data.interactions.n_users)[users]
    bounds = [np.maximum(np.round(share * counts), 1) for share in shares]
    masks, below = [], np.zeros(len(users))
    for bound in [*bounds, counts]:
        masks.append(pairs & (rank >= below) & (rank < bound))
        below = np.maximum(below, bound)
    return masks
