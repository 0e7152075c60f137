"""The weights of a small fit of each model and the answers of each endpoint, kept in a folder and compared with those of another commit.

A consolidation of the code must not change a number. Keep the numbers of the commit before, then compare:

    python -m benchmarks.same_numbers --keep before
    python -m benchmarks.same_numbers --against before

Each model is fitted on a small made world and, where `DUALNET_DATA` holds it, on MovieLens 100K, with validation and fixed seeds. Weights
are compared by SHA-256; where the digests differ, by the largest difference relative to the largest weight.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from dualnet import RunOptions, splits
from dualnet.data.sources import registry
from dualnet.data.synthetic import library
from dualnet.errors import ResourceError
from dualnet.models.registry import MODELS, create

SMALL: dict[str, dict[str, Any]] = {
    "dualnet": {"levels": (24, 12), "epochs": 3, "factors": 16},
    "solved": {"factors": 16},
    "cdl": {"levels": (24, 12), "alternations": 2, "epochs": 1},
    "wmf": {"factors": 16, "iterations": 4},
    "coupled": {"factors": 16, "iterations": 4},
    "bpr": {"factors": 16, "epochs": 3},
    "fusion": {"factors": 16, "iterations": 4},
    "content-factors": {"factors": 16, "iterations": 4},
    "lsa-profile": {"width": 16},
}
VARYING = (
    "fit_seconds",
    "peak_memory",
    "version",
    "finished",
    "duration",
    "request_id",
    "seconds",
    "created",
    "fitted",
    "started",
    "uptime",
    "versions",
    "machine",
    "date",
    "digest",
)
PAPER = {"title": "Deep learning for protein folding", "abstract": "We train a neural network on misfolded proteins."}


def main() -> None:
    """Keep the numbers of this commit, or compare them with those that were kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_numbers", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--keep", type=Path, metavar="FOLDER", help="write the numbers here")
    choice.add_argument("--against", type=Path, metavar="FOLDER", help="compare with the numbers that were kept here")
    parser.add_argument("--models", nargs="*", choices=list(MODELS), default=list(MODELS))
    given = parser.parse_args()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
        fit_all(given.keep, given.models)
        return
    with tempfile.TemporaryDirectory() as fresh:
        fit_all(Path(fresh), given.models)
        if differences := compare(given.against, Path(fresh)):
            sys.exit("\n".join(differences))


def fit_all(folder: Path, names: list[str]) -> None:
    """Fit and save each model on each world under `folder`, and write the answers of a server of some of them."""
    worlds = {"library": library(n_readers=200, n_papers=300)}
    try:
        worlds["movielens-100k"] = registry.load("movielens-100k")
    except ResourceError as error:
        sys.stderr.write(f"without MovieLens 100K: {error}\n")
    for world, data in worlds.items():
        split = splits.citeulike2(data, seed=0)
        for name in names:
            started = time.process_time()
            model = create(name, **SMALL.get(name, {})).fit(split.train, split.validation, run=RunOptions(progress=False))
            model.save(folder / world / name)
            sys.stderr.write(f"{world} {name}: {time.process_time() - started:.1f} s of a processor\n")
    for name in {"dualnet", "wmf"} & set(names):
        answers = ask_server(folder / "library" / name)
        (folder / f"{name}-answers.json").write_text(json.dumps(answers, indent=1, sort_keys=True), encoding="utf-8")


