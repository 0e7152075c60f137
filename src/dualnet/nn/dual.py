"""The dual networks: item tower, user tower, their first layers and the scale of the matching."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from .blocks import Share
from .sparse import SparseMatrix, sparse_product
from .spec import Activation, Design, Norm, TowerSpec
from .towers import Tower

UserInput = Literal["reference", "shared"]


@dataclass(frozen=True)
class DualShape:
    """Sizes and design of a pair of towers.

    Parameters
    ----------
    n_items : int
        Items seen in training (reference items).
    n_features : int
        Width of the item content; 0 for none.
    n_user_features : int
        Width of the user columns; 0 for none.
    levels, design, activation, norm, top_branch
        See `TowerSpec.of_design`.
    dropout : float
        See `Tower`.
    user_input : {"reference", "shared"}
        Whether the user tower reads histories through a table with one row for each reference item (the paper), or
        through a linear layer on the content of the items (design, decision 3).
    item_residual : bool
        Whether each reference item has a learned residual beside its content (decision 4).
    output_scale : float
        Initial scale of each embedding, small so that predictions start near zero (decision 8).
    learned_scale : bool
        Whether the scales are learned; under plain SGD their gradient, a sum over all pairs, drowns all others.
    """

    n_items: int
    n_features: int
    n_user_features: int
    levels: Sequence[int]
    design: Design
    activation: Activation
    norm: Norm
    dropout: float
    top_branch: bool
    user_input: UserInput
    item_residual: bool
    output_scale: float
    learned_scale: bool = True

    @property
    def tower(self) -> TowerSpec:
        """Shape of each of the two towers."""
        return TowerSpec.of_design(
            self.levels, design=self.design, norm=self.norm, activation=self.activation, top_branch=self.top_branch
        )


class DualNetwork(nn.Module):
    """Item network f and user network g of the paper, trained together (figure 1).

    Parameters
    ----------
    shape : DualShape
        Sizes and design.
    generator : torch.Generator
        For the initial weights.
    """

    def __init__(self, shape: DualShape, generator: Generator) -> None:
        super().__init__()
        self.shape = shape
        width = shape.levels[0]
        self.item_tower = Tower(shape.tower, dropout_rate=shape.dropout, generator=generator)
        self.user_tower = Tower(shape.tower, dropout_rate=shape.dropout, generator=generator)
        self.item_weight = _table(shape.n_features, width, generator)
        self.item_residual = _residual(
            shape.n_items, width, shape.n_features > 0, shape.item_residual or not shape.n_features, generator
        )
        shared = shape.user_input == "shared" and shape.n_features > 0
        self.user_weight = _table(shape.n_features if shared else 0, width, generator)
        self.user_table = _residual(shape.n_items, width, shared, shape.item_residual or not shared, generator)
        self.user_columns = _table(shape.n_user_features, width, generator)
        # two factors, one a side: either tower alone keeps a sensible scale
        scale = torch.full((len(self.item_tower.widths),), shape.output_scale)
        self.item_scale = nn.Parameter(scale.clone(), requires_grad=shape.learned_scale)
        self.user_scale = nn.Parameter(scale.clone(), requires_grad=shape.learned_scale)

    def sides(self) -> tuple[tuple[str, Tower, nn.Parameter], ...]:
        """Return name, tower and scale of each side."""
        return ("item", self.item_tower, self.item_scale), ("user", self.user_tower, self.user_scale)

    def first_layers(self) -> dict[str, nn.Parameter]:
        """Return the tables of the first layers that this network has, by the names they are exported under."""
        tables = {
            "item.content": self.item_weight,
            "item.residual": self.item_residual,
            "user.content": self.user_weight,
            "user.table": self.user_table,
            "user.columns": self.user_columns,
        }
        return {name: table for name, table in tables.items() if table is not None}

    def item_tables(self) -> dict[str, nn.Parameter]:
        """Return the tables with a row for each reference item that this network has, by their names in `state_dict`."""
        tables = {"item_residual": self.item_residual, "user_table": self.user_table}
        return {name: table for name, table in tables.items() if table is not None}

    def encode_items(self, first: Tensor, generator: Generator | None = None, share: Share | None = None) -> Tensor:
        """Return item embeddings, shape (n, width), from first-layer sums, shape (n, levels[0])."""
        return self._tower(self.item_tower, first, self.item_scale, generator, share)

    def encode_users(self, first: Tensor, generator: Generator | None = None, share: Share | None = None) -> Tensor:
        """Return user embeddings, shape (n, width), from first-layer sums, shape (n, levels[0])."""
        return self._tower(self.user_tower, first, self.user_scale, generator, share)

    def item_first(self, content: SparseMatrix | Tensor | None, residual: Tensor | None, kept: Tensor | None = None) -> Tensor:
        """Return first-layer sums of items.

        Parameters
        ----------
        content : SparseMatrix or Tensor, shape (n, n_features), optional
            Content, noisy or clean.
        residual : Tensor, shape (n, levels[0]), optional
            Rows of `item_residual`.
        kept : Tensor, shape (n,), optional
            1 where the residual counts, 0 where it is left out.

        Returns
        -------
        Tensor, shape (n, levels[0])
        """
        return _sum(content, self.item_weight, residual, kept)

    def history_table(
        self, content: SparseMatrix | Tensor | None, residual: Tensor | None, kept: Tensor | None = None
    ) -> Tensor:
        """Return what each item adds to a history, shape (n, levels[0]); arguments as in `item_first`."""
        return _sum(content if self.user_weight is not None else None, self.user_weight, residual, kept)

    @torch.no_grad()
    def calibrate(self, item_first: Tensor, user_first: Tensor) -> None:
        """Set the batch statistics of both towers to those of clean inputs, shapes (n, levels[0])."""
        self.item_tower.calibrate(item_first)
        self.user_tower.calibrate(user_first)

    def column_first(self, columns: SparseMatrix | Tensor) -> Tensor:
        """Return what user columns, shape (n, n_user_features), add to the first-layer sums, shape (n, levels[0])."""
        return _sum(columns, self.user_columns, None)

    @staticmethod
    def _tower(tower: Tower, first: Tensor, scale: Tensor, generator: Generator | None, share: Share | None) -> Tensor:
        encoded: Tensor = tower(first, scale, generator, share)
        return encoded


def _sum(
    content: SparseMatrix | Tensor | None, weight: Tensor | None, residual: Tensor | None, kept: Tensor | None = None
) -> Tensor:
    if content is None or weight is None:
        if residual is None:
            raise ValueError("an item needs content or a residual")
        return residual if kept is None else residual * kept[:, None]
    product = sparse_product(content, weight) if isinstance(content, SparseMatrix) else content @ weight
    if residual is None:
        return product
    return product + residual if kept is None else torch.addcmul(product, residual, kept[:, None])


def _table(rows: int, width: int, generator: Generator) -> nn.Parameter | None:
    """Return a first-layer weight of N(0, 1/width); a three times larger start learns far slower (decision 8)."""
    if rows == 0:
        return None
    return nn.Parameter(torch.empty(rows, width).normal_(0.0, 1.0 / math.sqrt(width), generator=generator))


def _residual(rows: int, width: int, beside: bool, wanted: bool, generator: Generator) -> nn.Parameter | None:
    """Return a table with a row for each item: zero beside content, which is the better first guess, random without it."""
    if not wanted:
        return None
    return nn.Parameter(torch.zeros(rows, width)) if beside else _table(rows, width, generator)
