"""The Ray cluster that work runs on: one at an address, or one of our own on this machine, which ends with the work."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from ..errors import ResourceError, UsageError, optional_package

OBJECTS = 200 * 2**20  # bytes of the object store of a small cluster of our own
ANSWERS_WITHIN = 10.0  # seconds in which the head of a cluster must take a connection
LOCAL = {
    "RAY_AUTH_MODE": "token",  # whoever reaches a port of Ray runs what code he likes, but for this
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # so Ray listens on 127.0.0.1 alone, on Linux too
    "RAY_USAGE_STATS_ENABLED": "0",
}


@contextmanager
def ray_cluster(
    address: str | None = None, *, cpus: int = 2, objects: int = OBJECTS, purpose: str = "running on workers"
) -> Iterator[ModuleType]:
    """Connect to a Ray cluster while the block runs; one that was started for it ends with it.

    A cluster of our own listens on the loopback interface alone, has no dashboard, and asks everybody for a token that is drawn for
    it. A process that is connected to a cluster already stays in that one.

    Parameters
    ----------
    address : str, optional
        Such as ``"10.0.0.5:6379"``, ``"ray://10.0.0.5:10001"`` or ``"auto"``, the cluster that runs on this machine; by default
        that of the environment variable RAY_ADDRESS, and without one a cluster of our own.
    cpus : int
        Processors that a cluster of our own offers to workers; there may be fewer.
    objects : int
        Bytes of its object store.
    purpose : str
        What it is for, the subject of an error text.

    Returns
    -------
    module
        Ray, connected.

    Raises
    ------
    MissingExtraError
        Without the package ray.
    UsageError
        If this process is connected to another cluster than that at the address, or the address is none.
    ResourceError
        If the cluster cannot be reached, wants a token that is not ours, or cannot be started.
    """
    address = address or os.environ.get("RAY_ADDRESS") or None
    own = address in (None, "local")
    before = {name: os.environ.get(name) for name in (*LOCAL, "RAY_AUTH_TOKEN")}
    if own:
        os.environ.update({name: value for name, value in LOCAL.items() if os.environ.get(name) is None})
    try:
        with optional_package("ray", "ray", purpose):
            import ray
        if ray.is_initialized():
            _check_same(ray, address)
            yield ray
            return
        if own:
            _start(ray, cpus, objects)
        else:
            _connect(ray, str(address))
        try:
            yield ray
        finally:
            ray.shutdown()
            if own:
                ray._private.ray_constants.ENABLE_RAY_CLUSTER = True
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start(ray: ModuleType, cpus: int, objects: int) -> None:
    if not any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    ray._private.ray_constants.ENABLE_RAY_CLUSTER = False  # read at import, which may be long ago
    _renew_token(ray)
    with _signals_kept():
        try:
            ray.init(
                "local", num_cpus=cpus, object_store_memory=objects, include_dashboard=False, log_to_driver=False,
                logging_level="ERROR", configure_logging=False,
            )  # fmt: skip
        except Exception as error:
            raise ResourceError(
                f"cannot start a Ray cluster on this machine: {_first_line(error)}; see /tmp/ray/session_latest/logs"
            ) from error


def _connect(ray: ModuleType, address: str) -> None:
    host, port = _parts(address)
    if host is not None:
        try:
            socket.create_connection((host, port), ANSWERS_WITHIN).close()
        except OSError as error:
            raise ResourceError(
                f"no Ray cluster answers at {address} ({error.strerror or error}); start one with `ray start --head`, or leave the"
                " address out for one on this machine"
            ) from error
    _renew_token(ray)
    with _signals_kept():
        try:
            ray.init(address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
        except Exception as error:
            raise ResourceError(_why_not(ray, address, error)) from error


def _why_not(ray: ModuleType, address: str, error: Exception) -> str:
    text = str(error).lower()
    if isinstance(error, ray.exceptions.AuthenticationError) or "token" in text or "unauthenticated" in text:
        return (
            f"the Ray cluster at {address} takes only those who know its token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or"
            " RAY_AUTH_TOKEN_PATH"
        )
    if address == "auto":
        return "address='auto', but no Ray cluster runs on this machine; start one with `ray start --head`, or leave it out"
    return (
        f"the Ray cluster at {address} refused this process ({_first_line(error)}); where it asks for a token, set RAY_AUTH_MODE=token and"
        " RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH, and look that both have the same version of Ray"
    )


def _parts(address: str) -> tuple[str | None, int]:
    """Return host and port of an address, no host for ``auto``."""
    if address == "auto":
        return None, 0
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UsageError(f"address={address!r} must be HOST:PORT, such as 10.0.0.5:6379, ray://HOST:PORT, or auto")
    return host.strip("[]"), int(port)


def _check_same(ray: ModuleType, address: str | None) -> None:
    here = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", "local", here):
        raise UsageError(
            f"address={address!r}, but this process is in the Ray cluster at {here} already; leave the address out"
        )


def _renew_token(ray: ModuleType) -> None:
    """Make Ray look at the environment again: it keeps the token and the mode of an earlier cluster."""
    ray._raylet.Config.initialize("")
    ray._raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Put handlers of signals back that Ray replaces when it starts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
