"""Parts of a PostgreSQL URL, and what of them may be shown: the password never."""

from __future__ import annotations

from typing import Any

from ...errors import UsageError

SECRETS = ("password", "sslpassword", "oauth_client_secret")


def settings_of(url: str) -> dict[str, Any]:
    """Return the settings that a URL gives libpq.

    Parameters
    ----------
    url : str
        Any URL that libpq understands; what it leaves out comes from libpq's own variables and files (PGHOST, PGSERVICE, ...).

    Raises
    ------
    UsageError
        If it cannot be understood, also where libpq takes parts of a password for a host or a port; it is not repeated.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        given: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.Error:  # its text may hold parts of the password
        given = {}
    bare = url.strip().rstrip("/") in ("postgresql:", "postgres:")  # all of it comes from libpq's variables and files
    if not (given or bare) or _is_torn(given):
        raise UsageError(
            "the PostgreSQL URL cannot be understood; write postgresql://user:password@host:port/database, with characters such as"
            " @ : / in the password as %40 %3A %2F"
        )
    return given


def database_of(given: dict[str, Any]) -> str:
    """Return what to call the database of some settings."""
    host = given.get("host") or given.get("hostaddr") or "the default host"
    if given.get("service"):
        return f"of the service '{given['service']}'"
    port = f", port {given['port']}" if given.get("port") else ""
    return f"'{given.get('dbname') or given.get('user') or 'of the default name'}' at {host}{port}"


def without_secrets(message: str, given: dict[str, Any]) -> str:
    """Return the first line of libpq's message, which names the server and never a password; make sure of the latter."""
    line = " ".join(message.split("\n", 1)[0].split()).rstrip(".; ")
    for name in SECRETS:
        if given.get(name):
            line = line.replace(str(given[name]), "***")
    return line


def _is_torn(given: dict[str, Any]) -> bool:
    """Return whether libpq took parts of the password for host, port or database, for want of a %40 or %3A in it."""
    ports = str(given.get("port") or "").replace(",", "")
    return "@" in f"{given.get('host')}{given.get('dbname')}" or not (ports == "" or ports.isdecimal())
