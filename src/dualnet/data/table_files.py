"""Files of a table: one file, several by a pattern, or a folder of parts as Spark and Hive write them; never a URL."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ..errors import DataError, near_path

HIDDEN = ("_", ".")  # what Spark, Hive and macOS put beside the parts
NULL_KEY = "__HIVE_DEFAULT_PARTITION__"
TABLE_FORMATS = {"_delta_log": "Delta", ".hoodie": "Hudi"}  # what they deleted lies beside what is there
KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)=(.*)")
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """One file of a table.

    Parameters
    ----------
    path : Path
        The file.
    keys : dict of str to str or None
        Values that its folders carry, such as ``country=de``.
    """

    path: Path
    keys: dict[str, str | None]


def find_parts(source: str | Path) -> list[Part]:
    """Return the files of a table, sorted by name.

    Parameters
    ----------
    source : str or Path
        A file, a folder of parts, or a pattern such as ``events-*.csv``; ``~`` is the home folder.

    Raises
    ------
    DataError
        If there is nothing there, it is a URL, or a folder that is no plain table.
    """
    url = URL.fullmatch(str(source))
    if url and not _exists(source):
        raise DataError(
            f"{url[1]}://{url[2]} is an address, and tables are read from files only; copy it here first (databases: --sql, or"
            " Dataset.from_sql)"
        )
    try:
        path = Path(source).expanduser()
        if path.is_dir():
            return _parts_of(path)
        if path.exists():
            return [Part(path, {})]
    except (OSError, RuntimeError) as error:  # a name too long, a home folder that is not known, a folder that is closed
        raise DataError(f"{str(source)[:200]} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if any(mark in str(path) for mark in "*?["):
        found = sorted(Path(name) for name in glob.glob(str(path)))  # noqa: PTH207 - Path.glob takes no pattern that begins at the root
        if not found:
            raise DataError(f"no file is called {path}")
        filled = [one for one in found if one.is_dir() or one.stat().st_size] or found
        return [part for one in filled for part in (_parts_of(one) if one.is_dir() else [Part(one, {})])]
    raise DataError(f"there is no file {path}{near_path(path)}")


def _exists(source: str | Path) -> bool:
    try:
        return Path(source).exists()
    except OSError:  # a name too long
        return False


def _parts_of(folder: Path) -> list[Part]:
    for name, what in TABLE_FORMATS.items():
        if (folder / name).exists():
            raise DataError(f"{folder} is a {what} table, whose folder also holds rows that were deleted; export it to Parquet")
    if (folder / "metadata").is_dir() and (folder / "data").is_dir():
        raise DataError(f"{folder} is an Iceberg table, whose folder also holds rows that were deleted; export it to Parquet")
    parts = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        if path.is_file() and not any(name.startswith(HIDDEN) for name in inner):
            matches = [KEY.fullmatch(name) for name in inner[:-1]]
            if not all(matches):
                raise DataError(f"{folder} holds other folders ({inner[0]}); name the file or the folder that is the table")
            keys = {found[1]: None if found[2] == NULL_KEY else unquote(found[2]) for found in matches if found}
            if path.stat().st_size:  # Spark leaves empty parts
                parts.append(Part(path, keys))
    if not parts:
        raise DataError(f"{folder} is a folder without a table in it; name a file")
    kinds = sorted({"".join(part.path.suffixes[-1:]).lower() for part in parts})
    if len(kinds) > 1:
        raise DataError(
            f"{folder} holds files of several kinds ({', '.join(kind or 'no suffix' for kind in kinds)}); name one of them"
        )
    named = {tuple(part.keys) for part in parts}
    if len(named) > 1:
        raise DataError(f"{folder}: its folders do not all carry the same keys ({', '.join(map(str, sorted(named)))})")
    return parts


def are_numbered(parts: list[Part]) -> bool:
    """Return whether the names of some files say that they are parts of one table."""
    return all(re.match(r"part[-_.]?\d|\d+[-_.]|\d+$", part.path.name) for part in parts)
