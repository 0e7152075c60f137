"""The demo in words: what a model shows to a known user, to a new user, and for a new item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from ..data.tasks import Split
from ..ids import Key
from ..models.base import Recommender
from ..models.explain.explanation import HistoryPart
from ..retrieval.recommendations import UNTAKEN, Recommendations
from ..tabular import cut_cell

TAKEN = 6  # items of a history to name
LISTED = 5  # entries of a list to name
USERS = 3  # users to name for a new item
READ = 2  # items of a user's history to name for a new item
SERVED_AT = "http://127.0.0.1:8080"  # by `dualnet serve RUN`


@dataclass(frozen=True)
class Nouns:
    """Words for the users and items of a data set.

    Parameters
    ----------
    user, item : str
        Singular nouns.
    taken, did, do : str
        What a user has done with an item: participle, past and infinitive.
    """

    user: str = "user"
    item: str = "item"
    taken: str = "taken"
    did: str = "took"
    do: str = "take"


_SAVED, _LIKED = Nouns("reader", "paper", "saved", "saved", "save"), Nouns("viewer", "film", "liked", "liked", "like")
NOUNS = {
    "library": Nouns("reader", "paper", "read", "read", "read"),
    "citeulike-a": _SAVED,
    "citeulike-t": _SAVED,
    "movielens": _LIKED,
    "ciao-dvd": _LIKED,
}


@dataclass(frozen=True, eq=False)
class Story:
    """One question to the model and its answer, in words.

    Parameters
    ----------
    heading : str
        Who or what it is about.
    given : tuple of str
        Titles that the model goes by.
    answer : str
        What the list is.
    lines : tuple of (str, str)
        Entries of the list, each with its reason.
    subject : str or int
        Id of the user or item.
    found : Recommendations
        The whole list.
    page : str
        Where the page shows the same list, once the run is served; empty for none.
    """

    heading: str
    given: tuple[str, ...]
    answer: str
    lines: tuple[tuple[str, str], ...]
    subject: Key
    found: Recommendations
    page: str = ""

    def to_text(self) -> str:
        """Return the story for a person at a terminal."""
        text = [self.heading, *(f"  - {title}" for title in self.given), self.answer]
        for place, (entry, reason) in enumerate(self.lines, 1):
            text += [f"{place:>3}. {entry}", *([f"       {reason}"] if reason else [])]
        return "\n".join([*text, *([f"On the page: {self.page}"] if self.page else [])])

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {"id": self.subject, "given": list(self.given), "answer": self.found.to_json(), "page": self.page}


def nouns_of(name: str) -> Nouns:
    """Return the words for users and items of a data set, by its name."""
    return next((nouns for start, nouns in NOUNS.items() if name.startswith(start)), Nouns())


def known_user(model: Recommender, split: Split, user: Key) -> Story:
    """Tell what the model recommends to somebody whom it was trained on.

    Parameters
    ----------
    model : Recommender
        Fitted on the split, with its new items added.
    split : Split
        For the times of the training events.
    user : str or int
        Who.
    """
    nouns, train = nouns_of(split.train.name), split.train.interactions
    row = train.users.row(user)
    bounds = slice(int(train.matrix.indptr[row]), int(train.matrix.indptr[row + 1]))
    items = train.matrix.indices[bounds]
    if train.times is not None:
        items = items[np.argsort(-train.times[bounds], kind="stable")]
    found = model.recommend(user, k=10)
    return Story(
        f"A {nouns.user} whom the model knows: {user}, with {_count(len(items), nouns)} {nouns.taken}."
        f" {_shown(len(items), 'The last' if train.times is not None else 'Among them')}",
        tuple(_title(model, train.items.key(int(item))) for item in items[:TAKEN]),
        f"The model recommends to {nouns.user} {user}:",
        _with_reasons(model, found, user=user),
        user,
        found,
        page_of("user", [user]),
    )


def new_user(model: Recommender, split: Split) -> Story | None:
    """Tell what the model recommends to somebody new, by what they have taken so far: the one with a usual number of items.

    Parameters
    ----------
    model : Recommender
        Fitted on the split.
    split : Split
        One that holds new users.
    """
    task = next((task for task in split.tasks if task.name == "new-known"), None)
    if task is None or not len(task.users):
        return None
    nouns, lengths = nouns_of(split.train.name), np.diff(task.history.indptr)
    row = int(np.argmin(np.abs(lengths - np.median(lengths))))
    history = task.items.take(task.history[[row]].indices)
    found = model.recommend(history=history, k=10)
    return Story(
        f"A new {nouns.user}, who is not in the training data: {task.users.key(row)}, with {_count(len(history), nouns)}"
        f" {nouns.taken}. {_shown(len(history), 'Among them')}",
        tuple(_title(model, key) for key in history[:TAKEN]),
        f"Without new training it recommends to {nouns.user} {task.users.key(row)}:",
        _with_reasons(model, found, history=history),
        task.users.key(row),
        found,
        page_of("history", history),
    )


def new_item(model: Recommender, split: Split, fresh: Sequence[Key]) -> Story | None:
    """Tell who would want the first of some new items.

    Parameters
    ----------
    model : Recommender
        With the new items in its catalogue.
    split : Split
        What the model was fitted on.
    fresh : sequence of str or int
        New items.
    """
    if not len(fresh):
        return None
    nouns, item = nouns_of(split.train.name), fresh[0]
    found = model.recommend_users(item, k=USERS)
    named = [_reasons(model, item, READ, user=user) for user in found.ids]
    lines = tuple(
        (f"{nouns.user} {user}", f"has {nouns.taken} {read}" if read else "")
        for user, read in zip(found.ids, named, strict=True)
    )
    return Story(
        f"A new {nouns.item}, of which the model knows the content alone: {item}",
        (_title(model, item),),
        f"The model expects these {nouns.user}s to want it:",
        lines,
        item,
        found,
    )


def page_of(asker: str, ids: Sequence[Key]) -> str:
    """Return the address at which the page of a served run shows the list of somebody known (`user`) or of a `history`.

    It is what the page itself writes behind its address (``serve/web/address.js``).
    """
    return f"{SERVED_AT}/#/recommendations?{asker}={','.join(quote(str(key), safe='') for key in ids)}"


def _title(model: Recommender, key: Key) -> str:
    content = model.catalogue_.content
    return str(key) if content is None else cut_cell(content.title(model.catalogue_.ids.row(key)))


def _count(n: int, nouns: Nouns) -> str:
    return f"{n:,} {nouns.item}{'' if n == 1 else 's'}"


def _shown(n: int, some: str) -> str:
    return f"{some} {TAKEN}:" if n > TAKEN else "All of them:"


def _with_reasons(model: Recommender, found: Recommendations, **asker: Any) -> tuple[tuple[str, str], ...]:
    lines = []
    for key, title, path in zip(found.ids[:LISTED], found.titles, found.paths, strict=False):
        reason = _reasons(model, key, 1, **asker)
        entry = cut_cell(title) + (f"  ({UNTAKEN})" if path == "content" else "")
        lines.append((entry, f"because of {reason}" if reason else ""))
    return tuple(lines)


def _reasons(model: Recommender, item: Key, n: int, **asker: Any) -> str:
    """Return the items of the history that raise the score of an item most; nothing where none does."""
    parts = model.explain(item, **asker).history.parts
    titles = [part.title for part in parts if isinstance(part, HistoryPart) and part.score > 0]
    return " and ".join(f'"{cut_cell(title)}"' for title in titles[:n])
