"""SIGKILL of a server while clients write: what it confirmed is there when it starts again, and nothing that nobody asked for."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

from .commands import Stage
from .disk import ALL, Fault, Mode
from .forks import Ended, Running, warm
from .ledger import Ledger, Row

KILLS_OF_A_CASE = 10
CLIENTS, KEYS = 4, 24
SMALL = 3_000  # bytes of a journal that is worth compacting here, so that kills meet compactions
MODES = (Mode.KILL_BEFORE, Mode.KILL_AFTER, Mode.KILL_HALF)
PATIENCE = 300.0  # seconds for an answer, and for the end of a server; a busy machine is no fault
GONE = ""  # title of an item that is not there


def run(ledger: Ledger, stage: Stage, kills: int = 200) -> None:
    """Kill servers that write, at calls of theirs on the disk and at random times, until that many were killed."""
    warm_up(stage)
    for number in range(-(-kills // KILLS_OF_A_CASE)):
        ledger.case(f"server during writes, state {number}", lambda number=number: one_state(stage, number))  # type: ignore[misc]


def warm_up(stage: Stage) -> None:
    """Import what a server imports: start one, and stop it when it answers."""
    from dualnet.serve.http.server import bind

    stage.empty()
    listener = bind("127.0.0.1", 0)

    def ask_and_stop() -> None:
        connection = HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=PATIENCE)
        connection.request("PUT", "/v1/items/a", json.dumps({"content": {"title": "a"}}), {"Content-Type": "application/json"})
        connection.getresponse()
        os.kill(os.getpid(), signal.SIGTERM)

    def work() -> int:
        threading.Thread(target=ask_and_stop, daemon=True).start()
        return _serve(stage, stage.place / "state", listener)

    warm(work)
    listener.close()


def one_state(stage: Stage, number: int, kills: int = KILLS_OF_A_CASE) -> Row:
    """Kill the servers of one state folder one after another, and compare what they know with what was confirmed."""
    began, draw, state = time.perf_counter(), random.Random(number), stage.place / "state"
    stage.empty()
    clients, counts, faults = Clients(draw), {"kills": 0, "in the journal's calls": 0}, []
    for _ in range(kills):
        aimed = draw.random() < 0.6
        fault = Fault(draw.choice(MODES), draw.randint(8, 80), ALL) if aimed else Fault()
        ended, wrong = one_life(start(stage, state, fault), clients, 400 if aimed else draw.randint(1, 60))
        counts["kills"] += ended.killed
        counts["in the journal's calls"] += bool(ended.hit)
        faults += wrong
    server, port = start(stage, state, Fault())
    faults += clients.compare(port)
    server.kill()
    server.end()
    left = sorted(path.name for path in state.iterdir() if path.name not in ("journal.jsonl", "lock"))
    faults += [f"{name} is left in the end" for name in left]
    return {**counts, "confirmed": clients.confirmed, "seconds": time.perf_counter() - began, "faults": faults}


def one_life(started: tuple[Running, int], clients: Clients, rounds: int) -> tuple[Ended, list[str]]:
    """Compare what a server knows and write until it is killed; return how it ended and what was wrong.

    A start has calls on the disk too, up to 13 where the journal is compacted: a server that is killed at one of them never answers.
    """
    server, port = started
    silent, faults = None, []
    try:
        faults = clients.compare(port)
        clients.write(port, server, rounds)
    except (OSError, HTTPException) as error:
        silent = error
    ended = server.end(kill_after=PATIENCE)
    if not ended.killed:
        faults.append(f"the server ended with {ended.code}: {ended.told[-300:]}")
    elif silent is not None and not ended.hit:
        faults.append(f"the server did not answer ({silent!r}): {ended.told[-300:]}")
    return ended, faults


class Clients:
    """Some connections that put and delete items, and know what the server owes them.

    Attributes
    ----------
    confirmed : int
        Changes that the server has confirmed.
    """

    def __init__(self, draw: random.Random) -> None:
        self._draw, self._number, self.confirmed = draw, 0, 0
        self._owed = {f"new {key}": {GONE} for key in range(KEYS)}  # titles that are right: what was confirmed, and what hangs

    def compare(self, port: int) -> list[str]:
        """Return what a server does not know, or knows wrongly; from here on what it knows is what is owed."""
        connection, faults = HTTPConnection("127.0.0.1", port, timeout=PATIENCE), []
        for key, right in self._owed.items():
            connection.request("GET", f"/v1/items/{quote(key)}")
            answer = connection.getresponse()
            body = json.loads(answer.read())
            title = GONE if answer.status == 404 else body.get("title", f"status {answer.status}")
            faults += [] if title in right else [f"'{key}' is '{title}' where it should be one of {sorted(right)}"]
            self._owed[key] = {title}
        connection.close()
        return faults

    def write(self, port: int, server: Running, rounds: int) -> None:
        """Change items on all connections at a time, until the server is gone; kill it after so many rounds."""
        connections = [HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(CLIENTS)]
        with suppress(OSError, HTTPException):
            for left in range(rounds, -1, -1):
                asked = [
                    (connection, *self._ask(connection, key)) for connection, key in zip(connections, self._some(), strict=True)
                ]
                if left == 0:
                    time.sleep(self._draw.uniform(0, 0.01))
                    server.kill()
                for connection, key, title in asked:
                    with suppress(OSError, HTTPException):
                        status = self._answer(connection)
                        if status not in (200, 201, 204, 404):
                            raise HTTPException(f"status {status}")
                        self._owed[key] = {title}
                        self.confirmed += 1
        for connection in connections:
            connection.close()

    def _some(self) -> list[str]:
        return self._draw.sample(sorted(self._owed), CLIENTS)

    def _ask(self, connection: HTTPConnection, key: str) -> tuple[str, str]:
        self._number += 1
        title = GONE if self._draw.random() < 0.2 else f"title {self._number}"
        self._owed[key] = self._owed[key] | {title}
        if title == GONE:
            connection.request("DELETE", f"/v1/items/{quote(key)}")
        else:
            body = json.dumps({"content": {"title": title}})
            connection.request("PUT", f"/v1/items/{quote(key)}", body, {"Content-Type": "application/json"})
        return key, title

    def _answer(self, connection: HTTPConnection) -> int:
        answer = connection.getresponse()
        answer.read()
        return answer.status


def start(stage: Stage, state: Path, fault: Fault) -> tuple[Running, int]:
    """Start a server in a process of its own on a port of its own; a client that connects waits until it answers."""
    from dualnet.serve.http.server import bind

    listener = bind("127.0.0.1", 0)
    server = Running(lambda: _serve(stage, state, listener), state, fault)
    port = listener.getsockname()[1]
    listener.close()
    return server, port


def _serve(stage: Stage, state: Path, listener: object) -> int:
    """Serve in this one process: its journal is what is killed here."""
    from dualnet.serve import writer
    from dualnet.serve.http.app import HttpOptions, build_app
    from dualnet.serve.http.gate import Guards
    from dualnet.serve.http.server import ServerOptions
    from dualnet.serve.http.server import run as serve_on
    from dualnet.serve.service import Service

    vars(writer)["LARGE"] = SMALL
    stage.spoil()
    service, guards = Service.open(stage.world / "new" / "model", state=state), Guards()
    options = ServerOptions(keep_alive=int(PATIENCE), grace=0.0)
    serve_on(build_app(service, guards, HttpOptions(quiet=True)), listener, guards.draining, options, service)  # type: ignore[arg-type]
    return 0
