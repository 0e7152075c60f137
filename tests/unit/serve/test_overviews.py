"""What a page chooses from: labels and ranges of columns, tastes, regions and colours of the map, the log of a run."""

import json
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, ContentSpec, Dataset, UsageError
from dualnet.data.kinds import comparable
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import create
from dualnet.retrieval.filters import Filters
from dualnet.serve.catalogue import open_catalogue
from dualnet.serve.facets import dated_column, facets
from dualnet.serve.overviews import item_map, tastes
from dualnet.serve.replies import ModelLabel
from dualnet.serve.versions import MOST_ENTRIES, training_log


def view_of(columns, **spec):
    """A catalogue of the small world with such columns."""
    world = blocks_world()
    n = len(world.items.ids)
    table = pa.table({"title": world.items.table["title"], **{name: make(n) for name, make in columns.items()}})
    data = Dataset(
        world.interactions, Content(world.items.ids, table, ContentSpec(text=("title",), title="title", min_df=1, **spec))
    )
    return open_catalogue(create("content-profile").fit(data), ModelLabel("content-profile", "0" * 12))


COLUMNS = {
    "genre": lambda n: [["x", "y"] if k % 3 == 0 else ["y"] for k in range(n)],
    "kind": lambda n: ["even" if k % 2 == 0 else "odd" for k in range(n)],
    "year": lambda n: [None if k == 0 else 2000.5 + k for k in range(n)],
    "same": lambda n: ["one"] * n,
    "link": lambda n: [f"https://example.org/{k}" for k in range(n)],
    "code": lambda n: [f"c{k}" for k in range(n)],
    "day": lambda n: pa.array([None if k == 1 else 18_000 + k for k in range(n)], pa.date32()),
    "nan": lambda n: [float("nan")] * n,
    "flag": lambda n: [k % 2 == 0 for k in range(n)],
}


