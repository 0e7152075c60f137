"""Two servers on one PostgreSQL: puts and deletes at random through both, while servers are killed and the database restarts.

Every change is remembered as it was confirmed. At the end both servers are asked for every item, and for the lists of users: what
was confirmed must be there, and both must answer alike. Beside the writers somebody puts an item through one server and asks the
other for it until it is there. The database ends as in a crash (``pg_ctl stop -m immediate``); it runs without fsync, which
matters only when its machine crashes.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import create
from tests.conftest import running_server, server_programs

from . import record

WRITERS, KEYS = 4, 30  # threads, and items of each
GONE = ""  # title of an item that is not there
AWAY = (2.0, 10.0, 60.0)  # seconds without a database
LONG = 420.0  # seconds to wait for a server that starts
USERS = [f"u{group}-{number}" for group in range(4) for number in range(6)]


def run(changes: int = 10_000, kills: int = 20, away: tuple[float, ...] = AWAY) -> None:
    """Measure, and write results/shared_state.jsonl."""
    record.write("shared_state", [play(changes, kills, away)])


def play(changes: int, kills: int, away: tuple[float, ...], seed: int = 0) -> dict[str, Any]:
    """Return what was counted and measured; ``faults`` must be 0."""
    programs = server_programs()
    if programs is None:
        raise SystemExit("there are no programs of a PostgreSQL server here (initdb, pg_ctl)")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dualnet-shared-") as folder, running_server(programs) as url:
        model = create("fusion", factors=6, random_state=0).fit(blocks()).save(Path(folder) / "model")
        game = Game([Server(model, url), Server(model, url)], random.Random(seed))
        try:
            for server in game.servers:
                server.start()
            threads = [threading.Thread(target=game.write, args=(number,)) for number in range(WRITERS)]
            threads.append(threading.Thread(target=game.look))
            for thread in threads:
                thread.start()
            _disturb(game, Database(url, programs), changes, kills, away)
            game.over.set()
            for thread in threads:
                thread.join()
            faults = game.compare()
        finally:
            for server in game.servers:
                server.kill()
    seen = np.array(game.seen or [np.nan])
    return {
        "changes confirmed": game.confirmed, "kills of a server": game.kills, "restarts of the database": len(away),
        "seconds without it": sum(away), "refused meanwhile (503)": game.refused, "broken off": game.broken,
        "questions while it was away": game.asked, "of them failed": game.failed, "faults": len(faults), "told": faults[:5],
        "looked at": len(game.seen), "visible p50 (s)": float(np.quantile(seen, 0.5)),
        "visible p99 (s)": float(np.quantile(seen, 0.99)), "visible max (s)": float(seen.max()),
        "seconds": time.monotonic() - began,
    }  # fmt: skip


def blocks() -> Any:
    """Return the world of blocks with a title for each item."""
    import pyarrow as pa

    from dualnet import Content, ContentSpec, Dataset

    plain = blocks_world()
    table = pa.table({"title": plain.items.table["title"]})
    return Dataset(
        plain.interactions,
        Content(plain.items.ids, table, ContentSpec(text=("title",), title="title", min_df=1)),
        name="blocks",
    )


def _disturb(game: Game, database: Database, changes: int, kills: int, away: tuple[float, ...]) -> None:
    """Kill servers and stop the database at even distances of confirmed changes, until all were made."""
    steps = ["kill"] * kills
    for number in range(len(away)):
        steps.insert((number + 1) * len(steps) // (len(away) + 1), "away")
    absences = iter(away)
    for place, step in enumerate(steps):
        game.wait_for((place + 1) * changes // (len(steps) + 1))
        game.calm.clear()
        game.disturbed += 1
        if step == "kill":
            victim = game.draw.choice(game.servers)
            time.sleep(game.draw.uniform(0, 0.02))
            victim.kill()
            game.kills += 1
            victim.start()
        else:
            database.stop()
            game.ask_for(next(absences))
            database.start()
            game.wait_until_writable()
        game.calm.set()
    game.wait_for(changes)


class Database:
    """The server of PostgreSQL that `running_server` has started, to be stopped and started again."""

    def __init__(self, url: str, programs: Path) -> None:
        self._place, self._programs = Path(url.split("host=")[1]), programs
        words = shlex.split((self._place / "data" / "postmaster.opts").read_text())
        self._options = shlex.join(words[words.index("-c") :])  # behind the program and -D with its folder

    def stop(self) -> None:
        """End it as a crash does."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again with the same options."""
        self._control("-t", "60", "-l", str(self._place / "log"), "-o", self._options, "start")

    def _control(self, *arguments: str) -> None:
        as_server = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.geteuid() == 0 else []
        command = [*as_server, str(self._programs / "pg_ctl"), "-D", str(self._place / "data"), "-w", *arguments]
        subprocess.run(command, check=True, cwd=self._place, stdout=subprocess.DEVNULL)


