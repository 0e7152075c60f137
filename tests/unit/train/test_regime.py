"""Block sizes, devices, memory and the random bits behind noise."""

import platform
import subprocess
import sys

import pytest
import torch

from dualnet.errors import UsageError
from dualnet.nn.blocks import keep_mask
from dualnet.train.batches import choose_blocks
from dualnet.train.device import choose_device, full_precision, keep_freed_memory, tensor_cores


@pytest.mark.parametrize(
    ("users", "items"),
    [(5_551, 16_980), (1_000_000, 100_000), (1_000_000, 1_000_000), (300, 300), (250, 2_000), (40, 37), (3, 2)],
)
def test_blocks_are_square_even_and_about_twenty_five(users, items):
    user_batch, item_batch = choose_blocks(users, items, None, None)
    assert 1 <= user_batch <= users
    assert 1 <= item_batch <= items
    blocks = -(-users // user_batch) * -(-items // item_batch)
    if min(users, items) > 200:
        assert 20 <= blocks <= 30
        assert 0.59 < user_batch / item_batch < 1.7
    else:
        assert blocks <= 40


def test_a_side_that_is_shorter_than_a_square_is_not_divided():
    assert choose_blocks(1_000_000, 1_000, None, None) == (6_330, 1_000)
    assert choose_blocks(300, 1_000_000, None, None)[0] == 300
    assert choose_blocks(100, 100, None, None) == (34, 34)
    assert choose_blocks(40, 30, None, None) == (40, 30)


def test_sizes_that_are_given_are_kept():
    assert choose_blocks(5_551, 16_980, 512, None)[0] == 512
    assert choose_blocks(5_551, 16_980, 512, 16_980) == (512, 16_980)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.97])
def test_mask_drops_the_share_it_is_asked_to(rate):
    mask = keep_mask(400_003, rate, torch.Generator().manual_seed(0))
    assert mask.shape == (400_003,)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert 1 - float(mask.mean()) == pytest.approx(rate, abs=4e-3)
    pairs = mask[: 4 * (len(mask) // 4)].view(-1, 4)
    assert abs(float(torch.corrcoef(pairs.T)[0, 1])) < 0.02  # four entries share one random word


@pytest.mark.parametrize("rate", [0.999, 0.99999, 0.999995, 0.9999999, 1 - 2**-53])
def test_noise_close_to_everything_drops_nearly_everything(rate):
    mask = keep_mask(400_003, rate, torch.Generator().manual_seed(0))
    assert mask.mean().item() < max(2 * (1 - rate), 4e-5)  # it kept everything where the share rounds to 1


def test_no_noise_is_no_mask():
    assert keep_mask(10, 0.0, torch.Generator()) is None
    assert keep_mask(10, 0.5, None) is None


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"
    with pytest.raises(UsageError, match="torch sees no GPU"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"


def test_gram_products_keep_full_precision_on_a_gpu():
    flag = torch.backends.cuda.matmul
    before = flag.allow_tf32
    with tensor_cores(torch.device("cuda")):
        assert flag.allow_tf32
        with full_precision():
            assert not flag.allow_tf32
        assert flag.allow_tf32
    assert flag.allow_tf32 == before


RESIDENT = """
import sys
from dualnet.train.device import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
import numpy as np
def resident():
    with open("/proc/self/statm") as handle:
        return int(handle.read().split()[1]) * 4096
array = np.ones(2**24)
full = resident()
del array
print(kept, (full - resident()) // 2**20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is one of glibc's")
def test_freed_memory_is_kept():
    (kept, returned), (untold, returned_untold) = (
        subprocess.run([sys.executable, "-c", RESIDENT, word], capture_output=True, text=True, check=True).stdout.split()
        for word in ("keep", "leave")
    )
    assert (kept, untold) == ("True", "None")
    assert int(returned) < 8  # of 128 MiB
    assert int(returned_untold) > 100


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
