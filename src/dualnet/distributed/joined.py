"""The process group that somebody else has made around this process: torchrun, or a program that called torch.distributed."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from ..errors import ResourceError, UsageError, optional_package
from .collectives import LIMIT, Collectives, ProcessGroup

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun sets in each of its processes; with all four this process is one of several."""


def joined_size() -> int:
    """Return how many processes the group around this one has, 1 where there is none; torch is not imported for it.

    Raises
    ------
    UsageError
        If RANK and WORLD_SIZE are there and are no numbers that go together.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        return int(torch.distributed.get_world_size())
    if not all(os.environ.get(name) for name in VARIABLES):
        return 1
    rank, size = os.environ["RANK"], os.environ["WORLD_SIZE"]
    if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
        raise UsageError(
            f"the environment has RANK={rank!r} and WORLD_SIZE={size!r}, which torchrun sets to a rank below the number of processes;"
            " start the program with torchrun, or take them away"
        )
    return int(size)


def joined_rank() -> int:
    """Return the rank of this process in the group around it, 0 where there is none."""
    if joined_size() == 1:
        return 0
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_initialized():
        return int(torch.distributed.get_rank())
    return int(os.environ["RANK"])


def joined_group(workers: int | tuple[int, int] | None = None) -> Collectives | None:
    """Return the group around this process, None where it is alone; a group that torchrun has prepared is joined.

    Parameters
    ----------
    workers : int or tuple of (int, int), optional
        How many the run asks for.

    Raises
    ------
    UsageError
        If the group has another number of processes.
    ResourceError
        If the others cannot be reached.
    """
    size = joined_size()
    if size == 1:
        return None
    least, most = workers if isinstance(workers, tuple) else (workers or size, workers or size)
    if not least <= size <= most:
        raise UsageError(
            f"workers={workers}, but this process is one of {size} that torchrun started; leave workers out, or start it without torchrun"
        )
    with optional_package("torch", "train", "fitting with several processes"):
        import torch
        import torch.distributed as dist
    if not dist.is_initialized():
        gpus = torch.cuda.is_available() and torch.cuda.device_count() >= int(os.environ.get("LOCAL_WORLD_SIZE", size))
        if gpus:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        try:
            dist.init_process_group("nccl" if gpus else "gloo", timeout=timedelta(seconds=LIMIT))
        except (RuntimeError, ValueError) as error:
            raise ResourceError(
                f"cannot join the {size} processes at {os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}:"
                f" {(str(error).splitlines() or [''])[0][:300]}"
            ) from error
    return ProcessGroup(limit=LIMIT)
