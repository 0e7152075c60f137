"""What is done already: one JSON line for each case, so that a campaign that is stopped goes on where it was."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.record import append, read

Row = dict[str, Any]
MOST_TOLD = 5  # faults written out for one case


class Ledger:
    """The cases of one part of the campaign.

    Parameters
    ----------
    name : str
        Of the part; its file is ``benchmarks/results/campaign_NAME.jsonl``. None keeps nothing, for tests and controls.
    only : str
        Play no case but those whose name begins so.
    """

    def __init__(self, name: str | None, only: str = "") -> None:
        self._only = only
        self._name = None if name is None else f"campaign_{name}"
        self.rows: list[Row] = [] if self._name is None else read(self._name)
        self._done = {row["case"] for row in self.rows}

    def case(self, case: str, play: Callable[[], Row]) -> Row | None:
        """Play a case and write down what came of it; None, and no play, for one that is done.

        A row has the counts of the case and ``faults``: sentences, of which some are written out; none is good.
        """
        if case in self._done or not case.startswith(self._only):
            return None
        row = {"case": case, **play()}
        faults = row.pop("faults")
        row |= {"faults": len(faults), "told": faults[:MOST_TOLD]}
        sys.stderr.write(
            f"{case}: {', '.join(f'{key} {value}' for key, value in row.items() if key not in ('case', 'told'))}\n"
        )
        for fault in faults[:MOST_TOLD]:
            sys.stderr.write(f"  {fault}\n")
        if self._name is not None:
            append(self._name, row)
        self.rows.append(row)
        return row
