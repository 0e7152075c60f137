"""A division on disk comes back as it was, and an altered one is refused."""

import json

import numpy as np
import pytest

from dualnet.data import splits
from dualnet.data.split_files import load_split, save_split
from dualnet.data.synthetic import blocks_world, library
from dualnet.errors import DataError, DualNetError, ResourceError, UsageError

WORLD = library(n_readers=40, n_papers=120, pairs_per_reader=12, seed=1)
MADE = {
    "citeulike2": lambda: splits.citeulike2(WORLD, seed=3),
    "four-quadrants": lambda: splits.four_quadrants(WORLD, seed=1),
    "temporal": lambda: splits.temporal(WORLD),
    "out-matrix": lambda: splits.out_matrix(blocks_world(), folds=3, fold=2),
}


@pytest.mark.parametrize("name", MADE)
def test_round_trip(name, tmp_path):
    split = MADE[name]()
    again = load_split(save_split(split, tmp_path / "split"))
    assert again.fingerprint() == split.fingerprint()
    assert again.train.fingerprint() == split.train.fingerprint()  # content and times too
    assert again.refit == split.refit
    assert (again.protocol, again.seed, again.fold, again.fit_on) == (split.protocol, split.seed, split.fold, split.fit_on)
    assert again.options == split.options
    assert [t.fingerprint() for t in again.validation.tasks] == [t.fingerprint() for t in split.validation.tasks]
    for mine, theirs in ((again, split), (again.validation, split.validation)):
        assert [t.fingerprint() for t in mine.served] == [t.fingerprint() for t in theirs.served]
        assert [t.kinds.tolist() for t in mine.served] == [t.kinds.tolist() for t in theirs.served]
    assert [t.content.fingerprint() for t in again.tasks] == [t.content.fingerprint() for t in split.tasks]
    assert not [path for path in tmp_path.iterdir() if path.name != "split"]  # no temporary left


def test_saving_again_replaces_a_split_and_nothing_else(tmp_path):
    folder = save_split(MADE["citeulike2"](), tmp_path / "split")
    save_split(MADE["temporal"](), folder)
    assert load_split(folder).protocol == "temporal"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="is not a split folder"):
        save_split(MADE["temporal"](), mine)
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_every_altered_or_truncated_file_is_noticed(tmp_path):
    folder = save_split(MADE["citeulike2"](), tmp_path / "split")
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        middle = len(whole) // 2
        for damage in (whole[:middle], whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], b""):
            path.write_bytes(damage)
            if path.name == "split.json" and _still_says_the_same(damage, whole):
                continue
            with pytest.raises(DataError, match=r"altered|not a whole split"):
                load_split(folder)
        path.unlink()
        with pytest.raises(DataError):
            load_split(folder)
        path.write_bytes(whole)
    load_split(folder)


def test_folders_of_before_have_no_served_lists(tmp_path):
    split = MADE["four-quadrants"]()
    folder = save_split(split, tmp_path / "split")
    description = json.loads((folder / "split.json").read_text())
    del description["digest"], description["served"], description["validation"]["served"]
    (folder / "split.json").write_text(json.dumps(description))
    again = load_split(folder)
    assert again.fingerprint() == split.fingerprint()
    assert again.served == again.validation.served == ()


def test_another_name_of_a_served_list_is_noticed(tmp_path):
    folder = save_split(MADE["four-quadrants"](), tmp_path / "split")
    described = (folder / "split.json").read_text()
    (folder / "split.json").write_text(described.replace("known-all", "known-al1"))
    with pytest.raises(DataError, match="altered after it was made"):
        load_split(folder)


def _still_says_the_same(damage: bytes, whole: bytes) -> bool:
    try:
        return bool(json.loads(damage) == json.loads(whole))
    except ValueError:
        return False


def test_newer_format_is_refused(tmp_path):
    folder = save_split(MADE["citeulike2"](), tmp_path / "split")
    description = json.loads((folder / "split.json").read_text())
    (folder / "split.json").write_text(json.dumps({**description, "format_version": 99}))
    with pytest.raises(DataError, match=r"format 99.*upgrade"):
        load_split(folder)


def test_no_folder_and_no_place(tmp_path):
    with pytest.raises(DataError, match="not a whole split folder"):
        load_split(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DualNetError) as caught:
        save_split(MADE["citeulike2"](), tmp_path / "file" / "split")
    assert isinstance(caught.value, ResourceError | UsageError)


def test_arrays_come_back_with_their_kinds(tmp_path):
    split = MADE["temporal"]()
    again = load_split(save_split(split, tmp_path / "split"))
    assert again.train.interactions.times is not None
    assert again.train.interactions.times.dtype == np.int64
    assert again.tasks[0].candidates.dtype == np.int64
    assert again.tasks[0].truth.dtype == np.float32
    assert again.train.items.table.schema.equals(split.train.items.table.schema)


def test_an_index_out_of_range_is_refused_not_read(tmp_path, monkeypatch):
    from dualnet.data import split_files

    folder = save_split(MADE["citeulike2"](), tmp_path / "split")
    read = split_files.load_file

    def hostile(path):
        arrays = read(path)
        name = next(name for name in arrays if name.endswith("/truth/indices"))
        arrays[name] = arrays[name].copy()
        arrays[name][0] = 2**30
        return arrays

    monkeypatch.setattr(split_files, "load_file", hostile)  # somebody who writes folders writes their digests too
    with pytest.raises(DataError, match="is not a whole split folder"):
        load_split(folder)
