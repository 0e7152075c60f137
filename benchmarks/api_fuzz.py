"""Requests made from the server's OpenAPI document, valid and not: thousands for each endpoint, none may break anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import record
from .serving import ready_process, resident_mb

CASES = int(os.environ.get("DUALNET_FUZZ_CASES", "2000"))
PORT = 8193
ONE_HALF = "^/v1/(compare|encode|events|explain|recommend|score)"
SCRIPTS = Path(sys.executable).parent
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection"
)
# what may say no to a request that does not fit: schema, size, kind, an id that is not there, a name already taken
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "409", "413", "415", "422"]
"""


def run() -> None:
    """Serve a small trained model twice, ask each half of the endpoints, and write results/api_fuzz.jsonl."""
    with tempfile.TemporaryDirectory(prefix="dualnet-fuzz-") as name:
        folder = Path(name)
        subprocess.run([SCRIPTS / "dualnet", "demo", "--out", folder / "demo"], check=True, capture_output=True)
        (folder / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
        with ThreadPoolExecutor(2) as pool:
            halves = list(pool.map(_half, (folder, folder), (PORT, PORT + 1), ("--include-path-regex", "--exclude-path-regex")))
    rows = [row for half in halves for row in half[0]]
    total = {"what": "all", "cases": sum(row["cases"] for row in rows), "5xx": sum(row["5xx"] for row in rows)}
    total |= {"failed checks": sum(row["failed checks"] for row in rows)}
    total |= {"MB before": halves[0][1], "MB after": max(half[2] for half in halves)}
    record.write("api_fuzz", [*rows, total])


def _half(folder: Path, port: int, choice: str) -> tuple[list[dict[str, Any]], float, float]:
    """Ask a server of its own one half of the endpoints; return rows and its memory before and after."""
    report = folder / f"report-{port}.ndjson"
    serve = [
        str(SCRIPTS / "dualnet"),
        "serve",
        str(folder / "demo"),
        "--port",
        str(port),
        "--state",
        str(folder / f"state-{port}"),
    ]
    with ready_process(serve, port, "/readyz") as server:
        before = resident_mb(server.pid)
        command = [
            SCRIPTS / "schemathesis", "--config-file", folder / "schemathesis.toml", "run",
            f"http://127.0.0.1:{port}/openapi.json", choice, ONE_HALF, "--mode", "all", "--phases", "coverage,fuzzing",
            "--max-examples", str(CASES), "--checks", CHECKS, "--continue-on-failure", "--seed", "0", "--no-shrink",
            "--suppress-health-check", "all", "--warnings", "off", "--report", "ndjson", "--report-ndjson-path", report,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        sys.stderr.write(done.stdout[-1500:])
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with code {server.returncode} while it was asked")
        return _rows(report), before, resident_mb(server.pid)


def _rows(report: Path) -> list[dict[str, Any]]:
    """Return for each endpoint how many requests were made, and what was wrong with the answers."""
    cases: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    with report.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            for kind, content in event.items():
                if kind != "ScenarioFinished":
                    continue
                recorder = content["recorder"]
                label = recorder["label"]
                for interaction in recorder["interactions"].values():
                    cases[label] += 1
                    response = interaction.get("response")
                    broken[label] += response is not None and response["status_code"] >= 500
                failed[label] += sum(check["status"] == "failure" for checks in recorder["checks"].values() for check in checks)
    return [{"what": label, "cases": n, "5xx": broken[label], "failed checks": failed[label]} for label, n in cases.items()]


if __name__ == "__main__":
    run()
