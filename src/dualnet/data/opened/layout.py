"""The tables of a folder: its parts of events, of items and of users, as `dualnet data convert` or a warehouse writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from ...errors import DataError
from ..read_table import PARQUET
from ..table_files import KEY, NULL_KEY, TABLE_FORMATS
from .places import TABLE, Found, Place

TABLES = ("events", "items", "users")


@dataclass(frozen=True)
class Part:
    """One file of a table.

    Parameters
    ----------
    place : Place
        Where it is.
    file : Found
        The file.
    keys : dict of str to str or None
        Values that its folders carry, such as ``country=de``.
    """

    place: Place
    file: Found
    keys: dict[str, str | None]

    @property
    def name(self) -> str:
        """What it is called in texts."""
        return self.place.named(self.file)


@dataclass(frozen=True)
class Layout:
    """The parts of each table, sorted by name.

    Parameters
    ----------
    events, items, users : sequence of Part
        Without parts there is no such table; of events there is always one.
    """

    events: tuple[Part, ...]
    items: tuple[Part, ...] = ()
    users: tuple[Part, ...] = ()


def layout_of(place: Place) -> Layout:
    """Return the tables of a folder.

    Either the folder holds ``events``, ``items`` and ``users``, each as a file (``events.parquet``), several (``events-0.parquet``) or a
    folder of parts, with folders such as ``day=2026-01-31`` where there are any; other files beside them are left alone. Or all that it
    holds are parts of one table of events.

    Raises
    ------
    DataError
        If there is nothing of the kind, a file of a table is no Parquet file, or it is a Delta, Hudi or Iceberg table.
    """
    files = place.files()
    top = {file.inner[0] for file in files}
    with place.asking():
        _refuse_other_tables(place, top)
    tables = {name: [file for file in files if _table_of(file) == name] for name in TABLES}
    if tables["events"]:
        found = {name: _parts(place, own, 1) for name, own in tables.items()}
    else:
        found = {"events": _parts(place, files, 0)}
        if tables["items"] or tables["users"]:
            raise DataError(
                f"{place.name} has items or users, and no events: name their parts events.parquet or events/*.parquet"
            )
    if not found["events"]:
        raise DataError(
            f"{place.name} holds no Parquet files; write parts there, named events.parquet, items.parquet and users.parquet or in folders"
            " events, items and users (`dualnet data convert --out` does)"
        )
    return Layout(*(tuple(found.get(name, ())) for name in TABLES))


def _table_of(file: Found) -> str | None:
    found = TABLE.match(file.inner[0])
    plain = len(file.inner) > 1 or file.inner[0].lower().endswith(PARQUET)
    return found[1] if found is not None and plain else None


def _parts(place: Place, files: Sequence[Found], above: int) -> list[Part]:
    """Return files as parts of one table; `above` folders of theirs name the table."""
    parts = []
    for file in files:
        folders = file.inner[min(above, len(file.inner) - 1) : -1]
        matches = [KEY.fullmatch(name) for name in folders]
        if not all(matches):
            raise DataError(
                f"{place.named(file)} is in a folder whose name is no key and value joined by an equals sign; name the folder that is the table"
            )
        if not file.inner[-1].lower().endswith(PARQUET):
            raise DataError(
                f"{place.named(file)} is no Parquet file (.parquet), and a folder that is opened holds nothing else; move it away, or read"
                " it with Dataset.from_tables"
            )
        keys = {found[1]: None if found[2] == NULL_KEY else unquote(found[2]) for found in matches if found}
        parts.append(Part(place, file, keys))
    named = {tuple(part.keys) for part in parts}
    if len(named) > 1:
        raise DataError(f"{place.name}: its folders do not all carry the same keys ({', '.join(map(str, sorted(named)))})")
    return parts


def _refuse_other_tables(place: Place, top: set[str]) -> None:
    from pyarrow.fs import FileType

    marks = {f"{place.path}/{name}": what for name, what in TABLE_FORMATS.items()}
    for info in place.system.get_file_info(list(marks)):
        if info.type != FileType.NotFound:
            raise DataError(
                f"{place.name} is a {marks[info.path]} table, whose folder also holds rows that were deleted; export it to Parquet"
            )
    if {"metadata", "data"} <= top:
        raise DataError(
            f"{place.name} is an Iceberg table, whose folder also holds rows that were deleted; export it to Parquet"
        )
