"""The server under load with each rule in turn, and without; beside an earlier version from its checkout, where one is named.

``python -m benchmarks.serving_rules [CHECKOUT]``, with nothing else on the machine: about three minutes, a minute more with a checkout.
The model is that of `serving`: 16,980 items of 450 numbers, histories of 20, 64 connections, lists of 10.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from . import record
from .serving import BODIES, HISTORY, PAIRS, PAPERS, READERS, figures, loaded, median_run, ready_process

PORT, K = 8193, 10
ROUNDS, WARM, SECONDS = 3, 1.0, 6.0
RULES: dict[str, dict[str, Any]] = {
    "hide: one field of ten": {"hide": [{"where": {"field": {"is": "ecology"}}}]},
    "window: until": {"window": {"until": "until"}},
    "pin at place 3": {"pin": [{"item": "", "place": 3}]},
    "boost +0.5: one field": {"boost": [{"where": {"field": {"is": "ecology"}}, "weight": 0.5}]},
    "boost +0.5: year": {"boost": [{"column": "year", "weight": 0.5, "low": 1990}]},
    "at least 2 of one field": {"quotas": [{"where": {"field": {"is": "ecology"}}, "at_least": 2}]},
    "at most 3 of each field": {"quotas": [{"each": "field", "at_most": 3}]},
    "diversity 0.3": {"diversity": 0.3},
    "diversity 0.3, at most 3 of each field, 2 of one, boost by year": {
        "diversity": 0.3,
        "quotas": [{"each": "field", "at_most": 3}, {"where": {"field": {"is": "ecology"}}, "at_least": 2}],
        "boost": [{"column": "year", "weight": 0.5}],
    },
}
DIALS: dict[str, dict[str, Any]] = {
    "popularity 0.5": {"popularity": 0.5},
    "first page": {"page": ""},
    "preset: at most 3 of each field": {"preset": "fields"},
}


def run() -> None:
    """Measure and write results/serving_rules.jsonl."""
    earlier = _checkout(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="dualnet-serving-rules-") as name:
        folder = Path(name)
        histories, pinned = _prepare(folder)
        rows = [] if earlier is None else _beside(folder, histories, earlier)
        with _server(folder):
            _keep_preset()
            asked = {
                "no rule": {},
                **{rule: {"rules": rules} for rule, rules in RULES.items()},
                **DIALS,
                "no rule, once more": {},
            }
            for what, more in asked.items():
                if "pin" in more.get("rules", {}):
                    more = {"rules": {"pin": [{"item": pinned, "place": 3}]}}
                rows.append({"what": what, "by": "this version", **figures(_answered(folder, histories, more))})
    plain = next(row["p99 ms"] for row in rows if row["what"] == "no rule" and row["by"] == "this version")
    for row in rows:
        row["p99 / that of no rule"] = row["p99 ms"] / plain
    record.write("serving_rules", rows)


def _checkout(words: list[str]) -> Path | None:
    """Return the checkout that the command line names, if it names one."""
    if len(words) > 1:
        raise SystemExit(f"one checkout can be compared, got {len(words)}: {' '.join(words)}; name one folder")
    for word in words:
        if not (Path(word) / "src" / "dualnet").is_dir():
            raise SystemExit(f"'{word}' is no checkout of dualnet, which has a folder src/dualnet; name one, or leave it out")
        return Path(word).resolve()
    return None


def _prepare(folder: Path) -> tuple[list[list[Any]], Any]:
    """Fit and save the model; return histories to ask for, and an item to pin."""
    import pyarrow as pa

    from dualnet import Content, Dataset, DualNet, RunOptions
    from dualnet.data.synthetic import library

    warnings.simplefilter("ignore")
    plain = library(n_readers=READERS, n_papers=PAPERS, pairs_per_reader=PAIRS)
    ends = pa.array([1_000_000_000 if place % 3 == 0 else None for place in range(PAPERS)], pa.int64())
    items = Content(plain.items.ids, plain.items.table.append_column("until", ends), plain.items.spec)
    model = DualNet(levels=(200, 200, 50), epochs=1, content_weight=0.0, random_state=0)
    model.fit(Dataset(plain.interactions, items, name="library"), run=RunOptions(progress=False))
    model.save(folder / "run" / "model")
    rng, ids = np.random.default_rng(0), plain.interactions.items
    return [ids.take(rng.choice(PAPERS, HISTORY, replace=False)) for _ in range(BODIES)], ids.key(PAPERS // 2)


def save_plain(folder: str) -> None:
    """Fit and save the model without rules' columns; also run by an earlier version, whose models later versions read."""
    from dualnet import DualNet, RunOptions
    from dualnet.data.synthetic import library

    warnings.simplefilter("ignore")
    data = library(n_readers=READERS, n_papers=PAPERS, pairs_per_reader=PAIRS)
    model = DualNet(levels=(200, 200, 50), epochs=1, content_weight=0.0, random_state=0)
    model.fit(data, run=RunOptions(progress=False)).save(Path(folder) / "run" / "model")


def _beside(folder: Path, histories: list[list[Any]], earlier: Path) -> list[dict[str, Any]]:
    """Return figures of both versions without rules, in turn, with one model that the earlier one fitted."""
    folder = folder / "beside"
    code = f"from benchmarks.serving_rules import save_plain; save_plain({str(folder)!r})"
    path = os.pathsep.join([str(earlier / "src"), str(Path(__file__).parents[1])])
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=True)
    runs: dict[str, list[dict[str, Any]]] = {"the earlier version": [], "this version": []}
    for _ in range(ROUNDS):
        for done, source in zip(runs.values(), (earlier / "src", None), strict=True):
            with _server(folder, source):
                done.append(_answered(folder, histories, {}))
    return [{"what": f"no rule, median of {ROUNDS} in turn", "by": by, **median_run(done)} for by, done in runs.items()]


def _answered(folder: Path, histories: list[list[Any]], more: dict[str, Any]) -> dict[str, Any]:
    bodies = [{"history": history, "k": K, **more} for history in histories]
    (folder / "bodies.json").write_text(json.dumps(bodies), encoding="utf-8")
    loaded(PORT, folder, seconds=WARM)
    return loaded(PORT, folder, seconds=SECONDS)


@contextmanager
def _server(folder: Path, source: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the model, by the version in a folder of sources where one is named."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    start = "from dualnet.cli import run; run()"
    command = [sys.executable, "-c", start, "serve", str(folder / "run"), "--port", str(PORT), "--state", str(folder / "state")]
    before = os.environ.get("PYTHONPATH")
    try:
        if source is not None:
            os.environ["PYTHONPATH"] = str(source)
        with ready_process([*command, "--quiet"], PORT, "/readyz") as server:
            yield server
    finally:
        os.environ.pop("PYTHONPATH", None)
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _keep_preset() -> None:
    import urllib.request

    data = json.dumps({"rules": RULES["at most 3 of each field"]}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/v1/presets/fields", data, {"Content-Type": "application/json"}, method="PUT"
    )
    urllib.request.urlopen(request).close()


if __name__ == "__main__":
    run()
