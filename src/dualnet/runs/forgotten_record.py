"""The signed record of who was forgotten: keyed hashes in order, which a later fit or update leaves out without knowing an id."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

from ..data.open_input import read_regular
from ..errors import DataError
from ..ids import Key, clean_id

KEY_BYTES: Final = 16
LARGEST: Final = 2**26  # bytes of a file


def new_key() -> str:
    """Return a random key for `digest`; each state has its own, so that the hashes of two are not alike."""
    return secrets.token_hex(KEY_BYTES)


def digest(key: str, user: Key) -> str:
    """Return the keyed hash of an id, the same for each way in which an id is written (blanks around it, Unicode forms).

    Parameters
    ----------
    key : str
        Hexadecimal; each state has its own.
    user : str or int
    """
    text = f"i{user}" if isinstance(user, int) else f"t{plain_id(user)}"
    return _mac(key, text.encode("utf-8", "surrogatepass"))


def plain_id(user: Key) -> Key:
    """Return an id as tables hold it; one that has nothing but blanks stays."""
    return user if isinstance(user, int) else clean_id(user) or user


def found_among(users: Iterable[Key], key: str, forgotten: Iterable[str]) -> dict[str, Key]:
    """Return which of some users are forgotten, by their hashes."""
    wanted = set(forgotten)
    if not wanted:
        return {}
    return {told: user for user in users if (told := digest(key, user)) in wanted}


@dataclass(frozen=True)
class Entry:
    """One person who was forgotten.

    Parameters
    ----------
    time : int
        Seconds since 1970.
    user : str
        The keyed hash of the id.
    signature : str
        Keyed hash over the signature before, the time and the hash: whoever changes or leaves out an earlier entry without the key
        is found out.
    """

    time: int
    user: str
    signature: str


@dataclass(frozen=True)
class ForgottenRecord:
    """Those who were forgotten by a server, in order, as `GET /v1/forgotten` gives them.

    Parameters
    ----------
    key : str
        Hexadecimal, of the hashes and the signatures. Who has it can test an id that they guess, so the file is guarded as the state is.
    entries : sequence of Entry
    """

    key: str
    entries: Sequence[Entry]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file, and check every signature.

        Raises
        ------
        DataError
            If it is no such record, or was changed.
        """
        try:
            told = json.loads(read_regular(path, LARGEST))
            record = cls(bytes.fromhex(told["key"]).hex(), [Entry(**entry) for entry in told["forgotten"]])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise DataError(f"{path} is no record of who was forgotten; save what GET /v1/forgotten answers") from None
        wrong = record.first_wrong()
        if wrong is not None:
            raise DataError(f"{path} was changed: entry {wrong + 1} has another signature; save what GET /v1/forgotten answers")
        return record

    @classmethod
    def is_one(cls, path: Path) -> bool:
        """Return whether a file has the form of a record, whatever its name: as a list of ids it would forget nobody."""
        if not path.is_file():
            return False
        try:
            told = json.loads(read_regular(path, LARGEST))
        except (DataError, ValueError, RecursionError):
            return False
        return isinstance(told, dict) and "forgotten" in told and "key" in told

    def first_wrong(self) -> int | None:
        """Return the place of the first entry whose signature is not right; None if all are."""
        before = ""
        for place, entry in enumerate(self.entries):
            if not hmac.compare_digest(entry.signature, sign(self.key, before, entry.time, entry.user)):
                return place
            before = entry.signature
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the record as `read` takes it."""
        return {"key": self.key, "forgotten": [asdict(entry) for entry in self.entries]}

    def users_of(self, users: Iterable[Key]) -> list[Key]:
        """Return which of some users are in the record."""
        return list(found_among(users, self.key, [entry.user for entry in self.entries]).values())


def sign(key: str, before: str, time: int, user: str) -> str:
    """Return the signature of an entry behind another one, whose signature is `before`; empty for the first."""
    return _mac(key, f"forgotten {before} {time} {user}".encode())


def signed(key: str, told: Iterable[tuple[int, str]]) -> ForgottenRecord:
    """Return the record of times and hashes, each entry signed with the one before."""
    entries: list[Entry] = []
    for time, user in told:
        entries.append(Entry(time, user, sign(key, entries[-1].signature if entries else "", time, user)))
    return ForgottenRecord(key, entries)


def _mac(key: str, text: bytes) -> str:
    return blake2b(text, digest_size=16, key=bytes.fromhex(key)).hexdigest()
