"""Checks of a data set or a division: gaps, repeats, leaks, and divisions that are not random."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..errors import DualNetError, counted
from ..ids import IdMap
from .content import Content
from .csr import values_at
from .dataset import Dataset
from .featurizers.base import unit_rows
from .featurizers.words import folded, plain_text
from .id_order import order_of
from .interactions import Interactions
from .tasks import RankingTask, Split
from .values import is_address

SAID = {  # what totals count, in the words of a person; their names are those of the JSON
    "users": "users with an event",
    "items": "items with an event or a row",
    "pairs": "likes (pairs of a user and an item)",
    "density": "likes as a share of all pairs",
    "events a user (min, median, max)": "likes a user (min, median, max)",
    "events an item (min, median, max)": "likes an item (min, median, max)",
    "training items": "training items, also those without a like",
    "training pairs": "training likes",
}

Level = Literal["info", "warning", "error"]

FEW_EVENTS = 5
YEAR_GAP = 180 * 86_400
NEAR_DUPLICATE = 0.95
SAMPLE = 2_000  # new items compared with all known ones
OUTWEIGHS = 1e6  # times the median size of the others

_DECIMAL = re.compile(r"[+-]?\d+\.\d*|[+-]?\d+(\.\d*)?[eE][+-]?\d+")


@dataclass(frozen=True)
class Finding:
    """One odd thing.

    Parameters
    ----------
    level : {"info", "warning", "error"}
        Errors make figures wrong; warnings make them doubtful.
    code : str
        Short name for programs.
    text : str
        One sentence with the count and what it means.
    count : int
        How many.
    """

    level: Level
    code: str
    text: str
    count: int


@dataclass(frozen=True)
class CheckReport:
    """Totals and findings.

    Parameters
    ----------
    name : str
        What was checked.
    totals : dict
        Sizes.
    findings : list of Finding
        Worst first.
    """

    name: str
    totals: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        """Whether figures from this data would be wrong."""
        return any(finding.level == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {"name": self.name, "totals": self.totals, "findings": [vars(finding) for finding in self.findings]}

    def __str__(self) -> str:
        told = {SAID.get(key, key): value for key, value in self.totals.items()}
        width = max(map(len, told), default=0)
        lines = [self.name, *(f"  {key.ljust(width)}  {_shown(value)}" for key, value in told.items())]
        lines += [f"  {finding.level}: {finding.text}" for finding in self.findings] or ["  nothing odd found"]
        return "\n".join(lines)


def check_dataset(data: Dataset) -> CheckReport:
    """Report sizes, users and items with few events, items without content, look-alike ids and gaps in time.

    Parameters
    ----------
    data : Dataset
        What to check.
    """
    interactions = data.interactions
    found = _Findings()
    totals = _sizes(interactions) | dict(data.origin)
    _events(found, totals, interactions)
    for what, ids in (("user", interactions.users), ("item", interactions.items)):
        _ids(found, what, ids)
    if data.items is not None:
        totals |= _content_totals(data.items)
        _text(found, totals, data.items)
        for code, count, text in _odd_numbers(data.items):
            found.add("warning", code, count, text)
        for column, empty in _empty_content(data.items).items():
            found.add(
                "warning" if empty == len(data.items) else "info",
                f"empty-{column}",
                empty,
                f"{{item has|items have}} no {column}",
            )
    if data.users is not None:
        totals["user columns"] = list(data.users.spec.columns)
        for column, empty in _empty_content(data.users).items():
            totals[f"users with {column}"] = len(data.users) - empty
    if interactions.times is not None:
        _times(found, totals, interactions.times)
    return CheckReport(data.name, totals, found.worst_first())


class _Findings:
    """Findings as they are made."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def add(self, level: Level, code: str, count: Any, text: str) -> None:
        """Add a finding whose text follows a count, as `counted` has it; nothing where the count is 0."""
        if int(count):
            self.all.append(Finding(level, code, counted(int(count), text), int(count)))

    def worst_first(self) -> list[Finding]:
        """Return the findings, errors before warnings."""
        return sorted(self.all, key=lambda finding: ("error", "warning", "info").index(finding.level))


