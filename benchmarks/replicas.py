"""Two replicas of Ray Serve under load while one is killed and the model is exchanged: how many answers fail, and whether one is wrong.

Clients ask for lists on connections that stay open, and compare each with what one process answers. A question that fails is not
asked again. Needs the extra `ray`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from dualnet.models.registry import create
from tests.conftest import running_server, server_programs

from . import record
from .shared_state import USERS, Server, ask, blocks

CLIENTS = 2


def run(questions: int = 6_000) -> None:
    """Measure, and write results/replicas.jsonl."""
    record.write("replicas", [play(questions)])


def play(questions: int) -> dict[str, Any]:
    """Return what was counted."""
    programs = server_programs()
    if programs is None:
        raise SystemExit("there are no programs of a PostgreSQL server here (initdb, pg_ctl)")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dualnet-replicas-") as folder, running_server(programs) as url:
        place = Path(folder) / "model"
        later = Path(folder) / "later"  # copied in the end: another fit would have another version
        right = [_answers(_fitted(later, 1)), _answers(_fitted(place, 0))]
        server = Server(place, url, "--replicas", "2")
        try:
            server.start()
            load = Load(server.port, right, questions)
            load.start()
            load.wait_for(questions // 4)
            victims = list(_replicas(server.pid))
            os.kill(victims[0], signal.SIGKILL)
            load.wait_for(questions // 2)
            shutil.rmtree(place)
            later.rename(place)
            os.kill(server.pid, signal.SIGHUP)
            load.join()
            visible = _put_and_find(server.port)
        finally:
            server.stop()
    return {
        "replicas": len(victims), "questions": load.asked, "failed": load.failed, "share failed": load.failed / load.asked,
        "wrong": load.wrong, "versions that answered": len(load.versions), "longest pause (s)": load.longest,
        "questions/s": load.asked / load.seconds, "put found by all (s)": visible, "told": load.told[:5],
        "seconds": time.monotonic() - began,
    }  # fmt: skip


def _fitted(place: Path, seed: int) -> Path:
    """Fit a model of a seed into a folder, and return the folder."""
    create("fusion", factors=6, random_state=seed).fit(blocks()).save(place)
    return place


def _answers(place: Path) -> dict[str, Any]:
    """Return the version of the model in a folder, and its lists of users, as one process answers."""
    import asyncio

    from dualnet.retrieval.questions import RecommendQuestion
    from dualnet.serve.service import Service

    async def main() -> dict[str, Any]:
        service = Service.open(place)
        await service.start()
        lists = {user: (await service.ask(RecommendQuestion(user=user, k=60))).body["items"] for user in USERS}
        told = {"version": service.label.version, "lists": lists}
        await service.close()
        return told

    return asyncio.run(main())


def _is_right(listed: list[dict[str, Any]], whole: list[dict[str, Any]]) -> bool:
    """Return whether a list has the best items of a whole one, with their scores; single precision depends on the batch."""
    scores = {entry["item"]: entry["score"] for entry in whole}
    if len(listed) != 5 or len(whole) < 5:
        return False
    best = [entry["score"] for entry in whole]
    found = [(entry["score"], scores.get(entry["item"], float("inf"))) for entry in listed]
    return all(abs(score - own) < 1e-5 and abs(score - at) < 1e-5 for (score, own), at in zip(found, best[:5], strict=True))


def _replicas(root: int) -> Iterator[int]:
    """Yield the processes of replicas below a process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    for pid in parents:
        above = pid
        while above in parents and above != root:
            above = parents[above]
        if above == root and "ServeReplica" in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"):
            yield pid


def _put_and_find(port: int) -> float:
    """Put an item, and return the seconds until ten questions in a row know it."""
    assert ask(port, "PUT", "/v1/items/fresh", {"content": {"title": "group word1"}})[0] in (200, 201)
    began, found = time.monotonic(), 0
    while found < 10:
        found = found + 1 if ask(port, "GET", "/v1/items/fresh")[0] == 200 else 0
        last = time.monotonic()
    return last - began


class Load:
    """Clients that ask one question after another.

    Parameters
    ----------
    port : int
    right : list of dict
        What each version answers.
    questions : int
        Asked together.
    """

    def __init__(self, port: int, right: list[dict[str, Any]], questions: int) -> None:
        self._port, self._questions = port, questions
        self._right = {told["version"]: told["lists"] for told in right}
        self.asked = self.failed = self.wrong = 0
        self.longest = self.seconds = 0.0
        self.versions: set[str] = set()
        self.told: list[str] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def start(self) -> None:
        """Begin."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def wait_for(self, asked: int) -> None:
        """Wait until so many questions were asked."""
        while self.asked < asked:
            time.sleep(0.01)

    def join(self) -> None:
        """Wait until all were asked."""
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self._began

    def _ask(self, number: int) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        while self.asked < self._questions:
            user = USERS[(self.asked + number) % len(USERS)]
            began, failed, wrong, version = time.monotonic(), "", False, ""
            try:
                body = json.dumps({"user": user, "k": 5})
                connection.request("POST", "/v1/recommend", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                told = answer.read()
                if answer.status == 200:
                    found = json.loads(told)
                    version = found["model"]["version"]
                    wrong = not _is_right(found["items"], self._right.get(version, {}).get(user, []))
                else:
                    failed = f"{answer.status} {told[:200]!r}"
            except (OSError, HTTPException, ValueError) as error:
                failed = repr(error)
                connection.close()
            with self._lock:
                self.asked += 1
                self.failed += bool(failed)
                self.wrong += wrong
                self.longest = max(self.longest, time.monotonic() - began)
                self.told += [failed] if failed else []
                self.versions |= {version} - {""}
        connection.close()


if __name__ == "__main__":
    sys.stderr.write(f"{play(int(sys.argv[1]))}\n") if sys.argv[1:] else run()
