"""The parts of a study: a cell is one fit, a row one method, a block one table, a study one claim of the paper."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ...config import build_model
from ...errors import UsageError
from ...models.base import Recommender
from ...models.registry import model_class
from ..presets import preset

Repeat = tuple[int, int | None]  # seed, fold
Preset = Literal["chosen", "paper", "default"]

CURVE = (10, 20, 30, 50, 75, 100, 150, 200, 250, 300)  # cut-offs that every cell is measured at
NETWORKS_ALONE = {"dualnet": {"factors": 0}}  # what a preset of DualNet was chosen for: the paper's method
CONTENT_FREE = frozenset({"popularity", "item-knn", "ease", "wmf", "bpr"})  # one fit serves whatever content stands above it


@dataclass(frozen=True, eq=False)
class Cell:
    """One fit, and what it is measured on.

    Parameters
    ----------
    dataset : str
        A named data set, or ``demo``.
    content : tuple of str
        Content columns in use; all there are if empty.
    protocol : str
        Name of the protocol.
    options : mapping
        Of the protocol, without seed, fold and candidates.
    candidates : tuple of str
        Candidate sets of ``out-matrix``, all measured on the one fit; empty for other protocols.
    model : str
        Model name.
    parameters : mapping
        Constructor arguments.
    preset : {"chosen", "paper", "default"}
        Start from what was found on validation, from the class's ``paper()``, or from its defaults, which choose inside `fit`.
    seed : int
        Of division and model.
    fold : int, optional
        Where the protocol has folds.
    users : int, optional
        Take a part of the data: so many users, drawn once, and their items.
    """

    dataset: str
    content: tuple[str, ...]
    protocol: str
    options: Mapping[str, Any]
    candidates: tuple[str, ...]
    model: str
    parameters: Mapping[str, Any]
    preset: Preset
    seed: int
    fold: int | None
    users: int | None = None

    @property
    def key(self) -> str:
        """Key of this cell, as 16 hexadecimal digits; cells with equal settings have equal keys."""
        parts = [
            self.dataset, None if self.model in CONTENT_FREE else self.content, self.protocol, dict(self.options), self.candidates,
            self.model, dict(self.parameters), self.preset, self.seed, self.fold, self.users,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def content_label(self) -> str:
        """Content in use, for records and tables."""
        return "none" if self.model in CONTENT_FREE else ",".join(self.content) or "all"

    def build(self) -> Recommender:
        """Return the unfitted model.

        Raises
        ------
        UsageError
            If the model, its paper preset, or a parameter or value does not exist in this version.
        """
        cls = model_class(self.model)
        given = dict(self.parameters)
        if self.preset == "paper":
            if not hasattr(cls, "paper"):
                raise UsageError(f"model '{self.model}' has no paper preset")
            given = {**cls.paper().get_params(), **given}
        elif self.preset == "chosen":
            given = {
                **NETWORKS_ALONE.get(self.model, {}),
                **chosen_parameters(self.model, self.dataset, self.protocol),
                **given,
            }
        if self.preset == "paper" and "random_state" not in self.parameters:
            given.pop("random_state", None)  # the default of the model
        model: Recommender = build_model(self.model, given, "reproduce", self.seed)
        return model

    def __str__(self) -> str:
        where = f"{self.dataset} ({self.content_label}), {self.protocol}, seed {self.seed}"
        return f"{self.model}: {where}" + ("" if self.fold is None else f", fold {self.fold}")


@dataclass(frozen=True, eq=False)
class Row:
    """One method of a table.

    Parameters
    ----------
    label : str
        What the table calls it.
    model : str
        Model name.
    parameters : mapping
        Constructor arguments that make the row what it is.
    preset : {"chosen", "paper", "default"}
        See `Cell`.
    options : mapping
        Options of the protocol on top of the block's.
    paper : mapping of int to float
        The paper's recall by cut-off, as a share.
    note : str
        Why ours differs, or what the row is; small print below the table.
    repeats : int, optional
        At most so many of the block's repeats: part of the compute budget.
    """

    label: str
    model: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    preset: Preset = "chosen"
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[int, float] = field(default_factory=dict)
    note: str = ""
    repeats: int | None = None


@dataclass(frozen=True, eq=False)
class Block:
    """One table: methods on one division of one data set.

    Parameters
    ----------
    name : str
        Short and unique in the study; names its files.
    title : str
        Heading.
    dataset, content, protocol, options, users
        As in `Cell`.
    rows : tuple of Row
        Methods.
    cuts : tuple of int
        Columns: M of Recall@M.
    repeats : tuple of (seed, fold)
        Divisions.
    candidates : tuple of str
        As in `Cell`; one table for each.
    tasks : tuple of str
        Tasks of a protocol that has several; one table for each.
    contrasts : tuple of (label, label)
        Pairs to test.
    order : tuple of str
        Labels in the order that the paper claims, worst first.
    plots : tuple of str
        Of ``curves`` (recall against M), ``intervals`` (a point with its interval for each row), ``gains`` (paired differences
        against M) and ``training`` (loss and validation recall by epoch).
    bar : float, optional
        Relative difference that the contrasts should stay within; the report says whether they do.
    race : bool
        Whether the table of epochs and seconds to the same validation recall is printed.
    note : str
        What the data are, and why figures differ from the paper's.
    """

    name: str
    title: str
    dataset: str
    protocol: str
    rows: tuple[Row, ...]
    cuts: tuple[int, ...]
    repeats: tuple[Repeat, ...]
    content: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    users: int | None = None
    candidates: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    contrasts: tuple[tuple[str, str], ...] = ()
    order: tuple[str, ...] = ()
    plots: tuple[str, ...] = ("curves",)
    bar: float | None = None
    race: bool = False
    note: str = ""

    @property
    def views(self) -> tuple[str | None, ...]:
        """Views that have a table: each candidate set, each task, or the whole."""
        return self.candidates or self.tasks or (None,)

    def row(self, label: str) -> Row:
        """Return the row of a label.

        Raises
        ------
        UsageError
            If there is none.
        """
        for row in self.rows:
            if row.label == label:
                return row
        raise UsageError(f"block '{self.name}' has no row '{label}'")

    def cells(self, row: Row) -> list[Cell]:
        """Return the cells of one row, a repeat each."""
        return [
            Cell(
                self.dataset, self.content, self.protocol, {**self.options, **row.options}, self.candidates, row.model,
                row.parameters, row.preset, seed, fold, self.users,
            )
            for seed, fold in self.repeats[: row.repeats]
        ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Study:
    """One table or claim of the paper.

    Parameters
    ----------
    name : str
        What the command line calls it.
    title : str
        Heading of the report.
    claim : str
        What the paper says.
    blocks : tuple of Block
        The tables.
    """

    name: str
    title: str
    claim: str
    blocks: tuple[Block, ...]

    def cells(self) -> Iterator[tuple[int, Row, Cell]]:
        """Yield place among the repeats, row and cell; a cell that several blocks share comes once."""
        seen = set()
        for block in self.blocks:
            for row in block.rows:
                for place, cell in enumerate(block.cells(row)):
                    if cell.key not in seen:
                        seen.add(cell.key)
                        yield place, row, cell

    def with_settings(self, settings: Mapping[str, Mapping[str, Any]], *, override: bool = True) -> Study:
        """Return the study with other parameters of some models.

        Parameters
        ----------
        settings : mapping of model name to mapping
            Constructor arguments.
        override : bool
            Whether they win over what makes the row what it is.
        """

        def changed(row: Row) -> Row:
            extra = settings.get(row.model, {})
            return replace(row, parameters={**row.parameters, **extra} if override else {**extra, **row.parameters})

        return replace(self, blocks=tuple(replace(b, rows=tuple(changed(r) for r in b.rows)) for b in self.blocks))


def against(label: str, others: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the contrasts of one method against others."""
    return tuple((label, other) for other in others)


def percent(*figures: float, cuts: Sequence[int] = (50, 100, 200)) -> dict[int, float]:
    """Return figures that the paper prints in per cent as shares by cut-off."""
    return {cut: round(figure / 100, 6) for cut, figure in zip(cuts, figures, strict=True)}


def chosen_parameters(model: str, dataset: str, protocol: str) -> dict[str, Any]:
    """Return the constructor arguments of a model that were chosen on validation data: the preset in the package.

    Parameters
    ----------
    model : str
        Model name.
    dataset : str
        A named data set, or ``demo``.
    protocol : str
        Name of the protocol.
    """
    return preset(model, dataset, protocol)
