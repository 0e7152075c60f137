"""The paired tests of a study, kept as JSON lines so that reports need no per-user figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ...errors import UsageError
from ..result_lines import Record, by_key, locked, read_lines, write_lines
from ..significance import Difference, Interval, PerUser, interval_over_runs, paired_differences
from ..studies.cells import CURVE, Block, Study
from .results import Results

Key = tuple[str, str, str, str, int]  # block, candidates, first, second, cut


def paired_tests(study: Study, results: Results, *, keep: bool = True) -> dict[Key, Record]:
    """Test every contrast of a study on the runs that both rows have, and keep the outcome in ``comparisons.jsonl``.

    What did not change since the last time is taken from the file, also where the per-user figures are gone. Tests of data
    sets that this run leaves out stay in the file.

    Parameters
    ----------
    study : Study
        With the contrasts.
    results : Results
        What is done.
    keep : bool
        Whether to write the file.

    Returns
    -------
    dict
        Records by (block, candidates, first, second, cut).
    """
    path = results.folder / "comparisons.jsonl"
    stored = by_key(read_lines(path))
    found: dict[Key, Record] = {}
    for block in study.blocks:
        for candidates in [view or "" for view in block.views]:
            for first, second in block.contrasts:
                for record in _contrast(study, block, candidates, first, second, results, stored):
                    found[(block.name, candidates, first, second, record["cut"])] = record
    if keep and found:
        with locked(path):
            names = {record["key"] for record in found.values()}
            others = [record for record in read_lines(path) if record["key"] not in names]
            write_lines(path, [*others, *found.values()])
    return found


def _contrast(
    study: Study, block: Block, candidates: str, first: str, second: str, results: Results, stored: Mapping[str, list[Record]]
) -> list[Record]:
    pairs = []
    for one, other in zip(block.cells(block.row(first)), block.cells(block.row(second)), strict=False):
        sides = [
            next((record for record in results.asked(cell, candidates or None) if record["metrics"]), None)
            for cell in (one, other)
        ]
        if sides[0] is not None and sides[1] is not None:
            pairs.append((sides[0], sides[1]))
    if not pairs:
        return []
    name = f"{block.name}/{candidates}/{first}/{second}"
    basis = _basis(pairs)
    known = stored.get(name, [])
    if known and all(record["basis"] == basis for record in known):
        return known
    users = [(results.users(one), results.users(other)) for one, other in pairs]
    complete = [(one, other) for one, other in users if one is not None and other is not None]
    differences = _differences(complete) if len(complete) == len(pairs) else _of_means(pairs)
    common: Record = {
        "key": name, "study": study.name, "block": block.name, "candidates": candidates, "first": first, "second": second,
        "runs": [[one["seed"], one["fold"]] for one, _ in pairs], "basis": basis,
    }  # fmt: skip
    return [{**common, "cut": cut, **difference_json(difference)} for cut, difference in zip(CURVE, differences, strict=False)]


def _of_means(pairs: list[tuple[Record, Record]]) -> list[Difference]:
    """Return differences over runs, from the mean of each run: the figures of each user are not kept with the records."""
    found = []
    for cut in CURVE:
        gains = [one["metrics"][f"recall@{cut}"]["mean"] - other["metrics"][f"recall@{cut}"]["mean"] for one, other in pairs]
        over_runs = interval_over_runs(gains)
        if over_runs is None:
            return []
        found.append(Difference(None, None, over_runs))
    return found


def _differences(runs: list[tuple[PerUser, PerUser]]) -> list[Difference]:
    try:
        return paired_differences(runs)
    except UsageError as error:
        raise UsageError(f"{error}; the contrast of a study names rows on different users") from error


def _basis(pairs: list[tuple[Record, Record]]) -> str:
    """Return what a comparison was made of: it changes when one of the runs does."""
    parts = [[side["key"], side["split"], side["metrics"]] for pair in pairs for side in pair]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def difference_json(difference: Difference) -> dict[str, Any]:
    """Return a difference as JSON has it."""
    return {
        "over_users": _interval_json(difference.over_users),
        "relative": _interval_json(difference.relative),
        "over_runs": _interval_json(difference.over_runs),
        "verdict": difference.verdict,
    }


def _interval_json(interval: Interval | None) -> dict[str, Any] | None:
    return (
        None
        if interval is None
        else {
            "mean": round(interval.mean, 6),
            "ci95": [round(interval.low, 6), round(interval.high, 6)],
            "n": interval.n,
        }
    )
