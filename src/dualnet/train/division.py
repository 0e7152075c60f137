"""Which rows are whose when several processes train together: ranges of users and of items, and the tables with a row for each item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..distributed.collectives import Collectives, row_counts, row_range
from ..distributed.gradients import gathered
from ..ids import Rows


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that pass through a tower together, whoever has them: noise and batch statistics are those of a part.

    Parameters
    ----------
    number : int
        Of the part, in its block.
    rows : ndarray of int64
        All of them, sorted.
    own : slice
        Those of this process, in `rows`.
    places : slice
        Those of this process, among its rows of the block.
    """

    number: int
    rows: Rows
    own: slice
    places: slice

    @property
    def own_rows(self) -> Rows:
        """Rows of this process."""
        return self.rows[self.own]


class Division:
    """Users or items of the training data by ranges: each process has one, and of each block the rows that lie in it.

    Parameters
    ----------
    count : int
        Rows in all.
    group : Collectives
        The processes.

    Attributes
    ----------
    own : range
        Rows of this process.
    counts : list of int
        Rows of each.
    """

    def __init__(self, count: int, group: Collectives) -> None:
        self.own, self.counts = row_range(count, group.rank, group.size), row_counts(count, group.size)
        self._rank, self._starts = group.rank, np.cumsum([0, *self.counts])

    def counts_of(self, rows: Rows) -> list[int]:
        """Return how many of some sorted rows each process has."""
        counts: list[int] = np.diff(np.searchsorted(rows, self._starts)).tolist()
        return counts

    def parts(self, rows: Rows, size: int) -> list[Part]:
        """Return the sorted rows of a block in parts of at most `size`, as equal as can be: one row alone has no batch statistics.

        A part takes every so many-th row, so that each process has its share of every part.
        """
        counts = self.counts_of(rows)
        start = sum(counts[: self._rank])
        stop, step = start + counts[self._rank], -(-len(rows) // size)
        found = []
        for number in range(step):
            own = slice(len(range(number, start, step)), len(range(number, stop, step)))
            first = number + step * own.start - start
            found.append(Part(number, rows[number::step], own, slice(first, None, step)))
        return found


class ItemTables:
    """The tables of a network with a row for each item: whole, or divided so that each process holds the rows of its items.

    Between `divide` and `unite` parameters, gradients and what an optimiser remembers of them are those of the own rows. All other
    parameters are the same in all processes.

    Parameters
    ----------
    network : nn.Module
        Whose parameters are divided.
    tables : mapping of str to Parameter, each of shape (n_items, width)
        By their names in the network's `state_dict`.
    items : Division
        Of the items.
    group : Collectives
        The processes; alone nothing is divided.

    Attributes
    ----------
    held : range
        Items whose rows this process holds at the moment.
    divided : bool
        Whether they are a part.
    """

    def __init__(self, network: nn.Module, tables: Mapping[str, nn.Parameter], items: Division, group: Collectives) -> None:
        self._network, self._tables, self._items, self._group = network, dict(tables), items, group
        self.held, self.divided = range(sum(items.counts)), False

    @torch.no_grad()
    def divide(self) -> None:
        """Take the weights of the first process, and keep the rows of the own items."""
        if self._group.size == 1:
            return
        for value in self._network.state_dict().values():
            value.copy_(self._group.broadcast(value))
        self._keep_own()

    @torch.no_grad()
    def unite(self) -> None:
        """Give each process all rows."""
        if self.divided:
            for table in self._tables.values():
                table.data = self._group.all_gather(table.data, self._items.counts)
            self.divided, self.held = False, range(sum(self._items.counts))

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Hold all rows for a while, as to validate; changes of them are lost."""
        before = {name: table.data for name, table in self._tables.items()} if self.divided else None
        self.unite()
        yield
        if before is not None:
            for name, table in self._tables.items():
                table.data = before[name]
            self.divided, self.held = True, self._items.own

    def gathered(self, rows: Tensor) -> Tensor:
        """Return the rows of all items, shape (n_items, width), of something that each process has for the items it holds.

        The gradient by the rows is added up over the processes, and each gets that of its own: all go backward through it, or none.
        """
        return gathered(rows, self._group, self._items.counts) if self.divided else rows

    @torch.no_grad()
    def sum_gradients(self) -> None:
        """Add up, over the processes, the gradients of the parameters that all have; those of divided tables are whole already."""
        if self._group.size == 1:
            return
        gradients = [each.grad for each in self._network.parameters() if each.grad is not None and not self._is_divided(each)]
        total = self._group.all_reduce(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        for gradient, found in zip(gradients, total.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(found.view_as(gradient))

    @torch.no_grad()
    def clip_gradients(self, longest: float) -> None:
        """Scale all gradients down where their common Euclidean norm is above `longest`."""
        if self._group.size == 1:
            nn.utils.clip_grad_norm_(self._network.parameters(), longest)
            return
        common = [each for each in self._network.parameters() if not self._is_divided(each)]
        own = [each for each in self._tables.values() if each.grad is not None]
        squares = [
            nn.utils.get_total_norm([each.grad for each in part if each.grad is not None]).square() for part in (common, own)
        ]
        total = (squares[0] + self._group.all_reduce(squares[1].to(squares[0]))).sqrt()
        nn.utils.clip_grads_with_norm_([*common, *own], longest, total)

    def whole_of(self, name: str, value: Tensor) -> Tensor:
        """Return all rows of what is kept of the own rows of a table, such as its moments; of other parameters what is given."""
        return self._group.all_gather(value, self._items.counts) if self._is_row_for_row(name, value) else value

    def own_of(self, name: str, value: Tensor) -> Tensor:
        """Return the own rows of what has a row for each row of a table; of other parameters what is given."""
        own = self._items.own
        return value[own.start : own.stop].clone() if self._is_row_for_row(name, value) else value

    def _is_divided(self, parameter: Tensor) -> bool:
        return self._group.size > 1 and any(parameter is table for table in self._tables.values())

    def _is_row_for_row(self, name: str, value: Tensor) -> bool:
        return self._group.size > 1 and name in self._tables and value.dim() > 1  # the steps of an optimiser are one number

    def _keep_own(self) -> None:
        own = self._items.own
        for table in self._tables.values():
            table.data = table.data[own.start : own.stop].clone()
        self.divided, self.held = True, own
