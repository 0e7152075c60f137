"""Content from a table: one row for each id, columns by kind, and the treatment of ids that have no row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import DataError, UsageError, counted, nearest, shown, warn
from ..ids import IdMap, Key
from .content import Content
from .content_spec import ContentSpec
from .decimal_commas import with_points
from .id_columns import IdColumn
from .kinds import RowNames, cast_table, shown_table
from .picture_files import is_data_uri
from .read_table import LoadedTable
from .ready_vectors import read_matrix
from .values import is_address


def content_of_table(
    loaded: LoadedTable, column: str, keys: Sequence[Key], spec: ContentSpec, ready: Mapping[str, Any] | None = None
) -> Content:
    """Return a table as content, its columns stored as their kinds have them.

    Parameters
    ----------
    loaded : LoadedTable
        The table; of repeated rows of one id the first is kept.
    column : str
        Id column.
    keys : sequence of str or int
        Its values.
    spec : ContentSpec
        Which columns are content, and of which kind.
    ready : mapping of str to matrix or path, optional
        Ready vectors and bags of words by name.

    Raises
    ------
    DataError
        For a column that is not there, rows of one id with different content, or a value that does not fit its kind.
    UsageError
        If no column was named.
    """
    matrices = {name: read_matrix(source, name, len(keys)) for name, source in (ready or {}).items()}
    written = all(part.lines is not None for part in loaded.parts or (loaded,))  # as text, in one file or in parts
    untyped = written and all(pa.types.is_string(kind) for kind in loaded.table.schema.types)
    loaded = _with_points(loaded, column, spec, untyped=untyped)
    table = loaded.table.drop_columns([column])
    for name in spec.columns:
        if name not in table.column_names and name not in matrices:
            raise DataError(
                f"{loaded.name} has no content column '{name}'; found {', '.join(table.column_names)}.{nearest(name, table.column_names)}"
            )
    _check_shown(table, spec, loaded.name, column)
    if not spec.columns:
        raise UsageError(
            f"no content column of {loaded.name} was named; say which of {', '.join(table.column_names)} are content, with text=, tags=,"
            " categories= or numbers="
        )
    table = cast_table(table, spec.kinds, RowNames(keys.__getitem__, loaded.place))
    table = shown_table(table, spec.kinds, spec.shown, untyped=untyped)
    first: dict[Key, int] = {}
    for row, key in enumerate(keys):
        first.setdefault(key, row)
    if len(first) < len(keys):
        _check_repeated(table, spec, keys, first, loaded)
        rows = np.fromiter(first.values(), np.int64, len(first))
        table = table.take(pa.array(rows))
        matrices = {name: matrix[rows] for name, matrix in matrices.items()}
    return Content(IdMap(list(first)), table, spec, matrices)


def _with_points(loaded: LoadedTable, column: str, spec: ContentSpec, *, untyped: bool) -> LoadedTable:
    """Return a table whose numbers have no decimal comma: those that are content, and of a text file those to show and to filter on."""
    there = [name for name in loaded.table.column_names if name != column]
    loaded = with_points(loaded, [name for name in there if spec.kinds.get(name) == "number"])
    others = [name for name in there if name not in spec.kinds and name not in spec.shown]
    return with_points(loaded, others, needed=False) if untyped else loaded


def _check_shown(table: pa.Table, spec: ContentSpec, name: str, id_column: str) -> None:
    """Make sure that the columns to show are there, that a title is text, and that columns of addresses hold some."""
    for what in ("title", "picture", "link"):
        column = getattr(spec, what)
        if column is None or (what == "title" and column == id_column):
            continue
        if column not in table.column_names:
            hint = nearest(column, table.column_names)
            raise DataError(f"{name} has no column '{column}' to show.{hint} Say which it is with {what}=")
        if what == "title":
            if spec.kinds.get(column) in ("vector", "picture"):
                raise DataError(f"column '{column}' of {name} is no text to show; choose another title=")
            continue
        given = (value for value in table.column(column).to_pylist() if value not in (None, ""))
        first = next(given, None)
        if first is not None and not is_address(first) and not any(map(is_address, given)):
            files = "; files of pictures become content, with images=" if what == "picture" else ""
            raise DataError(
                f"column '{column}' of {name} holds no address such as https://example.org/1, but {shown(first, 80)}; leave"
                f" {what}= out, or name the column of addresses{files}"
            )


def _check_repeated(
    table: pa.Table, spec: ContentSpec, keys: Sequence[Key], first: Mapping[Key, int], loaded: LoadedTable
) -> None:
    """Refuse rows of one id with different content, and count the others in a warning."""
    again = [row for row, key in enumerate(keys) if first[key] != row]
    before = [first[keys[row]] for row in again]
    differ = []
    for name in table.column_names:
        here, there = (table.column(name).take(pa.array(rows)).to_pylist() for rows in (again, before))
        odd = next((at for at, pair in enumerate(zip(here, there, strict=True)) if pair[0] != pair[1]), None)
        if odd is not None and name in spec.columns:
            raise DataError(
                f"{loaded.place(again[odd])}: id {keys[again[odd]]!r} occurs again with other content in column '{name}'; keep"
                " one row for each id"
            )
        differ += [name] if odd is not None else []
    also = (
        f"; they differ in columns that are no content, such as '{differ[0]}', of which the first row counts" if differ else ""
    )
    warn(f"{loaded.name}: {counted(len(again), 'repeated {row|rows} of the same id {was|were} dropped')}{also}")


def beside(content: Content, folder: Path) -> Content:
    """Look for pictures with a relative path in the folder of the table that names them."""
    table = content.table
    for name in content.spec.images:
        place, field = table.column_names.index(name), table.schema.field(name)
        if pa.types.is_string(field.type):
            cells = table.column(name).to_pylist()
            found = [str(folder / cell) if cell and not is_data_uri(cell) else cell for cell in cells]
            table = table.set_column(place, field, pa.array(found, field.type))
    return replace(content, table=table)


def one_kind_of_ids(keys: IdColumn, content: Content) -> tuple[IdColumn, Content]:
    """Make ids text on both sides where one table has text and the other integers; 7 becomes '7', never '007'."""
    if keys.is_text and content.ids.is_integer:
        content = Content(IdMap([str(key) for key in content.ids]), content.table, content.spec, content.matrices)
    elif not keys.is_text and not content.ids.is_integer:
        keys = keys.as_text()
    return keys, content


def covering(content: Content, keys: IdColumn) -> IdMap:
    """Return the sorted ids of the content, after making sure that every event's item is among them."""
    ids, _ = IdMap.from_values(content.ids.keys)
    missing = sorted(set(keys.take(keys.rows_in(ids) < 0).distinct()))
    if missing:
        raise DataError(
            f"{counted(len(missing), '{item of the events has|items of the events have}')} no row in the items table, such as"
            f" {missing[0]!r}; add the rows, or pass"
            " missing_content='zero' (empty content) or missing_content='drop' (leave their events out); on the command line"
            " --missing-content"
        )
    return ids


def with_empty_rows(content: Content, keys: Sequence[Key]) -> Content:
    """Return content with an empty row for each of some more ids."""
    fresh = sorted(set(keys))
    if content.matrices:
        raise UsageError("missing_content='zero' cannot invent ready vectors; add the rows, or pass missing_content='drop'")
    empty = pa.table([pa.nulls(len(fresh), field.type) for field in content.table.schema], schema=content.table.schema)
    return Content(content.ids.extend(fresh), pa.concat_tables([content.table, empty]), content.spec, content.matrices)
