"""Ids of people who were forgotten, as keyed hashes: enough to know one again where it turns up.

The key lies beside the hashes, so whoever has the file can test an id that they guess; they cannot list the ids.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import blake2b

from ..ids import Key, clean_id

SALT_BYTES = 16


def new_salt() -> str:
    """Return a random key for `digest`; each state folder has its own, so that the hashes of two are not alike."""
    return secrets.token_hex(SALT_BYTES)


def digest(salt: str, user: Key) -> str:
    """Return the keyed hash of an id, the same for each way in which an id is written (blanks around it, Unicode forms).

    Parameters
    ----------
    salt : str
        From `new_salt`.
    user : str or int
    """
    text = f"i{user}" if isinstance(user, int) else f"t{plain_id(user)}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=bytes.fromhex(salt)).hexdigest()


def plain_id(user: Key) -> Key:
    """Return an id as tables hold it; one that has nothing but blanks stays."""
    return user if isinstance(user, int) else clean_id(user) or user


def found_among(users: Iterable[Key], salt: str, forgotten: Iterable[str]) -> dict[str, Key]:
    """Return which of some users are forgotten, by their hashes."""
    wanted = set(forgotten)
    if not wanted:
        return {}
    return {told: user for user in users if (told := digest(salt, user)) in wanted}
