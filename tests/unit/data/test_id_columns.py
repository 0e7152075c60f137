"""Ids: blanks, Unicode forms, numbers among text, integers as text: one rule everywhere, counted and said."""

import json
import warnings

import pyarrow as pa
import pytest

from dualnet import DataError, Dataset, IdMap, ItemKNN, UnknownIdError
from dualnet.data.check import check_dataset
from dualnet.data.pairs import read_pairs
from dualnet.errors import DualNetWarning
from dualnet.ids import clean_id

FIRST = 1_234_567_890_123_456_789


def read(users, items, **given):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = Dataset.from_tables(pa.table({"user_id": users, "item_id": items}), duplicates="max", **given)
    return data.interactions, [str(one.message) for one in caught]


@pytest.mark.parametrize("odd", [" i1", "i1 ", "\ti1", "\u00a0i1", "\u3000i1", "\ufeffi1", "i1\u200b", " \u200e i1"])
def test_blanks_and_invisible_marks_around_ids(odd):
    interactions, said = read(["a", "b", "c"], ["i1", odd, "i2"])
    assert interactions.items.keys == ["i1", "i2"]
    assert any("1 item ids in column 'item_id' lost blanks" in text and "1 of them were other forms" in text for text in said)


def test_unicode_forms_and_what_stays_apart():
    interactions, said = read(["caf\u00e9", "cafe\u0301", "Café x", "７"], ["i", "j", "k", "l"])
    assert interactions.users.keys == ["Café x", "café", "７"]
    assert any("1 user ids in column 'user_id'" in text for text in said)
    assert read(["a", "A", "07", "7"], ["i", "j", "k", "l"])[0].n_users == 4


def test_numbers_among_text(tmp_path):
    path = tmp_path / "e.jsonl"
    path.write_text("".join(json.dumps({"user_id": u, "item_id": "x"}) + "\n" for u in (1, "1", "b", " 7")))
    data = Dataset.from_tables(path, duplicates="max")
    assert data.interactions.users.keys == ["1", "7", "b"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_every_type_of_text_is_cleaned(kind):
    assert read(["a"], pa.array([" i1"], pa.string()).cast(kind) if not pa.types.is_dictionary(kind) else pa.array([" i1"]).dictionary_encode())[0].items.keys == ["i1"]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (" ", r"row 2: the user id in column 'user_id' is missing \(1 such rows\)"),
        (None, "is missing"),
        ("\u200b", "is missing"),
    ],
)
def test_blank_ids_are_missing(value, message):
    with pytest.raises(DataError, match=message):
        read(["a", value], ["x", "y"])


def test_floats_are_told_what_may_have_happened():
    with pytest.raises(DataError, match=r"is a float; make ids text or integers \(a gap may have made .*astype\('Int64'\)"):
        read([1.0, 2.0], ["x", "y"])


def test_integers_may_be_asked_for_as_text():
    ids = IdMap([FIRST, FIRST + 1, 7, -3])
    assert ids.rows([str(FIRST + 1), " 7", "-3", 7]).tolist() == [1, 2, 3, 2]
    assert str(FIRST) in ids
    for odd in ("07", "7.0", "+7", "", "x", "٧", "9" * 40, 7.5, True):
        assert odd not in ids
        assert ids.find([odd]).tolist() == [-1]
    with pytest.raises(UnknownIdError, match="the ids here are text, not integers"):
        IdMap(["7"]).row(7)
    with pytest.raises(UnknownIdError, match="the ids here are integers, not text"):
        ids.row("x")


def test_text_may_be_asked_for_in_another_form():
    ids = IdMap(["caf\u00e9", "i1", " old"])
    assert ids.rows(["cafe\u0301", " i1", " old"]).tolist() == [0, 1, 2]  # ids of models from before keep their blanks
    assert ids.find(["old", "I1"]).tolist() == [-1, -1]


def test_a_model_answers_for_big_ids_given_as_text():
    users = [FIRST + k for k in range(20) for _ in range(3)]
    items = [FIRST + 100 + (k * 7 + j) % 12 for k in range(20) for j in range(3)]
    model = ItemKNN().fit(Dataset.from_tables(pa.table({"user_id": users, "item_id": items})))
    as_number = model.recommend(FIRST, k=3, exclude=[FIRST + 105])
    assert model.recommend(str(FIRST), k=3, exclude=[str(FIRST + 105)]).ids == as_number.ids
    assert model.recommend(history=[str(FIRST + 100)], k=3).ids == model.recommend(history=[FIRST + 100], k=3).ids
    assert all(isinstance(key, int) for key in as_number.ids)


@pytest.mark.parametrize("odd", ["a\nb", "a\x00", "../x", "a/../b", "p/picture"])
def test_ids_that_no_server_can_be_asked_for_are_told(odd):
    _, said = read(["a"], [odd])
    assert any("1 item ids in column 'item_id' cannot be asked for over HTTP" in text for text in said)
    assert not read(["a"], ["10.1000/182..3"])[1]


def test_published_pairs_follow_the_same_rule(tmp_path):
    (tmp_path / "p.csv").write_text("user_id,item_id\na, cafe\u0301\nb,caf\u00e9\n", "utf-8")
    assert read_pairs(tmp_path / "p.csv").items.keys == ["caf\u00e9"]


def test_clean_ids_and_look_alikes():
    assert clean_id(" a b ") == "a b"
    report = check_dataset(Dataset(read(["ａ", "a", "A"], ["x", "x", "x"])[0]))
    assert {f.code: f.count for f in report.findings}["look-alike-user-ids"] == 2


def test_ids_of_a_table_of_content_are_named_once_in_warnings():
    events = pa.table({"user_id": ["u"], "item_id": ["a/.."]})
    items = pa.table({"item_id": [" a/.."], "title": ["x"]})
    with pytest.warns(DualNetWarning) as said:
        Dataset.from_tables(events, items, text="title")
    texts = [str(warning.message) for warning in said]
    assert any(text.startswith("1 ids in column 'item_id' lost blanks") for text in texts)
    assert any(text.startswith("1 ids in column 'item_id' cannot be asked for") for text in texts)
