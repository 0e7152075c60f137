"""The protocol for a division that the user made: training, validation and test pairs in files or data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from ...errors import DataError, UsageError, warn
from ...ids import IdMap, Rows
from ...rng import generator
from ...typed_values import typed
from ..content import Content
from ..content_tables import with_empty_rows
from ..csr import values_at
from ..dataset import Dataset
from ..id_order import warn_of_order
from ..interactions import Interactions
from ..other_events import OtherEvents
from ..pair_texts import align_texts
from ..tasks import CandidateSet, RankingTask, Split, Validation
from .other_share import visible_others
from .parts import (
    Mask,
    as_trained,
    draw_share,
    items_of,
    listed_items,
    make_task,
    row_mask,
    served_task,
    training_set,
    users_of,
)
from .serving import NEW_SHARE
from .serving import validation as draw_validation

Kind: TypeAlias = Literal["auto", "warm", "cold"]
MissingContent: TypeAlias = Literal["error", "zero", "drop"]


@typed
def from_files(
    train: Interactions,
    test: Interactions,
    validation: Interactions | None = None,
    *,
    shown: Interactions | None = None,
    data: Dataset | None = None,
    kind: Kind = "auto",
    candidates: IdMap | Literal["task", "all"] = "task",
    name: str = "files",
    missing_content: MissingContent = "error",
) -> Split:
    """Make a split from a division of the pairs that already exists.

    Each test pair falls into the quadrant of its user and item: known if they occur in training. `read_files` reads
    the pairs from files.

    Parameters
    ----------
    train, test : Interactions
        Training and test pairs.
    validation : Interactions, optional
        Validation pairs; they are neither input nor candidates at test time. Without any, some training pairs are set aside
        to choose on (`dualnet.data.protocols.serving`); the fit that is measured learns from them too. Where the test asks for
        new items and these pairs do not, a tenth of the training items plays new ones while choosing.
    shown : Interactions, optional
        What users without training pairs show at test time; otherwise they are ranked from an empty history.
    data : Dataset, optional
        Where item content (and user columns) comes from; its interactions are not used.
    kind : {"auto", "warm", "cold"}
        What the division is meant to be: ``warm`` refuses test items that do not train, ``cold`` those that do.
    candidates : {"task", "all"} or IdMap
        Rank the training items for known items and the held-out new ones for new items, or every item, or these items; choices
        are made as for ``"task"`` then.
    name : str
        For reports.
    missing_content : {"error", "zero", "drop"}
        What becomes of items of the pairs without a row in the content of `data`: refused, kept with empty content, left out.

    Returns
    -------
    Split
        With a task for each quadrant that has pairs; ``known-all`` and ``new-all`` are served where pairs of known items are
        held out.

    Raises
    ------
    DataError
        If a pair is in two files, there is no pair to test, an item of the test is no candidate, or the division is not of the
        `kind` it is meant to be.

    Warns
    -----
    DualNetWarning
        If the division is ordered by id, not random.

    Examples
    --------
    >>> import dualnet
    >>> train = dualnet.Interactions.from_pairs(["ann", "ann", "bob", "bob"], ["tea", "jam", "tea", "egg"])
    >>> test = dualnet.Interactions.from_pairs(["ann"], ["egg"])
    >>> split = dualnet.splits.from_files(train, test)
    >>> [task.name for task in split.tasks]
    ['known-known']
    """
    _check_words(kind, candidates, missing_content)
    numbered = [(0, train), (1, test), (2, validation), (3, shown)]
    present = [(number, part) for number, part in numbered if part is not None]
    content = data.items if data is not None else None
    if content is not None and missing_content == "drop":
        kept = [(number, _with_rows(part, content)) for number, part in present]
        _say_dropped([part for _, part in present], [part for _, part in kept])
        present = kept
    parts = [part for _, part in present]
    users, items = all_ids([part.users for part in parts], "user"), all_ids([part.items for part in parts], "item")
    if content is not None:
        content = _covering(content, items, missing_content)
        items = content.ids
    everything, part_of = _all_pairs(present, users, items)
    told = [part for number, part in present if number in (0, 3)]
    asked = [part for number, part in present if number in (1, 2)]
    everything, of_training = _with_others(everything, told, [*asked, *([] if data is None else [data.interactions])])
    user_content = None if data is None or data.users is None else data.users.align(users, "user")
    texts = {} if data is None else align_texts(data.pair_texts, data.interactions, everything)
    whole = Dataset(everything, content, user_content, name, pair_texts=texts)
    training, testing, validating, showing = (part_of == number for number in range(4))
    _check_kind(whole, training, testing | validating, kind)
    visible = visible_others(whole, training, training | showing) | of_training
    given = _candidate_rows(whole, testing, candidates) if isinstance(candidates, IdMap) else None
    among: CandidateSet = "given" if isinstance(candidates, IdMap) else candidates
    tasks, served = _quadrants(whole, training, training | showing, validating, testing, among, visible, given)
    if not tasks:
        raise DataError("the test file has no pair to find")
    outer = training_set(whole, training, visible)
    asks_for_new = any(task.name.endswith("-new") for task in tasks)
    if validation is None:
        choose = _set_aside(outer)
    else:
        choose = _chosen_on(whole, outer, training, showing, validating, "task" if among == "given" else among, visible)
        if asks_for_new and content is not None and not any(task.name.endswith("-new") for task in choose.tasks):
            choose = _with_new_items(whole, training, showing, validating) or choose
    options: dict[str, object] = {"kind": kind, "candidates": among}
    split = Split("files", outer, tasks, choose, options=options, served=served)
    warn_of_order(split)
    return split


def _all_pairs(present: Sequence[tuple[int, Interactions]], users: IdMap, items: IdMap) -> tuple[Interactions, Rows]:
    """Return the pairs of all files together, and the number of the file that each is from.

    Raises
    ------
    DataError
        If a pair is in two files.
    """
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
    return everything, source[order]  # Interactions sorts its pairs the same way


def _check_words(kind: Kind, candidates: object, missing_content: MissingContent) -> None:
    words = isinstance(candidates, IdMap) or candidates in ("task", "all")
    if kind not in ("auto", "warm", "cold") or not words or missing_content not in ("error", "zero", "drop"):
        raise UsageError(
            "kind is auto, warm or cold, candidates task, all or the ids of items, missing_content error, zero or drop; got"
            f" {kind!r}, {candidates!r} and {missing_content!r}"
        )


def _with_rows(part: Interactions, content: Content) -> Interactions:
    """Return the pairs of items that have a row of content."""
    return part.select(items=np.flatnonzero(content.ids.find(part.items) >= 0))


def _say_dropped(before: Sequence[Interactions], after: Sequence[Interactions]) -> None:
    """Say how many pairs went with the items that were left out: figures without them are those of another division."""
    lost, every = sum(part.n_pairs for part in before) - sum(part.n_pairs for part in after), sum(p.n_pairs for p in before)
    if lost:
        warn(f"{lost:,} of {every:,} pairs of the files were left out, for their items have no content row")


def _covering(content: Content, items: IdMap, missing: MissingContent) -> Content:
    """Return content with a row for every item of the files, sorted by id."""
    every = all_ids([items, content.ids], "item")
    lost = [key for key, row in zip(every, content.ids.find(every), strict=True) if row < 0]
    return (with_empty_rows(content, lost) if lost and missing == "zero" else content).align(every)


def _candidate_rows(data: Dataset, testing: Mask, candidates: IdMap) -> Rows:
    """Return the rows of the given candidates that are there; every item of the test must be among them."""
    found = data.interactions.items.find(candidates)
    rows = np.unique(found[found >= 0])
    lost = np.setdiff1d(items_of(data, testing), rows)
    if len(lost):
        raise DataError(
            f"{len(lost):,} items of the test are no candidates, such as {data.interactions.items.key(int(lost[0]))!r}, so that they"
            " could never be found; add them to the candidates, or remove their pairs from the test"
        )
    if len(rows) < len(candidates):
        warn(
            f"{len(candidates) - len(rows):,} of {len(candidates):,} candidates are in no file and have no content, such as"
            f" {candidates.key(int(np.argmin(found)))!r}; they are not ranked, and the list is shorter without them"
        )
    return np.asarray(rows, np.int64)


def _chosen_on(
    data: Dataset, outer: Dataset, training: Mask, showing: Mask, validating: Mask, among: CandidateSet, visible: Mask
) -> Validation:
    """Return the validation of pairs that were given; the training set is the split's own."""
    held_out = (validating & False, validating, among, visible)
    return Validation(outer, *_quadrants(data, training, training | showing, *held_out))


