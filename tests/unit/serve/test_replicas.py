"""Replicas of Ray Serve, as far as no cluster is needed: what they are told, and what they refuse."""

import asyncio
import contextlib
import os
import signal
import sys
from types import SimpleNamespace

import pytest

from dualnet.errors import UsageError
from dualnet.serve import replicas
from dualnet.serve.replicas import Replicas, ReplicaService, application
from dualnet.serve.service_errors import ConflictError
from dualnet.serve.store import StoreAddress


@pytest.mark.parametrize("rollback", [False, True])
def test_one_replica_does_not_exchange_its_model_alone(folder_of, tmp_path, rollback):
    service = ReplicaService.open(folder_of(), state=tmp_path)
    with pytest.raises(ConflictError, match="several replicas.*SIGHUP"):
        asyncio.run(service.call("reload", rollback=rollback))
    asyncio.run(service.exchange())  # the model of the folder is the one that answers
    asyncio.run(service.close())


@pytest.mark.parametrize(
    ("arguments", "url", "told"),
    [
        ({}, "postgresql:///x", "argument 'model'"),
        ({"model": "/m"}, "", "DUALNET_STORE_URL"),
        ({"model": "/m", "host": "0.0.0.0"}, "postgresql:///x", "'keys'"),
        ({"model": "/m", "replica": 3}, "postgresql:///x", "no argument 'replica'. Did you mean 'replicas'"),
        ({"model": "/m", "replicas": "two"}, "postgresql:///x", "'replicas' must be a whole number of at least 1, got 'two'"),
        ({"model": "/m", "replicas": 0}, "postgresql:///x", "'replicas' must be"),
        ({"model": "/m", "rate": "fast"}, "postgresql:///x", "'rate' must be a number above 0, got 'fast'"),
        ({"model": "/m", "rate": float("nan")}, "postgresql:///x", "'rate' must be a number above 0, got nan"),
    ],
)
def test_a_configuration_that_lacks_something_is_told(monkeypatch, arguments, url, told):
    monkeypatch.setenv("DUALNET_STORE_URL", url)
    with pytest.raises(UsageError, match=told):
        application(arguments)


def test_signals_are_obeyed_in_order_and_none_is_lost(monkeypatch, tmp_path):
    """SIGTERM that comes while a model is brought in ends the server once it is there."""
    came, done = [], []

    def load(folder, present=None):
        if present is not None:
            os.kill(os.getpid(), signal.SIGTERM)
        came.append(len(came))
        if len(came) == 2:
            raise ValueError("half a model")
        return SimpleNamespace(label=SimpleNamespace(version=f"v{len(came)}"))

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    serve = SimpleNamespace(start=lambda **_: None, shutdown=lambda: done.append("shut down"))
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(serve=serve))
    monkeypatch.setattr(replicas, "cluster", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(replicas, "deployment", lambda wanted: None)
    monkeypatch.setattr(replicas, "load_version", load)
    monkeypatch.setattr(replicas, "_run", lambda application, version: done.append(version))

    def ready():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)

    try:
        replicas.serve_replicas(Replicas(1, tmp_path, StoreAddress("postgresql:///x"), "127.0.0.1", 0), ready)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert done == ["v1", "v3", "shut down"]
