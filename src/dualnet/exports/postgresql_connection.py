"""A connection to PostgreSQL; its URL appears in no message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ResourceError, UsageError

if TYPE_CHECKING:
    import psycopg

PATIENCE = 10  # seconds to connect, where the URL does not say


def connect(variable: str, environment: Mapping[str, str]) -> psycopg.Connection:
    """Open a connection to the database whose URL is in an environment variable.

    The URL is never shown, nor is what libpq says of it: where a URL is not quoted right, libpq prints pieces of it as if
    they were a host, and so pieces of a password.

    Parameters
    ----------
    variable : str
        Name of the variable.
    environment : mapping
        Where it is looked up.

    Raises
    ------
    UsageError
        If it is not set.
    ResourceError
        If there is no connection; the reason is in our words.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    url = environment.get(variable, "")
    if not url:
        raise UsageError(
            f"environment variable {variable} is not set; put the database's URL there (postgresql://user:password@host/name)"
        )
    try:
        settings: dict[str, Any] = {"connect_timeout": PATIENCE, "application_name": "dualnet", **conninfo_to_dict(url)}
        return psycopg.connect(**settings, autocommit=True)
    except psycopg.Error as error:
        raise ResourceError(
            f"cannot connect to the database of environment variable {variable}: {_reason(str(error))}"
        ) from None


def _reason(text: str) -> str:
    known = {
        "password authentication failed": "user or password is wrong",
        "no password supplied": "a password is needed",
        "Connection refused": "nothing listens at its host and port",
        "No such file or directory": "there is no server at its socket",
        "could not translate host name": "its host name is not known",
        "failed to resolve host": "its host name is not known",
        "timeout": "the server does not answer",
        "does not exist": "the database or the user does not exist",
    }
    return next((reason for sign, reason in known.items() if sign in text), "the URL or the server is not right")
