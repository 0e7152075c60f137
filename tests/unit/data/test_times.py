"""Times of events: units by size, days, dates, ISO text with zones; mixtures are refused, and nothing lies in 1970 by accident."""

import datetime as dt
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dualnet import DataError, Dataset, DualNetWarning, Interactions, UsageError
from dualnet.data.frames import to_arrow
from dualnet.data.read_table import LoadedTable
from dualnet.data.times import times_of

FIRST = 1_577_836_800  # 2020-01-01
DAYS = [FIRST + k * 86_400 + 3_661 for k in range(12)]


def seconds(values, form="auto", warn=None):
    table = values if isinstance(values, pa.Table) else pa.table({"t": values})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = times_of(LoadedTable(table, "events.csv"), "t", form)
    assert found.dtype == np.int64
    texts = [str(one.message) for one in caught]
    assert all(issubclass(one.category, DualNetWarning) for one in caught)
    assert (warn is None and not texts) or any(warn in text for text in texts if warn), texts
    return found.tolist()


def text(stamps, pattern, zone=dt.UTC):
    return [dt.datetime.fromtimestamp(stamp, zone).strftime(pattern) for stamp in stamps]


MIDNIGHTS = [stamp - 3_661 for stamp in DAYS]


@pytest.mark.parametrize("kind", [int, float, str, "float text", np.uint64, "decimal"])
@pytest.mark.parametrize(("factor", "warn"), [(1, None), (10**3, "milliseconds"), (10**6, "microseconds and were divided by 1,000,000"), (10**9, "nanoseconds")])  # fmt: skip
def test_units_are_told_by_size(factor, warn, kind):
    whole = [stamp * factor for stamp in DAYS]
    values = {
        int: whole, float: [float(v) for v in whole], str: [str(v) for v in whole], "float text": [f"{v}.25" for v in whole],
        np.uint64: np.array(whole, np.uint64), "decimal": pa.array(whole, pa.decimal128(20, 0)),
    }[kind]  # fmt: skip
    assert seconds(values, warn=warn) == DAYS


