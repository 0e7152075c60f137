"""The folder of a study: one record for each measured cell, and the figures of each user beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...data.write_table import write_table
from ...errors import UsageError
from ...models.registry import model_class
from ...report import FIRST, TaskResult
from ..result_lines import Record, add_run, by_key, read_lines
from ..significance import PerUser
from ..studies.cells import CURVE, Cell

SERVED = ("known-all", "new-all")  # tasks of one list of all items, as it is served
RECALLS = tuple(f"recall@{cut}" for cut in CURVE)


class Results:
    """The results of one study in a folder.

    Parameters
    ----------
    folder : Path
        With ``results.jsonl`` and ``per_user/``; need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now: dict[str, dict[str, Any] | None] = {}
        self.reload()

    @property
    def lines(self) -> Path:
        """The file of records."""
        return self.folder / "results.jsonl"

    def reload(self) -> None:
        """Read what other processes may have added."""
        self.records = read_lines(self.lines)
        self._runs = by_key(self.records)

    def of(self, cell: Cell) -> list[Record]:
        """Return the records of a cell, none if it did not run or ran with other parameters than it would now."""
        return [] if self.outdated(cell) else self._runs.get(cell.key, [])

    def asked(self, cell: Cell, candidates: str | None) -> list[Record]:
        """Return the records of a cell that one table is about.

        Parameters
        ----------
        cell : Cell
            A fit.
        candidates : str, optional
            One of `Block.views`: a candidate set or a task; one of `SERVED`.
        """
        return [
            record
            for record in self.of(cell)
            if (candidates in SERVED) == (record["task"] in SERVED)
            and candidates in (None, record["candidates"], record["task"])
        ]

    def outdated(self, cell: Cell) -> str | None:
        """Return which parameters a cell ran with that are different now; None if none are.

        A parameter that did not exist then does not count: its default keeps what was.
        """
        found = self._runs.get(cell.key)
        if not found:
            return None
        if cell.key not in self._now:
            self._now[cell.key] = _parameters_now(cell)
        now = self._now[cell.key]
        if now is None:
            return None
        then = model_class(cell.model)._translated(found[0]["parameters"])
        changed = [f"{name} was {then[name]!r}, is {now[name]!r}" for name in then if name in now and then[name] != now[name]]
        return "; ".join(changed) or None

    def siblings(self) -> list[Results]:
        """Return the results of the other studies in the folder above."""
        found = sorted(self.folder.parent.glob(f"*/{self.lines.name}"))
        return [Results(lines.parent) for lines in found if lines.parent != self.folder]

    def adopt(self, other: Results, cell: Cell, study: str, row: str) -> None:
        """Take over what another study made of the same cell, if anything.

        Parameters
        ----------
        other : Results
            From `siblings`.
        cell : Cell
            A fit that several studies may ask for.
        study, row : str
            What the records call this study and the row.
        """
        records = other.of(cell)
        for record in records:
            kept, place = other._per_user(record), self._per_user(record)
            if kept.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(kept, place)
        if records:
            self.add([{**record, "study": study, "label": row} for record in records])

    def add(self, records: list[Record]) -> None:
        """Add the records of one cell for good."""
        add_run(self.lines, records)
        self.reload()

    def save_users(self, name: str, result: TaskResult) -> None:
        """Keep recall of each user, for paired tests; not for the repository, for its size."""
        place = self.folder / "per_user"
        place.mkdir(parents=True, exist_ok=True)
        columns = {"user": pa.array(result.user_ids)}
        columns |= {recall: pa.array(result.per_user[recall].astype(np.float32)) for recall in RECALLS}
        write_table(pa.table(columns), place / f"{name}.parquet")

    def users(self, record: Record) -> PerUser | None:
        """Return recall of each user at the cut-offs of `CURVE`, None if it was not kept."""
        path = self._per_user(record)
        if not path.exists():
            return None
        table = pq.read_table(path)
        values = np.column_stack([table[recall].to_numpy().astype(np.float64) for recall in RECALLS])
        return PerUser(table["user"].to_pylist(), values)

    def _per_user(self, record: Record) -> Path:
        return self.folder / "per_user" / f"{record['per_user']}.parquet"


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return constructor arguments as JSON has them; infinity is text there."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(parameters), default=str), parse_constant=str)
    return plain


def _parameters_now(cell: Cell) -> dict[str, Any] | None:
    try:
        return plain_parameters(cell.build().get_params())
    except UsageError:  # the model is not in this version: its results stand
        return None


def compact(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics that the reports need, to six digits."""
    return {
        name: {kind: _short(value) for kind, value in figure.items()}
        for name, figure in figures.items()
        if name.startswith(("recall@", "ndcg@", "known_recall@", "new_recall@"))
        or name in (f"precision@{FIRST}", f"new_share@{FIRST}", f"unliked_share@{FIRST}")
    }


def _short(value: Any) -> Any:
    return [_short(entry) for entry in value] if isinstance(value, list) else round(float(value), 6)
