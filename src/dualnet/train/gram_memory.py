"""Running means of the Gram matrices: the stochastic form of the loss for catalogues far larger than a block."""

from __future__ import annotations

import torch
from torch import Tensor

DECAY = 0.9


class GramMemory:
    """Mean Gram matrix of a row of each side over the recent blocks (SOGram; Krichene et al. 2019).

    A block sees few of the items, so its own Gram matrix is a noisy guess of the catalogue's. The running mean is a steadier
    one, though it lags behind the weights. Only the direction of the step uses it: the error that is reported is computed
    from the block's own matrices, and so adds up to that of the whole matrix.

    Parameters
    ----------
    decay : float
        Share of the past in each mean.
    """

    def __init__(self, decay: float = DECAY) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {}

    def blend(self, side: str, gram: Tensor, rows: int) -> Tensor:
        """Take in a block's Gram matrix; return the running mean, scaled to as many rows.

        Parameters
        ----------
        side : str
            ``"user"`` or ``"item"``.
        gram : Tensor, shape (width, width)
            Of this block.
        rows : int
            Rows that it sums over.

        Returns
        -------
        Tensor, shape (width, width)
        """
        if side not in self.state:
            self.state[side] = torch.zeros_like(gram)
            self.state[f"{side}-weight"] = gram.new_zeros(())
        mean, weight = self.state[side], self.state[f"{side}-weight"]
        mean.mul_(self.decay).add_(gram, alpha=(1 - self.decay) / rows)
        weight.mul_(self.decay).add_(1 - self.decay)  # takes out the zero start
        return mean * (rows / weight)
