"""Reader of published pairs and candidates: two columns, or one line of items for each user; ids from 0, from 1, or text."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import DataError, UsageError, listing, near_path, warn
from ..ids import Key, clean_id
from ..typed_values import path_of
from .compression import format_of
from .delimited import BY_SUFFIX
from .frames import is_halved
from .id_columns import refuse_halves
from .interactions import Interactions
from .read_table import FORMATS, LoadedTable, load_table, read_text
from .text_files import lines_of

_USER = re.compile(
    r"(user|uid|reader|customer|reviewer|member|person|visitor|session|account)s?(name)?([ _.:-]*(ids?|token|index|idx|key|no))?",
    re.IGNORECASE,
)

Layout = Literal["auto", "pairs", "lists", "counted-lists", "user-lists"]
LAYOUTS: tuple[Layout, ...] = ("auto", "pairs", "lists", "counted-lists", "user-lists")


@dataclass(frozen=True)
class PairFormat:
    """Form of files of pairs.

    Parameters
    ----------
    layout : {"auto", "pairs", "lists", "counted-lists", "user-lists"}
        ``pairs``: one user and one item a line (or table row). ``lists``: a line holds the items of one user, whose id is
        the line number. ``counted-lists``: the same after a count of the items (CiteULike's ``users.dat``).
        ``user-lists``: the same after the user's id. ``auto`` knows tables by their suffix, counted lists by their counts
        and pairs by two columns, and asks where a file could be two of these.
    base : {0, 1}, optional
        Ids are whole numbers that count from here; they are shifted to count from 0, so that files can be used together
        with data that count from 0 (line numbers always do). Without it, ids are text, as they stand.
    header : bool, optional
        Whether the first line of ``pairs`` in a text file names the columns. Left out, it does if it names the two id
        columns, if `base` is given and it is not numbers, or if its words stand above numbers or begin with such a name
        as ``userId``, and occur nowhere else.
    user, item : str
        Names of the id columns, where there is a header.
    """

    layout: Layout = "auto"
    base: Literal[0, 1] | None = None
    header: bool | None = None
    user: str = "user_id"
    item: str = "item_id"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise UsageError(f"layout {self.layout!r} is not known; use {listing(LAYOUTS)}")
        if self.base not in (None, 0, 1):
            raise UsageError(f"base must be 0 or 1, or left out where ids are text; got {self.base!r}")


def read_pairs(path: str | Path, form: PairFormat | None = None) -> Interactions:
    """Read pairs from a table or from lines of items.

    Parameters
    ----------
    path : str or Path
        A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` table, or a text file with fields separated by blanks or commas;
        text also with ``.gz``.
    form : PairFormat, optional
        How the file is written.

    Returns
    -------
    Interactions
        Every pair counts once, with weight 1.

    Raises
    ------
    DataError
        For a line that cannot be used; the text names file, line, value and remedy.
    UsageError
        If the layout has to be said.
    """
    path, form = path_of(path, "path"), form or PairFormat()
    if not path.exists():
        raise DataError(f"there is no file {path}{near_path(path)}")
    kind = format_of(path)
    if path.is_dir() or (kind in FORMATS and kind not in BY_SUFFIX):
        users, items = _columns(path, form)
    else:
        lines = _fields(path, kind)
        if kind in BY_SUFFIX and all(len(fields) < 2 for _, fields in lines):  # columns that blanks align
            lines = _fields(path, "")
        layout = form.layout if form.layout != "auto" else ("pairs" if kind in FORMATS else _guess(lines, path))
        users, items = (_pairs if layout == "pairs" else _lists)(lines, layout, form, path)
    if not users:
        raise DataError(f"{path} has no pairs")
    return Interactions.from_pairs(users, items)


Line = tuple[int, list[str]]
Pairs = tuple[list[Key], list[Key]]


def _fields(path: Path, kind: str) -> list[Line]:
    text = read_text(path)
    if kind in BY_SUFFIX:
        reader = csv.reader(lines_of(text), delimiter=BY_SUFFIX[kind], strict=True)
        lines: list[Line] = []
        try:
            for row in reader:
                lines.append((reader.line_num, [field.strip() for field in row]))
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: {error}; mend the quotes or the line") from error
        return lines
    # a comma with blanks is one separator; an empty line is a user without items
    first = re.sub(r"\s*::\s*", "::", text.strip().partition("\n")[0].strip())
    # two colons separate where nothing else does: ids may hold them
    between = r"\s*::\s*" if "::" in first and not re.search(r"[\s,]", first) else r"[\s,]+"
    return [(number, re.split(between, line.strip())) for number, line in enumerate(lines_of(text), 1)]


def _guess(lines: list[Line], path: Path) -> Layout:
    filled = [fields for _, fields in lines if fields != [""]]
    counted = all(fields[0].isdecimal() and int(fields[0]) == len(fields) - 1 for fields in filled)
    if counted and not all(len(fields) == 2 for fields in filled):
        return "counted-lists"
    if not counted and len({len(fields) for fields in filled}) == 1 and len(filled[0]) in (2, 3, 4):
        return "pairs"
    raise UsageError(
        f"{path}: it is not clear how the lines are to be read; say layout='pairs', layout='lists' (items of the user on that"
        " line), layout='counted-lists' (count first) or layout='user-lists' (user id first)"
    )


def _pairs(lines: list[Line], layout: str, form: PairFormat, path: Path) -> Pairs:
    rows = [(number, fields) for number, fields in lines if fields not in ([""], [])]
    if not rows:
        raise DataError(f"{path} is empty")
    first, places = rows[0][1], (0, 1)
    if _has_header([fields for _, fields in rows], form):
        places, rows = _places(first, form, path), rows[1:]
    users, items, convert = [], [], _converter(form, path)
    for number, fields in rows:
        if len(fields) != len(first):
            raise DataError(f"{path}, line {number}: {len(fields)} fields where the first line has {len(first)}; mend the line")
        if len(fields) < 2:
            raise DataError(f"{path}, line {number}: {fields[0]!r} is one field; a pair needs a user and an item")
        users.append(convert(fields[places[0]], number, "user"))
        items.append(convert(fields[places[1]], number, "item"))
    if len(first) > 2:
        warn(
            f"{path.name}: only the user and item columns were used; every row counts as a positive, whatever its other columns say"
        )
    return users, items


def _has_header(rows: list[list[str]], form: PairFormat) -> bool:
    """Return whether the first line of pairs names the columns, under the names that are asked for or under others."""
    first = rows[0]
    if form.header is not None:
        return form.header
    if form.user in first and form.item in first:
        return True
    if form.base is not None:
        return not all(field.isdecimal() for field in first[:2])
    if (
        len(first) < 2
        or len(rows) < 2
        or not all(re.fullmatch(r"[^\W\d][^\W\d_]*(?:[ _.:-]*[^\W\d]+)*", cell) for cell in first[:2])
    ):
        return False
    columns = [[fields[place] for fields in rows[1:] if place < len(fields)] for place in (0, 1)]
    numbers = any(all(cell.isdecimal() for cell in column) for column in columns)
    return (numbers or _USER.fullmatch(first[0]) is not None) and not any(
        name in column for name, column in zip(first, columns)
    )


def _places(header: list[str], form: PairFormat, path: Path) -> tuple[int, int]:
    """Return where user and item stand, by the names of the columns; two columns of other names by their order."""
    if form.user in header and form.item in header:
        return header.index(form.user), header.index(form.item)
    if len(header) > 2 or (len(header) == 2 and _USER.fullmatch(header[1]) and not _USER.fullmatch(header[0])):
        raise DataError(
            f"{path}: the header {listing(header)} does not name '{form.user}' and '{form.item}'; rename its columns so, or leave"
            " all but two out, the user first"
        )
    if form.header is None:
        warn(
            f"{path.name}: the first line ({', '.join(header)}) names the columns and was left out; the first column was read as users,"
            " the second as items"
        )
    return 0, 1


def _lists(lines: list[Line], layout: str, form: PairFormat, path: Path) -> Pairs:
    users: list[Key] = []
    items: list[Key] = []
    convert = _converter(form, path)
    for row, (number, fields) in enumerate(lines):
        if fields == [""]:
            continue
        user: Key = row
        if layout == "counted-lists":
            count, fields = fields[0], fields[1:]
            if not count.isdecimal() or int(count) != len(fields):
                raise DataError(
                    f"{path}, line {number}: the line begins with {count!r} but {len(fields)} items follow; if it has no count,"
                    " use layout='lists' or layout='user-lists'"
                )
        elif layout == "user-lists":
            user, fields = convert(fields[0], number, "user"), fields[1:]
        users.extend([user] * len(fields))
        items.extend(convert(field, number, "item") for field in fields)
    return users, items


def _converter(form: PairFormat, path: Path) -> Callable[[str, int, str], Key]:
    base = form.base

    def convert(field: str, line: int, what: str) -> Key:
        if not field:
            raise DataError(f"{path}, line {line}: the {what} id is missing; fill or remove the line")
        if base is None:
            return clean_id(field)
        if not field.isdecimal() or not field.isascii():
            raise DataError(
                f"{path}, line {line}: the {what} id {field!r} is not a whole number; leave base= out if ids are text"
            )
        if int(field) < base:
            raise DataError(f"{path}, line {line}: the {what} id {field} is below {base}; say base=0")
        return int(field) - base

    return convert


def _columns(path: Path, form: PairFormat) -> Pairs:
    """Read the two id columns of a Parquet or JSON-lines table."""
    loaded = load_table(path)
    users, items = (_column(loaded, name, what, form) for name, what in ((form.user, "user"), (form.item, "item")))
    return users, items


def _column(loaded: LoadedTable, name: str, what: str, form: PairFormat) -> list[Key]:
    if name not in loaded.table.column_names:
        raise DataError(f"{loaded.name} has no {what} column '{name}'; found {', '.join(loaded.table.column_names)}")
    if is_halved(loaded.table.schema.field(name)):
        refuse_halves(loaded, name, what)
    values: list[Key] = []
    for row, value in enumerate(loaded.table.column(name).to_pylist()):
        if isinstance(value, bool | float) or not isinstance(value, str | int) or value == "":
            raise DataError(f"{loaded.place(row)}: the {what} id {value!r} must be text or a whole number")
        if form.base is not None and isinstance(value, int) and value < form.base:
            raise DataError(f"{loaded.place(row)}: the {what} id {value} is below {form.base}; say base=0")
        plain = clean_id(value) if isinstance(value, str) else value
        values.append(plain - form.base if form.base is not None and isinstance(plain, int) else plain)
    return values


def id_fields(path: Path, form: PairFormat) -> list[tuple[int, list[Key]]]:
    """Return the item ids in a file that names items alone: the number of each line that has any, and its ids.

    Parameters
    ----------
    path : Path
        A text file, or a table, of which the item column counts.
    form : PairFormat
        How ids are written.

    Raises
    ------
    DataError
        For a value that is no id.
    """
    kind = format_of(path)
    if path.is_dir() or (kind in FORMATS and kind not in BY_SUFFIX):
        return [(row, [key]) for row, key in enumerate(_column(load_table(path), form.item, "item", form), 1)]
    convert = _converter(form, path)
    lines = [(number, fields) for number, fields in _fields(path, kind) if fields not in ([""], [])]
    first = lines[0][1] if lines else []
    named = form.item in first
    headed = named or (form.base is not None and len(first) == 1 and not first[0].isdecimal())
    if headed if form.header is None else form.header:
        if len(first) > 1 and not named:
            raise DataError(f"{path}: the header {listing(first)} does not name '{form.item}'; name the column")
        place = first.index(form.item) if named else 0
        lines = [(number, fields[place : place + 1]) for number, fields in lines[1:]]
    return [(number, [convert(field, number, "item") for field in fields]) for number, fields in lines]


def read_candidates(path: str | Path, form: PairFormat | None = None) -> list[Key]:
    """Return the ids of a file of candidates, each once, in its order.

    Parameters
    ----------
    path : str or Path
        One id a line, or all in one line; or a table with the item column of `form`. Text also with ``.gz``.
    form : PairFormat, optional
        How ids are written (`base`), and the name of the item column.

    Raises
    ------
    DataError
        If the file cannot be read, has no id, or has lines of several ids, such as candidates of its own for every user.
    """
    path, form = path_of(path, "candidates"), form or PairFormat()
    if not path.exists():
        raise DataError(
            f"candidates are 'task', 'all' or a file with one item id a line; there is no file {path}{near_path(path)}"
        )
    lines = id_fields(path, form)
    several = next((number for number, keys in lines if len(keys) > 1), None)
    if several is not None and len(lines) > 1:
        raise DataError(
            f"{path}, line {several}: a file of candidates has one item id a line, the same items for every user; lists that differ"
            " from user to user are not ranked, for they are easier than the whole list by as much as was drawn"
        )
    found = list(dict.fromkeys(key for _, keys in lines for key in keys))
    if not found:
        raise DataError(f"{path} has no ids; it should have one item id a line")
    return found
