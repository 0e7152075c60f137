"""Options that say how a table of what is new is written, and by which columns it is read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from ..runs.folder import NewColumns
from .arguments import words


@dataclass(frozen=True)
class FormOptions:
    """Options of the form of a new table; None means as in the fit."""

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
    decimal: Annotated[
        str | None, typer.Option("--decimal", help="What begins decimals, comma (3,5) or point; as in `fit` by default.")
    ] = None
    column_names: Annotated[
        str | None,
        typer.Option("--column-names", help="Names of the columns of a table without a header, separated by commas."),
    ] = None


@dataclass(frozen=True)
class UserFormOptions(FormOptions):
    """Options of the form of a new table that has a column of users."""

    user_column: Annotated[str | None, typer.Option("--user-column", help="User id column; that of `fit` by default.")] = None


@dataclass(frozen=True)
class EventFormOptions(UserFormOptions):
    """Options of the form and the columns of a table of new events."""

    rating: Annotated[
        str | None, typer.Option("--rating", help="Rating column; that of `fit` by default, '' for none: every event counts.")
    ] = None
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Ratings from here on are likes, those below dislikes; as in `fit` by default."),
    ] = None
    event: Annotated[
        str | None,
        typer.Option("--event-column", "--event-type", help="Column with like, seen or dislike; that of `fit` by default."),
    ] = None
    likes: Annotated[
        str | None, typer.Option("--likes", help="Values of that column that are likes; those of `fit` by default.")
    ] = None
    event_weights: Annotated[
        str | None,
        typer.Option("--event-weights", help="Weights of its types, such as view=1,buy=4; those of `fit` by default."),
    ] = None
    time: Annotated[
        str | None, typer.Option("--time", help="Time column, for a model fitted with --half-life; that of `fit` by default.")
    ] = None
    time_format: Annotated[str | None, typer.Option("--time-format", help="How times are written; as in `fit` by default.")] = (
        None
    )
    weight: Annotated[str | None, typer.Option("--weight", help="Column with the weight of an event.")] = None


def new_columns(given: FormOptions) -> NewColumns:
    """Return what the command line says of the columns and the form of new tables."""
    said: dict[str, Any] = {field.name.removesuffix("_column"): getattr(given, field.name) for field in fields(given)}
    said |= {name: words(said[name]) for name in ("column_names", "likes", "event_weights") if said.get(name) is not None}
    return NewColumns(**{name: value for name, value in said.items() if name != "weight"})