def _with_new_items(data: Dataset, training: Mask, showing: Mask, validating: Mask) -> Validation | None:
    """Return a validation of given pairs in which some training items are new as well; None where too little would train."""
    count, items = data.interactions.n_items, data.interactions.pairs()[1]
    try:
        playing = draw_share(items_of(data, training), NEW_SHARE, generator(0, "files"), "items")
    except DataError:
        return None
    new = row_mask(playing, count)[items]
    inner = training & ~new
    if not inner.any():
        return None
    shown = (inner | showing) & ~new
    visible = visible_others(data, inner, shown)
    asked = training & new & row_mask(users_of(data, inner), data.interactions.n_users)[data.interactions.pairs()[0]]
    tasks = _quadrants(data, inner, shown, validating & False, validating | asked, "task", visible)
    return Validation(training_set(data, inner, visible), *tasks)


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
    data: Dataset,
    train: Mask,
    visible: Mask,
    held: Mask,
    hidden: Mask,
    candidates: CandidateSet,
    others: Mask,
    given: Rows | None = None,
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
        ranked = np.arange(data.interactions.n_items) if candidates == "all" else ranked if given is None else given
        tasks.append(
            make_task(
                name, view, users=users_of(data, chosen), visible=visible, seen=visible | held, hidden=chosen,
                candidates=ranked, candidate_set=candidates,
            )
        )  # fmt: skip
    served: list[RankingTask] = []
    for name, asked in (("known-all", hidden & known_user), ("new-all", hidden & ~known_user)):
        served += served_task(
            name, view, train=train, users=users_of(data, asked), visible=visible, seen=visible | held, hidden=asked,
            candidates=listed_items(data, visible | held | hidden),
        )  # fmt: skip
    return tuple(tasks), tuple(served)


def all_ids(maps: Sequence[IdMap], what: str) -> IdMap:
    """Return the ids of several files, sorted.

    Parameters
    ----------
    maps : sequence of IdMap
    what : str
        "user" or "item", for the text.

    Raises
    ------
    DataError
        If they are text in one file and integers in another.
    """
    keys = {key for ids in maps for key in ids}
    text, numbers = ([key for key in keys if isinstance(key, kind)] for kind in (str, int))
    if text and numbers:
        raise DataError(
            f"the {what} ids are text in one place, such as {min(text)!r}, and whole numbers in another, such as {min(numbers)}, so"
            f" that '7' and 7 would be two ids; write both alike, or give base=0 where all are whole numbers"
        )
    return IdMap(sorted(keys))
