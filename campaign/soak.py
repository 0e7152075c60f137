"""Mixed requests against a real server with reloads and kills of its model process: `python -m campaign soak --requests 1000000`.

It goes on where it was stopped, from the last round that it finished.

A killed model process ends the server, so that a supervisor starts it again; here this program does that. Between a kill and
the next ready answer a client may meet 503 or a closed connection; everything else that is not the right answer is an error.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKERS = 8
ITEMS, USERS = 40, 20  # that each worker writes
WAIT = 120.0  # seconds for a server to become ready
ROUND = 20_000  # requests, after which it is written down what was counted
Body = dict[str, Any]
Counts = dict[str, Any]


@dataclass
class Written:
    """What one worker was told is done: the state of its items, the likes of its users; None where nobody answered."""

    items: dict[str, str | None] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    likes: dict[str, list[str]] = field(default_factory=dict)


class Server:
    """A real ``dualnet serve``, started again after each kill of its model process.

    Parameters
    ----------
    folder, state : Path
        Model and state.
    """

    def __init__(self, folder: Path, state: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._command = [
            sys.executable,
            "-c",
            "from dualnet.cli import run; run()",
            "serve",
            str(folder),
            "--state",
            str(state),
            "--model-process",
            "--quiet",
            "--port",
            str(self.port),
        ]
        self.kills = self.reloads = 0
        self.down = threading.Event()  # between a kill and the next ready answer
        self.epoch = 0  # changes with each kill and each start, so that a request knows whether one fell into it
        self.seconds_down = 0.0
        self.start()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + WAIT
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with code {self.process.returncode}")
            try:
                if ask(self.connection(), "GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("the server did not become ready")

    def connection(self) -> http.client.HTTPConnection:
        """Return a new connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def model_process(self) -> int:
        """Return the id of the process that scores."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def kill(self) -> None:
        """Kill the model process, wait for the server's own end, and start it again."""
        self.epoch += 1
        self.down.set()
        began = time.monotonic()
        os.kill(self.model_process(), signal.SIGKILL)
        self.process.wait(WAIT)
        self.start()
        self.kills += 1
        self.seconds_down += time.monotonic() - began
        self.epoch += 1
        self.down.clear()

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        self.process.wait(WAIT)

    def megabytes(self) -> dict[str, float]:
        """Return the resident memory of both processes."""
        return {"front": _resident(self.process.pid), "model": _resident(self.model_process())}


def ask(link: http.client.HTTPConnection, method: str, path: str, body: Body | None = None) -> tuple[int, Any]:
    """Send one request and return status and answer."""
    data = None if body is None else json.dumps(body).encode()
    link.request(method, path, data, {"Content-Type": "application/json"} if data else {})
    answer = link.getresponse()
    return answer.status, json.loads(answer.read())


def run(arguments: Sequence[str] = ()) -> bool:
    """Soak a server, from where the last run stopped, and write results/campaign_soak.jsonl; whether anything went wrong.

    Parameters
    ----------
    arguments : sequence of str
        ``--requests N``, ``--kills N``, ``--reloads N``, ``--folder FOLDER`` (model, state and what is done).
    """
    from benchmarks import record

    parser = argparse.ArgumentParser(prog="python -m campaign soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--reloads", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("build/soak"), help="model, state and what is done, to go on from")
    given = parser.parse_args(list(arguments))
    row = soak(given.folder, Plan(given.requests, given.kills, given.reloads, given.seed))
    record.write("campaign_soak", [row])
    sys.stderr.write(json.dumps(row) + "\n")
    return bool(row["errors"] or row["acknowledged and lost"])


@dataclass(frozen=True)
class Plan:
    """How many requests, kills and reloads; kills fall into the first half, so that memory is seen to be level in the second."""

    requests: int
    kills: int
    reloads: int
    seed: int = 0

    def of(self, first: int, last: int) -> list[tuple[int, str]]:
        """Return what has to happen from one count of requests up to another, in order."""
        at = [(int(self.requests * 0.5 * (k + 1) / (self.kills + 1)), "kill") for k in range(self.kills)]
        at += [(int(self.requests * (k + 0.5) / self.reloads), "reload") for k in range(self.reloads)]
        at += [(int(self.requests * share), "note") for share in (0.55, 0.65, 0.75, 0.85, 0.95)]
        return sorted((count, what) for count, what in at if first <= count < last)


