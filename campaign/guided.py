"""Bytes that reach new code of each parser, by Atheris (libFuzzer): `python -m campaign guided --seconds 600`.

It needs the extra `fuzz`. What it found to reach new code is kept in ``build/guided``, from which the next run goes on; an input
that finds a fault is kept in ``tests/attacks/corpus``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .fuzz import corpus_of, keep, tried, where
from .fuzz_targets import TARGETS

LONGEST = 65_536  # bytes of an input
MOST_DEATHS = 3  # of one parser, after which the next one is tried
Row = dict[str, Any]


def run(arguments: Sequence[str] = ()) -> bool:
    """Try each parser for some seconds, in a forked child; whether a fault was found.

    Parameters
    ----------
    arguments : sequence of str
        ``--seconds N`` (for each parser), ``--parser NAME``, ``--kept FOLDER``.
    """
    parser = argparse.ArgumentParser(prog="python -m campaign guided", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for each parser")
    parser.add_argument("--kept", type=Path, default=Path("build/guided"), help="inputs that reach new code")
    parser.add_argument("--parser", choices=list(TARGETS), action="append")
    given = parser.parse_args(list(arguments))
    try:
        import atheris
    except ImportError:
        parser.error("it needs Atheris, on Linux: pip install -e '.[fuzz]'")
    with atheris.instrument_imports(include=["dualnet"], enable_loader_override=False):
        from .bad_cases.doors import warm_up

        warm_up()
        from benchmarks import record

        rows = {row["what"]: row for row in map(_bare, record.read("campaign_guided"))}
        for name in given.parser or list(TARGETS):
            rows[name] = one_parser(name, given.seconds, given.kept / name)
            sys.stderr.write(json.dumps(rows[name]) + "\n")
            record.write("campaign_guided", list(rows.values()))
    return any(row["faults"] or row["deaths"] for row in rows.values())


def one_parser(name: str, seconds: int, kept: Path) -> Row:
    """Try one parser; what was counted.

    Parameters
    ----------
    name : str
        Of the parser.
    seconds : int
        Until it ends; a process that dies is started again for what is left.
    kept : Path
        Folder of the inputs that reach new code.
    """
    row: Row = {
        "what": name,
        "seconds": 0.0,
        "tried": 0,
        "places reached": 0,
        "inputs kept": 0,
        "faults": 0,
        "deaths": 0,
        "told": [],
    }
    kept.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    while (left := seconds - (time.monotonic() - began)) > 1 and row["deaths"] < MOST_DEATHS:
        with tempfile.TemporaryDirectory(prefix="dualnet-guided-") as folder:
            found = Path(folder) / "found.json"
            told = _forked(lambda: _try(name, int(left), kept, found), Path(folder) / "told")  # noqa: B023 - at once
            for place, data in (json.loads(found.read_text()) if found.exists() else {}).items():
                row["told"].append(f"{place}: {keep(name, bytes.fromhex(data)).name}")
            for died in Path(folder).glob("died-*"):
                if died.name.startswith("died-slow-unit"):  # it ended, on a busy machine
                    continue
                row["deaths"] += 1
                row["told"].append(f"{died.name}: {keep(name, died.read_bytes()).name}")
        counted = re.findall(r"number_of_executed_units: (\d+)", told)
        reached = re.findall(r"cov: (\d+) ", told)
        if not counted and not row["told"]:
            raise RuntimeError(f"{name}: {told[-2_000:]}")
        row["tried"] += int(counted[-1]) if counted else 0
        row["places reached"] = int(reached[-1]) if reached else row["places reached"]
    row["told"] = list(dict.fromkeys(row["told"]))
    row["faults"], row["inputs kept"] = len(row["told"]), sum(1 for _ in kept.iterdir())
    return {**row, "seconds": time.monotonic() - began}


def _try(name: str, seconds: int, kept: Path, found: Path) -> None:
    """Try one parser until the time is up; this process ends with it."""
    import atheris

    target, faults = TARGETS[name], dict[str, str]()
    place = Path(tempfile.mkdtemp(prefix="inputs-", dir=found.parent))
    for number, data in enumerate([*target.seeds(place), *corpus_of(name)]):
        (kept / f"seed-{number}").write_bytes(data)

    def one(data: bytes) -> None:
        try:
            tried(target, data, place)
        except Exception as error:
            if faults.setdefault(where(error), data.hex()) == data.hex():
                found.write_text(json.dumps(faults))

    options = {
        "max_total_time": seconds,
        "max_len": LONGEST,
        "timeout": 60,
        "report_slow_units": 60,
        "rss_limit_mb": 4096,
        "print_final_stats": 1,
    }
    atheris.Setup(
        [name, *(f"-{key}={value}" for key, value in options.items()), f"-artifact_prefix={found.parent}/died-", str(kept)], one
    )
    atheris.Fuzz()


def _bare(row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in ("measurement", "date", "machine", "versions")}


def _forked(work: Callable[[], None], told: Path) -> str:
    """Do work in a child, and return what it wrote."""
    child = os.fork()
    if child == 0:
        try:
            with told.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            work()
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    return told.read_text(errors="replace")
