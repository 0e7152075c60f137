"""What the processes of a run say to each other: sums, gathered rows, exchanged rows; nothing at all in one process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import ResourceError, UsageError

if TYPE_CHECKING:
    import torch
    import torch.distributed as dist
    from torch import Tensor

Array = TypeVar("Array", "Tensor", NDArray[Any])

LIMIT = 60.0  # seconds that a rank waits for the others in one call


def row_range(count: int, rank: int, size: int) -> range:
    """Return the rows of one rank: ranges of whole rows in rank order, which differ by at most one row.

    Parameters
    ----------
    count : int
        Rows in all.
    rank, size : int
        Rank from 0, and number of ranks.

    Raises
    ------
    UsageError
        If there is no such rank, or the count is negative.

    Examples
    --------
    >>> from dualnet.distributed.collectives import row_range
    >>> [row_range(5, rank, 2) for rank in range(2)]
    [range(0, 3), range(3, 5)]
    """
    if size < 1 or not 0 <= rank < size or count < 0:
        raise UsageError(f"there is no rank {rank} of {size} ranks for {count} rows; ranks count from 0, rows are not negative")
    whole, over = divmod(count, size)
    start = rank * whole + min(rank, over)
    return range(start, start + whole + (rank < over))


def row_counts(count: int, size: int) -> list[int]:
    """Return how many rows each rank has by `row_range`, in rank order."""
    return [len(row_range(count, rank, size)) for rank in range(size)]


class Collectives(Protocol):
    """What one process of a run can ask of all: every rank makes the same calls in the same order.

    Arrays are torch tensors or NumPy arrays; what comes back is of the same kind, on the same device. No call changes its argument.
    Sums are the same bits on every rank.

    Examples
    --------
    >>> import numpy as np
    >>> from dualnet.distributed.collectives import Alone
    >>> group = Alone()
    >>> group.all_reduce(np.ones(2))
    array([1., 1.])
    """

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""

    @property
    def size(self) -> int:
        """Number of processes."""

    def all_reduce(self, array: Array) -> Array:
        """Return the sum over the ranks of an array that has the same shape on each."""

    def all_gather(self, rows: Array, counts: Sequence[int] | None = None) -> Array:
        """Return the rows of all ranks, in rank order.

        Parameters
        ----------
        rows : Tensor or ndarray, shape (own rows, ...)
            The number of rows may differ from rank to rank.
        counts : sequence of int, optional
            Rows of each rank, where all know them: saves a call.
        """

    def reduce_scatter(self, rows: Array, counts: Sequence[int] | None = None) -> Array:
        """Return this rank's rows of the sum over the ranks; added in rank order.

        Parameters
        ----------
        rows : Tensor or ndarray, shape (all rows, ...)
        counts : sequence of int, optional
            Rows that each rank gets, with the sum of all rows; by default as `row_range` has it.
        """

    def all_to_all(self, parts: Sequence[Array]) -> list[Array]:
        """Return the parts that all ranks have for this one, in rank order.

        Parameters
        ----------
        parts : sequence of Tensor or ndarray, each of shape (rows, ...)
            One for each rank, alike but for the number of rows, which may be 0.
        """

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Return the array of one rank; all others give one of the same shape and type."""

    def barrier(self) -> None:
        """Wait until all ranks are here."""