def soak(folder: Path, plan: Plan) -> Counts:
    """Send mixed requests from several connections in rounds; what was counted.

    Each round that is finished is written to ``progress.json``; a round that was cut is played again, and what it wrote is not asked for.

    Parameters
    ----------
    folder : Path
        Model, state and progress; a folder of an earlier call is gone on with.
    plan : Plan
        What has to happen.
    """
    from .bad_cases.doors import make_model

    folder.mkdir(parents=True, exist_ok=True)
    progress = folder / "progress.json"
    counts: Counts = json.loads(progress.read_text()) if progress.exists() else {"requests": 0, "MB": [], "starts": 0}
    model = folder / "model"
    server = Server(model if model.exists() else make_model(model), folder / "state")
    written = [Written() for _ in range(WORKERS)]
    counts["starts"] += 1
    try:
        while counts["requests"] < plan.requests:
            size = min(ROUND, plan.requests - counts["requests"])
            _one_round(server, plan, size, counts, written)
            progress.write_text(json.dumps(counts))
            sys.stderr.write(f"{json.dumps(counts)}\n")
        server.stop()
        server.start()  # what was acknowledged must be there afterwards
        _look(server, written, counts)
    finally:
        server.stop()
    return counts


def _one_round(server: Server, plan: Plan, size: int, counts: Counts, written: list[Written]) -> None:
    """Send so many requests, disturb the server meanwhile, then look for what it acknowledged; all is added to the counts."""
    began, answers, errors, done = time.monotonic(), Counter[str](), list[str](), [0] * WORKERS
    kills, reloads, down = server.kills, server.reloads, server.seconds_down
    first, share = counts["requests"], -(-size // WORKERS)
    workers = [
        threading.Thread(target=_work, args=(server, number, share, plan.seed + first, answers, errors, written[number], done))
        for number in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    counts["MB"] += _disturb(server, workers, done, plan.of(first, first + size), first, errors)
    for worker in workers:
        worker.join()
    counts["requests"] = first + sum(done)
    for name, value in {
        "seconds": time.monotonic() - began,
        "kills of the model process": server.kills - kills,
        "seconds down": server.seconds_down - down,
        "reloads": server.reloads - reloads,
        "errors": len(errors),
        **{f"answers {key}": count for key, count in answers.items()},
    }.items():
        counts[name] = counts.get(name, 0) + value
    counts["first errors"] = [*counts.get("first errors", []), *errors][:5]
    _look(server, written, counts)


def _look(server: Server, written: Sequence[Written], counts: Counts) -> None:
    """Ask for all that was acknowledged."""
    checked, lost = _lost(server, written)
    counts["acknowledged writes checked"] = counts.get("acknowledged writes checked", 0) + checked
    counts["acknowledged and lost"] = counts.get("acknowledged and lost", 0) + len(lost)
    counts["first lost"] = [*counts.get("first lost", []), *lost][:5]


def _disturb(
    server: Server,
    workers: Sequence[threading.Thread],
    done: list[int],
    coming: list[tuple[int, str]],
    first: int,
    errors: list[str],
) -> list[dict[str, float]]:
    """Kill, reload and note memory at their counts of requests, until the workers are done."""
    memory: list[dict[str, float]] = []
    while any(worker.is_alive() for worker in workers):
        if coming and first + sum(done) >= coming[0][0]:
            what = coming.pop(0)[1]
            if what == "kill":
                server.kill()
            elif what == "reload":
                status, answer = ask(server.connection(), "POST", "/v1/model:reload", {})
                server.reloads += 1
                if status != 200:
                    errors.append(f"reload: {status} {answer}")
            else:
                memory.append({"requests": first + sum(done), **server.megabytes()})
        time.sleep(0.02)
    memory.append({"requests": first + sum(done), **server.megabytes()})
    return memory


def _work(
    server: Server,
    number: int,
    share: int,
    seed: int,
    counts: Counter[str],
    errors: list[str],
    written: Written,
    done: list[int],
) -> None:
    """Send the requests of one connection, and note what was acknowledged."""
    drawn, link = random.Random(seed * 1000 + number), server.connection()
    while done[number] < share:
        if server.down.is_set():  # a few ask all the same
            time.sleep(0.25)
        method, path, body, note = _drawn(drawn, number, written)
        epoch = server.epoch
        try:
            status, answer = ask(link, method, path, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            link.close()
            link = server.connection()
            status, answer = 0, {"error": repr(error)}
        done[number] += 1
        kind = f"{method} {path.split('/')[2].split('?')[0]}"
        disturbed = server.epoch != epoch or server.down.is_set()
        counts[str(status) if status else "connection closed"] += 1
        if 200 <= status < 300:
            note(written, True)
        elif disturbed and status in (0, 503):
            note(written, False)
        else:
            note(written, False)
            errors.append(f"{kind}: {status} {str(answer)[:200]}")


def _drawn(drawn: random.Random, number: int, written: Written) -> tuple[str, str, Body | None, Any]:
    """Return method, path, body and what notes the outcome of a drawn request."""
    choice, item = drawn.random(), f"w{number}n{drawn.randrange(ITEMS)}"
    if choice < 0.12:
        title = f"{drawn.choice(('red', 'blue', 'green'))} thing {drawn.randrange(10**9)}"
        content = {
            "title": title,
            "tags": [drawn.choice("abcd")],
            "year": drawn.randrange(1950, 2000),
            "v": [drawn.random() for _ in range(4)],
        }
        return "PUT", f"/v1/items/{item}", {"content": content}, _noted(item, title)
    if choice < 0.17:
        present = [key for key, title in written.items.items() if title is not None and key not in written.unsure]
        if present:
            gone = drawn.choice(present)
            return "DELETE", f"/v1/items/{gone}", None, _noted(gone, None)
    if choice < 0.25:
        user, liked = f"w{number}u{drawn.randrange(USERS)}", f"i{drawn.randrange(48):02d}"
        return "POST", "/v1/events", {"events": [{"user": user, "item": liked}]}, _liked(user, liked)
    return *_question(drawn), lambda _, __: None


def _question(drawn: random.Random) -> tuple[str, str, Body | None]:
    some = [f"i{drawn.randrange(48):02d}" for _ in range(drawn.randrange(1, 5))]
    user, k = f"u{drawn.randrange(10):02d}", drawn.randrange(1, 20)
    asked: list[tuple[str, str, Body | None]] = [
        ("POST", "/v1/recommend", {"user": user, "k": k}),
        ("POST", "/v1/recommend", {"history": some, "k": k}),
        ("POST", "/v1/score", {"history": some, "items": ["i01", "i02"]}),
        ("POST", "/v1/explain", {"user": user, "item": some[0]}),
        ("POST", "/v1/similar/items", {"item": some[0], "k": k}),
        ("GET", f"/v1/items?query=red&limit={k}", None),
        ("GET", f"/v1/items/{some[0]}", None),
        ("GET", f"/v1/users/{user}/history", None),
        ("GET", "/v1/model", None),
    ]
    return drawn.choice(asked)


def _noted(item: str, title: str | None) -> Any:
    def note(written: Written, acknowledged: bool) -> None:
        if acknowledged:
            written.items[item] = title
            written.unsure.discard(item)
        else:
            written.unsure.add(item)

    return note


def _liked(user: str, item: str) -> Any:
    def note(written: Written, acknowledged: bool) -> None:
        if acknowledged:
            written.likes.setdefault(user, []).append(item)

    return note


def _lost(server: Server, written: Sequence[Written]) -> tuple[int, list[str]]:
    """Return how many acknowledged writes were looked for, and those that are not there."""
    link, checked, lost = server.connection(), 0, []
    for one in written:
        for item, title in one.items.items():
            if item in one.unsure:  # a later write of it was never answered
                continue
            checked += 1
            status, answer = ask(link, "GET", f"/v1/items/{item}")
            found = answer["title"] if status == 200 else None
            if found != title:
                lost.append(f"item {item}: {title!r}, found {status} {found!r}")
        for user, items in one.likes.items():
            checked += len(set(items))
            status, answer = ask(link, "GET", f"/v1/users/{user}/history")
            present = {entry["item"] for entry in answer["items"]} if status == 200 else set()
            lost += [f"user {user} likes {item}" for item in set(items) - present]
    return checked, lost


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