class Server:
    """`dualnet serve` in a process of its own, on a port that stays the same."""

    def __init__(self, model: Path, url: str, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._command = [sys.executable, "-m", "dualnet", "serve", str(model), "--port", str(self.port), "--quiet", *options]
        self._environment = {**os.environ, "DUALNET_STORE_URL": url}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("SHOWN") else subprocess.DEVNULL,
        )
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            with suppress(OSError, HTTPException, ValueError):
                if ask(self.port, "GET", "/readyz")[0] == 200:
                    return
            time.sleep(0.05)
        raise TimeoutError(f"the server on port {self.port} is not ready in {LONG:g} seconds")

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it by SIGTERM, or by SIGKILL where that does not help."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(60)
            self.kill()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Return status and body of one request on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {} if body is None else {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


@dataclass
class Game:
    """Writers, somebody who looks, and what is owed to them.

    Parameters
    ----------
    servers : list of Server
    draw : random.Random
        For what is disturbed.
    """

    servers: list[Server]
    draw: random.Random
    confirmed: int = 0
    kills: int = 0
    disturbed: int = 0
    refused: int = 0
    broken: int = 0
    asked: int = 0
    failed: int = 0
    seen: list[float] = field(default_factory=list)
    owed: dict[str, set[str]] = field(default_factory=dict)  # titles that are right: what was confirmed, and what hangs
    over: threading.Event = field(default_factory=threading.Event)
    calm: threading.Event = field(default_factory=threading.Event)
    faults: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.calm.set()

    def write(self, number: int) -> None:
        """Put and delete items that nobody else changes, through servers at random, until the game is over."""
        draw = random.Random(f"writer {number}")
        keys = [f"w{number}-{key}" for key in range(KEYS)]
        self.owed.update({key: {GONE} for key in keys})
        count = 0
        while not self.over.is_set():
            key, server, count = draw.choice(keys), draw.choice(self.servers), count + 1
            title = GONE if draw.random() < 0.3 else f"group word{draw.randrange(9)} {count}"
            right = self.owed[key]
            self.owed[key] = right | {title}
            try:
                if title == GONE:
                    status, body = ask(server.port, "DELETE", f"/v1/items/{key}")
                else:
                    status, body = ask(server.port, "PUT", f"/v1/items/{key}", {"content": {"title": title}})
            except (OSError, HTTPException, ValueError):
                self._count("broken")
                time.sleep(0.05)
                continue
            if status in (200, 201):
                if title == GONE and right == {GONE}:
                    self.faults.append(f"'{key}' was deleted, and had not been there")
                self.owed[key] = {title}
                self._count("confirmed")
            elif status == 404 and title == GONE:
                if GONE not in right:
                    self.faults.append(f"'{key}' should be one of {sorted(right)} and was not there")
                self.owed[key] = {GONE}
            elif status == 503:
                if "nothing was changed" in body["error"]["message"]:
                    self.owed[key] = right
                self._count("refused")
                time.sleep(0.05)
            else:
                self.faults.append(f"status {status} for '{key}': {body}")

    def look(self) -> None:
        """Put an item through one server, and ask the other until it can be recommended; only while nothing is disturbed."""
        count = 0
        while not self.over.is_set():
            if not self.calm.wait(1):  # a server that starts takes connections before it answers
                continue
            disturbed = self.disturbed
            one, other = self.servers if count % 2 else self.servers[::-1]
            count += 1
            key = f"look-{count % 50}-{count}"
            with suppress(OSError, HTTPException, ValueError):
                if ask(one.port, "PUT", f"/v1/items/{key}", {"content": {"title": "group word1"}})[0] not in (200, 201):
                    continue
                began = time.monotonic()
                question = {"history": ["i0-0"], "candidates": [key], "k": 1}
                while ask(other.port, "POST", "/v1/recommend", question)[0] != 200 and self.calm.is_set():
                    time.sleep(0.002)
                if self.calm.is_set() and self.disturbed == disturbed:
                    self.seen.append(time.monotonic() - began)
                ask(one.port, "DELETE", f"/v1/items/{key}")
            self.over.wait(0.02)

    def ask_for(self, seconds: float) -> None:
        """Ask both servers for lists for some seconds, while the database is away, and whether they say that it is."""
        end, draw = time.monotonic() + seconds, random.Random(1)
        while time.monotonic() < end:
            for server in self.servers:
                self.asked += 1
                status, body = ask(server.port, "POST", "/v1/recommend", {"user": draw.choice(USERS), "k": 5})
                self.failed += status != 200 or len(body["items"]) != 5
            time.sleep(0.02)
        for server in self.servers:
            status, body = ask(server.port, "GET", "/readyz")
            if seconds >= 2 and (status != 200 or "away" not in str(body.get("writes"))):
                self.faults.append(f"/readyz says {status} {body} while the database is away")

    def wait_for(self, confirmed: int) -> None:
        """Wait until so many changes were confirmed."""
        while self.confirmed < confirmed:
            time.sleep(0.02)

    def wait_until_writable(self) -> None:
        """Wait until both servers say that changes are taken."""
        for server in self.servers:
            while "writes" in ask(server.port, "GET", "/readyz")[1]:
                time.sleep(0.02)

    def compare(self) -> list[str]:
        """Return all faults, after asking both servers for everything."""
        ask(self.servers[0].port, "PUT", "/v1/items/last", {"content": {"title": "the last"}})
        while ask(self.servers[1].port, "GET", "/v1/items/last")[0] != 200:
            time.sleep(0.01)
        for key, right in self.owed.items():
            titles = [GONE if status == 404 else body["title"] for status, body in self._of_both(f"/v1/items/{key}")]
            if titles[0] != titles[1] or titles[0] not in right:
                self.faults.append(f"'{key}' is {titles} where it should be one of {sorted(right)}")
        for user in USERS:
            lists = [
                {entry["item"]: round(entry["score"], 6) for entry in ask(server.port, "POST", "/v1/recommend",
                 {"user": user, "k": 300})[1]["items"]} for server in self.servers
            ]  # fmt: skip
            if lists[0] != lists[1]:
                self.faults.append(f"the lists of '{user}' differ")
        return self.faults

    def _of_both(self, path: str) -> list[tuple[int, Any]]:
        return [ask(server.port, "GET", path) for server in self.servers]

    def _count(self, name: str) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)


if __name__ == "__main__":
    run()
