"""Shuffled batches of rows, clean and with masking noise: what a denoising autoencoder reads and what it should restore."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from torch import Generator, Tensor

from ..ids import Rows
from ..nn.blocks import keep_mask
from ..nn.sparse import SparseMatrix
from ..rng import derive_seed, generator

BLOCK = 1024  # rows encoded at a time


@dataclass(frozen=True, eq=False)
class DenoisingBatch:
    """Some rows.

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
    """

    rows: Rows
    noisy: SparseMatrix | Tensor
    masked: SparseMatrix | Tensor
    clean: SparseMatrix | Tensor
    dropout: Generator


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
    ) -> None:
        self.matrix: csr_array | NDArray[np.float32] = csr_array(matrix) if issparse(matrix) else matrix
        self.noise, self.batch, self.seed, self.stream, self.device = noise, batch, seed, stream, device

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def epoch(self, epoch: int) -> Iterator[DenoisingBatch]:
        """Yield every row once, in the order and with the noise of this epoch."""
        order = generator(self.seed, f"{self.stream}-order", epoch).permutation(len(self))
        for step, start in enumerate(range(0, len(order), self.batch)):
            rows = order[start : start + self.batch]
            clean = self.take(rows)
            values = clean.values if isinstance(clean, SparseMatrix) else clean
            kept = keep_mask(values.numel(), self.noise, self._generator("noise", epoch, step), values.dtype)
            masked = values if kept is None else values * kept.view_as(values)
            noisy = masked if kept is None else masked * (1 / (1 - self.noise))
            dropout = self._generator("dropout", epoch, step)
            if isinstance(clean, SparseMatrix):
                yield DenoisingBatch(rows, clean.with_values(noisy), clean.with_values(masked), clean, dropout)
            else:
                yield DenoisingBatch(rows, noisy, masked, clean, dropout)

    def blocks(self) -> Iterator[tuple[slice, SparseMatrix | Tensor]]:
        """Yield clean rows in their own order, a block at a time."""
        for start in range(0, len(self), BLOCK):
            part = slice(start, min(start + BLOCK, len(self)))
            yield part, self.take(np.arange(part.start, part.stop))

    def take(self, rows: Rows) -> SparseMatrix | Tensor:
        """Return some clean rows."""
        if issparse(self.matrix):
            return SparseMatrix(csr_array(self.matrix[rows]), device=self.device)
        return torch.from_numpy(np.ascontiguousarray(self.matrix[rows], np.float32)).to(self.device)

    def _generator(self, purpose: str, epoch: int, step: int) -> Generator:
        return Generator(self.device).manual_seed(derive_seed(self.seed, f"{self.stream}-{purpose}", epoch, step))