def ask_server(model: Path) -> dict[str, Any]:
    """Return status and body of each question, asked in a fixed order of a server of a model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dualnet", "serve", str(model), "--port", str(port), "--quiet"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        while _ask(address, "GET", "/readyz", None)[0] != 200:
            if server.poll() is not None:
                sys.exit(f"the server of {model} ended with {server.returncode}")
            time.sleep(0.2)
        return {
            f"{number} {method} {path}": _ask(address, method, path, body)
            for number, (method, path, body) in enumerate(QUESTIONS)
        }
    finally:
        server.terminate()
        server.wait(60)


HISTORY = ["p007", "p099", "p120"]
QUESTIONS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/livez", None),
    ("GET", "/v1/model", None),
    ("GET", "/v1/items?limit=3", None),
    ("GET", "/v1/items/p007", None),
    ("GET", "/v1/items/nothing", None),
    ("GET", "/v1/map", None),
    ("GET", "/v1/users?limit=3", None),
    ("GET", "/v1/users/r007/history", None),
    ("POST", "/v1/recommend", {"history": HISTORY, "k": 5}),
    ("POST", "/v1/recommend", {"history": HISTORY, "k": 5, "explain": True}),
    ("POST", "/v1/recommend", {"history": HISTORY, "k": 5, "only": "known", "exclude": ["p001"]}),
    ("POST", "/v1/recommend", {"history": [], "k": 5}),
    ("POST", "/v1/recommend", {"history": ["nothing"], "k": 5}),
    ("POST", "/v1/recommend", {"history": HISTORY, "k": -1}),
    ("POST", "/v1/recommend", {"histroy": HISTORY}),
    ("POST", "/v1/score", {"history": HISTORY, "items": ["p001", "p002"]}),
    ("POST", "/v1/explain", {"history": HISTORY, "item": "p002"}),
    ("POST", "/v1/similar/items", {"item": "p007", "k": 5}),
    ("POST", "/v1/users-for-item", {"item": "p007", "k": 5}),
    ("POST", "/v1/encode/user", {"history": HISTORY}),
    ("POST", "/v1/encode/item", {"item": "p007"}),
    ("POST", "/v1/encode/item", {"content": PAPER}),
    ("POST", "/v1/compare", {"history": HISTORY, "k": 5}),
    ("PUT", "/v1/items/new1", {"content": PAPER}),
    ("GET", "/v1/items/new1", None),
    ("POST", "/v1/recommend", {"history": [*HISTORY, "new1"], "k": 5}),
    ("POST", "/v1/events", {"events": [{"user": "somebody", "item": "p003"}]}),
    ("POST", "/v1/recommend", {"user": "somebody", "k": 5}),
    ("DELETE", "/v1/items/new1", None),
    ("DELETE", "/v1/users/somebody", None),
    ("GET", "/nowhere", None),
    ("GET", "/openapi.json", None),
)  # fmt: skip


def _ask(address: str, method: str, path: str, body: Any) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"content-type": "application/json"}, method=method)  # loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, _steady(json.load(answer)) if path != "/openapi.json" else None
    except urllib.error.HTTPError as error:
        return error.code, _steady(json.loads(error.read()))
    except urllib.error.URLError:
        return 0, None


def _steady(body: Any) -> Any:
    """Return a JSON value without what differs from run to run."""
    if isinstance(body, dict):
        return {key: _steady(value) for key, value in body.items() if key not in VARYING}
    return [_steady(value) for value in body] if isinstance(body, list) else body


def compare(before: Path, after: Path) -> list[str]:
    """Return one line for each weight and answer that differs beyond rounding, and print one for each model."""
    found: list[str] = []
    for folder in sorted(path for path in after.glob("*/*") if path.is_dir()):
        name = str(folder.relative_to(after))
        old, new = weights(before / name), weights(folder)
        missing = sorted(set(old) ^ set(new))
        found += [f"{name}: {key} is in one of the two only" for key in missing]
        far = {key: _distance(old[key], new[key]) for key in old if key in new and _digest(old[key]) != _digest(new[key])}
        found += [f"{name}: {key} differs by {value:.1e} of its largest entry" for key, value in far.items() if value > 1e-6]
        words = "the same bits" if not far and not missing else f"at most {max(far.values(), default=0):.1e} apart"
        sys.stdout.write(f"{name}: {len(new)} arrays, {words}\n")
    for path in sorted(after.glob("*-answers.json")):
        old, new = (json.loads((folder / path.name).read_text(encoding="utf-8")) for folder in (before, after))
        differing = [key for key in new if old.get(key) != new[key]]
        found += [
            f"{path.stem}: {key}: {json.dumps(old.get(key))[:300]} became {json.dumps(new[key])[:300]}" for key in differing
        ]
        sys.stdout.write(f"{path.stem}: {len(new) - len(differing)} of {len(new)} answers are the same\n")
    return found


def weights(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return all arrays of a model folder."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for path in sorted(folder.rglob("*.safetensors")):
        arrays |= {f"{path.relative_to(folder)}:{name}": array for name, array in load_file(path).items()}
    return arrays


def _digest(array: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(str((array.dtype, array.shape)).encode() + np.ascontiguousarray(array).tobytes()).hexdigest()


def _distance(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> float:
    if old.shape != new.shape:
        return float("inf")
    largest = float(np.abs(old.astype(np.float64)).max(initial=0)) or 1.0
    return float(np.abs(old.astype(np.float64) - new.astype(np.float64)).max(initial=0)) / largest


if __name__ == "__main__":
    main()
