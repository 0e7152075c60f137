"""Numbers with a decimal comma: read where nothing else can be meant, refused with a remedy where something else can."""

from __future__ import annotations

import warnings

import pytest

from dualnet import ContentProfile, DataError, Dataset, DualNetWarning, UsageError
from dualnet.data.decimal_commas import writing_of

EVENTS = "user_id;item_id;stars\nann;tea;4,5\nann;jam;2\nbob;tea;3,5\nbob;jam;5\n"
PRICES = ("9,90", "12,5", "3")


@pytest.fixture
def table(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def priced(*prices):
    return "item_id;title;price\n" + "".join(f"i{n};wine {n};{price}\n" for n, price in enumerate(prices))


def items_of(table, prices, **how):
    pairs = "user_id;item_id\n" + "".join(f"ann;i{n}\n" for n in range(len(prices)))
    return (
        Dataset.from_tables(table("e.csv", pairs), table("i.csv", priced(*prices)), text="title", **how)
        .items.table["price"]
        .to_pylist()
    )


@pytest.mark.parametrize(
    ("texts", "kind", "example"),
    [
        (["3,5", "12,75", "4"], "comma", "3,5"), (["-3,5 €", " ", None, "n/a"], "comma", "-3,5"),
        (["0,125"], "comma", "0,125"), (["1234,567"], "comma", "1234,567"), (["1,234", "5,5"], "comma", "5,5"),
        (["1,234", "5"], "either", "1,234"), (["1.234,56", "7,5"], "comma", "1.234,56"), (["1.234", "7,5"], "thousands", "1.234"),
        (["1,234.5", "7"], "point", "1,234.5"), (["1,234", "7.5"], "thousands", "1,234"), (["1.234", "7.5"], "", ""), (["3,5", "red, green"], "", ""), (["3,5,7"], "", ""),
        ([], "", ""), (["3,5", "3.5"], "", ""), ([",5", "1,5e3", "\u22122,5", "1e5"], "comma", ",5"),
    ],
)  # fmt: skip
def test_how_numbers_are_written(texts, kind, example):
    assert (writing_of(texts).kind, writing_of(texts).example) == (kind, example)


def test_ratings_with_a_comma_are_read_and_told(table):
    with pytest.warns(
        DualNetWarning, match=r"e\.csv: .* column 'stars' are read with a decimal comma, 4,5 as 4\.5; .* decimal='point'"
    ):
        data = Dataset.from_tables(table("e.csv", EVENTS), rating="stars", threshold=4)
    assert data.interactions.n_pairs == 2
    assert data.interactions.others.n_disliked == 2


def test_a_quoted_comma_between_commas_is_read(table):
    path = table("e.csv", 'user_id,item_id,plays\nann,tea,"1,5"\nann,jam,2\n')
    with pytest.warns(DualNetWarning, match="decimal comma"):
        assert sorted(Dataset.from_tables(path, weight="plays").interactions.matrix.data) == [1.5, 2]


@pytest.mark.parametrize("named", [{"numbers": "price"}, {}])
def test_numbers_of_items_are_numbers_to_learn_from_and_to_filter_on(table, named):
    with pytest.warns(DualNetWarning, match="column 'price' are read with a decimal comma, 9,90 as 9.90"):
        assert items_of(table, PRICES, **named) == [9.9, 12.5, 3.0]


def test_what_is_said_is_not_told_again(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert items_of(table, PRICES, numbers="price", decimal="comma") == [9.9, 12.5, 3.0]


@pytest.mark.parametrize(
    ("decimal", "prices", "found"),
    [
        ("comma", ("1,234", "2"), [1.234, 2.0]), ("point", ("1,234", "2"), [1234, 2]), (",", ("1.234,50", "1.234"), [1234.5, 1234.0]),
        (".", ("1,234.50", "7"), [1234.5, 7.0]),
        ("point", ("1.5e-05", ".5", "True"), [1.5e-05, 0.5, 1.0]), ("comma", ("1,5e3", ",5"), [1500.0, 0.5]),
    ],
)  # fmt: skip
def test_the_option_says_what_a_comma_in_doubt_means(table, decimal, prices, found):
    assert items_of(table, prices, numbers="price", decimal=decimal) == found


def test_a_value_with_both_signs_says_which_is_which(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert items_of(table, ("$1,234.56", "12.50", "2,345"), numbers="price") == [1234.56, 12.5, 2345.0]
    with pytest.warns(DualNetWarning, match=r"decimal comma, 1\.234,56 as 1234\.56; if that is wrong, give decimal='point'"):
        assert items_of(table, ("7,5", "1.234,56", "2.345"), numbers="price") == [7.5, 1234.56, 2345.0]


@pytest.mark.parametrize("prices", [("2", "1,234"), ("7,5", "1.234")])
def test_a_column_in_doubt_is_refused_with_place_value_and_remedy(table, prices):
    with pytest.raises(
        DataError, match=rf"i\.csv, line 3: '{prices[1]}' in column 'price' .* decimal='comma' or decimal='point'"
    ):
        items_of(table, prices, numbers="price")


def test_a_column_in_doubt_that_nobody_named_stays_text_and_is_told(table):
    with pytest.warns(DualNetWarning, match=r"'1,234' in column 'price' .*; until then the column is text"):
        assert items_of(table, ("1,234", "2,345")) == ["1,234", "2,345"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("price", "kind"), [("1,234", DataError), ("1,5", DualNetWarning)])
def test_the_remedy_for_a_data_frame_is_one_that_it_takes(price, kind):
    """It has no lines of fields, and would refuse decimal=."""
    events, items = {"user_id": ["ann"], "item_id": ["tea"]}, {"item_id": ["tea"], "price": [price]}
    with pytest.raises(kind, match="write all of them with a point before the decimals"):
        Dataset.from_tables(events, items, numbers="price")


@pytest.mark.parametrize(("decimal", "price"), [("comma", "3.5"), ("point", "3,5"), ("comma", "3,5,7")])
def test_a_number_that_is_not_written_as_said_is_refused(table, decimal, price):
    with pytest.raises(DataError, match=f"line 3: '{price}' in column 'price' is no number with a decimal {decimal}"):
        items_of(table, ("2", price), numbers="price", decimal=decimal)


def test_ids_and_texts_keep_their_commas_and_points(table):
    text = "item_id;title;code\ni0;Tea, green. 1,5;12.345\ni1;2,5;12.346\n"
    items = Dataset.from_tables(
        table("e.csv", "user_id;item_id\nann;i0\nann;i1\n"), table("i.csv", text), text="title", decimal="comma"
    ).items.table
    assert items["title"].to_pylist() == ["Tea, green. 1,5", "2,5"]
    assert items["code"].to_pylist() == [12.345, 12.346]


def test_another_word_for_decimals_is_refused(table):
    with pytest.raises(UsageError, match=r"decimal='komma' is not known; say 'comma' \(3,5\) or 'point' \(3\.5\)"):
        Dataset.from_tables(table("e.csv", EVENTS), decimal="komma")


def test_it_means_nothing_without_a_text_table():
    with pytest.raises(UsageError, match="decimal= says how text tables are written, and none was read"):
        Dataset.from_tables({"user_id": ["ann"], "item_id": ["tea"]}, decimal="comma")


def test_new_items_are_read_so_too(table, tmp_path):
    pairs = "user_id;item_id\nann;i0\nann;i1\nbob;i2\n"
    data = Dataset.from_tables(table("e.csv", pairs), table("i.csv", priced(*PRICES)), text="title", decimal="comma")
    model = ContentProfile().fit(data)
    with pytest.warns(DualNetWarning, match="decimal comma"):
        model.add_items(table("new.csv", "item_id;title;price\nn;wine 7;7,75\n"))
    assert model.catalogue_.content.table["price"].to_pylist()[-1] == 7.75
