"""Checkpoints: n-th-fault loop, damage at many places, one writer."""

import errno
import os

import numpy as np
import pytest

from dualnet.errors import DualNetWarning, ResourceError
from dualnet.train import checkpoint
from dualnet.train.checkpoint import load_checkpoint, save_checkpoint, sole_writer

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3)}


def test_round_trip_and_only_the_last_are_kept(tmp_path):
    for number in range(1, 6):
        save_checkpoint(tmp_path, number, TENSORS, {"epoch": number})
    tensors, state = load_checkpoint(tmp_path)
    assert state == {"epoch": 5}
    np.testing.assert_array_equal(tensors["a"], TENSORS["a"])
    assert len(list(tmp_path.iterdir())) == checkpoint.KEEP_LAST


def test_no_checkpoint_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "nowhere") is None
    assert load_checkpoint(tmp_path) is None


@pytest.mark.parametrize("call", ["open", "fsync", "rename"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_nth_fault_never_loses_the_last_good_state(tmp_path, monkeypatch, call, code):
    save_checkpoint(tmp_path, 1, TENSORS, {"epoch": 1})
    for nth in range(1, 20):
        calls = 0

        def failing(original, nth=nth):
            def run(*args, **kwargs):
                nonlocal calls
                calls += 1
                if calls == nth:
                    raise OSError(code, os.strerror(code))
                return original(*args, **kwargs)

            return run

        with monkeypatch.context() as patch:
            if call == "fsync":
                patch.setattr(os, "fsync", failing(os.fsync))
            else:
                patch.setattr(checkpoint.Path, call, failing(getattr(checkpoint.Path, call)))
            try:
                save_checkpoint(tmp_path, 2, TENSORS, {"epoch": 2})
                failed = None
            except ResourceError as error:
                failed = str(error)
        if failed is None:
            assert calls < nth  # nothing failed: the save is really there
            assert load_checkpoint(tmp_path)[1] == {"epoch": 2}
            return
        assert str(tmp_path) in failed
        assert os.strerror(code) in failed
        assert load_checkpoint(tmp_path)[1]["epoch"] in (1, 2)
    pytest.fail("saving never succeeded")


def test_every_flipped_byte_and_truncation_is_detected(tmp_path):
    save_checkpoint(tmp_path, 1, TENSORS, {"epoch": 1})
    path = save_checkpoint(tmp_path, 2, TENSORS, {"epoch": 2})
    for name in (checkpoint.TENSORS, checkpoint.STATE):
        whole = (path / name).read_bytes()
        places = range(0, len(whole), max(1, len(whole) // 25))
        damaged = [whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :] for place in places]
        for content in [*damaged, whole[: len(whole) // 2], b""]:
            (path / name).write_bytes(content)
            with pytest.warns(DualNetWarning, match="going back to the one before"):
                assert load_checkpoint(tmp_path)[1] == {"epoch": 1}
        (path / name).write_bytes(whole)


def test_two_writers_are_refused(tmp_path):
    with sole_writer(tmp_path), pytest.raises(ResourceError, match="another run is writing"), sole_writer(tmp_path):
        pass
