"""The parts of uvicorn that the server reaches into: they are named here, they are there, and later versions are not taken."""

import ast
import asyncio
import inspect
import re
import tomllib
from pathlib import Path

import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from dualnet.serve.http.server import Server
from dualnet.serve.http.slow_clients import PatientProtocol

ROOT = Path(__file__).parents[4]
PROTOCOL = {  # of HttpToolsProtocol; none of them is documented
    "connection_made", "connections", "cycle", "data_received", "flow", "loop", "on_header", "on_headers_complete",
    "on_message_begin", "on_message_complete", "on_response_complete", "pause_writing", "pipeline", "resume_writing",
    "send_400_response", "transport",
}  # fmt: skip
SERVER = {"force_exit", "handle_exit", "run", "serve", "server_state", "should_exit", "shutdown", "started", "startup"}


async def app(scope, receive, send):
    """Do nothing."""


def protocol():
    config = uvicorn.Config(app, http="httptools", ws="none")
    config.load()
    return HttpToolsProtocol(config=config, server_state=ServerState(), app_state={}, _loop=asyncio.new_event_loop())


def reached(own, base):
    """Return the names of the base that a class uses or overrides, from its source."""
    tree = ast.parse(inspect.getsource(own))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (
            (isinstance(node.value, ast.Name) and node.value.id == "self")
            or (isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "super")
        )
    }
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in used | defined if hasattr(base, name) and not name.startswith("__")}


def test_the_parts_of_the_protocol_are_named_and_there():
    one = protocol()
    try:
        assert reached(PatientProtocol, one) == PROTOCOL
        assert {"pause_reading", "read_paused"} <= set(dir(FlowControl(asyncio.Transport())))
        assert "response_complete" in inspect.getsource(RequestResponseCycle)
        assert "response_started" in inspect.getsource(RequestResponseCycle)
    finally:
        one.loop.close()


def test_the_parts_of_the_server_are_named_and_there():
    server = uvicorn.Server(uvicorn.Config(app))
    assert reached(Server, server) | {"run", "started"} == SERVER
    assert set(dir(server)) >= SERVER
    assert server.server_state.connections == set()


@pytest.mark.parametrize(
    "name", ["on_message_begin", "on_headers_complete", "on_message_complete", "data_received", "send_400_response"]
)
def test_what_is_overridden_takes_what_it_took(name):
    ours, theirs = (inspect.signature(getattr(kind, name)).parameters for kind in (PatientProtocol, HttpToolsProtocol))
    assert list(ours) == list(theirs)


def test_a_version_that_was_not_tried_is_not_installed():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["serve"]
    (bound,) = [found[1] for text in wanted if (found := re.fullmatch(r"uvicorn>=[\d.]+,<([\d.]+)", text))]
    (pinned,) = re.findall(r"^uvicorn==([\d.]+)$", (ROOT / "constraints.txt").read_text(), flags=re.M)
    parts = [int(part) for part in pinned.split(".")]
    assert [int(part) for part in bound.split(".")] == [parts[0], parts[1] + 1]
