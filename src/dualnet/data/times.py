"""Times of events as seconds since 1970: from numbers by their size, from days, dates and ISO text with zones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import DataError, UsageError, counted, shown, warn
from .dates import AFTER_LAST_DAY, CALENDARS, EDGES, FIRST_DAY, NUMBER, calendar_seconds, moment_of_text
from .frames import cells_of, column_at, is_mixed
from .read_table import LoadedTable
from .table_values import chunks_of

Numbers = NDArray[np.int64] | NDArray[np.float64]

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # to a second
NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
BANDS = ("small numbers", *NAMES.values())
ORDER_BELOW = 1900  # what is smaller can be no year: numbers that only order events
DAY, YEAR = 86_400, 365 * 86_400
EARLIEST = 10 * YEAR  # events that a computer counted in seconds are younger, or the unit is another
REMEDY = "say how times are written with time_format= (--time-format on the command line)"
_NUMBER = f"^{NUMBER}$"
_ZONE = r"[T ]\d{2}.*(?:[Zz]|[+-]\d{2}:?\d{2}|[+-]\d{2})$"


def compact_times(times: NDArray[np.int64] | None) -> NDArray[Any] | None:
    """Return times of pairs in half the room where whole numbers of 32 bits hold them: those from 1970 to 2106."""
    if times is None or not len(times) or times.min() < 0 or times.max() >= 2**32:
        return times
    return times.astype(np.uint32)


def check_time_format(form: str) -> None:
    """Raise `UsageError` for a format of times that is not known."""
    if form != "auto" and form not in UNITS and "%" not in form:
        raise UsageError(
            f"time_format {form!r} is not known; use 'auto', 's', 'ms', 'us', 'ns' (since 1970), or a pattern of strptime such as"
            " '%m/%d/%Y %H:%M'"
        )


def times_of(loaded: LoadedTable, column: str, form: str = "auto") -> NDArray[np.int64]:
    """Return a column of times as whole seconds since 1970 (UTC where no zone is given).

    Parameters
    ----------
    loaded : LoadedTable
        Events.
    column : str
        Its name.
    form : str
        ``"auto"``: numbers are seconds, milli-, micro- or nanoseconds by their size, or days (20200131); dates, timestamps
        and ISO text are what they say. ``"s"``, ``"ms"``, ``"us"``, ``"ns"``: numbers since 1970 in this unit, as they are.
        Else a pattern of `datetime.strptime` for text.

    Raises
    ------
    DataError
        For a value that is no time, units that mix, or times that would lie in 1970 in bulk.

    Warns
    -----
    DualNetWarning
        Where numbers were not seconds, and for times in the future.
    """
    check_time_format(form)
    cells = chunks_of(loaded, column, "time")
    if is_mixed(loaded.table.schema.field(column)):
        texts = [value if value is None or isinstance(value, str) else str(value) for value in cells_of(loaded.table, column)]
        cells = pa.chunked_array([pa.array(texts, pa.string())])
    if pa.types.is_dictionary(cells.type):
        cells = pc.cast(cells, cells.type.value_type)
    elif pa.types.is_large_string(cells.type) or str(cells.type) == "string_view":
        cells = pc.cast(cells, pa.string())
    where = _Where(loaded, column)
    if pa.types.is_string(cells.type):
        if "%" not in form and cells.null_count == 0:  # millions of one form are read in one go
            for kind in (pa.int64(), pa.timestamp("s"), pa.timestamp("s", "UTC")):
                try:
                    found = pc.cast(cells, kind)
                except pa.ArrowInvalid:
                    continue
                if pa.types.is_integer(kind):
                    return _of_numbers(where, found.to_numpy(), form)
                return where.checked(pc.cast(found, pa.int64()).to_numpy(), form)
        cells = pc.utf8_trim_whitespace(cells)
        where.refuse_missing(pc.or_kleene(pc.is_null(cells), pc.equal(cells, "")))
        numeric = pc.match_substring_regex(cells, _NUMBER).to_numpy() if "%" not in form else np.zeros(len(cells), bool)
        if numeric.all():
            return _of_numbers(where, _parsed_numbers(where, cells), form)
        if numeric.any():
            row = int(np.flatnonzero(numeric if numeric.sum() * 2 < len(numeric) else ~numeric)[0])
            raise where.error(
                row,
                f"numbers and dates are mixed; {REMEDY}, or bring them to one form",
            )
        return where.checked(_of_text(where, cells, form), form)
    where.refuse_missing(pc.is_null(cells, nan_is_null=True))
    if pa.types.is_timestamp(cells.type):
        return where.checked(pc.cast(cells, pa.int64()).to_numpy() // UNITS[cells.type.unit], form)
    if pa.types.is_date(cells.type):
        return where.checked(pc.cast(cells, pa.date32()).to_numpy().astype("M8[s]").astype(np.int64), form)
    if pa.types.is_decimal(cells.type):
        cells = pc.cast(cells, pa.float64())
    if not (pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)):
        raise where.error(0, f"is not a time (the column is {cells.type}); use seconds since 1970 or ISO dates")
    if pa.types.is_uint64(cells.type) and pc.max(cells).as_py() >= 2**63:
        raise where.error(int(pc.index(cells, pc.max(cells)).as_py()), f"is no time in any unit; {REMEDY}")
    return _of_numbers(where, cells.to_numpy().astype(np.int64 if pa.types.is_integer(cells.type) else np.float64), form)


class _Where:
    """A column and the file it came from, for errors and warnings."""

    def __init__(self, loaded: LoadedTable, column: str) -> None:
        self.loaded, self.column = loaded, column

    def error(self, row: int, text: str) -> DataError:
        value = column_at(self.loaded.table.slice(row, 1), self.column).values()[0]
        return DataError(f"{self.loaded.place(row)}: {shown(value)} in column '{self.column}' {text}")

    def warn(self, text: str) -> None:
        warn(f"times in column '{self.column}' {text}")

    def refuse_missing(self, missing: pa.ChunkedArray) -> None:
        count = pc.sum(missing).as_py() or 0
        if count:
            row = int(pc.index(missing, True).as_py())
            raise self.error(row, f"is not a time ({count:,} such rows); use seconds since 1970 or ISO dates, or remove them")

    def checked(self, seconds: NDArray[np.int64], form: str) -> NDArray[np.int64]:
        """Return seconds; refuse 1970 in bulk, warn of the future."""
        early = (seconds >= 0) & (seconds < YEAR)
        if form not in UNITS and early.sum() * 2 > len(seconds):
            raise self.error(
                int(np.argmax(early)),
                f"lies in 1970, as {int(early.sum()):,} of {len(seconds):,} times do: numbers of another unit were read as"
                " seconds or nanoseconds before; write them anew, or pass time_format='s' (--time-format s) if 1970 is right",
            )
        now = datetime.now(UTC).timestamp()
        later = int((seconds > now + DAY).sum())
        if later:
            warn(f"{counted(later, '{time|times}')} in column '{self.column}' {'lies' if later == 1 else 'lie'} in the future")
        return seconds


def _parsed_numbers(where: _Where, cells: pa.ChunkedArray) -> Numbers:
    try:
        return pc.cast(cells, pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return pc.cast(cells, pa.float64()).to_numpy()


def _of_numbers(where: _Where, numbers: Numbers, form: str) -> NDArray[np.int64]:
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise where.error(int(np.argmin(np.isfinite(numbers))), "is not a time; use seconds since 1970 or ISO dates")
    if "%" in form:
        texts = pa.chunked_array([pa.array([f"{number:.0f}" for number in numbers.tolist()])])
        return where.checked(_of_text(where, texts, form), form)
    if form != "auto":
        return where.checked(_whole(where, numbers, UNITS[form]), form)
    size = np.abs(numbers)
    unit = _unit_of_all(size)
    if unit is not None:  # most columns: all of one size, which is told without a look at each
        return _scaled(where, numbers, unit)
    zeros = size == 0
    days = _of_calendar(where, numbers, size[~zeros])
    if days is not None:
        return where.checked(days, form)
    band = np.searchsorted(EDGES, size, side="right")
    counts = np.bincount(band[~zeros], minlength=len(BANDS))
    common = int(counts.argmax())
    if counts[common] < len(numbers) - zeros.sum():
        row = int(np.flatnonzero((band != common) & ~zeros)[0])
        raise where.error(
            row,
            f"looks like {BANDS[band[row]]} while {int(counts[common]):,} of {len(numbers):,} times look like {BANDS[common]};"
            f" bring them to one unit, or {REMEDY}",
        )
    if common == 0:
        return _of_small(where, numbers, size)
    if zeros.any():
        where.warn(f"are 0 in {counted(int(zeros.sum()), '{row|rows}')}, which is 1970; is the time missing there?")
    return _scaled(where, numbers, list(UNITS)[common - 1])


def _unit_of_all(size: Numbers) -> str | None:
    """Return the unit that the smallest and the largest number have, None where they differ or could be days."""
    smallest, largest = np.searchsorted(EDGES, [float(size.min()), float(size.max())], side="right")
    if smallest != largest or smallest == 0 or (smallest == 2 and size.max() < AFTER_LAST_DAY * 10**6):
        return None
    return list(UNITS)[smallest - 1]


def _scaled(where: _Where, numbers: Numbers, unit: str) -> NDArray[np.int64]:
    seconds = _whole(where, numbers, UNITS[unit])
    early = np.abs(seconds) < EARLIEST
    if early.sum() * 2 > len(early):
        row = int(early.argmax())
        raise where.error(row, f"would lie in the seventies as {NAMES[unit]}, and so would most times; {REMEDY}")
    if unit != "s":
        where.warn(f"look like {NAMES[unit]} and were divided by {UNITS[unit]:,}".replace("1,000", "1000", unit == "ms"))
    return where.checked(seconds, "s")


def _of_small(where: _Where, numbers: Numbers, size: Numbers) -> NDArray[np.int64]:
    """Return numbers that only order events; refuse those that could be years, days of a spreadsheet or another count."""
    if size.max() >= ORDER_BELOW:
        row = int(size.argmax())
        raise where.error(row, f"is too small for a time since 1970 (is it a year, or a day of a spreadsheet?); {REMEDY}")
    where.warn(f"are small numbers ({numbers.min():g} to {numbers.max():g}): they order the events, and are no dates")
    return np.floor(numbers).astype(np.int64)


def _of_calendar(where: _Where, numbers: Numbers, size: Numbers) -> NDArray[np.int64] | None:
    """Return seconds of numbers such as 20200131, 202001312359 or 20200131235959; None for others."""
    for digits, form in CALENDARS:
        scale = 10 ** (digits - 8)
        if len(size) == 0 or size.min() < FIRST_DAY * scale or size.max() >= AFTER_LAST_DAY * scale:
            continue
        if len(size) < len(numbers) or (numbers.dtype.kind == "f" and (numbers % 1).any()) or numbers.min() < 0:
            continue
        seconds, wrong = calendar_seconds(numbers.astype(np.int64), digits)
        if wrong.any():
            if digits == 12:
                continue  # milliseconds of the seventies are told below
            raise where.error(int(wrong.argmax()), f"is no date, though the column looks like {form}; mend it, or {REMEDY}")
        where.warn(f"look like {form} and were read as dates")
        return seconds
    return None


def _whole(where: _Where, numbers: Numbers, divisor: int) -> NDArray[np.int64]:
    if numbers.dtype.kind == "i":
        return numbers // divisor  # type: ignore[return-value]
    seconds = np.floor(numbers / divisor)
    if (np.abs(seconds) >= 2**62).any():
        raise where.error(int(np.abs(seconds).argmax()), f"is no time in any unit; {REMEDY}")
    return seconds.astype(np.int64)


def _of_text(where: _Where, cells: pa.ChunkedArray, form: str) -> NDArray[np.int64]:
    if "%" not in form:
        try:
            return _of_iso(cells)
        except pa.ArrowInvalid:  # some are written in another way
            pass
    coded = pc.dictionary_encode(cells).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0)
    found, wrong = np.empty(len(coded.dictionary), np.int64), -1
    for place, text in enumerate(coded.dictionary.to_pylist()):
        try:
            found[place] = _seconds(text, form)
        except (ValueError, OverflowError):
            wrong = place
            break
    codes = coded.indices.to_numpy()
    if wrong >= 0:
        how = f"as {form!r}" if "%" in form else f"; use seconds since 1970 or ISO dates, or {REMEDY}"
        raise where.error(int(np.argmax(codes == wrong)), f"is not a time{' ' if '%' in form else ''}{how}")
    return found[codes]


def _of_iso(cells: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return seconds of ISO text in one go; raises `pyarrow.ArrowInvalid` where Arrow cannot read one."""
    for pattern, plain in (
        (r"^(\d{4})/(\d{2})/(\d{2})", r"\1-\2-\3"),
        (r"^(\d{4})\.(\d{2})\.(\d{2})", r"\1-\2-\3"),
        (r"(:\d{2})[.,]\d+", r"\1"),
        (r" ?(?:UTC|GMT|z)$", "Z"),
        (r" ([+-]\d{2}:?\d{2})$", r"\1"),
        (r"^(\d{4}-\d{2}-\d{2})t", r"\1T"),
    ):
        if pc.any(pc.match_substring_regex(cells, pattern)).as_py():
            cells = pc.replace_substring_regex(cells, pattern, plain)
    zoned = pc.match_substring_regex(cells, _ZONE)
    with_zone = pc.sum(zoned).as_py() or 0
    if with_zone == 0:
        return pc.cast(pc.cast(cells, pa.timestamp("s")), pa.int64()).to_numpy()
    if with_zone == len(cells):
        return pc.cast(pc.cast(cells, pa.timestamp("s", "UTC")), pa.int64()).to_numpy()
    mask, out = zoned.to_numpy(), np.empty(len(cells), np.int64)
    out[mask], out[~mask] = _of_iso(pc.filter(cells, zoned)), _of_iso(pc.filter(cells, pc.invert(zoned)))
    return out


def _seconds(text: str, form: str) -> int:
    """Return the seconds of one text; raises `ValueError` for what is no date."""
    if "%" in form:
        return _since_1970(datetime.strptime(text, form))
    return _since_1970(moment_of_text(text))


def _since_1970(when: datetime) -> int:
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() // 1)
