"""API keys: only their SHA-256 is stored, comparison takes the same time for all, each has a role."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Literal, TypeAlias

from ...data.open_input import LARGEST_SETTINGS, read_regular, reading
from ...errors import ResourceError, UsageError, nearest

Role: TypeAlias = Literal["read", "write", "admin"]
ROLES: tuple[Role, ...] = (
    "read",
    "write",
    "admin",
)  # ask; also change and see who the users are; also exchange the model, forget

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ApiKey:
    """One line of the key file.

    Parameters
    ----------
    name : str
        Who it was given to; may be written to logs.
    digest : bytes
        SHA-256 of the key.
    role : {"read", "write", "admin"}
        What it may do; see `dualnet.serve.http.operations`.
    """

    name: str
    digest: bytes
    role: Role = "write"

    @property
    def admin(self) -> bool:
        """Whether it may exchange the model."""
        return self.role == "admin"


class ApiKeys:
    """All keys of a server.

    Parameters
    ----------
    keys : list of ApiKey
        At least one.
    """

    def __init__(self, keys: list[ApiKey]) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    def holder(self, authorization: bytes | None) -> ApiKey | None:
        """Return whose key an ``Authorization`` header carries, None if nobody's.

        Every stored key is compared, also after a match, so that the time tells nothing.
        """
        if authorization is None or not is_bearer(authorization) or len(authorization) > 512:
            return None
        digest = hashlib.sha256(authorization[7:].strip()).digest()
        found = None
        for key in self._keys:
            if compare_digest(key.digest, digest):
                found = key
        return found

    @classmethod
    def read(cls, path: str | Path) -> ApiKeys:
        """Read a file with lines ``name sha256-hex [read|write|admin]``, ``write`` if nothing is said; empty lines and lines with ``#`` are left out.

        Raises
        ------
        ResourceError
            If the file cannot be read.
        UsageError
            For a line of another form, a name twice, or no key at all; the text names the line, never a key.
        """
        with reading(f"the key file {path}", ResourceError, "mend its permission or name another", "cannot be read"):
            data = read_regular(Path(path), LARGEST_SETTINGS, ResourceError, f"the key file {path}")
            text = data.decode("utf-8")
        keys: list[ApiKey] = []
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            good = len(words) in (2, 3) and _NAME.fullmatch(words[0]) and _DIGEST.fullmatch(words[1].lower())
            role = next((role for role in ROLES if words[2:] == [role]), None)
            if not good or (words[2:] and role is None):
                raise UsageError(
                    f"{path} line {number} is not of the form 'name sha256-hex [read|write|admin]'; make one with dualnet serve --make-key"
                )
            if any(words[0] == key.name for key in keys):
                raise UsageError(f"{path} line {number}: the name '{words[0]}' is there twice; each key needs its own")
            keys.append(ApiKey(words[0], bytes.fromhex(words[1]), role or "write"))
        if not keys:
            raise UsageError(f"the key file {path} holds no key; make one with dualnet serve --make-key NAME")
        return cls(keys)


def may(role: Role, needed: Role) -> bool:
    """Return whether a role is enough: each may do what those before it may."""
    return ROLES.index(role) >= ROLES.index(needed)


def is_bearer(authorization: bytes | None) -> bool:
    """Return whether an ``Authorization`` header carries a key at all, right or wrong."""
    return authorization is not None and authorization[:7].lower() == b"bearer "


def make_key(name: str, *, admin: bool = False, role: Role | None = None) -> tuple[str, str]:
    """Return a new key, and the line for the key file.

    Parameters
    ----------
    name : str
        Who it is for: letters, digits, ``.``, ``_``, ``-``; at most 64.
    admin : bool
        Short for the role ``"admin"``.
    role : {"read", "write", "admin"}, optional
        What it may do; ``write`` if nothing is said.

    Raises
    ------
    UsageError
        If the name has other characters, or the role is none.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"the name of a key has letters, digits, '.', '_' and '-' only, at most 64, got {name[:80]!r}")
    role = "admin" if admin else role
    if role not in (None, *ROLES):
        raise UsageError(f"role {role!r:.80} is not known.{nearest(str(role), ROLES)}")
    key = f"dn_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key, f"{name} {digest}" + ("" if role is None else f" {role}")
