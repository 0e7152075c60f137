"""What a real server answers to hostile requests: status, size, milliseconds, memory; and to hundreds of slow connections."""

from __future__ import annotations

import contextlib
import gzip
import json
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import record
from .serving import ready_process, resident_mb

PORT = 8194
SLOW, PATIENCE = 500, 60.0
RECOMMEND = "POST /v1/recommend"


def run() -> None:
    """Serve a small trained model, be hostile, and write results/hostile.jsonl."""
    dualnet = str(Path(sys.executable).with_name("dualnet"))
    with tempfile.TemporaryDirectory(prefix="dualnet-hostile-") as name:
        demo = Path(name) / "demo"
        subprocess.run([dualnet, "demo", "--out", demo], check=True, capture_output=True)
        with ready_process([dualnet, "serve", str(demo), "--port", str(PORT), "--quiet"], PORT, "/readyz") as server:
            _ask(RECOMMEND, b'{"history": ["p0001"]}')
            before = resident_mb(server.pid)
            rows = [_tried(what, *request) for what, request in _requests().items()]
            rows.append({"what": "memory", "MB before": before, "MB after": resident_mb(server.pid)})
            rows.append(_slow_connections())
    record.write("hostile", rows)


def _requests() -> dict[str, tuple[str, Any, dict[str, str]]]:
    """Return method and path, body (or what yields it), and headers of each."""

    def k(value: str) -> bytes:
        return f'{{"history": ["p0001"], "k": {value}}}'.encode()

    bodies: dict[str, bytes] = {
        "NaN": k("NaN"), "Infinity": k("Infinity"), "1e999": k("1e999"), '"7" for a number': k('"7"'), "true for a number": k("true"),
        "k = -1": k("-1"), "k = 10^9": k("1000000000"), "k = 0": k("0"), "k = 2^63": k("9223372036854775808"),
        "unknown user": b'{"user": "nobody"}', "unknown item": b'{"history": ["nothing"]}', "empty history": b'{"history": []}',
        "10^6 ids": json.dumps({"history": ["p0001"] * 10**6}).encode(),
        "1,000 levels": b'{"history": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        "duplicate keys": b'{"user": "r0001", "user": "r0002"}', "not UTF-8": b'{"user": "\xff\xfe"}',
        "NUL in an id": b'{"user": "a\\u0000"}', "CRLF in an id": b'{"user": "a\\r\\nX: y"}', "../ in an id": b'{"user": "../../x"}',
    }  # fmt: skip
    found: dict[str, tuple[str, Any, dict[str, str]]] = {what: (RECOMMEND, body, {}) for what, body in bodies.items()}
    found["wrong content type"] = (RECOMMEND, b"user=r0001", {"Content-Type": "text/plain"})
    bomb = gzip.compress(b"0" * 10**8)
    found["compressed bomb"] = (RECOMMEND, bomb, {"Content-Encoding": "gzip"})
    found["200 MB body"] = (RECOMMEND, _chunks(200), {"Content-Length": str(200 * 2**20)})
    found["chunked body without end"] = (RECOMMEND, _chunks(None), {"Transfer-Encoding": "chunked"})
    found["item without content"] = ("PUT /v1/items/new1", b"{}", {})
    found["../ in a path"] = ("GET /v1/items/..%2f..%2fetc%2fpasswd", b"", {})
    found["NUL in a path"] = ("GET /v1/items/a%00b", b"", {})
    return found


def _chunks(count: int | None) -> Iterator[bytes]:
    sent = 0
    while count is None or sent < count:
        yield b"0" * 2**20
        sent += 1


def _tried(what: str, request: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    status, size, milliseconds = _ask(request, body, headers)
    return {"what": what, "status": status, "bytes": size, "ms to the answer": milliseconds}


def _ask(request: str, body: Any = b"", headers: dict[str, str] | None = None) -> tuple[int, int, float]:
    """Send one request by hand, in a thread if it is long, and return status, bytes of the body and milliseconds."""
    method, path = request.split(" ")
    given = {"Host": f"127.0.0.1:{PORT}", "Content-Type": "application/json", "Connection": "close", **(headers or {})}
    if isinstance(body, bytes) and method != "GET":
        given.setdefault("Content-Length", str(len(body)))
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as link:
        started = time.perf_counter()
        sender = threading.Thread(
            target=_send, args=(link, head.encode(), body, "chunked" in given.get("Transfer-Encoding", ""))
        )
        sender.start()
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := link.recv(65536):
                if not answer:
                    milliseconds = (time.perf_counter() - started) * 1000
                answer += part
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        sender.join()
    top, _, rest = answer.partition(b"\r\n\r\n")
    return int(top[9:12]), len(rest), milliseconds


def _send(link: socket.socket, head: bytes, body: Any, chunked: bool) -> None:
    with contextlib.suppress(OSError):  # the server has answered and closed
        link.sendall(head)
        for part in [body] if isinstance(body, bytes) else body:
            link.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)


def _slow_connections() -> dict[str, Any]:
    """Open hundreds of connections that send a byte every few seconds; meanwhile somebody asks as usual."""
    usual = statistics.median(_ask(RECOMMEND, b'{"history": ["p0001"]}')[2] for _ in range(50))
    watch = selectors.DefaultSelector()
    started = time.perf_counter()
    for number in range(SLOW):
        link = socket.create_connection(("127.0.0.1", PORT))
        link.sendall(b"POST /v1/recommend HTTP/1.1\r\nHost: a" if number % 2 else b"P")
        watch.register(link, selectors.EVENT_READ)
    closed: list[float] = []
    meanwhile: list[float] = []
    fed = started
    while len(closed) < SLOW and time.perf_counter() < started + PATIENCE:
        meanwhile.append(_ask(RECOMMEND, b'{"history": ["p0001"]}')[2])
        for key, _ in watch.select(timeout=0.05):
            link = key.fileobj
            assert isinstance(link, socket.socket)
            with contextlib.suppress(ConnectionResetError):
                if link.recv(4096):
                    continue
            watch.unregister(link)
            link.close()
            closed.append(time.perf_counter() - started)
        if time.perf_counter() - fed > 5:
            fed = time.perf_counter()
            for key in list(watch.get_map().values()):
                with contextlib.suppress(OSError):
                    key.fileobj.send(b"x")  # type: ignore[union-attr]
    return {
        "what": f"{SLOW} slow connections", "closed": len(closed), "last closed after s": max(closed, default=float("nan")),
        "others before, median ms": usual, "others meanwhile, median ms": statistics.median(meanwhile),
        "others meanwhile, worst ms": max(meanwhile),
    }  # fmt: skip


if __name__ == "__main__":
    run()