class Alone:
    """The collectives of a run in one process: each call returns what it got.

    Examples
    --------
    >>> from dualnet.distributed.collectives import Alone
    >>> Alone().size
    1
    """

    rank, size = 0, 1

    def all_reduce(self, array: Array) -> Array:
        """Return the array itself."""
        return array

    def all_gather(self, rows: Array, counts: Sequence[int] | None = None) -> Array:
        """Return the rows themselves."""
        return rows

    def reduce_scatter(self, rows: Array, counts: Sequence[int] | None = None) -> Array:
        """Return the rows themselves."""
        return rows

    def all_to_all(self, parts: Sequence[Array]) -> list[Array]:
        """Return the parts themselves."""
        return list(parts)

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Return the array itself."""
        return array

    def barrier(self) -> None:
        """Return at once."""


ALONE = Alone()
"""The collectives of a run in one process, for defaults."""


class LostPeerError(ResourceError):
    """Another process of the run has ended, hangs, or cannot be reached (exit code 6): go on from the last checkpoint."""


@dataclass
class Traffic:
    """What one kind of call has cost this rank so far.

    Parameters
    ----------
    calls : int
        How many.
    sent : int
        Bytes that this rank sent to others, by the algorithm that moves the fewest: 2 (W-1) / W of the array for a sum
        over W ranks, W-1 times the own rows for a gathering, the rows of others for a scattering or an exchange, W-1 times the
        array for the root of a broadcast.
    seconds : float
        In the calls, waiting for the others included.
    """

    calls: int = 0
    sent: int = 0
    seconds: float = 0.0


@dataclass
class ProcessGroup:
    """The collectives of a process group of `torch.distributed` that somebody has made, with a time limit, and counted.

    Each call waits for at most `limit` seconds. After a call that failed the group is of no more use: end the process, and go on
    from the last checkpoint with a new group.

    Parameters
    ----------
    group : torch.distributed.ProcessGroup, optional
        By default the group that `torch.distributed.init_process_group` made, with gloo or NCCL.
    limit : float
        Seconds.

    Attributes
    ----------
    traffic : dict of str to Traffic
        What each kind of call has cost this rank.

    Raises
    ------
    UsageError
        If there is no process group yet.

    Examples
    --------
    >>> import torch.distributed as dist
    >>> from dualnet.distributed.collectives import ProcessGroup
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> group = ProcessGroup(limit=30)
    >>> group.rank, group.size
    (0, 1)
    >>> dist.destroy_process_group()
    """

    group: dist.ProcessGroup | None = None
    limit: float = LIMIT
    traffic: dict[str, Traffic] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import torch.distributed as dist

        if not dist.is_available() or not dist.is_initialized():
            raise UsageError("there is no process group in this process; call torch.distributed.init_process_group first")
        if not self.limit > 0:
            raise UsageError(f"limit={self.limit!r} must be above 0 seconds")
        self._dist = dist
        self._own_rank, self._own_size = dist.get_rank(self.group), dist.get_world_size(self.group)
        self._device = _device_of(dist.get_backend(self.group))

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return self._own_rank

    @property
    def size(self) -> int:
        """Number of processes."""
        return self._own_size

    def all_reduce(self, array: Array) -> Array:
        """Return the sum over the ranks."""
        total = self._taken(array).clone()
        sent = 2 * total.nbytes * (self.size - 1) // self.size
        with self._counted("all_reduce", sent) as wait:
            wait(self._dist.all_reduce(total, group=self.group, async_op=True))
        return _as_given(total, array)

    def all_gather(self, rows: Array, counts: Sequence[int] | None = None) -> Array:
        """Return the rows of all ranks, in rank order."""
        own = self._taken(rows)
        counts = self._gathered_counts(len(own)) if counts is None else counts
        if len(counts) != self.size or counts[self.rank] != len(own):
            raise UsageError(f"rank {self.rank} has {len(own)} rows to gather, but the counts are {list(counts)}")
        longest = max(counts)  # of the same length on each rank: gloo and NCCL gather nothing else
        found = own.new_empty(self.size * longest, *own.shape[1:])
        padded = own if len(own) == longest else _padded(own, longest)
        with self._counted("all_gather", (self.size - 1) * padded.nbytes) as wait:
            if longest:
                wait(self._dist.all_gather(list(found.split(longest)), padded, group=self.group, async_op=True))
        if min(counts) != longest:
            found = _joined([found[rank * longest : rank * longest + count] for rank, count in enumerate(counts)])
        return _as_given(found, rows)

    def reduce_scatter(self, rows: Array, counts: Sequence[int] | None = None) -> Array:
        """Return this rank's rows of the sum over the ranks."""
        whole = self._taken(rows).contiguous()
        counts = row_counts(len(whole), self.size) if counts is None else list(counts)
        if len(counts) != self.size or sum(counts) != len(whole):
            raise UsageError(f"{len(whole)} rows are to be scattered over {self.size} ranks, but the counts are {counts}")
        parts = self._exchanged("reduce_scatter", whole, counts, [counts[self.rank]] * self.size)
        total = parts[0].clone()
        for part in parts[1:]:
            total += part
        return _as_given(total, rows)

    def all_to_all(self, parts: Sequence[Array]) -> list[Array]:
        """Return the parts that all ranks have for this one."""
        if len(parts) != self.size:
            raise UsageError(f"{len(parts)} parts are to be exchanged between {self.size} ranks; give one for each")
        given = [self._taken(part) for part in parts]
        counts = [len(part) for part in given]
        lengths = self._taken(np.array(counts, np.int64))
        coming = [int(part[0]) for part in self._exchanged("all_to_all", lengths, [1] * self.size, [1] * self.size)]
        found = self._exchanged("all_to_all", _joined(given), counts, coming)
        return [_as_given(part, parts[0]) for part in found]

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Return the array of one rank."""
        value = self._taken(array).clone()
        with self._counted("broadcast", (self.size - 1) * value.nbytes * (self.rank == root)) as wait:
            wait(self._dist.broadcast(value, group=self.group, group_src=root, async_op=True))
        return _as_given(value, array)

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        self.all_reduce(np.zeros(1, np.float32))  # a barrier of gloo takes no time limit of its own

    def _gathered_counts(self, count: int) -> list[int]:
        return [int(found) for found in self.all_gather(np.array([count], np.int64), [1] * self.size)]

    def _exchanged(self, kind: str, rows: Tensor, going: list[int], coming: list[int]) -> list[Tensor]:
        """Send each rank its rows, and return what each has sent."""
        found = rows.new_empty(sum(coming), *rows.shape[1:])
        others = len(rows) - going[self.rank]
        with self._counted(kind, others * (rows.nbytes // max(len(rows), 1))) as wait:
            wait(self._dist.all_to_all_single(found, rows.contiguous(), coming, going, group=self.group, async_op=True))
        return list(found.split(coming))

    def _taken(self, array: Any) -> Tensor:
        """Return an array as a tensor on the device of the group."""
        import torch

        if isinstance(array, np.ndarray):
            array = torch.from_numpy(np.require(array, None, ["C", "W"]))  # torch warns of arrays that cannot be written
        tensor: Tensor = array.detach().contiguous()
        return tensor if self._device is None else tensor.to(self._device)

    @contextmanager
    def _counted(self, kind: str, sent: int) -> Iterator[Callable[[dist.Work], None]]:
        """Count a call; give a function that waits for it, no longer than the limit."""
        traffic = self.traffic.setdefault(kind, Traffic())
        start = time.perf_counter()

        def wait(work: dist.Work) -> None:
            work.wait(timedelta(seconds=self.limit))

        try:
            yield wait
        except RuntimeError as error:  # of gloo and NCCL alike: a time limit, a connection that was closed
            raise LostPeerError(
                f"rank {self.rank} of {self.size} got no answer from the others in {kind} after {time.perf_counter() - start:.0f} s (the"
                f" limit is {self.limit:g} s): a worker has ended, hangs, or cannot be reached. Start the run again with resume."
                f" torch says: {_first_line(error)}"
            ) from error
        traffic.calls += 1
        traffic.sent += sent
        traffic.seconds += time.perf_counter() - start


def agreed(group: Collectives, value: Any, root: int = 0) -> Any:
    """Return the JSON-ready value of one rank on all ranks.

    Parameters
    ----------
    group : Collectives
        Who agrees.
    value : object
        JSON-ready; what other ranks than the root give is not looked at.
    root : int
        Whose value counts.

    Examples
    --------
    >>> from dualnet.distributed.collectives import Alone, agreed
    >>> agreed(Alone(), {"stop": True})
    {'stop': True}
    """
    if group.size == 1:
        return value
    text = json.dumps(value).encode() if group.rank == root else b""
    length = group.broadcast(np.array([len(text)], np.int64), root)
    content = np.frombuffer(text, np.uint8) if group.rank == root else np.zeros(int(length[0]), np.uint8)
    return json.loads(group.broadcast(content, root).tobytes())


def _device_of(backend: str) -> torch.device | None:
    """Return where a backend wants its arrays, None for where they are."""
    import torch

    return torch.device("cuda", torch.cuda.current_device()) if backend == "nccl" else torch.device("cpu")


def _as_given(found: Tensor, given: Array) -> Array:
    result: Any = found.cpu().numpy() if isinstance(given, np.ndarray) else found.to(given.device)
    return cast("Array", result)


def _padded(rows: Tensor, length: int) -> Tensor:
    whole = rows.new_zeros(length, *rows.shape[1:])
    whole[: len(rows)] = rows
    return whole


def _joined(parts: Sequence[Tensor]) -> Tensor:
    import torch

    return torch.cat(list(parts))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