@pytest.mark.parametrize(
    ("values", "expected", "warn"),
    [
        ([int(v) for v in text(DAYS, "%Y%m%d")], MIDNIGHTS, "YYYYMMDD"),
        (text(DAYS, "%Y%m%d"), MIDNIGHTS, "YYYYMMDD"),
        ([float(v) for v in text(DAYS, "%Y%m%d")], MIDNIGHTS, "YYYYMMDD"),
        ([int(v) for v in text(DAYS, "%Y%m%d%H%M")], [stamp - 1 for stamp in DAYS], "YYYYMMDDhhmm"),
        ([int(v) for v in text(DAYS, "%Y%m%d%H%M%S")], DAYS, "YYYYMMDDhhmmss"),
        (text(DAYS, "%Y-%m-%d"), MIDNIGHTS, None),
        (text(DAYS, "%Y/%m/%d"), MIDNIGHTS, None),
        (text(DAYS, "%Y-%m-%dT%H:%M:%S"), DAYS, None),
        (text(DAYS, "%Y-%m-%d %H:%M:%S.123456789"), DAYS, None),
        (text(DAYS, "%Y-%m-%dT%H:%M:%SZ"), DAYS, None),
        (text(DAYS, "%Y-%m-%d %H:%M:%S UTC"), DAYS, None),
        (text(DAYS, "%Y-%m-%dT%H:%M:%S.5%z", dt.timezone(dt.timedelta(hours=-7))), DAYS, None),
        (text(DAYS, "%Y-%m-%d %H:%M:%S %z", dt.timezone(dt.timedelta(hours=5, minutes=30))), DAYS, None),
        (text(DAYS, "%Y-%m-%d %H:%M:%S+02", dt.timezone(dt.timedelta(hours=2))), DAYS, None),
        ([*text(DAYS[:6], "%Y-%m-%dT%H:%M:%SZ"), *text(DAYS[6:], "%Y-%m-%d %H:%M:%S")], DAYS, None),
        (text(DAYS, "%Y%m%dT%H%M%SZ"), DAYS, None),
        (text(DAYS, "%a %b %d %H:%M:%S %z %Y", dt.timezone(dt.timedelta(hours=-7))), DAYS, None),  # Goodreads
        (text(DAYS, "%a, %d %b %Y %H:%M:%S %z"), DAYS, None),
        (text(DAYS, "Posted %B %d, %Y."), MIDNIGHTS, None),  # Steam
        (text(DAYS, "%d %B %Y"), MIDNIGHTS, None),
        (text(DAYS, " %Y-%m-%d "), MIDNIGHTS, None),
        ([dt.datetime.fromtimestamp(stamp, dt.UTC) for stamp in DAYS], DAYS, None),
        (pa.array(DAYS, pa.timestamp("s")), DAYS, None),
        (pa.array([stamp * 10**9 + 7 for stamp in DAYS], pa.timestamp("ns", "Europe/Berlin")), DAYS, None),
        (pa.array([stamp // 86_400 for stamp in DAYS], pa.date32()), MIDNIGHTS, None),
        (pa.array([stamp // 86_400 * 86_400_000 for stamp in DAYS], pa.date64()), MIDNIGHTS, None),
        (pa.array(text(DAYS, "%Y-%m-%d")).dictionary_encode(), MIDNIGHTS, None),
        (pa.array(text(DAYS, "%Y-%m-%d"), pa.large_string()), MIDNIGHTS, None),
        (["1965-01-01", "2020-01-01"], [-157_766_400, FIRST], None),
        ([1, 3, 2], [1, 3, 2], "order the events"),
        ([0, *DAYS], [0, *DAYS], "are 0 in 1 row,"),
        ([4_000_000_000, FIRST], [4_000_000_000, FIRST], "1 time in column 't' lies in the future"),
    ],
)  # fmt: skip
def test_times_are_what_they_say(values, expected, warn):
    assert seconds(values, warn=warn) == expected


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_data_frames(frame):
    stamps = [dt.datetime.fromtimestamp(stamp, dt.UTC) for stamp in DAYS]
    events = frame({"user_id": [f"u{k % 3}" for k in range(12)], "item_id": [f"i{k}" for k in range(12)], "t": stamps})
    assert sorted(Dataset.from_tables(events, time="t").interactions.times.tolist()) == DAYS


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([*(s * 1000 for s in DAYS[:8]), *DAYS[8:]], "row 9: 1578531661 in column 't' looks like seconds while 8 of 12 times look like milliseconds"),
        ([*(s * 10**6 for s in DAYS[:3]), *(s * 10**9 for s in DAYS)], "row 1: .* looks like microseconds"),
        ([str(DAYS[0] * 1000), *map(str, DAYS)], "row 1: '1577840461000' in column 't' looks like milliseconds"),
        ([*DAYS, 86_400], "row 13: 86400 in column 't' looks like small numbers while 12 of 13"),
        ([*DAYS, 20200131], "looks like small numbers"),
        ([2001 + k for k in range(12)], "is it a year, or a day of a spreadsheet"),
        ([43_831 + k for k in range(12)], "too small for a time"),
        ([202001, 202002], "too small for a time"),
        ([31_012_020, 1_022_020], "too small for a time"),
        ([20200101, 20200230], "row 2: 20200230 in column 't' is no date, though the column looks like YYYYMMDD"),
        ([132_000_000_000_000_000] * 3, "would lie in the seventies as nanoseconds"),  # 100 ns since 1601
        ([0, 0, 0, FIRST], "row 1: 0 in column 't' would lie in the seventies"),
        (pa.array([FIRST + k for k in range(9)], pa.timestamp("ns")), "lies in 1970, as 9 of 9 times do"),
        (["1970-01-01T00:26:17"] * 2, "lies in 1970"),
        (["2020-01-01", "1577836800", "2020-01-02"], "row 2: '1577836800' in column 't' numbers and dates are mixed"),
        (["2020-01-01", "yesterday"], "row 2: 'yesterday' in column 't' is not a time; .* time_format"),
        (["2020-01-01", "2020-02-30"], "row 2: '2020-02-30' in column 't' is not a time"),
        (["11/11/2019 9:05:58 AM"], "time_format"),
        (["2020-01-01", None, None], r"row 2: None in column 't' is not a time \(2 such rows\)"),
        (["2020-01-01", " "], r"row 2: ' ' in column 't' is not a time \(1 such rows\)"),
        ([1.5e9, float("nan")], "row 2: nan in column 't' is not a time"),
        ([1.5e9, float("inf")], "row 2: inf in column 't' is not a time"),
        ([True, False], "row 1: True in column 't' is not a time"),
        ([dt.timedelta(1)], "is not a time"),
        (np.array([2**63 + 1, 5], np.uint64), "row 1: 9223372036854775809 in column 't' is no time"),
        (["1e300"], "is no time"),
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        seconds(values)


@pytest.mark.parametrize(
    ("values", "form", "expected"),
    [
        ([1000, 86_400], "s", [1000, 86_400]),
        ([1000, FIRST * 1000], "ms", [1, FIRST]),
        ([-1], "ms", [-1]),
        (["1000"], "s", [1000]),
        (["11/11/2019 9:05:58 AM"], "%m/%d/%Y %I:%M:%S %p", [1_573_463_158]),
        (["31.01.2020"], "%d.%m.%Y", [1_580_428_800]),
        ([31_012_020], "%d%m%Y", [1_580_428_800]),
        (pa.array([5], pa.timestamp("s")), "s", [5]),
        (["1970-01-02"], "s", [86_400]),
    ],
)
def test_said_formats(values, form, expected):
    assert seconds(values, form) == expected


def test_formats_that_are_wrong_or_do_not_fit():
    with pytest.raises(UsageError, match="time_format 'weeks' is not known"):
        seconds(["2020-12-01"], "weeks")
    with pytest.raises(DataError, match="row 2: '2020-13-01' in column 't' is not a time as '%Y-%m-%d'"):
        seconds(["2020-12-01", "2020-13-01"], "%Y-%m-%d")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1700000000", 1_700_000_001], [1_700_000_000, 1_700_000_001]),
        ([dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "2020-01-02"], [FIRST, FIRST + 86_400]),
        ([dt.datetime(2020, 1, 1), dt.date(2020, 1, 2)], [FIRST, FIRST + 86_400]),
    ],
)
def test_a_column_that_mixes_types_is_read_by_its_values(values, expected):
    assert seconds(to_arrow({"t": values})) == expected


def test_an_error_shows_the_value_of_a_mixed_column_as_it_came():
    with pytest.raises(DataError, match="row 2: '2024-01-02' in column 't'"):
        seconds(to_arrow({"t": [1_700_000_000, "2024-01-02"]}))


@pytest.mark.parametrize(
    "times", [[np.nan, 2.0], [np.inf, 2.0], [1e30, 2.0], [-1e30, 2.0], np.array([2**63 + 5, 2], np.uint64), [2**63, 2], [1j, 2]]
)
def test_times_that_no_second_stands_for_are_refused_and_never_wrapped(times):
    with pytest.raises(DataError, match="times"):
        Interactions.from_pairs(["a", "b"], ["x", "y"], times=times)


@pytest.mark.parametrize("times", [[5, 2], [5.0, 2.0], np.array([5, 2], np.uint64), ["5", "2"], np.array([5, 2], object)])
def test_times_come_in_any_type_of_number(times):
    assert Interactions.from_pairs(["a", "b"], ["x", "y"], times=times).times.tolist() == [5, 2]
