"""A load generator in a process of its own: closed loop on so many connections, or open loop at a fixed rate.

Plain asyncio and a few lines of HTTP: a client library would take more of the two cores than the server.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


class Plan:
    """What is sent and what came back, shared by all connections."""

    def __init__(self, requests: list[bytes], limit: int, until: float) -> None:
        self.requests, self.limit, self.until = requests, limit, until
        self.sent = 0
        self.seconds: list[float] = []
        self.statuses: collections.Counter[int] = collections.Counter()
        self.answers: collections.Counter[tuple[int, str, str]] = collections.Counter()
        self.broken = 0
        self.keep_answers = False
        self.finished = asyncio.Event()

    def more(self) -> bool:
        return self.sent < self.limit and time.perf_counter() < self.until

    def next(self) -> tuple[int, bytes]:
        number = self.sent % len(self.requests)
        self.sent += 1
        return number, self.requests[number]


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request on its way at a time."""

    def __init__(self, plan: Plan, idle: Any) -> None:
        self.plan, self.idle = plan, idle
        self.buffer = b""
        self.busy = False
        self.expected = -1
        self.started = 0.0
        self.number = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.idle(self)

    def send(self, started: float) -> None:
        self.number, request = self.plan.next()
        self.started, self.busy = started, True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if self.expected < 0:
            head = self.buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            lower = self.buffer[:head].lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 : lower.find(b"\r\n", at) if lower.find(b"\r\n", at) > 0 else None])
            self.body, self.expected = head + 4, head + 4 + length
        if len(self.buffer) < self.expected:
            return
        plan = self.plan
        plan.seconds.append(time.perf_counter() - self.started)
        plan.statuses[int(self.buffer[9:12])] += 1
        if plan.keep_answers and self.buffer[9:12] == b"200":
            plan.answers[(self.number, *digest(self.buffer[self.body : self.expected]))] += 1
        self.buffer, self.expected, self.busy = b"", -1, False
        self.idle(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self.busy:
            self.plan.broken += 1
            self.busy = False


def digest(body: bytes) -> tuple[str, str]:
    """Return which model version answered, and a hash of what it listed."""
    answer = json.loads(body)
    return answer["model"]["version"], digest_of([entry["item"] for entry in answer["items"]])


def digest_of(items: list[str]) -> str:
    """Return a short hash of a list of ids."""
    return hashlib.sha256("\n".join(items).encode()).hexdigest()[:16]


async def closed(plan: Plan, port: int, connections: int) -> None:
    """Send the next request of each connection as soon as its last one is answered."""
    left = connections

    def idle(connection: Connection) -> None:
        nonlocal left
        if plan.more():
            connection.send(time.perf_counter())
            return
        connection.transport.close()
        left -= 1
        if left == 0:
            plan.finished.set()

    await _connect(plan, port, connections, idle)
    await asyncio.wait_for(plan.finished.wait(), plan.until - time.perf_counter() + 30)


async def open_loop(plan: Plan, port: int, connections: int, rate: float) -> None:
    """Send at fixed times; a request that finds no idle connection waits, and its wait counts."""
    free: collections.deque[Connection] = collections.deque()
    waiting: collections.deque[float] = collections.deque()

    def idle(connection: Connection) -> None:
        if waiting:
            connection.send(waiting.popleft())
        else:
            free.append(connection)

    await _connect(plan, port, connections, idle)
    start, number = time.perf_counter(), 0
    while plan.more():
        due = start + number / rate
        now = time.perf_counter()
        if due > now:
            await asyncio.sleep(due - now)
        number += 1
        if free:
            free.popleft().send(due)
        else:
            waiting.append(due)
    deadline = time.perf_counter() + 30
    while len(plan.seconds) + plan.broken < number and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)


async def _connect(plan: Plan, port: int, connections: int, idle: Any) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(plan, idle), "127.0.0.1", port)


def http_request(path: str, body: bytes, port: int) -> bytes:
    """Return one POST as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def summary(plan: Plan, started: float) -> dict[str, Any]:
    """Return figures of a run: milliseconds from sending (or from the scheduled time) to the last byte."""
    elapsed = time.perf_counter() - started
    times = np.array(plan.seconds) * 1000
    points = np.percentile(times, [50, 99, 99.9]) if len(times) else [float("nan")] * 3
    return {
        "requests": len(times), "seconds": elapsed, "per_second": len(times) / elapsed, "broken": plan.broken,
        "statuses": {str(code): count for code, count in plan.statuses.items()},
        "p50_ms": float(points[0]), "p99_ms": float(points[1]), "p999_ms": float(points[2]),
        "answers": [[*key, count] for key, count in plan.answers.items()],
    }  # fmt: skip


async def drive(given: argparse.Namespace) -> dict[str, Any]:
    """Run one load and return its figures."""
    bodies = [json.dumps(body).encode() for body in json.loads(Path(given.bodies).read_text(encoding="utf-8"))]
    requests = [http_request(given.path, body, given.port) for body in bodies]
    started = time.perf_counter()
    plan = Plan(requests, given.requests, started + given.seconds)
    plan.keep_answers = given.keep_answers
    if given.rate:
        await open_loop(plan, given.port, given.connections, given.rate)
    else:
        await closed(plan, given.port, given.connections)
    return summary(plan, started)


def main() -> None:
    """Parse, drive, print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/v1/recommend")
    parser.add_argument("--bodies", required=True, help="file with a JSON list of request bodies, sent in turn")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--requests", type=int, default=2**62, help="stop after so many")
    parser.add_argument("--rate", type=float, default=0.0, help="open loop at this rate; 0 is a closed loop")
    parser.add_argument("--keep-answers", action="store_true", help="count each answer by request, version and content")
    given = parser.parse_args()
    try:
        import uvloop
    except ImportError:
        result = asyncio.run(drive(given))
    else:
        result = uvloop.run(drive(given))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
