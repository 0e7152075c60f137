"""The user's own split: training, validation and test pairs in files or data sets, warm or cold."""

from __future__ import annotations

import numpy as np

from ...errors import DataError
from ...ids import IdMap
from ..dataset import Dataset
from ..interactions import Interactions
from ..tasks import RankingTask, Split, Validation
from .parts import Mask, items_of, make_task, row_mask, training_set, users_of


def from_files(
    train: Interactions,
    test: Interactions,
    validation: Interactions | None = None,
    *,
    data: Dataset | None = None,
    name: str = "files",
) -> Split:
    """Use a division that somebody else made.

    Read the files with `dualnet.data.pairs.read_pairs` (pair tables or inline lists). Each test pair falls into the
    quadrant of its user and item: known if they occur in training.

    Parameters
    ----------
    train, test : Interactions
        Training and test pairs.
    validation : Interactions, optional
        Validation pairs; they are neither input nor candidates at test time.
    data : Dataset, optional
        Where item content (and user columns) comes from; its interactions are not used.
    name : str
        For reports.

    Returns
    -------
    Split
        With a task for each quadrant that has pairs. New users without any training pair have nothing to show and are
        ranked from an empty history.

    Raises
    ------
    DataError
        If a pair is in two files, or there is no pair to test.
    """
    parts = [train, test] if validation is None else [train, test, validation]
    users, items = _all_ids([part.users for part in parts]), _all_ids([part.items for part in parts])
    content = data.items if data is not None else None
    if content is not None:
        items = _all_ids([items, content.ids])
        content = content.align(items)
    user_rows, item_rows, origin, weights = [], [], [], []
    for number, part in enumerate(parts):
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
    user_content = None if data is None or data.users is None else data.users.align(users, "user")
    whole = Dataset(everything, content, user_content, name)
    part_of = source[order]  # Interactions sorts its pairs the same way
    training, testing, validating = (part_of == number for number in range(3))
    tasks = _quadrants(whole, training, validating, testing)
    if not tasks:
        raise DataError("the test file has no pair to find")
    outer = training_set(whole, training)
    choose = None
    if validation is not None:
        choose = Validation(outer, _quadrants(whole, training, np.zeros_like(training), validating))
    return Split("files", outer, tasks, choose)


def _quadrants(data: Dataset, train: Mask, held: Mask, hidden: Mask) -> tuple[RankingTask, ...]:
    users, items = data.interactions.pairs()
    known_items = items_of(data, train)
    known = row_mask(known_items, data.interactions.n_items)[items]
    known_user = row_mask(users_of(data, train), data.interactions.n_users)[users]
    tasks = []
    for name, chosen in (
        ("known-known", hidden & known_user & known),
        ("known-new", hidden & known_user & ~known),
        ("new-known", hidden & ~known_user & known),
        ("new-new", hidden & ~known_user & ~known),
    ):
        if chosen.any():
            candidates = known_items if name.endswith("-known") else items_of(data, hidden & ~known)
            rows = users_of(data, chosen)
            tasks.append(
                make_task(name, data, users=rows, visible=train, seen=train | held, hidden=chosen, candidates=candidates)
            )
    return tuple(tasks)


def _all_ids(maps: list[IdMap]) -> IdMap:
    keys = {key for ids in maps for key in ids}
    kinds = {type(key) for key in keys}
    if len(kinds) > 1:
        raise DataError("ids are text in one file and integers in another, so that '7' and 7 would be two ids; read both alike")
    return IdMap(sorted(keys))
