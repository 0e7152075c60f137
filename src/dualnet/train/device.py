"""The device of training: threads, precision of products, and memory that is kept."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from threadpoolctl import threadpool_limits

from ..errors import UsageError, warn
from .forks import forked_from_torch

Device = Literal["auto", "cpu", "cuda"]

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # names of glibc's mallopt (malloc.h)


def choose_device(wanted: Device) -> torch.device:
    """Return the device to train on: with ``"auto"`` the GPU where torch sees one.

    Raises
    ------
    UsageError
        If a GPU was asked for and torch sees none, or cannot use it in a process that was forked from one that does.
    """
    available = torch.cuda.is_available()
    if available and forked_from_torch() and torch.cuda._is_in_bad_fork():
        if wanted == "cuda":
            raise UsageError(
                "device='cuda', but this process was forked from one that uses the GPU, which torch cannot share; start it with"
                " multiprocessing.get_context('spawn')"
            )
        available = False
    if wanted == "cuda" and not available:
        raise UsageError("device='cuda', but torch sees no GPU here; use device='auto' or a torch build for your GPU")
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")


@contextmanager
def tensor_cores(device: torch.device) -> Iterator[None]:
    """Allow TF32 products on a GPU: ten bits of fraction are enough for the towers; on a CPU nothing changes."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = device.type == "cuda" or before
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@contextmanager
def full_precision() -> Iterator[None]:
    """Forbid TF32 for a while: the exact loss subtracts sums of Gram products that nearly cancel."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Run with a number of threads in torch and in the products of NumPy, and put the former numbers back.

    In a process that was forked from one with torch it is one thread, with a warning: more would never end.
    """
    before = torch.get_num_threads()
    if forked_from_torch():
        if (count or before) > 1:
            warn(
                "this process was forked from one that had loaded torch, so it trains in one thread, for more would never end; use"
                " multiprocessing.get_context('spawn') for more, or set threads=1"
            )
        count = before = 1
        threadpool_limits(limits=1, user_api="openmp")  # and it stays so: what is exported behind this block would wait too
    with threadpool_limits(limits=count):
        if count is not None:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def keep_freed_memory() -> bool:
    """Tell the C library to serve large arrays from memory that was freed before; return whether it could.

    By default glibc maps every array above 32 MB afresh and the kernel fills it with zeros, in each step again: at 2,048
    users x 2,048 items that was half of the time of a step. Memory in use is the same; what was once in use stays with the
    process until it ends. Other C libraries are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
