"""Ray clusters: one of this machine that is started and ended with a run, or one that is there already; every error is a sentence."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import DualNetError, ResourceError, UsageError, counted, optional_package, shown
from ..files import lock

STORE = 200 * 2**20  # bytes of the object store of a local cluster: what we send through it is small
CONNECT_SECONDS, ANSWER_SECONDS = 5, 40  # how long an address may take to be reached, and to answer as a cluster
OLD_SECONDS = 3600  # a folder of a cluster that is older, and whose process is dead, is removed
LONGEST_FOLDER = 40  # characters: Ray puts sockets into it, whose paths have at most 107
_PREFIX = "dualnet-ray-"
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # at 0 a node listens on 127.0.0.1 alone, on Linux too
_NICE = "RAY_worker_niceness"  # 15 by default: beside other work a worker would hardly get a processor
_QUIET = {
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_LOG_TO_DRIVER": "0",
}


@contextmanager
def cluster(address: str | None, workers: int, *, purpose: str = "more than one worker", store: int = STORE) -> Iterator[Any]:
    """Connect to a Ray cluster for as long as a block runs, and yield the module `ray`.

    Without an address a cluster of this machine is started, with a processor for each worker, and ended with the block: it
    listens on the loopback alone, wants a token that is drawn for it, and has no dashboard. In a process that is connected
    already, its cluster is used and stays. Errors of tasks leave the block as the errors of ours that they were.

    Parameters
    ----------
    address : str, optional
        ``HOST:PORT`` of an existing cluster, or ``auto`` for the one of this machine or of ``RAY_ADDRESS``; it stays when the
        block ends.
    workers : int
        Processors that are needed at least.
    purpose : str
        Subject of the text where Ray is missing.
    store : int
        Bytes of the object store of a local cluster.

    Raises
    ------
    MissingExtraError
        Without Ray.
    UsageError
        For an address of another form, or a number of workers that is none.
    ResourceError
        If the address does not answer within some seconds, refuses the token, or has too few processors; if a local cluster
        cannot be started; if Ray loses a task for good.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(f"workers must be a whole number of at least 1, got {shown(workers)}")
    if address is not None:
        _check_form(address)
    with optional_package("ray", "ray", purpose), _environment(_QUIET):
        import ray
    with _plain_errors():
        if ray.is_initialized():
            if address is not None:
                raise UsageError(f"this process is connected to a cluster already; leave {shown(address)} out")
            _check_size("that this process is connected to", workers)
            yield ray
        elif address is None:
            with _local(workers, store):
                yield ray
        else:
            with _existing(address):
                _check_size(f"at {address}", workers)
                yield ray


