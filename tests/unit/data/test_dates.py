"""A point in time is the same whether it stands in a column of times or in a date column of content."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from dualnet import DataError, Dataset, DualNetWarning
from dualnet.data.read_table import LoadedTable
from dualnet.data.times import times_of
from dualnet.data.values import UnfitError, date_of

DAY = datetime(2005, 1, 31)
MINUTE = datetime(2005, 1, 31, 23, 59)
WRITTEN: list[tuple[object, datetime]] = [
    (20050131, DAY), ("20050131", DAY), (20050131.0, DAY), (200501312359, MINUTE), ("200501312359", MINUTE),
    (20050131235900, MINUTE), ("20050131235900", MINUTE), (1107215940, MINUTE), ("1107215940", MINUTE),
    (1107215940.5, MINUTE), ("1107215940.0", MINUTE), ("1.10721594e9", MINUTE), (1107215940000, MINUTE),
    (1107215940000000, MINUTE), (1107215940000000000, MINUTE),
    ("2005-01-31", DAY), ("2005/01/31", DAY), ("2005.01.31", DAY), ("2005-1-31", DAY), ("2005/1/31", DAY),
    ("2005-01-31 23:59", MINUTE), ("2005-01-31T23:59:00", MINUTE), ("2005-01-31t23:59:00z", MINUTE), ("2005/01/31 23:59", MINUTE),
    ("2005-01-31T23:59:00Z", MINUTE), ("2005-01-31 23:59:00 UTC", MINUTE), ("2005-01-31 23:59:00 GMT", MINUTE),
    ("2005-02-01T01:59:00+02:00", MINUTE), ("2005-02-01 01:59:00 +0200", MINUTE), ("2005-01-31 22:59:00-01", MINUTE),
    ("2005-01-31T23:59:00,000", MINUTE), ("2005-01-31T23:59:00.000000000Z", MINUTE), ("20050131T235900", MINUTE),
    ("31 Jan 2005", DAY), ("31 January 2005", DAY), ("31-Jan-2005", DAY), ("January 31, 2005", DAY), ("Jan 31, 2005", DAY),
    ("Posted January 31, 2005", DAY), ("Mon, 31 Jan 2005 23:59:00 GMT", MINUTE), ("Mon Jan 31 23:59:00 +0000 2005", MINUTE),
    (" 2005-01-31 ", DAY), (1972010112, datetime(2032, 6, 28, 4, 35, 12)),
]  # fmt: skip
NO_DATES: list[object] = [
    "1/31/2005", "31/01/2005", "yesterday", "2005-13-01", "2005-02-30", 20051331, "20050230", 20050131246000, "31 Foo 2005",
    "2005-01-31T25:00", "2005/01.31", 1999, "2005", [2005, 1, 31], True,
]  # fmt: skip


def time_of(value: object) -> int:
    """Return the first of a column of times that are all alike."""
    table = LoadedTable(pa.table({"t": pa.array([value] * 2)}), "events.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DualNetWarning)
        return int(times_of(table, "t")[0])


@pytest.mark.parametrize(("value", "when"), WRITTEN)
def test_one_rule_for_times_and_dates(value: object, when: datetime) -> None:
    found = date_of(value)
    assert found is not None
    assert found.replace(microsecond=0) == when
    assert time_of(value) == int(when.replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize("value", NO_DATES)
def test_what_is_no_date_is_none_in_both(value: object) -> None:
    with pytest.raises(UnfitError, match="not a date"):
        date_of(value)
    with pytest.raises(DataError):
        time_of(value)


def test_times_of_one_column_that_mixes_forms_of_dates() -> None:
    texts = [str(value) for value, when in WRITTEN if when == DAY and not str(value).replace(".", "").isdecimal()]
    found = times_of(LoadedTable(pa.table({"t": texts}), "events.csv"), "t")
    assert set(found.tolist()) == {int(DAY.replace(tzinfo=UTC).timestamp())}


def test_a_number_column_of_dates_takes_every_form_of_them() -> None:
    events = {"user_id": ["a", "b", "a"], "item_id": ["x", "y", "z"]}
    items = {"item_id": ["x", "y", "z"], "day": ["31 Jan 2005", "February 1, 2005", "2005/2/2"]}
    data = Dataset.from_tables(events, items, numbers="day")
    assert data.items is not None
    assert [day.day for day in data.items.table.column("day").to_pylist()] == [31, 1, 2]
