"""Questions to a model on the command line: for whom, and over which items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UnknownIdError, UsageError, listing
from ..runs.folder import read_test
from . import arguments as arg
from .form_options import FormOptions, new_columns
from .given_options import refuse_tables
from .id_lists import NamedItems, id_list

if TYPE_CHECKING:
    from ..data.content import Content
    from ..ids import IdMap, Key
    from ..models.base import Recommender

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
        If there is none; the text names ``--history``.
    """
    key = model.users_.parse(user)
    if key not in model.users_:
        held = (
            "; a part of the people did not train here, for the run measured itself on them: without --protocol all do"
            if read_test(run) is not None
            else ""
        )
        raise UnknownIdError(f"unknown user {listing([key])}; for someone new give --history ITEM,ITEM instead{held}")
    return key


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
