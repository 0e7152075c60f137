"""An address that is none, or where nobody answers, is told in a sentence before anything waits; Ray may be missing."""

import os
import pickle
import socket
import sys
import tempfile
import time

import pytest

from dualnet import errors
from dualnet.distributed import cluster as found
from dualnet.distributed.cluster import cluster
from dualnet.errors import MissingExtraError, ResourceError, UsageError


@pytest.mark.parametrize(
    "address", ["", "head", "head:", ":6379", "head:99999", "head:port", "http://head:6379", 6379, "a/b:1"]
)
def test_a_wrong_address_is_told(address):
    with pytest.raises(UsageError, match="address"), cluster(address, 1):
        pass


@pytest.mark.parametrize("address", ["ray://head:10001", "https://head:8265"])
def test_an_address_of_another_kind_names_the_remedy(address):
    with pytest.raises(UsageError, match="ray job submit"), cluster(address, 1):
        pass


@pytest.mark.parametrize("workers", [0, -1, True, "2", 1.5, None])
def test_a_number_of_workers_that_is_none_is_told(workers):
    with pytest.raises(UsageError, match="workers must be a whole number of at least 1"), cluster(None, workers):
        pass


def test_ray_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "ray", raising=False)

    class Missing:
        def find_spec(self, name, *rest):
            if name == "ray":
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    needs = r"encode with several workers needs .*pip install 'dualnet\[ray\]'"
    with pytest.raises(MissingExtraError, match=needs), cluster(None, 2, purpose="encode with several workers"):
        pass


@pytest.mark.parametrize("address", ["a closed port", "auto"])
def test_an_address_where_nobody_answers_is_told_at_once(address, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        if address == "auto":
            monkeypatch.setenv("RAY_ADDRESS", place)
        with (
            pytest.raises(ResourceError, match=f"no Ray cluster answers at {place}"),
            cluster("auto" if address == "auto" else place, 1),
        ):
            pass


@pytest.mark.parametrize(
    "error",
    [
        errors.DataError("row 7"),
        errors.MissingExtraError("torch", "train", "fitting"),
        errors.TrainingInterruptedError(15, "here"),
    ],
)
def test_errors_come_whole_from_another_process(error):
    again = pickle.loads(pickle.dumps(error))  # our own
    assert (type(again), str(again), again.exit_code) == (type(error), str(error), error.exit_code)


def test_folders_of_dead_clusters_are_removed_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")  # short enough to be taken
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix, **place: str(made(tmp_path / f"{prefix}new")))

    def made(folder, age=0):
        folder.mkdir()
        os.utime(folder, (time.time() - age,) * 2)
        return folder

    old = found.OLD_SECONDS + 60
    dead, alive, young, other = (
        made(tmp_path / name, age)
        for name, age in [("dualnet-ray-a", old), ("dualnet-ray-b", old), ("dualnet-ray-c", 0), ("x", old)]
    )
    with found._held(alive), found._folder() as ours:
        assert ours.is_dir()
        assert [dead.exists(), alive.exists(), young.exists(), other.exists()] == [False, True, True, True]
    assert not ours.exists()
