"""Options of commands that read a database: which queries, which database, which values."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError, near_path

if TYPE_CHECKING:
    from ..data.dataset import Dataset

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
FLAGS = {"--sql": "events_sql", "--items-sql": "items_sql", "--users-sql": "users_sql"}
FILES = ("events_sql", "items_sql", "users_sql")


@dataclass(frozen=True)
class SqlOptions:
    """Options of a database that rows come from; the fields are also keys of ``[data]``."""

    events_sql: Annotated[
        Path | None, typer.Option("--sql", help="File with the query for events; in place of DATA. See --database-url-env.")
    ] = None
    items_sql: Annotated[Path | None, typer.Option("--items-sql", help="File with the query for items.")] = None
    users_sql: Annotated[Path | None, typer.Option("--users-sql", help="File with the query for users.")] = None
    database_url_env: Annotated[
        str | None,
        typer.Option(
            "--database-url-env",
            metavar="NAME",
            help="Environment variable that holds postgresql://..., duckdb:///path or sqlite:///path.",
        ),
    ] = None
    sql_params: Annotated[
        list[str] | None, typer.Option("--sql-param", metavar="NAME=VALUE", help="Value for :NAME in the queries.")
    ] = None
    sql_timeout: Annotated[
        float | None, typer.Option("--sql-timeout", metavar="SECONDS", help="Stop a query that takes longer.")
    ] = None


def load_sql(options: SqlOptions, columns: Mapping[str, Any]) -> Dataset:
    """Return the data set that queries describe.

    Parameters
    ----------
    options : SqlOptions
        With `events_sql`.
    columns : mapping
        Keywords of `Dataset.from_tables`.

    Raises
    ------
    UsageError
        If the database is not named.
    """
    from ..data.dataset import Dataset
    from ..data.sql.address import Address

    if options.events_sql is None:
        raise UsageError("a database was named but no query for events; add --sql events.sql")
    if options.database_url_env is None:
        raise UsageError(
            "--sql needs --database-url-env NAME, the environment variable that holds the URL of the database (a URL on the"
            " command line would show its password)"
        )
    if not isinstance(options.database_url_env, str) or not isinstance(options.sql_timeout, float | int | None):
        raise UsageError("database_url_env must be the name of a variable in quotes, and sql_timeout a number of seconds")
    for option, field in FLAGS.items():
        value = str(getattr(options, field) or "")
        if " " in value and not os.path.exists(value):  # noqa: PTH110  a path too long for a file is no error here
            raise UsageError(
                f"there is no file {value[:80]!r}; {option} wants the name of a file with the query{near_path(value)}"
            )
    address = Address.from_environment(options.database_url_env)
    return Dataset.from_sql(
        address.url, Path(options.events_sql), _path(options.items_sql), users=_path(options.users_sql),
        parameters=_parameters(options.sql_params), timeout=options.sql_timeout, **columns,
    )  # fmt: skip


def _path(file: Path | str | None) -> Path | None:
    return None if file is None else Path(file)


def _parameters(given: list[str] | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return values by name: those of a TOML table as they are, those of flags as numbers where they are written as such."""
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, str):
        raise UsageError("[data] sql_params must be a table, such as {since = 2024-01-01}")
    values: dict[str, Any] = {}
    for entry in given or ():
        name, found, text = entry.partition("=")
        if not found or not name:
            raise UsageError(f"--sql-param wants NAME=VALUE, got {entry!r}")
        if name in values:
            raise UsageError(f"--sql-param {name} is given more than once")
        values[name] = text
        if NUMBER.fullmatch(text):
            values[name] = float(text) if "." in text else int(text)
    return values
