"""Parsing of dates in text and in numbers: one rule for the times of events and for the dates of content."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

EDGES = (1e8, 1e11, 1e14, 1e17)  # as seconds 1973 and the year 5138; the same in each smaller unit
PARTS = (1, 10**3, 10**6, 10**9)  # of a second: what lies below the next edge counts these
CALENDARS = ((8, "YYYYMMDD"), (12, "YYYYMMDDhhmm"), (14, "YYYYMMDDhhmmss"))
FIRST_DAY, AFTER_LAST_DAY = 1900_01_01, 2101_01_01  # of numbers that are a calendar's
NUMBER = r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
MONTHS = {
    name: n for n, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}

EPOCH = datetime(1970, 1, 1)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_NAMED = (  # months by name: unambiguous in any order
    re.compile(r"(?:[a-z]{3},? )?(?P<month>[a-z]{3}) +(?P<day>\d{1,2}) (?P<clock>[\d:]+) (?:(?P<zone>[+-]\d{4}|utc|gmt) )?(?P<year>\d{4})"),
    re.compile(r"(?:[a-z]{3}, )?(?P<day>\d{1,2})[ -](?P<month>[a-z]{3})[a-z.]*[ -](?P<year>\d{4})(?: (?P<clock>[\d:]+)(?: (?P<zone>[+-]\d{4}|utc|gmt|z))?)?"),
    re.compile(r"(?P<month>[a-z]{3})[a-z.]* (?P<day>\d{1,2}), (?P<year>\d{4})(?P<clock>)(?P<zone>)"),
)  # fmt: skip


def moment_of_text(text: str) -> datetime:
    """Return the point in time that a text names, with its zone where it has one.

    Parameters
    ----------
    text : str
        An ISO date with or without a time and a zone, also with ``/`` or ``.``, one digit for a month or day, ``UTC`` or ``GMT``;
        or a month by its name, such as ``31 Jan 2005``, ``January 31, 2005``, ``Mon Jan 31 23:59:00 +0000 2005``.

    Raises
    ------
    ValueError
        For anything else, such as ``1/2/2005``, which is one of two days.
    """
    text = text.strip()
    for pattern in _NAMED:
        found = pattern.fullmatch(text.lower().removeprefix("posted ").rstrip("."))
        if found:
            return _of_parts(found)
    text = _YEAR_FIRST.sub(lambda found: f"{found[1]}-{int(found[3]):02}-{int(found[4]):02}", text, count=1)
    text = re.sub(r" ?(?:UTC|GMT|[zZ])$", "+00:00", text)
    text = re.sub(r" ([+-]\d{2}:?\d{2})$", r"\1", text)
    text = re.sub(r"(:\d{2}),(\d+)", r"\1.\2", text)
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)  # nanoseconds
    return datetime.fromisoformat(text)


def _of_parts(found: re.Match[str]) -> datetime:
    if found["month"] not in MONTHS:
        raise ValueError(found[0])
    hour, minute, second = ([int(part) for part in (found["clock"] or "0").split(":")] + [0, 0])[:3]
    offset = found["zone"] or "+0000"
    minutes = int(offset[1:3]) * 60 + int(offset[3:5]) if offset[0] in "+-" else 0
    zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    return datetime(int(found["year"]), MONTHS[found["month"]], int(found["day"]), hour, minute, second, tzinfo=zone)


def moment_of_number(value: Any) -> datetime:
    """Return the point in time that a number names, in UTC.

    Parameters
    ----------
    value : number
        A day, minute or second of the calendar (20050131, 200501312359, 20050131235959), else seconds, milli-, micro- or
        nanoseconds since 1970 by its size.

    Raises
    ------
    ValueError
        For a year, which would be the first hour of 1970, a day that the calendar lacks, and times beyond every year.
    """
    if not -(10**20) < value < 10**20 or 1500 <= value <= 2200:
        raise ValueError(value)
    for digits, _ in CALENDARS:
        scale = 10 ** (digits - 8)
        if value == int(value) and FIRST_DAY * scale <= value < AFTER_LAST_DAY * scale:
            seconds, wrong = calendar_seconds(np.array([int(value)], np.int64), digits)
            if not wrong[0]:
                return EPOCH + timedelta(seconds=int(seconds[0]))
            if digits != 12:  # milliseconds of the seventies have 12 digits too
                raise ValueError(value)
    parts = next((parts for edge, parts in zip(EDGES[1:], PARTS, strict=False) if abs(value) < edge), PARTS[-1])
    try:
        return EPOCH + timedelta(microseconds=int(value * 1_000_000) // parts)
    except OverflowError:
        raise ValueError(value) from None


def calendar_seconds(whole: NDArray[np.int64], digits: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return numbers such as 20050131, 200501312359 or 20050131235959 as seconds since 1970, and which of them are no date.

    Parameters
    ----------
    whole : ndarray of int64
        Numbers.
    digits : int
        How many digits each has.
    """
    scale = 10 ** (digits - 8)
    day, clock = whole // scale, whole % scale * 10 ** (14 - digits)
    month = day // 100 % 100
    start = ((day // 10_000 - 1970) * 12 + month - 1).astype("M8[M]")
    date = start.astype("M8[D]") + (day % 100 - 1)
    hour, minute, second = clock // 10_000, clock // 100 % 100, clock % 100
    wrong = (month < 1) | (month > 12) | (date.astype("M8[M]") != start) | (hour > 23) | (minute > 59) | (second > 60)
    return date.astype("M8[s]").astype(np.int64) + hour * 3600 + minute * 60 + second, wrong
