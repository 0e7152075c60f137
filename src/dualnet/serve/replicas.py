"""Several processes that answer at one address, through Ray Serve: the same application in each, one shared state.

Ray restarts a replica that dies, and sends no request to one that is not ready. A new model is brought in replica by replica; each
answers with one version at any time.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..distributed.cluster import cluster
from ..errors import UsageError, nearest, shown
from .http.hosts import is_loopback
from .replies import Reply
from .service import Service
from .service_errors import ConflictError, RefusedModelError
from .settings import ServiceSettings
from .store import STORE, StoreAddress
from .versions import load_version

NAME = "dualnet"
ARGUMENTS = ("model", "replicas", "host", "keys", "rate")  # of `application`
DRAIN = 20.0  # seconds for a replica to finish what was asked


@dataclass(frozen=True)
class Replicas:
    """Settings of processes that answer at one address.

    Parameters
    ----------
    count : int
        How many.
    folder : Path
        Of the model, where every node finds it.
    state : StoreAddress
        Database that all share.
    host : str
        Address to listen on.
    port : int
        Port.
    allow_hosts : tuple of str
        Further names to take as Host.
    picture_hosts : tuple of str
        Other hosts of which the page may show pictures.
    keys : str
        Path of the key file; empty without keys.
    rate : float
        Requests a second that each key may ask of a replica.
    largest_body : int
        Bytes of a request body.
    quiet : bool
        No access log.
    settings : ServiceSettings
        Limits of each service.
    address : str, optional
        Of a Ray cluster that is there; without it one of this machine is started.
    """

    count: int
    folder: Path
    state: StoreAddress
    host: str
    port: int
    allow_hosts: tuple[str, ...] = ()
    picture_hosts: tuple[str, ...] = ()
    keys: str = ""
    rate: float = 500.0
    largest_body: int = 2**20
    quiet: bool = False
    settings: ServiceSettings = ServiceSettings()  # noqa: RUF009  frozen
    address: str | None = None


class ReplicaService(Service):
    """A service that is one of several: its model is exchanged with those of the others, not by a request to one."""

    async def reload(self, rollback: bool = False) -> Reply:
        """Refuse; see `exchange`.

        Raises
        ------
        ConflictError
            Always.
        """
        raise ConflictError(
            "this is one of several replicas, which get a model together: write the model, then send SIGHUP to dualnet serve"
        )

    async def exchange(self) -> None:
        """Bring in the model that the folder has now; one that is refused is left, and the old one goes on."""
        try:
            await super().reload()
        except RefusedModelError as error:
            sys.stderr.write(f"dualnet: {error}\n")


def serve_replicas(wanted: Replicas, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; on SIGHUP check the model of the folder and bring it into all replicas.

    Parameters
    ----------
    wanted : Replicas
    ready : callable
        Called once all replicas answer.

    Raises
    ------
    MissingExtraError
        Without Ray.
    ArtifactError
        If the folder is not a model.
    ResourceError
        If the cluster has too few processors, or the port is taken.
    """
    version = load_version(wanted.folder)
    news: queue.SimpleQueue[int] = queue.SimpleQueue()  # of signals; its put may interrupt its get

    with cluster(wanted.address, wanted.count, purpose="more than one replica"):
        from ray import serve

        serve.start(proxy_location="HeadOnly", http_options={"host": wanted.host, "port": wanted.port})
        try:
            application = deployment(wanted)
            _run(application, version.label.version)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda heard, _: news.put(heard))
            ready()
            while news.get() == signal.SIGHUP:
                try:
                    version = load_version(wanted.folder, version)
                except Exception as error:
                    sys.stderr.write(f"dualnet: the new model was refused, the old one goes on: {error}\n")
                    continue
                _run(application, version.label.version)
        finally:
            serve.shutdown()


def application(arguments: Mapping[str, Any]) -> Any:
    """Return the application that a configuration file of Ray Serve names, such as the RayService in ``docker/kuberay.yaml``.

    Parameters
    ----------
    arguments : mapping
        ``model``, and as in `Replicas` ``replicas`` (the count), ``host``, ``keys``, ``rate``. The environment variable
        DUALNET_STORE_URL names the database.

    Raises
    ------
    UsageError
        If the model or the database is not named, or an argument is not one of these or no right value.
    """
    for name in arguments:
        if name not in ARGUMENTS:
            raise UsageError(f"the application of replicas has no argument '{name}'.{nearest(str(name), ARGUMENTS)}")
    url, model = os.environ.get(STORE, ""), arguments.get("model")
    if not url or not model:
        raise UsageError(f"give the argument 'model', and set {STORE} to the database that all replicas share")
    count, rate = arguments.get("replicas", 2), arguments.get("rate", 500.0)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UsageError(f"the argument 'replicas' must be a whole number of at least 1, got {shown(count)}")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not rate > 0:
        raise UsageError(f"the argument 'rate' must be a number above 0, got {shown(rate)}")
    wanted = Replicas(
        count, Path(str(model)), StoreAddress(url), str(arguments.get("host", "127.0.0.1")), 8000,
        keys=str(arguments.get("keys") or ""), rate=float(rate),
    )  # fmt: skip
    if not wanted.keys and not is_loopback(wanted.host):
        raise UsageError(f"{wanted.host} can be reached from other machines; give the argument 'keys', the path of a key file")
    return deployment(wanted).bind()


def deployment(wanted: Replicas) -> Any:
    """Return the deployment of Ray Serve; its replicas build the application where they run."""
    from ray import serve

    services: list[ReplicaService] = []

    def build() -> Any:
        from .http.app import HttpOptions, build_app
        from .http.gate import Guards
        from .http.hosts import HostCheck
        from .http.keys import ApiKeys
        from .http.rate_limit import RateLimit

        service = ReplicaService.open(wanted.folder, state=wanted.state, settings=wanted.settings)
        services.append(service)
        checked = is_loopback(wanted.host) or wanted.allow_hosts
        guards = Guards(
            hosts=HostCheck(wanted.host, list(wanted.allow_hosts)) if checked else None,
            keys=ApiKeys.read(wanted.keys) if wanted.keys else None,
            rate=RateLimit(wanted.rate) if wanted.keys else None,
        )
        return build_app(service, guards, HttpOptions(wanted.largest_body, wanted.quiet, picture_hosts=wanted.picture_hosts))

    @serve.deployment(
        name=NAME, num_replicas=wanted.count, max_ongoing_requests=wanted.settings.waiting, ray_actor_options={"num_cpus": 1},
        graceful_shutdown_timeout_s=DRAIN, health_check_period_s=2.0, health_check_timeout_s=10.0,
    )  # fmt: skip
    @serve.ingress(build)
    class Replica:
        async def reconfigure(self, told: dict[str, str]) -> None:
            """Bring in the model of the folder, unless it is the one that answers."""
            if services and services[0].label.version != told["model"]:
                await services[0].exchange()

        async def check_health(self) -> None:
            """Raise if nothing is answered any more."""
            if services and not services[0].ready:
                raise RuntimeError("the service takes no questions")

    return Replica


def _run(application: Any, version: str) -> None:
    """Start the replicas, or tell those that run which model they should have, one after another."""
    from ray import serve

    serve.run(application.options(user_config={"model": version}).bind(), name=NAME, route_prefix="/")
