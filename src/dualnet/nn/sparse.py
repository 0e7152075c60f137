"""Constant sparse matrices in products with dense parameters, without gather or scatter."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state", category=UserWarning)
warnings.filterwarnings("ignore", message="Sparse invariant checks are implicitly disabled", category=UserWarning)


class SparseMatrix:
    """A constant CSR matrix and its transpose, sharing one set of values.

    Products with it follow the non-zeros, and both directions are CSR products: advanced indexing and scatter are neither
    deterministic nor fast on a CPU.

    Parameters
    ----------
    matrix : csr_array, shape (rows, columns)
        The values; copied as `dtype`.
    dtype : torch.dtype
        Type of the values.
    """

    def __init__(self, matrix: csr_array, dtype: torch.dtype = torch.float32) -> None:
        numbered = csr_array((np.arange(matrix.nnz, dtype=np.int64), matrix.indices, matrix.indptr), shape=matrix.shape).tocsc()
        self.shape: tuple[int, int] = (int(matrix.shape[0]), int(matrix.shape[1]))
        self._rows = (_index(matrix.indptr), _index(matrix.indices))
        self._columns = (_index(numbered.indptr), _index(numbered.indices))
        self._order = torch.from_numpy(numbered.data)
        self.values = torch.from_numpy(np.ascontiguousarray(matrix.data)).to(dtype)

    @property
    def nnz(self) -> int:
        """Number of stored entries."""
        return len(self.values)

    def with_values(self, values: Tensor) -> SparseMatrix:
        """Return the same pattern with other values, shape (nnz,), sharing all index arrays."""
        twin = object.__new__(SparseMatrix)
        twin.shape, twin._rows, twin._columns, twin._order = self.shape, self._rows, self._columns, self._order
        twin.values = values
        return twin

    def csr(self) -> Tensor:
        """Return the matrix as a torch CSR tensor, shape (rows, columns)."""
        return torch.sparse_csr_tensor(*self._rows, self.values, size=self.shape)

    def pattern(self) -> Tensor:
        """Return a dense 0/1 tensor, shape (rows, columns), with 1 at every stored entry; for small blocks only."""
        return self.with_values(torch.ones_like(self.values)).csr().to_dense()

    def transposed_csr(self) -> Tensor:
        """Return the transpose as a torch CSR tensor, shape (columns, rows)."""
        values = self.values.index_select(0, self._order)
        return torch.sparse_csr_tensor(*self._columns, values, size=(self.shape[1], self.shape[0]))

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


class _Product(torch.autograd.Function):
    """M W with the gradient M' dY; M is a constant."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, matrix: SparseMatrix) -> Tensor:
        ctx.matrix = matrix
        return matrix.csr() @ weight

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.matrix.transposed_csr() @ grads[0].contiguous(), None


def sparse_product(matrix: SparseMatrix, weight: Tensor) -> Tensor:
    """Return matrix @ weight with a gradient for the weight only.

    Parameters
    ----------
    matrix : SparseMatrix, shape (rows, columns)
        A constant.
    weight : Tensor, shape (columns, width)

    Returns
    -------
    Tensor, shape (rows, width)
    """
    result: Tensor = _Product.apply(weight, matrix)
    return result


def _index(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64 if len(array) >= 2**31 else np.int32))
