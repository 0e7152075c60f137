"""The user's own split: training, validation and test pairs in files or data sets, warm or cold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from ...errors import DataError, UsageError
from ...ids import IdMap
from ...typed_values import typed
from ..dataset import Dataset
from ..entries import values_at
from ..interactions import Interactions
from ..other_events import OtherEvents
from ..pair_texts import align_texts
from ..pairs import Layout, PairFormat, read_pairs
from ..tasks import RankingTask, Split, Validation
from .other_share import visible_others
from .parts import Mask, as_trained, items_of, listed_items, make_task, row_mask, served_task, training_set, users_of
from .serving import validation as draw_validation
from .shifted_ids import counts_from_one

Kind: TypeAlias = Literal["auto", "warm", "cold"]


@typed
def from_files(
    train: Interactions,
    test: Interactions,
    validation: Interactions | None = None,
    *,
    shown: Interactions | None = None,
    data: Dataset | None = None,
    kind: Kind = "auto",
    candidates: Literal["task", "all"] = "task",
    name: str = "files",
) -> Split:
    """Use a division that somebody else made.

    Each test pair falls into the quadrant of its user and item: known if they occur in training. `read_files` reads
    the pairs from files.

    Parameters
    ----------
    train, test : Interactions
        Training and test pairs.
    validation : Interactions, optional
        Validation pairs; they are neither input nor candidates at test time. Without any, some training pairs are set aside
        to choose on (`dualnet.data.protocols.serving`); the fit that is measured learns from them too.
    shown : Interactions, optional
        What users without training pairs show at test time; otherwise they are ranked from an empty history.
    data : Dataset, optional
        Where item content (and user columns) comes from; its interactions are not used.
    kind : {"auto", "warm", "cold"}
        What the division is meant to be: ``warm`` refuses test items that do not train, ``cold`` those that do.
    candidates : {"task", "all"}
        Rank the training items for known items and the held-out new ones for new items, or every item.
    name : str
        For reports.

    Returns
    -------
    Split
        With a task for each quadrant that has pairs; ``known-all`` and ``new-all`` are served where pairs of known items are
        held out.

    Raises
    ------
    DataError
        If a pair is in two files, there is no pair to test, or the division is not of the `kind` it is meant to be.
    """
    if kind not in ("auto", "warm", "cold") or candidates not in ("task", "all"):
        raise UsageError(f"kind is auto, warm or cold, candidates task or all; got {kind!r} and {candidates!r}")
    numbered = [(0, train), (1, test), (2, validation), (3, shown)]
    present = [(number, part) for number, part in numbered if part is not None]
    parts = [part for _, part in present]
    users, items = _all_ids([part.users for part in parts]), _all_ids([part.items for part in parts])
    content = data.items if data is not None else None
    if content is not None:
        items = _all_ids([items, content.ids])
        content = content.align(items)
    user_rows, item_rows, origin, weights = [], [], [], []
    for number, part in present:
        rows, columns = part.pairs()
        user_rows.append(users.find(part.users)[rows])
        item_rows.append(items.find(part.items)[columns])
        weights.append(part.matrix.data)
        origin.append(np.full(part.n_pairs, number))
    rows, columns, source = np.concatenate(user_rows), np.concatenate(item_rows), np.concatenate(origin)
    order = np.lexsort((columns, rows))
    twice = np.flatnonzero((np.diff(rows[order]) == 0) & (np.diff(columns[order]) == 0))
    if len(twice):
        at = order[twice[0]]
        raise DataError(
            f"{len(twice):,} pairs are in more than one file, such as user {users.key(int(rows[at]))!r} with item"
            f" {items.key(int(columns[at]))!r}; a test pair that trains is a leak, remove it from one of them"
        )
    everything = Interactions.from_rows(users, items, rows, columns, weights=np.concatenate(weights))
    told = [part for number, part in present if number in (0, 3)]
    asked = [part for number, part in present if number in (1, 2)]
    everything, of_training = _with_others(everything, told, [*asked, *([] if data is None else [data.interactions])])
    user_content = None if data is None or data.users is None else data.users.align(users, "user")
    texts = {} if data is None else align_texts(data.pair_texts, data.interactions, everything)
    whole = Dataset(everything, content, user_content, name, pair_texts=texts)
    part_of = source[order]  # Interactions sorts its pairs the same way
    training, testing, validating, showing = (part_of == number for number in range(4))
    _check_kind(whole, training, testing | validating, kind)
    visible = visible_others(whole, training, training | showing) | of_training
    tasks, served = _quadrants(whole, training, training | showing, validating, testing, candidates, visible)
    if not tasks:
        raise DataError("the test file has no pair to find")
    outer = training_set(whole, training, visible)
    choose = None
    if validation is not None:
        held_out = (testing & False, validating, candidates, visible)
        choose = Validation(outer, *_quadrants(whole, training, training | showing, *held_out))
    else:
        choose = _set_aside(outer)
    options: dict[str, object] = {"kind": kind, "candidates": candidates}
    return Split("files", outer, tasks, choose, options=options, served=served)


@typed
def read_files(
    data: Dataset | None = None,
    *,
    train: str | Path | None = None,
    test: str | Path | None = None,
    validation: str | Path | None = None,
    shown: str | Path | None = None,
    layout: Layout = "auto",
    base: Literal[0, 1] | None = None,
    header: bool | None = None,
    user: str = "user_id",
    item: str = "item_id",
    kind: Kind = "auto",
    candidates: Literal["task", "all"] = "task",
) -> Split:
    """Read somebody else's division from files: tables of pairs, or lines of items, warm or cold.

    Parameters
    ----------
    data : Dataset, optional
        Where content comes from. If its ids are integers, so are those of the files (`base` is then 0 unless given).
    train, test, validation, shown : path
        Files of pairs; see `from_files`.
    layout, base, header, user, item
        How the files are written; see `dualnet.data.pairs.PairFormat`.
    kind, candidates
        See `from_files`.

    Returns
    -------
    Split

    Raises
    ------
    UsageError
        If `train` or `test` is missing.
    DataError
        For a file, line or value that cannot be used.
    """
    if train is None or test is None:
        raise UsageError("protocol 'files' needs a file of training pairs and one of test pairs; give train= and test=")
    guessed = base is None and data is not None and data.interactions.items.is_integer
    if guessed:
        base = 0
    form = PairFormat(layout, base, header, user, item)
    choosing, showing = (None if path is None else read_pairs(path, form) for path in (validation, shown))
    name = "files" if data is None else data.name
    learned = read_pairs(train, form)
    if guessed and data is not None and data.items is not None and counts_from_one(learned, data.items):
        raise DataError(
            f"the items of {train} fit the content of '{data.name}' better when their ids count from 1; say base=1, or base=0 if"
            " they do count from 0"
        )
    return from_files(
        learned, read_pairs(test, form), choosing, shown=showing, data=data, kind=kind, candidates=candidates,
        name=name,
    )  # fmt: skip


def _set_aside(train: Dataset) -> Validation | None:
    """Return a validation drawn from training data, None where they are too small for one."""
    try:
        return draw_validation(train)
    except DataError:
        return None


def _with_others(likes: Interactions, shown: Sequence[Interactions], rest: Sequence[Interactions]) -> tuple[Interactions, Mask]:
    """Return pairs with the other events (dismissed, seen, rated low) of all parts, and which of those came with training.

    A pair that a file holds is a like, whatever else is told of it; events of users and items that no file names are left out.
    """
    found = []
    liked_rows, liked_columns = likes.pairs()
    liked = liked_rows * likes.n_items + liked_columns
    for part in (*shown, *rest):
        if part.others is None:
            continue
        rows, columns = part.others.pairs()
        rows, columns = likes.users.find(part.users)[rows], likes.items.find(part.items)[columns]
        free = (rows >= 0) & (columns >= 0)
        free &= ~np.isin(rows * likes.n_items + columns, liked)
        first = np.full(int(free.sum()), any(part is one for one in shown))
        found.append((rows[free], columns[free], part.others.kinds.data[free], first))
    if not found:
        return likes, np.zeros(0, bool)
    rows, columns, kinds, first = (np.concatenate(parts) for parts in zip(*found, strict=True))
    shape = (likes.n_users, likes.n_items)
    others = OtherEvents.from_rows(shape, rows, columns, kinds, None)
    told = OtherEvents.from_rows(shape, rows[first], columns[first], kinds[first], None).pattern()
    users, items = others.pairs()
    return replace(likes, others=others), values_at(told, users, items) > 0


def _check_kind(data: Dataset, train: Mask, held: Mask, kind: Kind) -> None:
    if kind == "auto":
        return
    trained = row_mask(items_of(data, train), data.interactions.n_items)
    asked = items_of(data, held)
    wrong = asked[~trained[asked]] if kind == "warm" else asked[trained[asked]]
    if len(wrong):
        says = "do not occur in training" if kind == "warm" else "occur in training, so they are not new"
        raise DataError(
            f"{len(wrong):,} validation or test items {says}, such as {data.interactions.items.key(int(wrong[0]))!r}; the"
            f" division is not {kind}: mend the files, or leave kind= out"
        )


def _quadrants(
    data: Dataset, train: Mask, visible: Mask, held: Mask, hidden: Mask, candidates: Literal["task", "all"], others: Mask
) -> tuple[tuple[RankingTask, ...], tuple[RankingTask, ...]]:
    """Return the tasks of the quadrants that have hidden pairs, and the lists of all items that are served."""
    users, items = data.interactions.pairs()
    known_items = items_of(data, train)
    known = row_mask(known_items, data.interactions.n_items)[items]
    known_user = row_mask(users_of(data, train), data.interactions.n_users)[users]
    view = as_trained(data, train, others)
    tasks = []
    for name, chosen in (
        ("known-known", hidden & known_user & known),
        ("known-new", hidden & known_user & ~known),
        ("new-known", hidden & ~known_user & known),
        ("new-new", hidden & ~known_user & ~known),
    ):
        if not chosen.any():
            continue
        ranked = known_items if name.endswith("-known") else items_of(data, hidden & ~known)
        tasks.append(
            make_task(
                name, view, users=users_of(data, chosen), visible=visible, seen=visible | held, hidden=chosen,
                candidates=np.arange(data.interactions.n_items) if candidates == "all" else ranked, candidate_set=candidates,
            )
        )  # fmt: skip
    served: list[RankingTask] = []
    for name, asked in (("known-all", hidden & known_user), ("new-all", hidden & ~known_user)):
        served += served_task(
            name, view, train=train, users=users_of(data, asked), visible=visible, seen=visible | held, hidden=asked,
            candidates=listed_items(data, visible | held | hidden),
        )  # fmt: skip
    return tuple(tasks), tuple(served)


def _all_ids(maps: list[IdMap]) -> IdMap:
    keys = {key for ids in maps for key in ids}
    kinds = {type(key) for key in keys}
    if len(kinds) > 1:
        raise DataError("ids are text in one file and integers in another, so that '7' and 7 would be two ids; read both alike")
    return IdMap(sorted(keys))
