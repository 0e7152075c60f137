"""A folder of parts goes on with what is finished and whole, and takes nothing that is of another job."""

import json
from pathlib import Path

import pytest

from dualnet.batch import parts
from dualnet.batch.parts import LOCK, MOST_PARTS, RECORD, Finished, PartsFolder, file_digest, parts_of
from dualnet.errors import DataError, ResourceError, UsageError

JOB = {"work": "recommend", "model": "m", "wanted": {"k": 3}}
PARTS = parts_of(25, 10)


def write(folder, number, text="x"):
    path = folder / PARTS[number].name
    path.write_text(text)
    return Finished(7, file_digest(path))


def left(folder, job=JOB, *, overwrite=False):
    with PartsFolder.claimed(folder, job, PARTS, overwrite=overwrite) as found:
        return [part.number for part in found.left]


@pytest.fixture
def begun(tmp_path):
    with PartsFolder.claimed(tmp_path / "out", JOB, PARTS, overwrite=False) as folder:
        for number in (0, 2):
            folder.record(number, write(folder.path, number))
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("rows", "step", "sizes"), [(25, 10, [10, 10, 5]), (0, 10, [0]), (1, 10, [1]), (20, 10, [10, 10]), (3, 1, [1, 1, 1])]
)
def test_parts_are_whole_steps(rows, step, sizes):
    assert [part.stop - part.start for part in parts_of(rows, step)] == sizes
    assert [part.number for part in parts_of(rows, step)] == list(range(len(sizes)))


def test_there_are_not_too_many_parts():
    found = parts_of(10**7, 512)
    assert len(found) <= MOST_PARTS
    assert all((part.stop - part.start) % 512 == 0 for part in found[:-1])
    assert found[-1].stop == 10**7


def test_what_is_finished_is_not_made_again(begun):
    assert left(begun) == [1]
    with PartsFolder.claimed(begun, JOB, PARTS, overwrite=False) as folder:
        assert folder.rows == 14
        folder.record(1, write(folder.path, 1))
    assert json.loads((begun / RECORD).read_text())["complete"] is True
    assert left(begun) == []


@pytest.mark.parametrize("what", ["altered", "gone", "written and not recorded"])
def test_a_part_that_is_not_as_recorded_is_made_again(begun, what):
    if what == "altered":
        write(begun, 0, "y")
    elif what == "gone":
        (begun / PARTS[0].name).unlink()
    else:
        write(begun, 1)
    assert left(begun) == ([1] if what.startswith("written") else [0, 1])
    assert sorted(path.name for path in begun.glob("part-*")) == [
        PARTS[n].name for n in ((0, 2) if what.startswith("w") else (2,))
    ]


@pytest.mark.parametrize("changed", [{"wanted": {"k": 4}}, {"model": "n"}, {"work": "encode"}, {"more": 1}])
def test_another_job_is_told(begun, changed):
    with pytest.raises(UsageError, match=f"another job.*{next(iter(changed))}.*overwrite=True"):
        left(begun, {**JOB, **changed})
    assert left(begun) == [1]
    assert left(begun, {**JOB, **changed}, overwrite=True) == [0, 1, 2]
    assert list(begun.glob("part-*")) == []


def test_a_job_that_finished_nothing_does_not_bar_another(tmp_path):
    left(tmp_path / "out")
    assert left(tmp_path / "out", {**JOB, "model": "n"}) == [0, 1, 2]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_ours_stays(tmp_path, overwrite):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        left(tmp_path, overwrite=overwrite)
    with pytest.raises(UsageError, match="is a file"):
        left(tmp_path / "thesis.txt", overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    "record", ["", "{", "[]", '{"job": 3, "finished": []}', '{"job": {}, "finished": [[1]]}', '{"job": {}, "finished": [["a", 1, "b"]]}']
)  # fmt: skip
def test_a_record_that_is_none_is_told(begun, record):
    (begun / RECORD).write_text(record)
    with pytest.raises(DataError, match="is not the record of a job"):
        left(begun)


def test_two_at_a_time_are_told(begun):
    with PartsFolder.claimed(begun, JOB, PARTS, overwrite=False), pytest.raises(ResourceError, match="another job is writing"):
        left(begun)
    assert (begun / LOCK).exists()


def test_leftovers_of_killed_writers_are_removed(begun):
    torn = begun / ".part-00001.parquet.99999-abcdef01.tmp"
    torn.write_text("half")
    with PartsFolder.claimed(begun, JOB, PARTS, overwrite=False) as folder:
        folder.tidy()
    assert not torn.exists()


def test_a_part_on_a_disk_of_another_machine_is_not_recorded(begun, monkeypatch):
    monkeypatch.setattr(parts, "SEEN_WITHIN", -1.0)
    with PartsFolder.claimed(begun, JOB, PARTS, overwrite=False) as folder:
        with pytest.raises(ResourceError, match=r"part-00001\.parquet on its own machine.*all machines"):
            folder.record(1, Finished(7, "0" * 64))
        assert sorted(folder.finished) == [0, 2]
    assert left(begun) == [1]


@pytest.mark.parametrize("what", ["read_bytes", "unlink"])
def test_a_part_that_cannot_be_read_or_removed_is_told_in_a_sentence(begun, monkeypatch, what):
    def refuse(*given, **named):
        raise PermissionError(13, "Permission denied", "part-00000.parquet")

    monkeypatch.setattr(*((parts, "file_digest") if what == "read_bytes" else (Path, "unlink")), refuse)
    job = JOB if what == "read_bytes" else {**JOB, "model": "n"}
    with pytest.raises(ResourceError, match=r"Permission denied \(part-00000\.parquet\); choose another out="):
        left(begun, job, overwrite=True)
