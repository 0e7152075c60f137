"""`dualnet serve` as a user meets it: the address printed, a clear sentence for each mistake, and a quiet end."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from itertools import count
from pathlib import Path
from threading import Semaphore
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pytest

from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import create
from tests.server_process import PATIENCE, ServerProcess

KILLS = int(os.environ.get("DUALNET_KILLS", "3"))  # 50 takes two minutes
WRITERS = 4


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return create("content-profile").fit(blocks_world()).save(tmp_path_factory.mktemp("run") / "model")


def call(capsys, *arguments):
    capsys.readouterr()
    code = main(["serve", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return code, captured.out, captured.err


def test_mistakes_are_told_in_one_sentence(capsys, model, tmp_path, monkeypatch):
    monkeypatch.delenv("DUALNET_API_KEYS_FILE", raising=False)
    assert call(capsys)[0] == 2
    code, _, told = call(capsys, tmp_path, "--port", 0)
    assert code == 5
    assert str(tmp_path) in told
    code, _, told = call(capsys, model, "--host", "0.0.0.0", "--port", 0)
    assert code == 2
    assert "--make-key" in told
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, told = call(capsys, model, "--port", taken.getsockname()[1])
    assert code == 6
    assert "is taken by another program; choose another with --port" in told
    monkeypatch.setenv("DUALNET_API_KEYS_FILE", str(tmp_path / "none"))
    code, _, told = call(capsys, model, "--port", 0)
    assert code == 6
    assert "key file" in told


def test_without_the_extra_it_says_what_to_install(capsys, model, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    code, _, told = call(capsys, model)
    assert code == 6
    assert "pip install 'dualnet[serve]'" in told


def test_make_key_prints_the_key_once_and_its_line(capsys):
    code, out, _ = call(capsys, "--make-key", "shop", "--admin", "--json")
    made = json.loads(out)
    assert code == 0
    assert made["line"].startswith("shop ")
    assert made["line"].endswith(" admin")
    assert made["key"] not in made["line"]
    code, out, _ = call(capsys, "--make-key", "shop")
    assert (code, out.count("dn_")) == (0, 1)


def fetch(url, body=None, headers=(), method=None):
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json", **dict(headers)}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("options", [[], ["--model-process"]], ids=["one", "two"])
def test_it_serves_with_keys_and_ends_with_0_on_sigterm(model, tmp_path, capsys, options):
    made = json.loads(call(capsys, "--make-key", "shop", "--json")[1])
    (tmp_path / "keys").write_text(made["line"])
    with ServerProcess(model, *options, DUALNET_API_KEYS_FILE=str(tmp_path / "keys")) as server:
        place = server.address()
        items = blocks_world().items.ids.keys
        key = {"Authorization": f"Bearer {made['key']}"}
        question = {"history": items[:3], "k": 2}
        assert fetch(f"{place}/readyz")[0] == 200
        assert fetch(f"{place}/v1/recommend", question)[0] == 401
        status, body = fetch(f"{place}/v1/recommend", question, key)
        assert status == 200
        assert len(json.loads(body)["items"]) == 2
        assert fetch(f"{place}/v1/model:reload", {}, key)[0] == 403
        assert fetch(f"{place}/livez", headers={"Host": "evil.example"})[0] == 400
        code, log = server.ended(signal.SIGTERM)
    assert code == 0, log
    assert [json.loads(line)["status"] for line in log.splitlines() if line.startswith("{")] == [200, 401, 200, 403, 400]
    for secret in (made["key"], *items[:3]):
        assert secret not in log


def test_no_item_that_was_acknowledged_is_lost_when_the_server_is_killed(model, tmp_path):
    """Clients put items all the while, and the server is killed at random moments and started again."""
    rng, names = np.random.default_rng(0), count()
    acknowledged: list[str] = []

    def write(place, one_more):
        while True:
            name = f"new {next(names)}"
            try:
                status, _ = fetch(f"{place}/v1/items/{quote(name)}", {"content": {"title": f"word{name}"}}, method="PUT")
            except (OSError, HTTPException):
                return
            assert status == 201
            acknowledged.append(name)
            one_more.release()

    checked = 0
    for kills_left in range(KILLS, -1, -1):
        with ServerProcess(model, "--state", tmp_path) as server:
            place, one_more = server.address(), Semaphore(0)
            for name in acknowledged[checked:]:
                status, body = fetch(f"{place}/v1/items/{quote(name)}")
                assert (status, json.loads(body)["title"]) == (200, f"word{name}")
            assert json.loads(fetch(f"{place}/v1/items?limit=1")[1])["total"] >= len(acknowledged)
            if kills_left:
                checked = len(acknowledged)
                with ThreadPoolExecutor(WRITERS) as pool:
                    writers = [pool.submit(write, place, one_more) for _ in range(WRITERS)]
                    try:
                        for _ in range(int(rng.integers(1, 80))):
                            assert one_more.acquire(timeout=PATIENCE), server.told()
                    finally:
                        server.process.kill()
                assert [writer.result() for writer in writers] == [None] * WRITERS
    assert len(acknowledged) >= KILLS


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")
@pytest.mark.parametrize(("options", "others"), [([], 0), (["--model-process"], 1)], ids=["one", "two"])
def test_the_model_has_a_process_of_its_own_only_where_that_is_asked(model, options, others):
    with ServerProcess(model, *options) as server:
        server.address()
        assert len(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()) == others


def test_a_process_for_the_model_is_refused_where_sockets_cannot_be_handed_on(capsys, model, monkeypatch):
    monkeypatch.setattr("dualnet.cli.serve.os", SimpleNamespace(name="nt", environ=os.environ))
    code, _, told = call(capsys, model, "--port", "0", "--model-process")
    assert (code, told.count("leave it out")) == (2, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process with the model in /proc")
def test_it_ends_with_the_reason_when_the_process_with_the_model_does(model):
    with ServerProcess(model, "--model-process") as server:
        server.address()
        (child,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        code, told = server.ended()
    assert code == 6
    assert "the process with the model was ended by signal 9" in told
    assert "Traceback" not in told


def test_the_process_that_speaks_http_holds_no_model_libraries():
    code = (
        "import sys; from dualnet.cli import serve; from dualnet.serve.model_process import remote; from dualnet.serve.http import app, server;"
        "assert not {'scipy', 'pyarrow', 'torch', 'sklearn'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_serving_needs_no_torch_and_no_scikit_learn(model):
    code = (
        "import sys, pathlib; from dualnet.serve.http.app import build_app; from dualnet.serve.service import Service;"
        "from dualnet.cli import serve; from dualnet.serve.http import server;"
        "build_app(Service.open(pathlib.Path(sys.argv[1])));"
        "assert not {'torch', 'sklearn', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert done.returncode == 0, done.stderr