@contextmanager
def _local(workers: int, store: int) -> Iterator[None]:
    """Start a cluster of this machine, and end it."""
    from ray._private import ray_constants

    told = {_LOOPBACK: "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), _NICE: "0", **_QUIET}
    several, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False  # read when Ray was imported
    try:
        with _folder() as folder, _environment(told), _connected():
            _read_token_again()
            try:
                _start("local", num_cpus=workers, object_store_memory=store, include_dashboard=False, _temp_dir=str(folder))
            except Exception as error:
                raise ResourceError(
                    f"a Ray cluster on this machine could not be started ({_first_line(error)}); see to memory, to space in"
                    f" {folder.parent}, and to /dev/shm, or give the address of an existing cluster"
                ) from error
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = several


@contextmanager
def _existing(address: str) -> Iterator[None]:
    """Connect to a cluster that is there, and leave it as it is."""
    with _environment(_QUIET), _connected():
        _read_token_again()
        _check_answer(address)
        try:
            _start(address)
        except Exception as error:
            raise ResourceError(f"{_unreachable(address)} ({_first_line(error)})") from error
        yield


@contextmanager
def _connected() -> Iterator[None]:
    """Disconnect at the end; a handler of SIGTERM that was there stays, for Ray sets its own."""
    import ray
    from ray._private import worker

    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    level, printed = logging.getLogger("ray").level, worker._worker_logs_enabled
    logging.getLogger("ray").setLevel(logging.ERROR)
    worker._worker_logs_enabled = False  # Ray prints remarks of its nodes to standard output, where our results go
    try:
        yield
    finally:
        ray.shutdown()
        worker._worker_logs_enabled = printed
        logging.getLogger("ray").setLevel(level)
        if main:
            _keep_handler(before)


def _start(*arguments: Any, **options: Any) -> None:
    """Call `ray.init`, which sets a handler of SIGTERM in the place of the one that was there; that one stays."""
    import ray

    before = signal.getsignal(signal.SIGTERM)
    try:
        with _no_remarks():
            ray.init(*arguments, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR, **options)
    finally:
        if threading.current_thread() is threading.main_thread():
            _keep_handler(before)


@contextmanager
def _no_remarks() -> Iterator[None]:
    """Drop what native code writes to standard error for a moment: Ray remarks there that it is told to be quiet."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _read_token_again() -> None:
    """Let Ray see the mode and the token of the environment as it is now; it keeps what it read first."""
    native: Any = import_module("ray._raylet")
    native.Config.initialize("")
    native.AuthenticationTokenLoader.instance().reset_cache()


def _keep_handler(handler: Any) -> None:
    if handler is not None:
        signal.signal(signal.SIGTERM, handler)


def _check_form(address: str) -> None:
    """Refuse what is not the address of a cluster's head; raises `UsageError`."""
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    if address == "auto" or (host and "/" not in address and port.isdecimal() and 0 < int(port) < 65_536):
        return
    if isinstance(address, str) and "://" in address:
        raise UsageError(
            f"address {shown(address)} is not the address of a cluster's head; write HOST:PORT, on a machine of the cluster auto,"
            " or send the command to the cluster with `ray job submit`"
        )
    raise UsageError(f"address must be HOST:PORT of a Ray cluster, such as 10.0.0.5:6379, or auto, got {shown(address)}")


def _check_answer(address: str) -> None:
    """Make sure, in bounded time, that a cluster answers: Ray itself would try for minutes; raises `ResourceError`."""
    if address == "auto" and not os.environ.get("RAY_ADDRESS"):
        return
    place = os.environ["RAY_ADDRESS"] if address == "auto" else address
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ResourceError(f"{_unreachable(place)} ({_first_line(error)})") from None
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", place]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ResourceError(f"{_unreachable(place)} (no answer within {ANSWER_SECONDS} s)") from None
    if done.returncode == 0:
        return
    said = done.stdout + done.stderr
    if "ersion" in said and "mismatch" in said:
        raise ResourceError(f"the Ray cluster at {place} has another version of Ray or Python than this process; use the same")
    if "uthenticat" in said:
        raise ResourceError(
            f"the Ray cluster at {place} refused the token; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to its own"
        )
    raise ResourceError(_unreachable(place))


def _check_size(where: str, workers: int) -> None:
    import ray

    there = int(ray.cluster_resources().get("CPU", 0))
    if there < workers:
        raise ResourceError(
            f"the Ray cluster {where} has {counted(there, '{processor|processors}')}, fewer than the {counted(workers, '{worker|workers}')}; start more nodes, or ask for fewer"
        )


def _unreachable(address: str) -> str:
    return f"no Ray cluster answers at {address}; see that `ray start --head` runs there and that its port can be reached"


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Let the error of ours that a task raised, or a sentence on what Ray lost, take the place of Ray's own."""
    import ray.exceptions

    try:
        yield
    except ray.exceptions.RayError as error:
        cause: BaseException | None = error
        while cause is not None and (isinstance(cause, ray.exceptions.RayError) or not isinstance(cause, DualNetError)):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is not None:
            raise cause from None
        if isinstance(error, ray.exceptions.RayTaskError):  # a defect, with its traceback
            raise
        raise ResourceError(
            f"Ray lost a part of the work for good ({_first_line(error)}); see to the memory of its nodes, and run the same"
            " command again"
        ) from error


@contextmanager
def _environment(told: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while; what the user set for Ray's log stays."""
    before = {name: os.environ.get(name) for name in told}
    os.environ.update({name: value for name, value in told.items() if name not in _QUIET or before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a new folder for the sockets and logs of a cluster, which nobody else may open; old ones of dead processes are removed."""
    place = None if len(tempfile.gettempdir()) + 20 < LONGEST_FOLDER or os.name == "nt" else "/tmp"  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    for other in folder.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - other.stat().st_mtime > OLD_SECONDS:
                with _held(other) as dead:
                    if dead:
                        shutil.rmtree(other, ignore_errors=True)
    try:
        with _held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder, by which others see that its process lives; yields whether it was free."""
    descriptor = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
    try:
        yield descriptor is not None and lock(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return shown(lines[0] if lines else type(error).__name__, 160).strip("'\"")
