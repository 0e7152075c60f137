"""Matrices as safetensors: what the library itself would read, and nothing held twice."""

import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from dualnet.data.split_files import TENSOR_TYPES, write_tensors


@pytest.mark.parametrize("kind", TENSOR_TYPES)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (2, 0)])
def test_the_library_reads_what_was_written(tmp_path, kind, shape):
    array = (np.random.default_rng(0).random(shape) * 9).astype(kind)
    arrays = {"a/é": array, "b": np.arange(3, dtype=np.int8), "c": np.asfortranarray(np.eye(3)), "d": np.arange(8)[::2]}
    arrays["e"] = np.arange(3, dtype=">i4")
    write_tensors(tmp_path / "t", arrays)
    found = load_file(tmp_path / "t")
    assert set(found) == set(arrays)
    for name, value in arrays.items():
        assert found[name].dtype == value.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name], value)


def test_the_library_would_write_the_same(tmp_path):
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.arange(3), "n": np.arange(5, dtype=np.int8)}
    write_tensors(tmp_path / "t", arrays)
    assert (tmp_path / "t").read_bytes() == save(arrays)


def test_arrays_are_not_copied(tmp_path):
    arrays = {f"{k}": np.zeros(2**20, np.float32) for k in range(8)}
    tracemalloc.start()
    write_tensors(tmp_path / "t", arrays)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20  # of 32 MiB
