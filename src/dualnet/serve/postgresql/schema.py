"""Tables of the shared state: made, and brought to the version of this library, under a lock, in one transaction.

``dualnet_store`` has one row: its lock is the right to append, so that the numbers of changes grow in the order in which they become
lasting, and a reader that has read up to a number has missed nothing. ``dualnet_changes`` is the log behind the snapshot;
``dualnet_snapshot`` is the shortest list of changes that gives the state at ``snapshot_at``. ``dualnet_turns`` has a random mark for each
group of changes, so that a server knows whether the database still has those that it has read. ``person`` is the keyed hash of the one
user that a row concerns, so that forgetting somebody deletes rows without a search through all.
"""

from __future__ import annotations

import secrets
from typing import Final

from ...errors import DataError
from ...runs.forgotten_record import new_key
from .link import Link, StoreAwayError

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE dualnet_store (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            schema_version integer NOT NULL,
            identity text NOT NULL,
            salt text NOT NULL,
            model text,
            head bigint NOT NULL DEFAULT 0,
            turn text NOT NULL DEFAULT '',
            kept_from bigint NOT NULL DEFAULT 0,
            snapshot_at bigint NOT NULL DEFAULT 0,
            snapshot bigint NOT NULL DEFAULT 0,
            bytes bigint NOT NULL DEFAULT 0,
            settled bigint NOT NULL DEFAULT 0)""",
        "COMMENT ON TABLE dualnet_store IS 'State of DualNet servers: the number of the last change, and where the snapshot ends'",
        """CREATE TABLE dualnet_changes (
            seq bigint PRIMARY KEY,
            kind text NOT NULL,
            person text,
            change text NOT NULL)""",
        "CREATE INDEX dualnet_changes_person ON dualnet_changes (person) WHERE person IS NOT NULL",
        "CREATE TABLE dualnet_turns (head bigint PRIMARY KEY, turn text NOT NULL)",
        """CREATE TABLE dualnet_snapshot (
            snapshot bigint NOT NULL,
            part bigint NOT NULL,
            person text,
            change text NOT NULL,
            PRIMARY KEY (snapshot, part))""",
        "CREATE INDEX dualnet_snapshot_person ON dualnet_snapshot (person) WHERE person IS NOT NULL",
    ),
)
VERSION: Final = len(MIGRATIONS)
CHANNEL: Final = (
    "'dualnet_' || to_regclass('dualnet_store')::oid::text"  # of notifications, one for each schema with the tables
)
LOCK: Final = 0x6475616C  # "dual", first half of the key of advisory locks
MIGRATE, SERVE, COMPACT = 1, 2, 3  # second half, for the lock of a schema: see `lock_key`


def lock_key(what: int) -> str:
    """Return the SQL of a key for an advisory lock, one for each schema of a database that has the tables."""
    return f"(({LOCK}::bigint << 32) | ((hashtext(current_schema())::bigint & 16777215) << 8) | {what})"


def migrate(link: Link) -> bool:
    """Make the tables or bring them to this version; whole or not at all, by one server at a time.

    Returns
    -------
    made : bool
        Whether there were none.

    Raises
    ------
    DataError
        If a later version of the library wrote them.
    StoreAwayError
        If the database refuses, for example because the user may not make tables.
    """
    link.open()
    try:
        link.execute(f"SELECT pg_advisory_xact_lock({lock_key(MIGRATE)})")
        found = link.execute("SELECT to_regclass('dualnet_store') IS NOT NULL").fetchone()
        made = not (found and found[0])
        version = 0
        if not made:
            row = link.execute("SELECT schema_version FROM dualnet_store").fetchone()
            if row is None:
                raise DataError(
                    "the table dualnet_store has no row; put back a copy of the database, or drop the tables dualnet_*"
                )
            version = int(row[0])
        if version > VERSION:
            raise DataError(
                f"the state in the database has schema {version}, this version of dualnet reads {VERSION}; upgrade dualnet"
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                link.execute(statement)
        if made:
            values = (VERSION, secrets.token_hex(16), new_key())
            link.execute("INSERT INTO dualnet_store (schema_version, identity, salt) VALUES (%s, %s, %s)", values)
        elif version < VERSION:
            link.execute("UPDATE dualnet_store SET schema_version = %s", (VERSION,))
        _keep_no_samples(link)
        link.commit()
    except (StoreAwayError, DataError):
        link.rollback()
        raise
    return made


def _keep_no_samples(link: Link) -> None:
    """Have the planner sample no changes: its statistics would still hold the id of a user whose rows are deleted.

    Those that it has are dropped with the change of a type to itself. Only the owner of the tables may do so, once.
    """
    found = link.execute(
        "SELECT relname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE attrelid IN (to_regclass('dualnet_changes'), to_regclass('dualnet_snapshot')) AND attname = 'change'"
        " AND attstattarget IS DISTINCT FROM 0 AND pg_has_role(relowner, 'USAGE')"
    )
    for (table,) in found.fetchall():
        link.execute(f"ALTER TABLE {table} ALTER COLUMN change TYPE text, ALTER COLUMN change SET STATISTICS 0")
