"""Columns that are shown to a person: the title, a picture, a link; whatever they hold, they are text or left out."""

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, ContentProfile, ContentSpec, DataError, Dataset, UsageError, load
from dualnet.data.check import check_dataset
from dualnet.data.values import is_address
from dualnet.serve.cards import card
from dualnet.serve.catalogue import open_catalogue
from dualnet.serve.replies import ModelLabel
from dualnet.tabular import LONGEST_CELL

EVENTS = pa.table({"user_id": ["a", "a", "b", "c", "c"], "item_id": ["i1", "i2", "i1", "i3", "i2"]})
ITEMS = pa.table({
    "item_id": ["i1", "i2", "i3"],
    "about": ["deep nets " * 50, "graphs and nets", "deep graphs"],
    "name": ["Deep\nNets", "  ", None],
    "year": [1990, 2000, None],
    "tags": ["red|blue", "red", "blue"],
    "cover": ["https://x.org/1.png", "", "javascript:alert(1)"],
    "page": ["HTTPS://x.org/1?a=b#c", None, "/3"],
})  # fmt: skip


def data(**shown):
    return Dataset.from_tables(EVENTS, ITEMS, text="about", **shown)


@pytest.mark.parametrize(
    ("shown", "titles"),
    [
        ({"title": "name"}, ["Deep\nNets", "i2", "i3"]),
        ({"title": "year"}, ["1990", "2000", "i3"]),
        ({"title": "tags", "tags": "tags"}, ["red, blue", "red", "blue"]),
        ({"title": "tags"}, ["red|blue", "red", "blue"]),
        ({"title": "item_id"}, ["i1", "i2", "i3"]),
        ({}, ITEMS["about"].to_pylist()),
    ],
)
def test_the_chosen_title_is_shown(shown, titles, tmp_path):
    loaded = data(**shown)
    assert loaded.items.all_titles() == loaded.items.titles(np.arange(3)) == titles
    model = ContentProfile().fit(loaded)
    assert set(model.recommend(history=["i1"], filter_seen=False, k=3).titles) == set(titles)
    model.save(tmp_path / "m")
    assert open_catalogue(load(tmp_path / "m"), ModelLabel("m", "1")).titles([0, 1, 2]) == titles


@pytest.mark.parametrize("what", ["title", "picture", "link"])
def test_a_column_that_is_not_there_is_told_with_the_nearest(what):
    with pytest.raises(DataError, match=f"no column 'nam' to show. Did you mean 'name'\\? Say which it is with {what}="):
        data(**{what: "nam"})
    with pytest.raises(UsageError, match=f"{what}= means nothing without items="):
        Dataset.from_tables(EVENTS, **{what: "name"})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"picture": "name"}, "holds no address such as .*'Deep.*images="),
        ({"link": "about"}, "holds no address"),
        ({"link": "year"}, "holds no address"),
        ({"title": "v", "vectors": "v"}, "no text to show"),
    ],
)
def test_a_column_that_cannot_be_shown_is_refused(wrong, says):
    items = ITEMS.append_column("v", pa.array([[0.5, 1.0]] * 3))
    with pytest.raises(DataError, match=says):
        Dataset.from_tables(EVENTS, items, text="about", **wrong)


def test_cards_have_addresses_alone():
    model = ContentProfile().fit(data(title="name", picture="cover", link="page"))
    catalogue = open_catalogue(model, ModelLabel("m", "1"))
    cards = [card(catalogue, row) for row in range(3)]
    assert [one["picture_link"] for one in cards] == ["https://x.org/1.png", None, None]
    assert [one["link"] for one in cards] == ["HTTPS://x.org/1?a=b#c", None, None]
    totals = check_dataset(data(title="name", picture="cover", link="page")).totals
    assert totals["items with a picture (cover)"] == totals["items with a link (page)"] == 1


@pytest.mark.parametrize(
    "text", ["ftp://x.org", "//x.org", "https://", "https:// x", 'https://x"y', "https://x<b>", 3, None, ""]
)
def test_what_is_no_address(text):
    assert not is_address(text)


def test_long_titles_are_one_line_wherever_they_are_printed():
    items = ITEMS.set_column(2, "name", pa.array([f"{'long ' * 400}\n\tend", "x" * 100_000, "b"]))
    model = ContentProfile().fit(Dataset.from_tables(EVENTS, items, text="about", title="name"))
    listed = str(model.recommend(history=["i3"], k=3, filter_seen=False)).splitlines()
    why = str(model.explain("i1", history=["i2", "i3"])).splitlines()
    assert len(listed) == 4
    assert all(len(line) < LONGEST_CELL + 40 for line in [*listed, *why])


def test_columns_to_show_are_no_content_of_the_fingerprint_and_are_kept():
    plain, shown = data(), data(link="page")
    spec = ContentSpec(text=("about",), picture="cover", link="page")
    assert ContentSpec.from_json(spec.to_json()) == spec
    assert ContentSpec.from_json({"text": ["about"]}) == ContentSpec(text=("about",))  # as written before there were any
    assert Content(plain.items.ids, plain.items.table, ContentSpec(text=("about",))).fingerprint() == plain.items.fingerprint()
    assert shown.items.fingerprint() != plain.items.fingerprint()
