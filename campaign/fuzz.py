"""Mutated bytes for every parser, in forked children, until the budget is spent: `python -m campaign fuzz --seconds 3600`."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from .bounded import Outcome, bounded
from .fuzz_targets import TARGETS, Target
from .mutations import altered

CORPUS = Path(__file__).parent.parent / "tests" / "attacks" / "corpus"
EXAMPLES = 200  # of a round
MOST_MEGABYTES = 400  # that a round may grow by; what a reader holds for a moment is bounded by the size of its input


def tried(target: Target, data: bytes, place: Path) -> None:
    """Bring bytes to a parser; errors of ours pass, anything else is raised.

    Parameters
    ----------
    target : Target
        The parser.
    data : bytes
        What it gets.
    place : Path
        The folder that its seeds were made in.
    """
    from dualnet import DualNetError

    (place / "last").write_bytes(data)  # what was tried when the process died
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            target.ask(data, place)
        except DualNetError as error:
            if error.exit_code <= 1:
                raise TypeError(f"{type(error).__name__} has no exit code of its own") from error


def one_round(target: Target, number: int, place: Path, examples: int = EXAMPLES) -> Outcome:
    """Try a parser with drawn alterations in a forked child; what it returns are the distinct faults with their bytes.

    Parameters
    ----------
    target : Target
        The parser.
    number : int
        Seed of the draws.
    place : Path
        An empty folder.
    examples : int
        How many inputs.
    """

    def work() -> dict[str, Any]:
        seeds, found = [*target.seeds(place), *corpus_of(target.name)], {}
        count = 0

        @seeded(number)
        @settings(
            max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck), derandomize=False,
        )  # fmt: skip
        @given(altered(seeds))
        def ask(data: bytes) -> None:
            nonlocal count
            count += 1
            try:
                tried(target, data, place)
            except Exception as error:
                found.setdefault(where(error), data.hex())

        ask()
        return {"tried": count, "faults": found}

    return bounded(work, cpu_seconds=600)


def corpus_of(name: str) -> list[bytes]:
    """Return what is kept of a parser: inputs that once found a fault."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*")) if path.is_file()]


def keep(name: str, data: bytes) -> Path:
    """Keep an input in the corpus; its path."""
    path = CORPUS / name / hashlib.sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def where(error: BaseException) -> str:
    """Return kind and place of a fault, by which faults are told apart."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/dualnet/" in frame.filename] or list(frames)
    last = ours[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno} ({str(error)[:160]})"


def run(arguments: Sequence[str] = ()) -> bool:
    """Go on where the last run stopped, for some seconds; whether a fault was found.

    Parameters
    ----------
    arguments : sequence of str
        ``--seconds N``, ``--state FILE`` (which rounds are done), ``--parser NAME``.
    """
    parser = argparse.ArgumentParser(prog="python -m campaign fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--state", type=Path, default=Path("build/fuzz.json"), help="what is done, to go on from")
    parser.add_argument("--parser", choices=list(TARGETS), action="append")
    given_to = parser.parse_args(list(arguments))
    state: dict[str, dict[str, Any]] = json.loads(given_to.state.read_text()) if given_to.state.exists() else {}
    given_to.state.parent.mkdir(parents=True, exist_ok=True)
    ends, names = time.monotonic() + given_to.seconds, given_to.parser or list(TARGETS)
    from .bad_cases.doors import warm_up

    warm_up()
    while time.monotonic() < ends:
        name = min(names, key=lambda one: state.get(one, {}).get("rounds", 0))
        entry = state.setdefault(
            name, {"rounds": 0, "tried": 0, "faults": [], "deaths": 0, "CPU seconds": 0.0, "MB of a round": 0.0}
        )
        _add(entry, name, entry["rounds"])
        given_to.state.write_text(json.dumps(state, indent=1))
    _write(state)
    return any(entry["faults"] or entry["deaths"] for entry in state.values())


def _add(entry: dict[str, Any], name: str, number: int) -> None:
    """Run a round and add what it found."""
    with tempfile.TemporaryDirectory(prefix="dualnet-fuzz-") as folder:
        outcome = one_round(TARGETS[name], number, Path(folder))
        last = Path(folder) / "last"
        if outcome.fault:
            entry["deaths"] += outcome.died
            entry["faults"].append(outcome.fault[-400:])
            if last.exists():
                keep(name, last.read_bytes())
            sys.stderr.write(f"{name}: {outcome.fault[-600:]}\n")
        for where, data in (outcome.result or {"faults": {}})["faults"].items():
            if where not in entry["faults"]:
                entry["faults"].append(where)
                sys.stderr.write(f"{name}: {where}: {keep(name, bytes.fromhex(data))}\n")
    entry["rounds"] += 1
    entry["tried"] += (outcome.result or {"tried": 0})["tried"]
    entry["CPU seconds"] += outcome.seconds
    entry["MB of a round"] = max(entry["MB of a round"], outcome.megabytes)


def _write(state: dict[str, dict[str, Any]]) -> None:
    from benchmarks import record

    rows = [{"what": name, **entry, "faults": len(entry["faults"])} for name, entry in sorted(state.items())]
    record.write("campaign_fuzz", rows)