def _counts(interactions: Interactions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of pairs of each user and of each item."""
    matrix = interactions.matrix
    return np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=interactions.n_items)


def _sizes(interactions: Interactions) -> dict[str, Any]:
    per_user, per_item = _counts(interactions)
    return {
        "users": interactions.n_users,
        "items": interactions.n_items,
        "users with a like": int((per_user > 0).sum()),
        "items with a like": int((per_item > 0).sum()),
        "pairs": interactions.n_pairs,
        "density": round(interactions.density, 6),
        "events a user (min, median, max)": [int(per_user.min()), float(np.median(per_user)), int(per_user.max())],
        "events an item (min, median, max)": [int(per_item.min()), float(np.median(per_item)), int(per_item.max())],
        **_weights(interactions),
    }


def _events(found: _Findings, totals: dict[str, Any], interactions: Interactions) -> None:
    """Report users and items with few events, or with none."""
    per_user, per_item = _counts(interactions)
    other_user, other_item = _other_events(found, totals, interactions)
    found.add(
        "info",
        "users-with-few-events",
        (per_user < FEW_EVENTS).sum(),
        f"{{user has|users have}} fewer than {FEW_EVENTS} likes",
    )
    text = "{user has|users have} no event and will get popular items"
    found.add("warning", "users-without-events", ((per_user == 0) & ~other_user).sum(), text)
    few = (per_item < FEW_EVENTS) & (per_item > 0)
    found.add("info", "items-with-few-events", few.sum(), f"{{item has|items have}} fewer than {FEW_EVENTS} likes")
    text = "{item has no event: it is a new item|items have no event: they are new items}, known by content alone"
    found.add("info", "items-without-events", ((per_item == 0) & ~other_item).sum(), text)
    text = "{item was taken by every user, so it tells|items were taken by every user, so they tell} nothing"
    found.add("warning", "item-with-everyone", (per_item == interactions.n_users).sum(), text)


def _ids(found: _Findings, what: str, ids: IdMap) -> None:
    """Report ids that are written as decimals, and ids that only their form keeps apart."""
    text = f"{what} {{id is|ids are}} written as decimals, such as 1.0; write whole numbers without a point if that is what they are"
    found.add("warning", f"decimal-{what}-ids", _decimal_ids(ids), text)
    if not ids.is_integer:
        keys = [str(key) for key in ids]
        plain = {"".join(folded(key).split()).lstrip("0") for key in keys}
        text = f"{what} {{id differs|ids differ}} from another only in case, spaces, Unicode form or leading zeros"
        found.add("warning", f"look-alike-{what}-ids", len(keys) - len(plain), text)


def _times(found: _Findings, totals: dict[str, Any], times: NDArray[np.int64]) -> None:
    """Report the first and the last event, gaps between events, and times that stand for none."""
    times = np.sort(times)
    totals["first event, last event"] = [str(np.datetime64(int(times[0]), "s")), str(np.datetime64(int(times[-1]), "s"))]
    gaps = (np.diff(times) > YEAR_GAP).sum()
    found.add("warning", "time-gaps", gaps, "{gap|gaps} of more than half a year in which nothing happened")
    found.add("warning", "zero-times", (times <= 0).sum(), "{event has|events have} time 0 or before 1970")


def _text(found: _Findings, totals: dict[str, Any], content: Content) -> None:
    """Say of each text column which scripts it has, and how many of its words nothing else shares."""
    for column in content.spec.text:
        report = report_text(content, column)
        totals[f"words of {column}"] = report.in_words()
        if report.rare_share >= RARE_SHARE:
            text = f"of {report.n_words:,} words of {column} stand in one item only, so they tell nothing of others; see --tokenizer"
            found.add("warning", f"rare-words-{column}", report.n_rare, text)
        text = f"{{item has|items have}} HTML in {column}; tags and entities do not count as words"
        found.add("info", f"markup-{column}", report.n_markup, text)


def _other_events(
    found: _Findings, totals: dict[str, Any], interactions: Interactions
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Count what is known and is no like; return which users and which items have such an event."""
    others = interactions.others
    users, items = np.zeros(interactions.n_users, bool), np.zeros(interactions.n_items, bool)
    if others is None:
        return users, items
    totals |= {"disliked pairs": others.n_disliked, "seen pairs": others.n_seen}
    user_rows, item_rows = others.pairs()
    users[user_rows] = items[item_rows] = True
    no_like = np.diff(interactions.matrix.indptr) == 0
    silent = np.bincount(interactions.matrix.indices, minlength=interactions.n_items) == 0
    text = "{user has no like, only other events: no model is fitted to it|users have no like, only other events: no model is fitted to them}"
    found.add("warning", "users-without-likes", (no_like & users).sum(), text)
    found.add(
        "info",
        "items-without-likes",
        (silent & items).sum(),
        "{item was rated or seen and is|items were rated or seen and are} liked by nobody",
    )
    return users, items


def check_split(split: Split) -> CheckReport:
    """Report leaks and smells: overlap of train and test, new things that are not new, order by id, near-duplicates.

    Parameters
    ----------
    split : Split
        What to check.
    """
    train = split.train.interactions
    totals: dict[str, Any] = {
        "protocol": split.protocol,
        "training users": train.n_users,
        "training items": train.n_items,
        "training pairs": train.n_pairs,
    }
    found = _Findings()
    for task in split.tasks:
        totals |= _task_sizes(task)
        _overlap(found, split, task)
        if task.name.endswith("-new"):
            _new_items(found, split, task)
        if task.name.startswith("new-"):
            known = (train.users.find(task.users) >= 0).sum()
            text = f"'new' {{user of {task.name} occurs in training, so it is|users of {task.name} occur in training, so they are}} not new"
            found.add("error", "new-users-in-training", known, text)
        text = (
            f"{{user of {task.name} has nothing to find and does|users of {task.name} have nothing to find and do}} not count"
        )
        found.add("warning", "nothing-to-find", (np.diff(task.truth.indptr) == 0).sum(), text)
    order = order_of(split)
    if order is not None:
        found.all.append(Finding("error", "ordered-by-id", str(order), order.ordered))
    for task in split.served:
        totals |= _task_sizes(task)
    return CheckReport(f"{split.train.name}, {split.protocol}", totals, found.worst_first())


def _task_sizes(task: RankingTask) -> dict[str, Any]:
    return {f"{task.name} (users, candidates, hidden pairs)": [len(task.users), len(task.candidates), int(task.truth.nnz)]}


def _overlap(found: _Findings, split: Split, task: RankingTask) -> None:
    """Report hidden pairs that are training pairs."""
    train = split.train.interactions
    users, items = task.truth.tocoo().coords
    train_user, train_item = train.users.find(task.users)[users], train.items.find(task.items)[items]
    both = (train_user >= 0) & (train_item >= 0)
    overlap = int((values_at(train.pattern(), train_user[both], train_item[both]) > 0).sum())
    text = f"hidden {{pair of {task.name} is a training pair|pairs of {task.name} are training pairs}}: the answer was learned"
    found.add("error", "train-test-overlap", overlap, text)


def _new_items(found: _Findings, split: Split, task: RankingTask) -> None:
    """Report new items that training knows, that have no content, or that nearly repeat a training item."""
    learned = split.train.interactions.items.subset(split.train.known_items())  # others were seen or disliked only
    items = task.truth.tocoo().coords[1]
    known = len(np.unique(items[learned.find(task.items)[items] >= 0]))
    text = f"'new' {{item of {task.name} occurs in training, so it is|items of {task.name} occur in training, so they are}} not new"
    found.add("error", "new-items-in-training", known, text)
    if task.content is not None:
        new = task.content.take(np.setdiff1d(task.candidates, task.items.find(learned)))
        text = f"new {{item of {task.name} has|items of {task.name} have}} no content, so nothing tells {{it|them}} apart"
        found.add("warning", "new-items-without-content", _rows_without_content(new), text)
    _near_duplicates(found, split, task)


def _near_duplicates(found: _Findings, split: Split, task: RankingTask) -> None:
    """Count new items whose content is nearly that of a training item."""
    if task.content is None or split.train.items is None or not task.content.spec.columns:
        return
    from .features import Featurizer

    try:
        featurizer = Featurizer.fit(split.train.items)
        known = featurizer.transform(split.train.items.take(split.train.known_items()))
        learned = split.train.interactions.items.subset(split.train.known_items())
        rows = np.setdiff1d(task.candidates, task.items.find(learned))[:SAMPLE]
        fresh = featurizer.transform(task.content.take(rows))
    except DualNetError:
        return  # without features (or without the extra that fits them) there is nothing to compare
    near = 0
    for start in range(0, len(rows), 256):
        part = fresh[start : start + 256]
        cosine = csr_array(unit_rows(part) @ unit_rows(known).T)
        near += int((np.asarray(cosine.max(axis=1).toarray()).ravel() > NEAR_DUPLICATE).sum())
    found.add(
        "warning",
        "near-duplicates",
        near,
        f"new {{item|items}} (of {len(rows):,} looked at) {{has|have}} nearly the content of a training item",
    )


def _weights(interactions: Interactions) -> dict[str, Any]:
    """Return smallest, median and largest weight of a pair, where one of them is not 1."""
    weights = interactions.matrix.data
    if not len(weights) or (weights == 1).all():
        return {}
    return {"weights (min, median, max)": [float(f"{part:.6g}") for part in (weights.min(), np.median(weights), weights.max())]}


def _content_totals(content: Content) -> dict[str, Any]:
    totals: dict[str, Any] = {"content columns": list(content.spec.columns)}
    if content.spec.text and content.spec.text_encoder != "tfidf":
        totals["text encoder"] = content.spec.text_encoder
    if content.spec.images and content.spec.image_model is not None:
        totals["image model"] = content.spec.image_model
    for name, matrix in content.matrices.items():
        totals[name] = f"{matrix.shape[0]:,} x {matrix.shape[1]:,}" + (f", {matrix.nnz:,} entries" if issparse(matrix) else "")
    empty = _empty_content(content)
    for column in content.spec.text:
        totals[f"items with {column}"] = len(content) - empty[column]
    return totals | _shown_totals(content)


def _shown_totals(content: Content) -> dict[str, Any]:
    """Return how many items have a title, a picture and a link to show, where columns were named for them."""
    totals = {}
    for what in ("title", "picture", "link"):
        column = getattr(content.spec, what)
        if column in content.table.column_names:
            cells = content.table.column(column).to_pylist()
            totals[f"items with a {what} ({column})"] = sum(
                bool(cell) if what == "title" else is_address(cell) for cell in cells
            )
    return totals


def _decimal_ids(ids: IdMap) -> int:
    """Return how many ids are written as decimals, such as ``1.0`` or ``1e3``, if most of them are; else 0."""
    if ids.is_integer:
        return 0
    found = sum(_DECIMAL.fullmatch(str(key)) is not None for key in ids)
    return found if found > len(ids) / 2 else 0


def _odd_numbers(content: Content) -> Iterator[tuple[str, int, str]]:
    """Yield code, count and text for each number column that is constant, or that a few values outweigh."""
    for column in content.spec.numbers:
        values = _finite(content, column)
        if len(values) > 1 and values.min() == values.max():
            yield f"constant-{column}", len(values), f"{{item has|items have}} the same {column}, so it tells nothing"
            continue
        usual = np.median(np.abs(values)) if len(values) else 0.0
        large = int((np.abs(values) > OUTWEIGHS * max(usual, 1.0)).sum())
        if large:
            text = f"{{value|values}} of {column} {{is|are}} more than a million times its usual size and {{outweighs|outweigh}} the others; mend {{it|them}} or take logarithms"
            yield f"outweighing-{column}", large, text


def _finite(content: Content, column: str) -> NDArray[np.float64]:
    values = np.array([np.nan if value is None else value for value in content.table.column(column).to_pylist()], np.float64)
    return values[np.isfinite(values)]


def _empty_content(content: Content) -> dict[str, int]:
    return {column: int(_is_empty(content, column).sum()) for column in content.spec.columns}


def _rows_without_content(content: Content) -> int:
    empty = [_is_empty(content, column) for column in content.spec.columns]
    return int(np.logical_and.reduce(empty).sum()) if empty else 0


def _is_empty(content: Content, column: str) -> NDArray[np.bool_]:
    if column in content.matrices:
        matrix = content.matrices[column]
        filled = np.diff(matrix.indptr) > 0 if issparse(matrix) else np.asarray(matrix).any(axis=1)
        return ~np.asarray(filled, bool)
    return np.array([not value and value != 0 for value in content.table.column(column).to_pylist()], bool)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(part) for part in value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


RARE_SHARE = 0.9  # of the words in one row only, from which a text says little about what things share
MOST_SCRIPTS = 6


@dataclass(frozen=True)
class TextReport:
    """Statistics of the text of one column.

    Parameters
    ----------
    n_words, n_rare : int
        Distinct words, and how many of them stand in one row only.
    scripts : dict of str to float
        Share of the letters by script, the largest first.
    n_markup : int
        Rows that hold HTML.
    """

    n_words: int
    n_rare: int
    scripts: dict[str, float] = field(default_factory=dict)
    n_markup: int = 0

    @property
    def rare_share(self) -> float:
        """Share of the distinct words that stand in one row only."""
        return self.n_rare / max(self.n_words, 1)

    def in_words(self) -> str:
        """Return one line for a person."""
        scripts = ", ".join(f"{name} {share:.1%}" for name, share in list(self.scripts.items())[:MOST_SCRIPTS])
        return f"{self.n_words:,}, of them {self.rare_share:.1%} in one item only; scripts: {scripts or 'none'}"


def report_text(content: Content, column: str) -> TextReport:
    """Return what a text column of some content is made of, by the words that its spec asks for."""
    rows, letters = Counter[str](), Counter[str]()
    markup = 0
    words = content.spec.words
    for value in content.table.column(column).to_pylist():
        if not isinstance(value, str):
            continue
        plain = plain_text(value)
        markup += plain != value
        rows.update(set(words(value)))
        letters.update(plain)
    scripts = Counter[str]()
    for letter, count in letters.items():
        if letter.isalpha():
            scripts[script_of(letter)] += count
    total = max(sum(scripts.values()), 1)
    shares = {name: count / total for name, count in scripts.most_common()}
    return TextReport(len(rows), sum(count == 1 for count in rows.values()), shares, markup)


def script_of(letter: str) -> str:
    """Return the script of a letter, such as ``Latin``, ``Han`` or ``Devanagari``."""
    first = unicodedata.name(letter, "OTHER").split()[0].removesuffix("-HIRAGANA")
    first = {"CJK": "HAN", "KATAKANA-HIRAGANA": "KATAKANA", "FULLWIDTH": "LATIN", "HALFWIDTH": "KATAKANA"}.get(first, first)
    return first.capitalize()
