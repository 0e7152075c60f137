"""Ids: the same answers whether there are few of them or millions, as text or as integers."""

import numpy as np
import pyarrow as pa
import pytest

from dualnet import ids as module
from dualnet.errors import DataError, UnknownIdError
from dualnet.ids import IdMap

KEYS = {
    "text": ["tea", "jam", "Brot", "éclair", "😀", "007", "7"],
    "integers": [7, -3, 10**12, 0, 5],
    "integers without gaps": [3, 4, 5, 6],
    "ascending text": ["a", "b", "c", "é"],
}


@pytest.fixture(params=[10**9, 1], ids=["few", "many"])
def many(request, monkeypatch):
    monkeypatch.setattr(module, "MANY", request.param)
    monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr("dualnet.id_texts.FEW_ASKED", 2)
    return request.param


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("given", [list, pa.array, np.array], ids=["list", "arrow", "numpy"])
def test_few_and_many_ids_answer_alike(many, keys, given):
    ids = IdMap(given(keys))
    assert (len(ids), ids.keys, list(ids), ids.arrow().to_pylist()) == (len(keys), keys, keys, keys)
    assert [ids.row(key) for key in keys] == list(range(len(keys)))
    assert ids.rows(keys[::-1]).tolist() == list(range(len(keys)))[::-1]
    assert ids.find(pa.array(keys)).tolist() == list(range(len(keys)))
    assert [ids.key(row) for row in range(len(keys))] == keys
    assert ids.take(np.array([2, 0, 2])) == [keys[2], keys[0], keys[2]]
    assert ids.subset(np.array([2, 0])).keys == [keys[2], keys[0]]
    assert ids.is_integer == isinstance(keys[0], int)
    assert ids == IdMap(keys)
    assert ids != IdMap(keys[1:])
    assert ids != IdMap(keys[::-1])
    assert ids != 1
    assert keys[0] in ids
    assert "nowhere" not in ids
    assert True not in ids
    assert None not in ids
    assert ids.find(["nowhere", keys[1], 10**30, None, 1.5]).tolist() == [-1, 1, -1, -1, -1]
    sorted_ids, rows = IdMap.from_values(given([*keys, keys[0]]))
    assert sorted_ids.keys == sorted(keys)
    assert sorted_ids.take(rows) == [*keys, keys[0]]
    with pytest.raises(UnknownIdError, match="nowhere"):
        ids.rows(["nowhere"])


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_the_fingerprint_is_that_of_few_ids(monkeypatch, keys):
    few = IdMap(keys).fingerprint(), hash(IdMap(keys))
    monkeypatch.setattr(module, "MANY", 1)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    assert (IdMap(keys).fingerprint(), hash(IdMap(keys))) == few


def test_ids_are_found_in_other_forms(many):
    assert IdMap([7, 9, 8]).find(["7", " 9", "007", "x"]).tolist() == [0, 1, -1, -1]
    assert IdMap(["é", "b"]).find(["e\u0301", " b ", "c"]).tolist() == [0, 1, -1]
    assert IdMap(["é", "b"]).extend(["c"]).row("c") == 2


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["a", "b", "a"], "'a' occur more than once"),
        ([3, 1, 3], "3 occur more than once"),
        (["a", ""], "empty"),
        (["x" * 2000], "longer than"),
    ],
)
@pytest.mark.parametrize("given", [list, pa.array], ids=["list", "arrow"])
def test_wrong_ids_are_refused_alike(many, keys, told, given):
    with pytest.raises(DataError, match=told):
        IdMap(given(keys))


@pytest.mark.parametrize("keys", [pa.array(["a", None]), pa.array([1, None])])
def test_a_missing_id_is_refused(many, keys):
    with pytest.raises(DataError, match="missing"):
        IdMap(keys)


class Untouched:
    """Ids of which nothing but their number and kind may be asked."""

    dtype = np.dtype(np.int64)

    def __len__(self):
        return 4


@pytest.mark.parametrize("keys", [[7, -3, 10, 0], [-3, 0, 7, 10], [3, 4, 5, 6]])
def test_only_the_first_search_looks_at_all_of_many_integers(monkeypatch, keys):
    monkeypatch.setattr(module, "MANY", 1)
    ids = IdMap(np.array(keys))
    assert ids.row(keys[0]) == 0
    ids._keys = Untouched()
    assert ids.rows(keys[::-1]).tolist() == [3, 2, 1, 0]
    assert ids.find([99, -99]).tolist() == [-1, -1]
