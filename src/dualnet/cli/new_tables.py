"""How a command reads tables of what is new: as the fit read its own, unless options say otherwise."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .arguments import words
from .given_options import refuse_tables
from .run_folder import EventColumns, read_event_columns

if TYPE_CHECKING:
    from ..data.content import Content
    from ..data.delimited import TableForm
    from ..models.base import Recommender

OF_FORM = ("separator", "encoding", "comment", "column_names")


@dataclass(frozen=True)
class FormOptions:
    """How a table of what is new is written; the fields are options, and None is as in the fit."""

    item_column: Annotated[str | None, typer.Option("--item-column", help="Item id column; that of `fit` by default.")] = None
    separator: Annotated[
        str | None, typer.Option("--separator", help="Between the fields of text tables; as in `fit` by default.")
    ] = None
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Of text tables, such as latin-1; as in `fit` by default.")
    ] = None
    comment: Annotated[
        str | None, typer.Option("--comment", help="Leave out lines that begin so, such as '#'; as in `fit` by default.")
    ] = None
    column_names: Annotated[
        str | None,
        typer.Option("--column-names", help="Names of the columns of a table without a header, separated by commas."),
    ] = None


@dataclass(frozen=True)
class UserFormOptions(FormOptions):
    """The same where users have a column too."""

    user_column: Annotated[str | None, typer.Option("--user-column", help="User id column; that of `fit` by default.")] = None


def columns_of_run(run: Path, given: FormOptions) -> EventColumns:
    """Return how a run's tables were read, with what was given in its place.

    Parameters
    ----------
    run : Path
        The folder of a run or of a model.
    given : FormOptions
        What the command line says.
    """
    return replace(read_event_columns(run), **columns_given(given))


def columns_given(given: FormOptions) -> dict[str, Any]:
    """Return what the command line says, by the names of `EventColumns`."""
    return {
        field.name.removesuffix("_column"): value
        for field in fields(given)
        if (value := getattr(given, field.name)) is not None
    }


def refuse_form_options(given: FormOptions, why: str) -> None:
    """Refuse options of a table that is not there; raises `UsageError`."""
    refuse_tables(given, why)


def form_of(columns: EventColumns, given: FormOptions, *, of_events: bool = False) -> TableForm:
    """Return how a text table is written.

    Parameters
    ----------
    columns : EventColumns
        Of the run, with what was given.
    given : FormOptions
        What the command line says: what it does not say is a hint from another table.
    of_events : bool
        Whether names of columns that the fit was given are those of this table too.
    """
    from ..data.delimited import TableForm

    names = columns.column_names if of_events or given.column_names is not None else ""
    said = any(value is not None for value in (getattr(given, name) for name in OF_FORM))
    return TableForm(
        columns.separator, columns.encoding, columns.comment, words(names),
        hinted=not said,
    )  # fmt: skip


def read_given_items(path: Path, model: Recommender, columns: EventColumns, given: FormOptions) -> Content:
    """Return a table of new items as content for a model.

    Parameters
    ----------
    path : Path
        The table.
    model : Recommender
        Fitted.
    columns : EventColumns
        Of the run, with what was given.
    given : FormOptions
        What the command line says.
    """
    from ..models.question_content import as_content

    return as_content(path, model, columns.item, form_of(columns, given), named=given.item_column is not None)
