"""The leave-one-out mask: each positive is predicted from a history without it (decision 7)."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from torch import Tensor

from ..ids import Rows
from ..nn.sparse import SparseMatrix, sparse_product
from .inputs import DualInputs, Histories, Place, columns_of


def without_one(
    inputs: DualInputs, rows: Rows, histories: Histories, table: Tensor, item_rows: Rows, place: Place
) -> tuple[Tensor, SparseMatrix]:
    """Return the first-layer sums of each positive's user without that positive, and the positives as rows.

    Parameters
    ----------
    inputs : DualInputs
        The training data.
    rows : ndarray of int64, shape (n_users,)
        Users.
    histories : Histories
        Of those users.
    table : Tensor, shape (n_items, levels[0])
        From `DualInputs.table`.
    item_rows : ndarray of int64
        Items whose positives are asked for.
    place : Place
        Where noise of the columns is drawn.

    Returns
    -------
    first : Tensor, shape (n_pairs, levels[0])
    pairs : SparseMatrix, shape (n_pairs, len(item_rows))
        One weighted entry a row.
    """
    matrix, shown = histories.matrix, histories.visible()
    numbered = columns_of(
        csr_array((np.arange(1, matrix.nnz + 1, dtype=np.int64), matrix.indices, matrix.indptr), shape=matrix.shape), item_rows
    )
    entry = numbered.data - 1
    user = np.repeat(np.arange(matrix.shape[0]), np.diff(numbered.indptr))
    total = np.bincount(np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), shown, minlength=matrix.shape[0])
    scale = 1 / np.sqrt(np.maximum(total[user] - shown[entry], 1))
    n_pairs, ones = len(entry), np.arange(len(entry) + 1)
    sums = sparse_product(inputs.sparse(csr_array((shown, matrix.indices, matrix.indptr), shape=matrix.shape)), table)
    select = csr_array((scale, user, ones), shape=(n_pairs, matrix.shape[0]))
    remove = csr_array((shown[entry] * scale, matrix.indices[entry], ones), shape=(n_pairs, matrix.shape[1]))
    first = sparse_product(inputs.sparse(select), sums) - sparse_product(inputs.sparse(remove), table)
    columns = inputs.columns(rows, place)
    if columns is not None:
        whole = csr_array((np.ones(n_pairs, np.float32), user, ones), shape=select.shape)
        first = first + sparse_product(inputs.sparse(whole), columns)
    pairs = csr_array((matrix.data[entry], numbered.indices, ones), shape=(n_pairs, len(item_rows)))
    return first, inputs.sparse(pairs)
