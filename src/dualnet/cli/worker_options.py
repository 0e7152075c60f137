"""Options of commands that may share their work among processes of a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ..errors import UsageError, counted
from .output import print_json, say


@dataclass(frozen=True)
class WorkerOptions:
    """How many processes work, and where; without them the command does all by itself."""

    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Share the work among so many processes of a Ray cluster; 1 is as without."),
    ] = None
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            help="HOST:PORT of the Ray cluster, or auto; by default one on this machine that ends with the command.",
        ),
    ] = None

    @property
    def several(self) -> bool:
        """Whether a cluster does the work."""
        return self.address is not None or (self.workers or 1) > 1

    @property
    def cluster(self) -> dict[str, Any]:
        """Arguments of the functions of `dualnet.batch`."""
        return {"workers": self.workers or 1, "address": self.address}

    def check(self) -> None:
        """Refuse an address alone; raises `UsageError`."""
        if self.address is not None and self.workers is None:
            raise UsageError("--address says where; say also how many with --workers, such as --workers 4")


def report_parts(written: Any, what: str, *, as_json: bool) -> None:
    """Print what a job in parts has written: JSON, or a sentence.

    Parameters
    ----------
    written : dualnet.batch.jobs.Written
        The answer of the job.
    what : str
        What its rows are, such as ``"lists of 40 users"``.
    as_json : bool
        Whether to print JSON.
    """
    found = f"; {written.found:,} parts were there" if written.found else ""
    if as_json:
        told = {"folder": str(written.folder), "rows": written.rows, "parts": written.parts, "found": written.found}
        print_json(told)
    else:
        say(
            f"wrote {counted(written.rows, '{row|rows}')} ({what}) in {counted(written.parts, '{part|parts}')} to {written.folder}{found}"
        )