def test_columns_tell_what_can_be_chosen():
    view = view_of(COLUMNS, tags=("genre",), categories=("kind",), numbers=("year",))
    found = {one.pop("name"): one for one in facets(view)["columns"]}
    n = view.n_base
    assert found["genre"]["values"] == [{"value": "y", "items": n}, {"value": "x", "items": (n + 2) // 3}]
    assert {one["value"] for one in found["kind"]["values"]} == {"even", "odd"}
    assert (found["year"]["min"], found["year"]["max"]) == (2001.5, 1999.5 + n)
    assert found["day"]["min"] == "2019-04-14"
    assert {"title", "same", "nan"}.isdisjoint(found)
    assert json.dumps(found, allow_nan=False)


def test_every_value_that_is_offered_can_be_filtered_by():
    view = view_of(
        {name: COLUMNS[name] for name in ("genre", "kind", "year", "flag", "day")},
        tags=("genre",),
        categories=("kind",),
        numbers=("year",),
    )
    content = view.model.catalogue_.content
    filters = Filters(content.table, (), comparable)
    for column in facets(view)["columns"]:
        for value in column.get("values", []):
            assert filters.mask(view.n_base, {column["name"]: {"any": [value["value"]]}}).sum() == value["items"]
        if "min" in column:
            wanted = {column["name"]: {"min": column["min"], "max": column["max"]}}
            assert filters.mask(view.n_base, wanted).sum() == view.n_base - 1


def test_tastes_are_of_one_block_each_and_differ():
    view = view_of({})
    found = tastes(view, 4)["tastes"]
    blocks = [{card["item"].split("-")[0] for card in one["items"]} for one in found]
    assert len(found) > 1
    assert all(len(block) == 1 for block in blocks)
    assert len({next(iter(block)) for block in blocks}) > 1
    listed = [card["item"] for one in found for card in one["items"]]
    assert len(listed) == len(set(listed))
    assert tastes(view, 0) == {"tastes": []}


def test_regions_have_names_that_differ_and_lie_among_their_items():
    view = view_of({"block": lambda n: [f"b{k * 4 // n}" for k in range(n)]}, categories=("block",))
    found = item_map(view)
    assert found["total"] == view.n_items
    names = [region["name"] for region in found["regions"]]
    assert len(names) == len(set(names)) > 1
    for region in found["regions"]:
        assert min(found["x"]) <= region["x"] <= max(found["x"])
        assert min(found["y"]) <= region["y"] <= max(found["y"])
    assert item_map(view)["regions"] == found["regions"]  # the same again


def test_regions_are_named_by_words_as_the_titles_write_them():
    world = blocks_world()
    streets = {"i0": "Große Straße", "i1": "alte GÄRTEN", "i2": "Łódź Café"}
    titles = [f"{streets.get(key.split('-')[0], 'Other')} {place}" for place, key in enumerate(world.items.ids)]
    content = Content.from_rows(list(world.items.ids), {"title": titles}, ContentSpec(text=("title",), min_df=1))
    view = open_catalogue(
        create("content-profile").fit(Dataset(world.interactions, content)), ModelLabel("content-profile", "0" * 12)
    )
    names = {name for region in item_map(view)["regions"] for name in region["name"].split(", ")}
    assert names & {"Große", "Straße", "GÄRTEN", "Łódź", "Café"}
    assert names <= {word for title in titles for word in title.split()}


def test_regions_are_named_by_a_column_that_is_only_shown_where_the_model_reads_no_labels():
    view = view_of({"block": lambda n: [f"b{k * 4 // n}" for k in range(n)], "sold": lambda n: [k % 2 == 0 for k in range(n)]})
    names = [region["name"] for region in item_map(view)["regions"]]
    labels = [label for name in names for label in name.split(", ")]
    assert labels
    assert set(labels) <= {"b0", "b1", "b2", "b3"}  # no word of a title, no yes or no


def test_no_region_is_called_yes_or_no():
    from dualnet.serve.facets import label_columns

    blocks, answers = (
        (lambda n: [f"b{k * 4 // n}" for k in range(n)]),
        (lambda n: ["Yes" if k < n // 2 else "No" for k in range(n)]),
    )
    view = view_of({"block": blocks, "sold": answers})
    assert label_columns(view) == ["block"]
    read = view_of(
        {"block": blocks, "sold": answers, "old": lambda n: [k < n // 2 for k in range(n)]}, categories=("sold", "old")
    )
    assert label_columns(read) == ["block"]
    assert {region["name"][0] for region in item_map(read)["regions"]} == {"b"}


def test_no_label_is_in_two_names_nor_twice_in_one():
    from collections import Counter

    from dualnet.serve.regions import _names

    sets = [[{"Tea", "tea", "pot"}] * 6 + [{"cup"}] * 3, [{"pot", "cup"}] * 6, [{"tea"}] * 2 + [{"cup"}], [{"all"}] * 3]
    groups = [[{label: label for label in one} for one in group] for group in sets]
    everywhere = Counter(label for group in groups for one in group for label in one) + Counter({"all": 100, "tea": 3})
    names = _names(groups, everywhere, sum(map(len, groups)) + 90)
    labels = [label.lower() for name in names for label in name]
    assert len(labels) == len(set(labels)) >= 3
    assert names[0][0] == "Tea"
    assert names[1]
    assert names[3] == []  # a label that is as frequent elsewhere sets nothing apart


@pytest.mark.parametrize(("column", "names"), [("kind", 2), ("genre", 2), ("year", 6), ("flag", 2)])
def test_the_map_takes_the_colours_of_a_column(column, names):
    view = view_of(
        {name: COLUMNS[name] for name in ("genre", "kind", "year", "flag")},
        tags=("genre",),
        categories=("kind",),
        numbers=("year",),
    )
    found = item_map(view, column)["colours"]
    assert found["column"] == column
    assert len(found["names"]) == names
    assert len(found["of"]) == view.n_items
    assert set(found["of"]) - {-1} == set(range(names))


@pytest.mark.parametrize(("column", "said"), [("nosuch", "there is no column"), ("title", "cannot be coloured")])
def test_what_is_no_label_gives_no_colours(column, said):
    with pytest.raises(UsageError, match=said):
        item_map(view_of({}), column)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_items_have_no_regions(n):
    from dualnet.serve.regions import regions

    assert regions(view_of({}), np.arange(n), [0.0] * n, [0.0] * n) == []


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        (
            '{"epoch": 1, "recall": 0.5}\nnot json\n{"epoch": 2, "note": "x", "list": [1]}\n[1]\n',
            [{"epoch": 1, "recall": 0.5}, {"epoch": 2, "note": "x"}],
        ),
        ('{"recall": NaN}\n', [{}]),
        ('{"phase": "workers", "epoch": 0, "event": "lost node7"}\n', [{"phase": "workers", "epoch": 0}]),
        ('{"epoch": ' + "9" * 5000 + "}\n" + "[" * 100_000 + '\n{"epoch": 3}\n', [{"epoch": 3}]),
        ("", []),
        (None, []),
        ('{"epoch": 1}\n' * (MOST_ENTRIES + 9), [{"epoch": 1}] * MOST_ENTRIES),
    ],
    ids=["mixed", "nan", "machines", "too long or deep", "empty", "none", "long"],
)
def test_the_log_beside_a_model_is_read_as_far_as_it_makes_sense(tmp_path, text, entries):
    (tmp_path / "model").mkdir()
    if text is not None:
        (tmp_path / "log.jsonl").write_text(text)
    assert training_log(tmp_path / "model") == entries
    (tmp_path / "log.jsonl").unlink(missing_ok=True)
    (tmp_path / "log.jsonl").mkdir()
    assert training_log(tmp_path / "model") == []


def pages(n):
    return list(range(n))


def years(n):
    return [2000 + row for row in range(n)]


def days(n):
    return pa.array([datetime(2020, 1, 1 + row % 28) for row in range(n)], pa.timestamp("us"))


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"pages": pages, "year": years}, "year"),
        ({"year": years, "begins": days}, "begins"),  # dates before numbers
        ({"begins": days, "published": days}, "published"),
        ({"year": lambda n: [2000] * n, "pages": pages}, None),  # all of one year
        ({"year": lambda n: ["long ago"] * n}, None),
        ({"pubYear": years, "pages": pages}, "pubYear"),
        ({"release_date": years}, "release_date"),
        ({"publisher": lambda n: [f"house {row % 3}" for row in range(n)]}, None),  # text: a boost could not read it
        ({"publisher_id": pages, "update_count": pages, "candidate_score": pages, "last_update": pages}, None),
        ({"released": lambda n: [row % 2 == 0 for row in range(n)]}, None),
        ({}, None),
    ],
)
def test_the_column_of_recency_is_one_of_dates_or_of_a_name_that_says_when(columns, name):
    assert dated_column(view_of(columns)) == name
