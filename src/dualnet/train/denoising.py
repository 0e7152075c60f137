"""Shuffled batches of rows, clean and with masking noise: what a denoising autoencoder reads and what it should restore."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from torch import Generator, Tensor

from ..distributed.collectives import ALONE, Collectives, row_range
from ..ids import Rows
from ..nn.blocks import Share, keep_mask
from ..nn.sparse import SparseMatrix
from ..rng import derive_seed, generator

BLOCK = 1024  # rows encoded at a time


@dataclass(frozen=True, eq=False)
class DenoisingBatch:
    """Some rows; of a batch that several ranks share, the own ones.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
        Which.
    noisy : SparseMatrix or Tensor, shape (n, inputs)
        A share of the entries is zero, the rest scaled up so that clean rows have the same size.
    masked : SparseMatrix or Tensor, shape (n, inputs)
        The same without the scaling.
    clean : SparseMatrix or Tensor, shape (n, inputs)
    dropout : torch.Generator
        Randomness of this batch beyond its noise.
    whole : int
        Rows of the batch on all ranks.
    share : Share, optional
        Where the own rows stand in it; None where they are all.
    """

    rows: Rows
    noisy: SparseMatrix | Tensor
    masked: SparseMatrix | Tensor
    clean: SparseMatrix | Tensor
    dropout: Generator
    whole: int
    share: Share | None


class DenoisingRows:
    """The rows of a matrix in batches; a sparse matrix stays sparse.

    Parameters
    ----------
    matrix : csr_array or ndarray of float32, shape (n, inputs)
        Clean rows.
    noise : float
        Share of the entries that become zero.
    batch : int
        Rows of a batch.
    seed : int
        Seed of order and noise.
    stream : str
        What the rows are, so that different stages draw different numbers.
    device : torch.device or str
        Where the batches are used.
    group : Collectives
        The ranks that share each batch, by `row_range`; order and noise do not depend on their number.
    """

    def __init__(
        self,
        matrix: csr_array | NDArray[np.float32],
        *,
        noise: float,
        batch: int,
        seed: int,
        stream: str,
        device: torch.device | str = "cpu",
        group: Collectives = ALONE,
    ) -> None:
        self.group = group
        self.matrix: csr_array | NDArray[np.float32] = csr_array(matrix) if issparse(matrix) else matrix
        self.noise, self.batch, self.seed, self.stream, self.device = noise, batch, seed, stream, device

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def epoch(self, epoch: int) -> Iterator[DenoisingBatch]:
        """Yield every row once, in the order and with the noise of this epoch."""
        order = generator(self.seed, f"{self.stream}-order", epoch).permutation(len(self))
        for step, start in enumerate(range(0, len(order), self.batch)):
            whole = order[start : start + self.batch]
            own = row_range(len(whole), self.group.rank, self.group.size)
            rows = whole[own.start : own.stop]
            clean = self.take(rows)
            values = clean.values if isinstance(clean, SparseMatrix) else clean
            kept = keep_mask(self._entries(whole), self.noise, self._generator("noise", epoch, step), values.dtype)
            if kept is not None and self.group.size > 1:
                before = self._entries(whole[: own.start])
                kept = kept[before : before + values.numel()]
            masked = values if kept is None else values * kept.view_as(values)
            noisy = masked if kept is None else masked * (1 / (1 - self.noise))
            share = None
            if self.group.size > 1:
                share = Share(len(whole), [slice(own.start, own.stop)], self.group.all_reduce)
            about = (self._generator("dropout", epoch, step), len(whole), share)
            if isinstance(clean, SparseMatrix):
                yield DenoisingBatch(rows, clean.with_values(noisy), clean.with_values(masked), clean, *about)
            else:
                yield DenoisingBatch(rows, noisy, masked, clean, *about)

    def blocks(self) -> Iterator[tuple[slice, SparseMatrix | Tensor]]:
        """Yield the clean rows of this rank in their own order, a block at a time."""
        own = row_range(len(self), self.group.rank, self.group.size)
        for start in own[::BLOCK]:
            part = slice(start, min(start + BLOCK, own.stop))
            yield part, self.take(np.arange(part.start, part.stop))

    def take(self, rows: Rows) -> SparseMatrix | Tensor:
        """Return some clean rows."""
        if issparse(self.matrix):
            return SparseMatrix(csr_array(self.matrix[rows]), device=self.device)
        return torch.from_numpy(np.ascontiguousarray(self.matrix[rows], np.float32)).to(self.device)

    def _entries(self, rows: Rows) -> int:
        """Return how many stored values some rows have."""
        if isinstance(self.matrix, csr_array):
            return int(np.diff(self.matrix.indptr)[rows].sum())
        return len(rows) * int(self.matrix.shape[1])

    def _generator(self, purpose: str, epoch: int, step: int) -> Generator:
        return Generator(self.device).manual_seed(derive_seed(self.seed, f"{self.stream}-{purpose}", epoch, step))
