"""The end of a server in one process: what is still computed for nobody does not hold it up."""

import os
import signal
import socket
import subprocess
import sys

import pytest

NEVER_DONE = """
import asyncio, sys, threading
from dualnet.serve.http.gate import Draining
from dualnet.serve.http.server import ServerOptions, bind, run

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    print("asked", flush=True)
    await asyncio.to_thread(threading.Event().wait)

listener = bind("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
run(app, listener, Draining(), ServerOptions(grace=0.0, drain=1, last=0.1))
"""


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]], ids=["SIGTERM", "Ctrl-C twice"])
def test_an_answer_that_is_never_done_does_not_hold_up_the_end(signals):
    server = subprocess.Popen(
        [sys.executable, "-c", NEVER_DONE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        with socket.create_connection(("127.0.0.1", int(server.stdout.readline())), timeout=300) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert server.stdout.readline() == "asked\n"
            for number in signals:
                server.send_signal(number)
            _, told = server.communicate(timeout=300)
    finally:
        server.kill()
        server.wait()
    assert (server.returncode, told.count("given up")) == (0, 1)
