"""Constant sparse matrices in products with dense parameters, without gather or scatter."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn import functional

from ..computed_once import computed_once

ROWS_AT_ONCE = 32768  # that wait for a product with a transpose

warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state", category=UserWarning)


class SparseMatrix:
    """A constant CSR matrix and, once it is asked for, its transpose, sharing one set of values.

    Products with it follow the non-zeros. They are sums over bags of rows (`embedding_bag`), which read each row as a whole:
    two to three times faster than a general CSR product at these widths, and the same bits every time, which advanced
    indexing and scatter are not.

    Parameters
    ----------
    matrix : csr_array, shape (rows, columns)
        The values; copied as `dtype`.
    dtype : torch.dtype
        Type of the values.
    device : torch.device or str
        Where the products run.
    """

    def __init__(self, matrix: csr_array, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> None:
        self._pattern = _Pattern(matrix, device)
        self.values = torch.from_numpy(np.ascontiguousarray(matrix.data)).to(device, dtype)

    @classmethod
    def stacked(cls, parts: Sequence[SparseMatrix]) -> SparseMatrix:
        """Return the rows of several matrices of the same columns, one below the other; of a single one itself."""
        if len(parts) == 1:
            return parts[0]
        whole = object.__new__(cls)
        whole._pattern, whole.values = _Pattern.stacked([part._pattern for part in parts]), torch.cat([p.values for p in parts])
        return whole

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._pattern.shape

    @property
    def nnz(self) -> int:
        """Number of stored entries."""
        return len(self.values)

    def with_values(self, values: Tensor) -> SparseMatrix:
        """Return the same pattern with other values, shape (nnz,), sharing all index arrays."""
        twin = object.__new__(SparseMatrix)
        twin._pattern, twin.values = self._pattern, values
        return twin

    def csr(self) -> Tensor:
        """Return the matrix as a torch CSR tensor, shape (rows, columns)."""
        return torch.sparse_csr_tensor(
            self._pattern.pointers,
            self._pattern.indices,
            self.values,
            size=self.shape,
            device=self.values.device,
            check_invariants=False,
        )

    def pattern(self) -> Tensor:
        """Return a dense 0/1 tensor, shape (rows, columns), with 1 at every stored entry; for small blocks only."""
        return self.with_values(torch.ones_like(self.values)).csr().to_dense()

    def times(self, dense: Tensor) -> Tensor:
        """Return this matrix times `dense`, shape (columns, width): shape (rows, width)."""
        return _bags(self._pattern.pointers, self._pattern.indices, self.values, dense)

    def transposed_times(self, dense: Tensor) -> Tensor:
        """Return the transpose times `dense`, shape (rows, width): shape (columns, width)."""
        transposed = self._pattern.transposed
        return _bags(transposed.pointers, transposed.rows, self.values.index_select(0, transposed.order), dense)

    def inner_products(self, left: Tensor, right: Tensor) -> Tensor:
        """Return <left_i, right_j> for every stored (i, j).

        Parameters
        ----------
        left : Tensor, shape (rows, width)
        right : Tensor, shape (columns, width)

        Returns
        -------
        Tensor, shape (nnz,)
        """
        if self.nnz == 0:
            return left.new_empty(0)
        ones = self.with_values(torch.ones_like(self.values))
        return torch.sparse.sampled_addmm(ones.csr(), left, right.T, beta=0.0).values()


class _Pattern:
    """Positions of the entries of a matrix; matrices that differ in values only share them."""

    def __init__(self, matrix: csr_array, device: torch.device | str) -> None:
        self.shape: tuple[int, int] = (int(matrix.shape[0]), int(matrix.shape[1]))
        wide = matrix.nnz >= 2**31
        self.pointers = _index(matrix.indptr, wide).to(device)
        self.indices = _index(matrix.indices, wide).to(device)

    @classmethod
    def stacked(cls, parts: Sequence[_Pattern]) -> _Pattern:
        """Return the rows of several patterns, one below the other."""
        whole = object.__new__(cls)
        counts = torch.cat([part.pointers.diff() for part in parts])
        pointers = torch.cat([counts.new_zeros(1, dtype=torch.int64), counts.cumsum(0, dtype=torch.int64)])
        wide = torch.int64 if int(pointers[-1]) >= 2**31 else torch.int32
        whole.shape = (sum(part.shape[0] for part in parts), parts[0].shape[1])
        whole.pointers, whole.indices = pointers.to(wide), torch.cat([part.indices for part in parts]).to(wide)
        return whole

    @computed_once
    def transposed(self) -> _Transposed:
        """The same pattern by columns, made when a gradient first asks for it."""
        places, starts = self.indices.cpu().numpy(), self.pointers.cpu().numpy()
        numbered = csr_array((np.arange(len(places), dtype=np.int64), places, starts), shape=self.shape).tocsc()
        wide, device = self.pointers.dtype == torch.int64, self.pointers.device
        return _Transposed(
            _index(numbered.indptr, wide).to(device),
            _index(numbered.indices, wide).to(device),
            torch.from_numpy(numbered.data).to(device),
        )


@dataclass(frozen=True, eq=False)
class _Transposed:
    """Column pointers, row numbers, and the place of each entry in the order of the rows."""

    pointers: Tensor
    rows: Tensor
    order: Tensor


class TransposedSum:
    """The sum of M'X over several constant matrices M of the same columns, each with dense rows X.

    A product has as many rows as M has columns, few of them touched by a small M. So small ones wait, and up to `ROWS_AT_ONCE` of
    their rows are multiplied at once: the dense sum is passed over once for all of them.

    Parameters
    ----------
    start : Tensor, shape (columns, width), optional
        What the sum is added to, in place.
    """

    def __init__(self, start: Tensor | None = None) -> None:
        self._waiting: list[tuple[SparseMatrix, Tensor]] = []
        self._total = start

    def add(self, matrix: SparseMatrix, dense: Tensor) -> None:
        """Take in one product of a matrix, shape (rows, columns), and constant `dense` rows, shape (rows, width)."""
        self._waiting.append((matrix, dense))
        if sum(len(rows) for _, rows in self._waiting) >= ROWS_AT_ONCE:
            self._multiply()

    def total(self) -> Tensor | None:
        """Return the sum so far, shape (columns, width); None where there is no start and nothing was taken in."""
        self._multiply()
        return self._total

    def _multiply(self) -> None:
        if not self._waiting:
            return
        matrices, rows = zip(*self._waiting, strict=True)
        product = SparseMatrix.stacked(matrices).transposed_times(rows[0] if len(rows) == 1 else torch.cat(rows))
        self._total = product if self._total is None else self._total.add_(product)
        self._waiting = []


class SharedFactor:
    """A dense matrix that several constants are multiplied with, and whose gradient is summed for many of them at once.

    Parameters
    ----------
    dense : Tensor, shape (columns, width)
        The gradient does not go on through it: `backward` takes it there.
    """

    def __init__(self, dense: Tensor) -> None:
        self._source, self._gradient = dense, TransposedSum()
        self.rows = dense.detach().requires_grad_(dense.requires_grad)

    def take(self, matrix: SparseMatrix, gradient: Tensor) -> None:
        """Take in the gradient by the product of a matrix with these rows."""
        self._gradient.add(matrix, gradient)

    def backward(self) -> None:
        """Go on, with the sum of what was taken in, to what the rows were computed from."""
        total = self._gradient.total()
        if total is not None:
            self._source.backward(total)


class _Product(torch.autograd.Function):
    """M W with the gradient M' dY, or with dY given to the factor that W are the rows of; M is a constant."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, matrix: SparseMatrix, factor: SharedFactor | None) -> Tensor:
        ctx.matrix, ctx.factor = matrix, factor
        return matrix.times(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:
        if ctx.factor is not None:
            ctx.factor.take(ctx.matrix, grads[0])
            return None, None, None
        return ctx.matrix.transposed_times(grads[0]), None, None


def sparse_product(matrix: SparseMatrix, weight: Tensor | SharedFactor) -> Tensor:
    """Return matrix @ weight with a gradient for the weight only.

    Parameters
    ----------
    matrix : SparseMatrix, shape (rows, columns)
        A constant.
    weight : Tensor or SharedFactor, shape (columns, width)

    Returns
    -------
    Tensor, shape (rows, width)
    """
    shared = weight if isinstance(weight, SharedFactor) else None
    result: Tensor = _Product.apply(weight if shared is None else shared.rows, matrix, shared)
    return result


def _bags(pointers: Tensor, indices: Tensor, values: Tensor, dense: Tensor) -> Tensor:
    if len(indices) == 0:  # embedding_bag does not take empty input
        return dense.new_zeros(len(pointers) - 1, dense.shape[1])
    return functional.embedding_bag(
        indices, dense.contiguous(), pointers, mode="sum", per_sample_weights=values, include_last_offset=True
    )


def _index(array: NDArray[Any], wide: bool) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64 if wide else np.int32))
