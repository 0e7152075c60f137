"""URL of a database, taken from the environment; its password is never shown."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from ...errors import UsageError

Kind = Literal["postgresql", "duckdb", "sqlite"]
SCHEMES: dict[str, Kind] = {"postgresql": "postgresql", "postgres": "postgresql", "duckdb": "duckdb", "sqlite": "sqlite"}
MEMORY = ":memory:"


@dataclass(frozen=True)
class Address:
    """A database; the text of the object shows its kind alone, since a URL may hold a password.

    Parameters
    ----------
    kind : {"postgresql", "duckdb", "sqlite"}
        Which driver opens it.
    url : str
        The whole URL.
    """

    kind: Kind
    url: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Return the address that a URL names.

        Raises
        ------
        UsageError
            For another scheme; the rest of the URL is not repeated.
        """
        scheme, found, _ = url.strip().partition("://")
        if not found:
            raise UsageError("the database URL has no scheme; write postgresql://..., duckdb:///path or sqlite:///path")
        kind = SCHEMES.get(scheme.lower())
        if kind is None:
            shown = scheme if scheme.replace("+", "").isalnum() and len(scheme) < 20 else "..."
            raise UsageError(
                f"there is no reader for the database scheme '{shown}://'; use postgresql://, duckdb:/// or sqlite:///"
            )
        return cls(kind, url.strip())

    @classmethod
    def from_environment(cls, name: str) -> Address:
        """Return the address that an environment variable holds.

        Raises
        ------
        UsageError
            If it is not set, or `name` is a URL itself (which would leave its password in the shell's history).
        """
        if "://" in name or "=" in name:
            raise UsageError(
                "the database is given by the name of an environment variable that holds its URL, such as DATABASE_URL; a URL"
                " itself on the command line or in a file would show its password"
            )
        url = os.environ.get(name, "")
        if not url.strip():
            raise UsageError(
                f"the environment variable {name} is not set; put the URL of the database into it (export {name}=...)"
            )
        return cls.parse(url)

    @property
    def path(self) -> Path:
        """File of a DuckDB or SQLite database.

        It follows the third slash, relative to the working folder; a full path has four slashes. Where three slashes
        name no file in the working folder but one from the root, that is meant.

        Raises
        ------
        UsageError
            If the URL names no file, or has options.
        """
        rest = self.url.partition("://")[2]
        if "?" in rest or "#" in rest:
            raise UsageError(
                f"a {self.kind}:/// URL takes no options behind '?' or '#'; write such characters in a path as %3F and %23"
            )
        if not rest.startswith("/") or rest == "/":
            raise UsageError(f"the {self.kind} URL names no file; write {self.kind}:///path, or {self.kind}:////full/path")
        path = Path(unquote(rest[1:]))
        if not path.is_absolute() and not path.exists() and str(path) != MEMORY and Path("/", path).exists():
            return Path("/", path)
        return path
