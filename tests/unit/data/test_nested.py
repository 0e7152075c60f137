"""Values that hold themselves, or are nested without end, reach no native reader: a sentence, not a dead process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dualnet import DataError, Dataset, DualNet, UsageError
from dualnet.data.frames import FOR_ARROW, is_deep

EVENTS = {"user_id": ["a", "b", "a", "b"], "item_id": ["x", "y", "z", "w"]}
ITEMS = {"item_id": ["x", "y", "z", "w"], "title": ["one two", "two three", "three one", "one two"]}


def circular_list() -> Any:
    value: list[Any] = ["a"]
    value.append(value)
    return value


def circular_dict() -> Any:
    value: dict[str, Any] = {"label": "a"}
    value["self"] = value
    return value


def circular_pair() -> Any:
    value: list[Any] = []
    value += [[value], value]
    return value


def circular_array() -> Any:
    value = np.empty(1, object)
    value[0] = value
    return value


def circular_tuple() -> Any:
    inside: list[Any] = []
    value = (inside,)
    inside.append(value)
    return value


def circular_deque() -> Any:
    value: deque[Any] = deque()
    value.append(value)
    return value


def deep_list() -> Any:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


MAKERS = [circular_list, circular_dict, circular_pair, circular_array, circular_tuple, circular_deque, deep_list]
FORMS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "columns": lambda table: table,
    "rows": lambda table: [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)],
    "pandas": lambda table: pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in table.items()}),
    "polars": lambda table: pl.DataFrame({name: pl.Series(values, dtype=pl.Object) for name, values in table.items()}),
}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["text", "tags", "categories", "numbers", "vectors", "images", None])
def test_no_column_holds_itself(make: Callable[[], Any], form: str, kind: str | None) -> None:
    table = FORMS[form]({**ITEMS, "odd": [make(), None, None, None]})
    named: dict[str, Any] = {"text": ("title",)}
    if kind is None:  # a column that nobody named never causes an error
        assert len(Dataset.from_tables(EVENTS, table, **named).interactions.items) == 4
        return
    named = {**named, kind: ("title", "odd") if kind == "text" else ("odd",)}
    with pytest.raises(DataError, match="row 1: column 'odd' of 'x' is {'nested without end': True}"):
        Dataset.from_tables(EVENTS, table, **named)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("named", [{}, {"weight": "odd"}, {"time": "odd"}, {"event": "odd"}, {"rating": "odd", "threshold": 1}])
def test_no_event_holds_itself(make: Callable[[], Any], named: dict[str, Any]) -> None:
    column = "odd" if named else "user_id"
    with pytest.raises(DataError, match="nested without end"):
        Dataset.from_tables({**EVENTS, column: [make(), 1, 1, 1]}, **named)


@pytest.mark.parametrize("table", [circular_list(), circular_dict(), deep_list()])
def test_no_table_holds_itself(table: Any) -> None:
    with pytest.raises(DataError):
        Dataset.from_tables(table)
    with pytest.raises(DataError):
        Dataset.from_tables([table])


@pytest.mark.parametrize("make", MAKERS)
def test_no_new_item_and_no_question_holds_itself(make: Callable[[], Any]) -> None:
    model = DualNet(levels=[4], epochs=1).fit(Dataset.from_tables(EVENTS, ITEMS, text="title"))
    with pytest.raises(DataError, match="nested without end"):
        model.add_items({"item_id": ["new"], "title": [make()]})
    with pytest.raises(DataError, match="nested without end"):
        model.recommend(history=["x"], new_items=[{"item_id": "new", "title": make()}])
    with pytest.raises((UsageError, DataError)):
        model.recommend(history=[make()])


def test_values_that_are_only_deep_are_kept() -> None:
    value: Any = "wine"
    for _ in range(FOR_ARROW + 8):
        value = [value]
    assert is_deep([value])
    assert not is_deep([["a", {"b": [1, np.arange(3)]}], "text", None])
    again = [value, value]  # one list in two places is not circular
    data = Dataset.from_tables(EVENTS, {**ITEMS, "odd": [again, "x", None, 1]}, text=("title", "odd"))
    assert data.items is not None
    assert data.items.table.column("odd").to_pylist() == ["1", "wine wine", "x", None]  # by id: w, x, y, z
