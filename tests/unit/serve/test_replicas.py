"""Replicas of Ray Serve, as far as no cluster is needed: what they are told, and what they refuse."""

import asyncio

import pytest

from dualnet.errors import UsageError
from dualnet.serve.replicas import ReplicaService, application
from dualnet.serve.service_errors import ConflictError


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
    ],
)
def test_a_configuration_that_lacks_something_is_told(monkeypatch, arguments, url, told):
    monkeypatch.setenv("DUALNET_STORE_URL", url)
    with pytest.raises(UsageError, match=told):
        application(arguments)
