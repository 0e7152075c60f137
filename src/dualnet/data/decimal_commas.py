"""Decimal commas: columns of text whose numbers are written as 3,5 are read as 3.5 where nothing else can be meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import DataError, warn
from .frames import column_at
from .read_table import LoadedTable
from .values import CURRENCY, MISSING_NUMBERS

Decimal = Literal["comma", "point"]

WRITE = "write all of them with a point before the decimals, and nothing between thousands"
_SIGN, _POWER = "[+\u2212-]?", r"(?:[eE][+-]?\d+)?"
_COMMA = re.compile(rf"{_SIGN}(?:\d+(?:,\d+)?|,\d+){_POWER}")
_COMMA_GROUPED = re.compile(rf"{_SIGN}[1-9]\d{{0,2}}(?:\.\d{{3}})+(?:,\d+)?")
_POINT = re.compile(rf"{_SIGN}(?:\d+(?:\.\d*)?|\.\d+){_POWER}")
_POINT_GROUPED = re.compile(rf"{_SIGN}[1-9]\d{{0,2}}(?:,\d{{3}})+(?:\.\d+)?")
_FORMS: dict[Decimal, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "comma": (_COMMA, _COMMA_GROUPED),
    "point": (_POINT, _POINT_GROUPED),
}
_EITHER = re.compile(rf"{_SIGN}[1-9]\d{{0,2}},\d{{3}}")


@dataclass(frozen=True)
class Writing:
    """How the numbers of a column are written.

    Parameters
    ----------
    kind : {"comma", "point", "either", "thousands", ""}
        With a decimal comma; with a decimal point, and commas between thousands; so that a comma may begin the decimals or divide
        thousands; with signs between thousands, and no value that has both signs; "" for a column without commas, or one that holds
        something else than numbers.
    example : str
        A value that shows it.
    """

    kind: Literal["comma", "point", "either", "thousands", ""] = ""
    example: str = ""


def writing_of(texts: Iterable[str | None]) -> Writing:
    """Return how the numbers among the values of a column are written; one value in another form makes it a column of text.

    Parameters
    ----------
    texts : iterable of str or None
        The values; empty ones say nothing.
    """
    numbers = [text for text in map(_bare, texts) if text.casefold() not in MISSING_NUMBERS]
    if not any("," in text for text in numbers):
        return Writing()
    if all(_COMMA.fullmatch(text) for text in numbers):
        sure = next((text for text in numbers if "," in text and not _EITHER.fullmatch(text)), None)
        return Writing("comma", sure) if sure else Writing("either", next(text for text in numbers if "," in text))
    for kind, (plain, grouped) in _FORMS.items():
        if all(plain.fullmatch(text) or grouped.fullmatch(text) for text in numbers):
            both = next((text for text in numbers if "," in text and "." in text), None)
            return (
                Writing(kind, both)
                if both
                else Writing("thousands", next(text for text in numbers if not plain.fullmatch(text)))
            )
    return Writing()


def doubt_of(
    writing: Writing, column: str, loaded: LoadedTable, options: tuple[str, str] = ("decimal='comma'", "decimal='point'")
) -> str:
    """Return what may be meant by the commas of a column, and the remedy; the empty text where there is no doubt.

    Parameters
    ----------
    writing : Writing
    column : str
        Its name.
    loaded : LoadedTable
        Where it is.
    options : (str, str)
        What says that a comma begins the decimals, and what says that a point does; of a table that is not of lines of fields there is
        nothing to say, so that it has to be written otherwise.
    """
    what = {
        "either": "has a comma that may begin the decimals or divide thousands",
        "thousands": "has a sign between thousands, and may have another that begins the decimals",
    }
    if writing.kind not in what:
        return ""
    say = f"say which sign begins the decimals, with {options[0]} or {options[1]}"
    return f"{writing.example!r} in column '{column}' {what[writing.kind]}; {say if loaded.is_delimited else WRITE}"


def with_points(loaded: LoadedTable, columns: Collection[str], *, needed: bool = True) -> LoadedTable:
    """Return a table in whose columns of text the numbers are written with a point, and without a sign between thousands.

    Parameters
    ----------
    loaded : LoadedTable
        Where it says how decimals are written, columns are read so; else those that can be read in one way alone, with a warning that
        says so.
    columns : collection of str
        Those that are, or may be, numbers; other types than text stay as they are.
    needed : bool
        Whether they are numbers; else a column in doubt stays text, with a warning.

    Raises
    ------
    DataError
        For a column of numbers in doubt, or one that is not written as the table says.
    """
    for name in columns:
        column = column_at(loaded.table, name)
        if column.mixed or not pa.types.is_string(column.cells.type):
            continue
        texts = pc.unique(column.cells).to_pylist()
        decimal = loaded.decimal
        if decimal is None:
            writing = writing_of(texts)
            if doubt := doubt_of(writing, name, loaded):
                if needed:
                    raise DataError(f"{_place(loaded, name, writing.example)}: {doubt}")
                warn(f"{loaded.name}: {doubt}; until then the column is text")
            if writing.kind not in ("comma", "point"):
                continue
            decimal = writing.kind
            if decimal == "comma":
                remedy = "give decimal='point'" if loaded.is_delimited else WRITE
                warn(
                    f"{loaded.name}: the numbers in column '{name}' are read with a decimal comma, {writing.example} as"
                    f" {writing.example.replace('.', '').replace(',', '.')}; if that is wrong, {remedy}"
                )
        elif (odd := _odd(texts, decimal)) is not None:
            if needed:
                raise DataError(
                    f"{_place(loaded, name, odd)}: {odd!r} in column '{name}' is no number with a decimal {decimal}"
                )
            continue
        elif not needed and not any("," in text for text in texts if text):
            continue  # 12.345 may be the number of an article
        loaded = replace(loaded, table=_rewritten(loaded.table, name, decimal))
    return loaded


def _odd(texts: Iterable[str | None], decimal: str) -> str | None:
    """Return a value with a comma, or with a point where that divides thousands, that is not written as it is said; None without one."""
    forms = _FORMS["comma" if decimal == "comma" else "point"]
    signs = [text for text in texts if text and ("," in text or (decimal == "comma" and "." in text))]
    return next((text for text in signs if not any(form.fullmatch(_bare(text)) for form in forms)), None)


def _rewritten(table: pa.Table, name: str, decimal: str) -> pa.Table:
    """Return a table with one column whose numbers have a point before the decimals and nothing between thousands."""
    drop, point = (".", ",") if decimal == "comma" else (",", ".")
    cells = pc.replace_substring(table.column(name), drop, "")
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(name), pc.replace_substring(cells, point, "."))


def _bare(text: str | None) -> str:
    """Return a text without blanks and the sign of a currency around it."""
    return (text or "").strip().strip(CURRENCY).strip()


def _place(loaded: LoadedTable, name: str, value: str) -> str:
    cells = [_bare(text) for text in column_at(loaded.table, name).cells.to_pylist()]
    return loaded.place(cells.index(_bare(value)))
