"""Row numbers and sparse matrices from anybody: compiled code believes them, so every public door checks them first."""

import hashlib
import json
import shutil
from copy import copy

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load_file, save_file
from scipy.sparse import coo_array, csr_array, csr_matrix

from dualnet import Content, ContentSpec, Dataset, IdMap, Interactions, RankingTask, splits, synthetic
from dualnet.data.other_events import OtherEvents
from dualnet.data.space import ItemSpace
from dualnet.data.split_files import load_split, save_split
from dualnet.errors import DataError

USERS, ITEMS = IdMap(["u0", "u1"]), IdMap(["i0", "i1"])


def spoiled(**parts):
    """Return a matrix of 2 x 2 with some parts exchanged after it was made, as by somebody who means harm."""
    matrix = csr_array((np.ones(2, "f4"), np.array([0, 1], "i4"), np.array([0, 1, 2], "i4")), shape=(2, 2))
    assert matrix.has_canonical_format  # SciPy remembers this
    for name, value in parts.items():
        setattr(matrix, name, np.array(value, "i4") if name != "data" else np.array(value, "f4"))
    return matrix


BAD = {
    "index far beyond": spoiled(indices=[0, 10**8]),
    "index just beyond": spoiled(indices=[0, 2]),
    "index below 0": spoiled(indices=[0, -1]),
    "pointer beyond": spoiled(indptr=[0, 1, 9]),
    "pointer back": spoiled(indptr=[0, 5, 2]),
    "pointer from 1": spoiled(indptr=[1, 1, 2]),
    "too few pointers": spoiled(indptr=[0, 2]),
    "fewer values": spoiled(data=[1]),
    "repeated": spoiled(indices=[1, 1], indptr=[0, 2, 2]),
    "unsorted": spoiled(indices=[1, 0], indptr=[0, 2, 2]),
}
LOOSE = ("repeated", "unsorted")  # allowed where only presence counts
DOORS = {
    "interactions": lambda m: Interactions(USERS, ITEMS, m),
    "other events": lambda m: OtherEvents(_as_kinds(m)),
    "content": lambda m: Content(ITEMS, pa.table({}), ContentSpec(bags=("b",)), {"b": m}),
    "history": lambda m: _task(history=m),
    "seen": lambda m: _task(seen=m),
    "truth": lambda m: _task(truth=m),
}


def _as_kinds(matrix):
    if not hasattr(matrix, "data") or not hasattr(matrix, "indptr"):
        return matrix
    matrix = copy(matrix)
    matrix.data = matrix.data.astype("u1")
    return matrix


def _task(**given):
    empty = csr_array((2, 2), dtype="f4")
    parts = {"history": empty, "seen": empty, "truth": empty, "candidates": np.array([0, 1]), **given}
    return RankingTask("known-known", USERS, ITEMS, **parts)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("bad", BAD)
def test_no_door_takes_a_matrix_that_leads_outside(door, bad):
    if bad in LOOSE and door not in ("interactions", "other events"):
        pytest.skip("only presence counts there")
    with pytest.raises(DataError):
        DOORS[door](BAD[bad])


@pytest.mark.parametrize("other", [coo_array(np.eye(2)), np.eye(2), None, "x"])
def test_only_csr_is_taken_where_its_parts_are_read(other):
    for door in ("interactions", "other events", "history"):
        with pytest.raises(DataError):
            DOORS[door](other)


def test_the_older_class_of_scipy_is_taken():
    assert Interactions(USERS, ITEMS, csr_matrix(np.eye(2, dtype="f4"))).n_pairs == 2


@pytest.mark.parametrize(
    "rows", [[0, 2], [0, -1], [0, 2**33], [0, 2**62], [0.0, 1.0], [[0], [1]], [True, False], ["0", "1"], [0]]
)
def test_row_numbers_are_whole_and_inside(rows):
    rows = np.array(rows)
    good = np.array([0, 1])
    for given in ((rows, good), (good, rows)):
        with pytest.raises(DataError):
            Interactions.from_rows(USERS, ITEMS, *given)
        with pytest.raises((DataError, ValueError)):
            OtherEvents.from_rows((2, 2), *given, np.array([1, 2], "u1"), None)


@pytest.mark.parametrize("given", [{"weights": [1.0]}, {"times": [1]}, {"kinds": np.zeros(3, "u1")}, {"weights": [[1.0, 2.0]]}])
def test_one_value_a_pair(given):
    with pytest.raises(DataError):
        Interactions.from_rows(USERS, ITEMS, np.array([0, 1]), np.array([0, 1]), **given)


@pytest.mark.parametrize("candidates", [[0, 2], [-1, 0], [0, 10**9]])
def test_candidates_are_inside(candidates):
    with pytest.raises(DataError):
        _task(candidates=np.array(candidates))


def test_a_space_has_one_row_an_item():
    with pytest.raises(DataError):
        ItemSpace(ITEMS, np.array([0]))
    with pytest.raises(DataError):
        ItemSpace(ITEMS, np.array([0, 1]), np.zeros((3, 2), "f4"))


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return save_split(splits.citeulike2(synthetic.library(n_readers=20, n_papers=30)), tmp_path_factory.mktemp("split") / "s")


def signed(folder, **changed):
    """Write a description with all its sums right, as whoever alters a folder can."""
    told = json.loads((folder / "split.json").read_text()) | changed
    for name in told["files"]:
        told["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    told.pop("digest")
    (folder / "split.json").write_text(json.dumps(told))


def test_a_split_that_leads_outside_is_refused(split, tmp_path):
    whole = load_file(split / "matrices.safetensors")
    for name in [n for n in whole if n.endswith(("indices", "indptr", "shape", "candidates"))]:
        for bad in (-1, 2**30, 2**31 - 1):
            folder = shutil.copytree(split, tmp_path / "s", dirs_exist_ok=True)
            value = whole[name].copy()
            if not len(value):
                continue
            value[-1] = bad
            save_file({**whole, name: value}, folder / "matrices.safetensors")
            signed(folder)
            with pytest.raises(DataError):
                load_split(folder)


def test_a_mask_has_one_value_a_pair():
    data = Dataset(Interactions.from_rows(USERS, ITEMS, np.array([0, 1]), np.array([0, 1])))
    with pytest.raises(DataError):
        data.interactions.keep(np.array([True]))
