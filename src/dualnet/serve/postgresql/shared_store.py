"""The log of changes that several servers share: one appends at a time, all read in the same order."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import DataError, ResourceError
from ...ids import Key
from ...runs.forgotten_record import digest
from ..following import plain
from ..live_state import BY, LiveState, by_key
from ..service_errors import BusyError
from ..store import News, Record, StoreAddress
from .link import Link, StoreAwayError
from .schema import CHANNEL, COMPACT, SERVE, VERSION, lock_key, migrate

if TYPE_CHECKING:
    import psycopg

KEPT = 10_000  # changes before the snapshot that are kept, so that a server that is a little behind need not read everything
MOST_NEWS = 20_000  # changes that are read at once; whoever is further behind reads the whole state, row by row
PAGE = 2_000  # rows in memory at a time while everything is read
LONG = 300.0  # seconds to write a snapshot, or to read one
AGAIN = 1.1  # growth after which a snapshot that could not be written is tried again
OF_USERS = ("events", "gone")  # kinds of changes that have ids of users
HEAD = "SELECT schema_version, identity, head, turn, kept_from, snapshot_at, snapshot, bytes, settled FROM dualnet_store"
_Row: TypeAlias = tuple[str, str | None, str]  # kind, keyed hash of the user, the change as JSON in ASCII


@dataclass(frozen=True)
class _Head:
    """The row of ``dualnet_store``."""

    schema_version: int
    identity: str
    head: int
    turn: str
    kept_from: int
    snapshot_at: int
    snapshot: int
    bytes: int
    settled: int


class SharedStore:
    """State of servers in PostgreSQL; see `store.Store` and `schema` for the tables.

    Use `open`. For one thread, but for `position`, `turn_read` and `away`, which any may read.

    Attributes
    ----------
    position : int
        Number of the last change that this server has; -1 where it has to read everything.
    turn_read : str
        Mark of the group that ends there; a database that was put back has another one, or none.
    identity : str
        Of the tables: others of the same name have another.
    away : str
        Why the database cannot be used at present, in few words; empty while it can.
    """

    def __init__(self, address: StoreAddress, link: Link, salt: str, *, is_new: bool) -> None:
        self.address, self._link, self._salt, self._is_new = address, link, salt, is_new
        self.position, self.away = -1, ""
        self.model: str | None = None
        self.identity = self.turn_read = self._turn = ""
        self._size = self._settled = self._appended = 0
        self._given_up = 0.0  # bytes at which a snapshot could not be written
        self._unsafe = False

    @classmethod
    def open(cls, address: StoreAddress) -> SharedStore:
        """Connect, and make the tables if they are not there.

        Raises
        ------
        MissingExtraError
            Without the package psycopg.
        UsageError
            If the URL cannot be understood.
        DataError
            If a later version of the library wrote the tables.
        ResourceError
            If the database does not answer, or refuses.
        """
        link = Link(address.url)
        try:
            made = migrate(link)
            row = link.execute("SELECT salt, model, current_setting('fsync') FROM dualnet_store").fetchone()
            link.rollback()
            assert row is not None
            store = cls(address, link, row[0], is_new=made)
            store.model, store._unsafe = row[1], row[2] == "off"
            return store
        except StoreAwayError as error:
            link.close()
            raise ResourceError(
                f"the state cannot be kept in the PostgreSQL database {link.database}: {error}; check the URL, that the server is up,"
                " and that its user may make tables"
            ) from None
        except BaseException:
            link.close()
            raise

    @property
    def size(self) -> int:
        """Bytes of the snapshot and of the changes after it."""
        return self._size

    @property
    def settled(self) -> int:
        """Bytes of the snapshot."""
        return self._settled

    def notes(self) -> list[str]:
        """Return what whoever starts the server should know, a sentence each."""
        notes = []
        if self._is_new:
            notes.append("the state in the database is new: there are no added items and events yet")
        if self._unsafe:
            notes.append("the database runs with fsync=off: a crash of its machine may lose changes that were confirmed")
        return notes

    def new_state(self) -> LiveState:
        """Return an empty state with the salt that all servers of this database share."""
        return LiveState(salt=self._salt)

    @contextlib.contextmanager
    def turn(self) -> Iterator[News]:
        """Wait for the right to append, say what others did, and make what is appended lasting at the end of the block.

        Raises
        ------
        BusyError
            If the database is away, or another server does not finish in time.
        """
        if self.away:
            raise self.refusal()
        self._appended = 0
        try:
            head = self._head(self._link.first(f"{HEAD} FOR UPDATE"))
            news = self._news(head)
            self.position, self.turn_read = head.head, head.turn
            yield news
            self._link.commit()
            if self._appended:
                self.position, self.turn_read = self.position + self._appended, self._turn
        except StoreAwayError as error:
            raise self._gone(error) from None
        finally:
            self._link.rollback()

    @contextlib.contextmanager
    def news(self) -> Iterator[News]:
        """Say what others did, as of one moment.

        Raises
        ------
        BusyError
            If the database is away.
        """
        try:
            self._link.first(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
            )  # no lock: it need not wait for a turn
            head = self._head(self._link.execute(HEAD))
            news = self._news(head)
            self.position, self.turn_read = head.head, head.turn
            yield news
            self.away = ""
        except StoreAwayError as error:
            raise self._gone(error) from None
        finally:
            self._link.rollback()

    def lose_track(self) -> None:
        """Read everything the next time."""
        self.position = -1

    def append(self, changes: Sequence[Record]) -> None:
        """Write a group of changes at the end of a turn; a user who is forgotten leaves no row.

        Raises
        ------
        StoreAwayError
            If they cannot be written.
        """
        rows: list[_Row] = []
        for row in _rows(changes, self._salt):
            kind, person, _ = row
            if kind == "forget":
                rows = [earlier for earlier in rows if earlier[1] != person or earlier[0] == "forget"]
                self._link.execute("DELETE FROM dualnet_changes WHERE person = %s AND kind <> 'forget'", (person,))
                self._link.execute("DELETE FROM dualnet_snapshot WHERE person = %s", (person,))
            rows.append(row)
        self._insert(self.position, rows)
        self._appended = len(rows)

    def _insert(self, after: int, rows: Sequence[_Row]) -> None:
        """Write rows behind the last, whose number the turn tells, and wake the other servers when they are lasting."""
        if not rows:
            return
        numbers = [after + 1 + place for place in range(len(rows))]
        self._turn = secrets.token_hex(8)
        self._link.execute(
            "INSERT INTO dualnet_changes (seq, kind, person, change)"
            " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[])",
            [numbers, *map(list, zip(*rows, strict=True))],
        )
        written = sum(len(row[2]) for row in rows)
        self._link.execute("INSERT INTO dualnet_turns (head, turn) VALUES (%s, %s)", (numbers[-1], self._turn))
        self._link.execute(
            "UPDATE dualnet_store SET head = %s, turn = %s, bytes = bytes + %s", (numbers[-1], self._turn, written)
        )
        self._link.execute(f"SELECT pg_notify({CHANNEL}, '')")
        self._size += written

    def erase(self, changes: Iterable[Record]) -> None:
        """Do nothing: `append` has removed the rows of who was forgotten."""

    def compact(self, changes: Iterable[Record]) -> None:
        """Write the state, as of `position`, as the snapshot, while other servers go on; one server at a time does it.

        Given up without harm if another server compacts or has compacted, or somebody was forgotten meanwhile.

        Raises
        ------
        BusyError
            If the database is away.
        """
        if self.away or self._size < AGAIN * self._given_up:
            return
        self._given_up = float(self._size)
        try:
            if self._snapshot(changes):
                self._given_up = 0.0
        except StoreAwayError as error:
            raise self._gone(error) from None
        finally:
            self._link.rollback()

    def _snapshot(self, changes: Iterable[Record]) -> bool:
        """Write the snapshot and take it into use, or return False."""
        at, link = self.position, self._link
        link.first(f"SELECT set_config('statement_timeout', '{round(LONG)}s', true)")
        alone = link.execute(f"SELECT pg_try_advisory_xact_lock({lock_key(COMPACT)})").fetchone()
        before = self._head(link.execute(HEAD))
        if alone is None or not alone[0] or before.snapshot_at > at or before.identity != self.identity:
            return False
        name, sizes = before.snapshot + 1, [0]

        def rows() -> Iterator[tuple[int, int, str | None, str]]:
            for part, (_, person, change) in enumerate(_rows(changes, self._salt)):
                sizes[0] += len(change)
                yield name, part, person, change

        link.copy("COPY dualnet_snapshot (snapshot, part, person, change) FROM STDIN", rows(), LONG)
        head = self._head(link.execute(f"{HEAD} FOR UPDATE"))
        later = link.execute(
            "SELECT coalesce(sum(length(change)), 0), coalesce(bool_or(kind = 'forget'), false) FROM dualnet_changes WHERE seq > %s",
            (at,),
        ).fetchone()
        if later is None or later[1]:  # somebody was forgotten, whose rows may be among those written above
            return False
        kept_from = max(head.kept_from, at - KEPT)
        link.execute("DELETE FROM dualnet_snapshot WHERE snapshot < %s", (name,), seconds=LONG)
        link.execute("DELETE FROM dualnet_changes WHERE seq <= %s", (kept_from,), seconds=LONG)
        link.execute("DELETE FROM dualnet_turns WHERE head < %s", (kept_from,), seconds=LONG)
        size = sizes[0] + int(later[0])
        link.execute(
            "UPDATE dualnet_store SET snapshot = %s, snapshot_at = %s, kept_from = %s, bytes = %s, settled = %s",
            (name, at, kept_from, size, sizes[0]),
        )
        link.commit()
        self._size, self._settled = size, sizes[0]
        return True

    def settle(self, state: LiveState) -> None:
        """Do nothing: servers compact while they serve."""

    def note_model(self, version: str) -> None:
        """Remember which model was brought in last by any server."""
        if version == self.model:
            return
        with self._aside():
            self._link.first("SELECT 1")
            self._link.execute("UPDATE dualnet_store SET model = %s", (version,))
            self._link.commit()
            self.model = version

    def release(self, hashes: Sequence[str]) -> bool:
        """Tell all servers to keep these hashes no longer, if no other server is there whose model may know the users.

        Returns
        -------
        done : bool
            False: this server learns of it with the next news.
        """
        with self._aside():
            head = self._head(self._link.first(f"{HEAD} FOR UPDATE"))
            alone = self._link.execute(f"SELECT pg_try_advisory_xact_lock({lock_key(SERVE)})").fetchone()
            if alone is not None and alone[0]:
                self._insert(head.head, list(_rows([{"released": list(hashes)}], self._salt)))
                self._link.commit()
        return False

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Do something that may as well be done another time."""
        try:
            yield
        except StoreAwayError as error:
            self._gone(error)
        finally:
            self._link.rollback()

    def close(self) -> None:
        """Let go of the database."""
        self._link.close()

    def refusal(self, *, in_doubt: bool = False) -> BusyError:
        """Return what whoever wants to change something is told while the database is away."""
        fate = "the change may still be made" if in_doubt else "nothing was changed"
        return BusyError(f"the database that keeps the state is away: {self.away}; {fate}, ask again later", retry_after=2.0)

    def _gone(self, error: StoreAwayError) -> BusyError:
        if error.waited:
            return BusyError(f"another server holds the state in the database ({error}); nothing was changed, ask again later")
        self.away = str(error)
        return self.refusal(in_doubt=error.in_doubt)

    def _head(self, found: psycopg.Cursor[Any]) -> _Head:
        """Return the row of the store."""
        row = found.fetchone()
        if row is None:
            raise StoreAwayError("the table dualnet_store has no row")
        head = _Head(*row)
        if head.schema_version != VERSION:
            raise StoreAwayError(f"another version of dualnet has brought the tables to schema {head.schema_version}")
        self._size, self._settled = head.bytes, head.settled
        return head

    def _news(self, head: _Head) -> News:
        """Return the changes after `position`, or all where some of them are no longer there, or the database has lost those before."""
        known = head.identity == self.identity and head.kept_from <= self.position <= head.head
        known = known and self._turn_at(head) == self.turn_read
        if known and self.position == head.head:
            return News()
        if known and head.head - self.position <= MOST_NEWS:
            found = self._link.execute("SELECT change FROM dualnet_changes WHERE seq > %s ORDER BY seq", (self.position,))
            return News(iter([_read(row[0]) for row in found.fetchall()]))
        self.identity = head.identity
        return News(self._everything(head), whole=True)

    def _turn_at(self, head: _Head) -> str:
        """Return the mark of the group that ends at `position`; empty before the first, and where none ends there."""
        if self.position == head.head:
            return head.turn
        found = self._link.execute("SELECT turn FROM dualnet_turns WHERE head = %s", (self.position,)).fetchone()
        return "" if found is None else str(found[0])

    def _everything(self, head: _Head) -> Iterator[Record]:
        """Yield the snapshot and what came after it, a page in memory at a time."""
        part, seq = -1, head.snapshot_at
        while rows := self._link.execute(
            "SELECT part, change FROM dualnet_snapshot WHERE snapshot = %s AND part > %s ORDER BY part LIMIT %s",
            (head.snapshot, part, PAGE),
        ).fetchall():
            yield from (_read(row[1]) for row in rows)
            part = rows[-1][0]
        while rows := self._link.execute(
            "SELECT seq, change FROM dualnet_changes WHERE seq > %s AND seq <= %s ORDER BY seq LIMIT %s", (seq, head.head, PAGE)
        ).fetchall():
            yield from (_read(row[1]) for row in rows)
            seq = rows[-1][0]


def _rows(changes: Iterable[Record], salt: str) -> Iterator[_Row]:
    """Yield changes as rows, each of one item or of one user."""
    for change in changes:
        kind, value = plain(change)
        by = change[BY][0] if BY in change else ""
        parts: list[tuple[str | None, Any]] = [(None, value)]
        if kind == "put":
            parts = [(None, [pair]) for pair in value]
        elif kind in OF_USERS:
            of_user: dict[Key, list[Any]] = {}
            for told in value:
                of_user.setdefault(told[0], []).append(told)
            parts = [(digest(salt, user), told) for user, told in of_user.items()]
        elif kind == "forget":
            parts = [(value[1], value)]
        for person, told in parts:
            yield kind, person, json.dumps(by_key(by, {kind: told}), separators=(",", ":"), allow_nan=False)


def _read(text: str) -> Record:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError("a row of dualnet_changes or dualnet_snapshot is damaged; put back a copy of the database")
    return found
