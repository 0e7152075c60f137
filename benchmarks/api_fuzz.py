"""Requests made from the server's OpenAPI document, valid and not: thousands for each endpoint, none may break anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import record
from .serving import ready_process, resident_mb

CASES = int(os.environ.get("DUALNET_FUZZ_CASES", "2000"))
SERVERS, FIRST_PORT = 2, 8193
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
    """Serve a small trained model twice, share the endpoints out among the two, and write results/api_fuzz.jsonl."""
    with tempfile.TemporaryDirectory(prefix="dualnet-fuzz-") as name:
        folder = Path(name)
        subprocess.run([SCRIPTS / "dualnet", "demo", "--out", folder / "demo"], check=True, capture_output=True)
        (folder / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
        with ThreadPoolExecutor(SERVERS) as pool:
            shares = list(pool.map(lambda share: _ask_share(folder, share), range(SERVERS)))
    rows = [row for share in shares for row in share[0]]
    total = {"what": "all", "cases": sum(row["cases"] for row in rows), "5xx": sum(row["5xx"] for row in rows)}
    total |= {"failed checks": sum(row["failed checks"] for row in rows)}
    total |= {"MB before": shares[0][1], "MB after": max(share[2] for share in shares)}
    record.write("api_fuzz", [*rows, total])


def _ask_share(folder: Path, share: int) -> tuple[list[dict[str, Any]], float, float]:
    """Ask a server of its own every second endpoint; return rows and its memory before and after."""
    port = FIRST_PORT + share
    state = str(folder / f"state-{port}")
    serve = [str(SCRIPTS / "dualnet"), "serve", str(folder / "demo"), "--port", str(port), "--state", state]
    with ready_process(serve, port, "/readyz") as server:
        before = resident_mb(server.pid)
        rows = [_ask(folder, port, endpoint) for endpoint in _endpoints(port)[share::SERVERS]]
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with code {server.returncode} while it was asked")
        return rows, before, resident_mb(server.pid)


def _endpoints(port: int) -> list[str]:
    """Return every endpoint as `METHOD /path`; those with a body, which take longest, first, so that the shares are alike."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    operations = [
        ("requestBody" not in operation, f"{method.upper()} {path}")
        for path, of in paths.items()
        for method, operation in of.items()
    ]
    return [name for _, name in sorted(operations, key=lambda operation: operation[0])]


def _ask(folder: Path, port: int, endpoint: str) -> dict[str, Any]:
    """Ask one endpoint in a run of its own.

    In a run of all endpoints schemathesis reuses what earlier answers said, so that a request that deletes something
    is not the same when repeated; Hypothesis then stops after a handful.
    """
    report = folder / f"report-{port}.ndjson"
    command: list[str | Path] = [
        SCRIPTS / "schemathesis", "--config-file", folder / "schemathesis.toml", "run",
        f"http://127.0.0.1:{port}/openapi.json", "--include-name", endpoint, "--mode", "all", "--phases", "coverage,fuzzing",
        "--max-examples", str(CASES), "--checks", CHECKS, "--continue-on-failure", "--seed", "0", "--no-shrink",
        "--suppress-health-check", "all", "--warnings", "off", "--report", "ndjson", "--report-ndjson-path", report,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    row = _row(endpoint, report)
    sys.stderr.write(f"{row}\n" + (done.stdout if row["failed checks"] or not row["cases"] else ""))
    return row


def _row(endpoint: str, report: Path) -> dict[str, Any]:
    """Return how many requests were made to an endpoint, and what was wrong with the answers."""
    cases = broken = failed = 0
    with report.open(encoding="utf-8") as lines:
        for line in lines:
            for kind, content in json.loads(line).items():
                if kind == "ScenarioFinished":
                    recorder = content["recorder"]
                    answers = [interaction.get("response") for interaction in recorder["interactions"].values()]
                    cases += len(answers)
                    broken += sum(answer is not None and answer["status_code"] >= 500 for answer in answers)
                    failed += sum(check["status"] == "failure" for checks in recorder["checks"].values() for check in checks)
    return {"what": endpoint, "cases": cases, "5xx": broken, "failed checks": failed}


if __name__ == "__main__":
    run()
