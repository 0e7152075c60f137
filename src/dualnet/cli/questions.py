"""Questions to a model on the command line: for whom, and over which items."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UnknownIdError, UsageError, counted, listing
from ..runs.folder import read_event_columns, read_test
from . import arguments as arg
from .form_options import FormOptions, new_columns
from .given_options import refuse_tables
from .id_lists import NamedItems, id_list

if TYPE_CHECKING:
    from ..data.content import Content
    from ..ids import IdMap, Key
    from ..models.base import Recommender

NEAREST, LIKENESS = 3, 0.75  # ids that are proposed, and how like they have to be
MOST_COMPARED = 100_000  # ids that a mistyped one is compared with

NewItemsOption = Annotated[
    Path | None, typer.Option("--new-items", help="Table of new items (column item_id and content), for this question.")
]
HistoryOption = Annotated[
    str | None, typer.Option("--history", help="Items somebody took: ids or titles, separated by commas.")
]

TimesOption = Annotated[
    str | None,
    typer.Option(
        "--times", help="When each item of --history happened, in seconds since 1970; for models fitted with --half-life."
    ),
]


def check_one_user(columns: str | None, given: dict[str, bool]) -> None:
    """Make sure that a question is for one user; columns of a user alone are a question too.

    Parameters
    ----------
    columns : str, optional
        What ``--user-columns`` says.
    given : dict of str to bool
        Each other option that says for whom, and whether it was given.

    Raises
    ------
    UsageError
        If none is given, or more than one.
    """
    *first, last = given
    if sum(given.values()) == 0 and columns is None:
        raise UsageError(f"say for whom: one of {', '.join(first)} or {last}")
    if sum(given.values()) > 1:
        raise UsageError(f"say for whom: only one of {', '.join(first)} and {last}")


def stored_user(model: Recommender, user: str, run: Path) -> Key:
    """Return the id of a user seen in training, by the model of a run.

    Raises
    ------
    UnknownIdError
        If there is none; the text names the nearest ids, why a user of the events is none, and ``--history``.
    """
    key = model.users_.parse(user)
    if key not in model.users_:
        raise UnknownIdError(
            f"unknown user {listing([key])}; for someone new give --history ITEM,ITEM instead{_why_unknown(run, key) or _near(key, model.users_)}"
        )
    return key


def _why_unknown(run: Path, key: Key) -> str:
    """Return why somebody whom the events name is no user of the model, as the end of a sentence; empty where that is not known."""
    from ..runs.user_events import events_of_user, like_condition

    held = "a part of the people did not train here, for the run measured itself on them: without --protocol all do"
    found = events_of_user(run, key)
    if found is None or not found[1]:
        return f"; {held}" if found is None and read_test(run) is not None else ""
    name, events, likes = found
    told = f"; {name} has {counted(events, '{event|events}')} of {listing([key])}"
    if likes:
        return f"{told}, but {held}" if read_test(run) is not None else ""
    condition = like_condition(read_event_columns(run))
    return f"{told}, but none that counts as a like ({condition}), and a model knows only users with a like"


def _near(key: Key, users: IdMap) -> str:
    """Return the nearest ids of users as a question; empty for numbers, which are near to anybody, and where none is near."""
    text = str(key)
    if users.is_integer or text.isdecimal() or len(users) > MOST_COMPARED:
        return ""
    known = [str(user) for user in users]
    alike = [user for user in known if _plain(user) == _plain(text)]
    near = alike[:NEAREST] or get_close_matches(text, known, n=NEAREST, cutoff=LIKENESS)
    return f". Did you mean {' or '.join(map(repr, near))}?" if near else ""


def _plain(user: str) -> str:
    """Return an id without case, signs, and zeros before its numbers: R-42 is r0042."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]+", "", user)).casefold()


def history_of(text: str, named: NamedItems, unknown: str | None) -> list[Key]:
    """Return the items that ``--history`` names.

    Parameters
    ----------
    text : str
        The argument.
    named : NamedItems
        The items that there are.
    unknown : str, optional
        What ``--unknown`` says: with ``ignore`` names of no item are left to the model.

    Raises
    ------
    UnknownIdError
        For a name that is near to titles and is none, or a title of several items.
    """
    keys = id_list(text, named, "--history")
    return keys if unknown == "ignore" else [named.require(key) for key in keys]


def times_of(text: str | None, history: str | None) -> list[int] | None:
    """Return when each item of the history happened; None where that is not said. Times without a history are a `UsageError`."""
    if text is not None and history is None:
        raise UsageError("--times means nothing without --history, whose items it is about; leave it out")
    return None if text is None else arg.whole_numbers(text, "--times", repeats=True)


def refuse_form_alone(new_items: Path | None, form: FormOptions) -> None:
    """Refuse options of the form of a table of new items that is not there; raises `UsageError`."""
    if new_items is None:
        refuse_tables(form, "means nothing without --new-items, the table it is about")


def with_new_items(table: Path | None, model: Recommender, run: Path, form: FormOptions) -> tuple[Content | None, IdMap]:
    """Return the new items of a table, and the ids of the catalogue with theirs."""
    from ..runs.given_tables import read_items

    ids = model.catalogue_.ids
    if table is None:
        return None, ids
    fresh = read_items(table, model, run, new_columns(form))
    return fresh, ids.extend([key for key in fresh.ids if key not in ids])
