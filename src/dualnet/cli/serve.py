"""`dualnet serve`: answer over HTTP, with a page to try it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..runs.folder import model_folder
from .given_options import refuse_given
from .option_groups import with_options
from .output import JsonFlag, note, print_json, say

if TYPE_CHECKING:
    from ..serve.http.gate import Guards
    from ..serve.http.keys import ApiKeys
    from ..serve.model_process.remote import RemoteService
    from ..serve.service import Service
    from ..serve.settings import ServiceSettings
    from ..serve.store import StoreAddress
    from ..serve.variants import AnyService

KEYS_FILE = "DUALNET_API_KEYS_FILE"
SCHEMES = ("postgresql:/", "postgres:/")  # as a path has them too


@dataclass(frozen=True)
class LimitOptions:
    """Options of what a server allows."""

    rate: Annotated[float, typer.Option("--rate", help="Requests a second that each key may ask.", min=0.1)] = 500.0
    timeout: Annotated[
        float, typer.Option("--timeout", help="Seconds for a request to arrive, header and body each.", min=0.1)
    ] = 10.0
    connections: Annotated[int, typer.Option("--connections", help="Open connections at once.", min=1)] = 1000
    grace: Annotated[
        float, typer.Option("--grace", help="Seconds between 'not ready' and closing the door on SIGTERM.", min=0)
    ] = 5.0
    max_body: Annotated[int, typer.Option("--max-body", help="Bytes of a request body.", min=1024)] = 2**20
    most_items: Annotated[int, typer.Option("--most-items", help="Items that each key may add.", min=0)] = 100_000
    most_events: Annotated[int, typer.Option("--most-events", help="Events that each key may add.", min=0)] = 1_000_000
    picture_host: Annotated[
        list[str] | None,
        typer.Option(
            "--picture-host",
            metavar="NAME",
            help="A host of which the page may show pictures, such as images.example.org; may be repeated.",
        ),
    ] = None
    most_bytes: Annotated[int, typer.Option("--most-bytes", help="Bytes of content and ids that each key may add.", min=0)] = (
        256 * 2**20
    )


@dataclass(frozen=True)
class StateOptions:
    """Options of the place that keeps added items and events."""

    state: Annotated[
        Path | None,
        typer.Option("--state", help="Folder that keeps added items and events; without it they end with the server."),
    ] = None
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="URL",
            help="In place of --state: a PostgreSQL database that any number of servers share, postgresql://...; or set"
            " DUALNET_STORE_URL.",
        ),
    ] = None


@dataclass(frozen=True)
class ReplicaOptions:
    """Options of several processes that answer at one address."""

    replicas: Annotated[
        int | None,
        typer.Option("--replicas", min=1, help="Processes that answer, through Ray Serve; they share the database of --store."),
    ] = None
    cluster: Annotated[
        str | None,
        typer.Option(
            "--address", metavar="ADDRESS", help="Ray cluster of the replicas, HOST:PORT or auto; else one of this machine."
        ),
    ] = None


@dataclass(frozen=True)
class KeyOptions:
    """Options of the key that is made in place of serving."""

    make_key: Annotated[
        str | None,
        typer.Option("--make-key", metavar="NAME", help="Print a new API key and its line for the key file, and stop."),
    ] = None
    admin: Annotated[
        bool, typer.Option("--admin", help="With --make-key: a key that may exchange the model and forget people.")
    ] = False
    role: Annotated[
        str | None,
        typer.Option("--role", help="With --make-key: read, write (the default) or admin; see docs/how-to/serve.md."),
    ] = None


@dataclass(frozen=True)
class TrialOptions:
    """Options of what is tried: several models, and the log of what was shown."""

    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            metavar="NAME=RUN:SHARE",
            help="In place of RUN, two or more: each person is answered by one of them, always the same. --variant a=run1:90 --variant"
            " b=run2:10",
        ),
    ] = None
    shown_log: Annotated[
        Path | None,
        typer.Option(
            "--shown-log",
            help="File that takes down each list with its probabilities, and what was taken of it; for evaluate --log.",
        ),
    ] = None

    def check(self, run: Path | None) -> None:
        """Refuse a run beside variants, and neither; raises `UsageError`."""
        from ..errors import UsageError

        if (run is None) == (not self.variant):
            raise UsageError(
                "say what to serve: dualnet serve RUN, the folder of a run or of a model"
                if run is None
                else "give either RUN or --variant, which names the runs itself"
            )


@with_options(KeyOptions, "key")
@with_options(TrialOptions, "tried")
@with_options(LimitOptions, "limits")
@with_options(StateOptions, "keeping")
@with_options(ReplicaOptions, "several")
def serve(
    context: typer.Context,
    run: Annotated[Path | None, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0 for any free one.", min=0, max=65535)] = 8080,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A further name to take as Host; may be repeated.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Listen beyond this machine without keys.")] = False,
    model_process: Annotated[
        bool, typer.Option("--model-process", help="Hold the model in a process of its own, beside the one that speaks HTTP.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No access log.")] = False,
    as_json: JsonFlag = False,
    *,
    several: ReplicaOptions,
    tried: TrialOptions,
    keeping: StateOptions,
    limits: LimitOptions,
    key: KeyOptions,
) -> None:
    """Serve a model over HTTP, with a page to try it at the address printed.

    Keys are read from the file that the environment variable DUALNET_API_KEYS_FILE names; without it the server listens on
    this machine only. The access log goes to standard error, one JSON line an answer;
    the files of the page have none.

    Examples
    --------
      dualnet serve run
      dualnet serve run --port 8080 --state state
      dualnet serve run --store postgresql://recommender@db.internal/shop
    """
    _require_extra()
    if key.make_key is not None:
        _make_key(context, key, as_json)
        return
    from ..errors import ResourceError
    from ..serve.http.app import HttpOptions, build_app
    from ..serve.http.server import LAST, ServerOptions, address, bind
    from ..serve.http.server import run as serve_on
    from ..serve.http.slow_clients import Patience
    from ..serve.settings import Allowance, ServiceSettings

    tried.check(run)
    refuse_given(context, ["admin", "role"], "means nothing without --make-key")
    kept = _where_kept(keeping.state, keeping.store)
    guards = _guards(context, host, allow_host or [], insecure=insecure, rate=limits.rate)
    if several.replicas is not None:
        refuse_given(context, ["variant", "shown_log"], "means nothing with --replicas; serve each in one process")
        assert run is not None
        _serve_replicas(context, several, model_folder(run), kept)
        return
    refuse_given(context, ["cluster"], "means nothing without --replicas")
    listener = bind(host, port)  # before the model: a port that is taken should not cost the loading
    try:
        settings = ServiceSettings(allowance=Allowance(limits.most_items, limits.most_events, limits.most_bytes))
        service = _open_all(run, tried.variant or [], kept, settings, model_process=model_process)
        for told in service.notes():
            note(told)
        options = HttpOptions(limits.max_body, quiet, picture_hosts=tuple(limits.picture_host or ()), shown_log=tried.shown_log)
        app = build_app(service, guards, options)
        _announce(service, address(listener), as_json)
        patience = Patience(header=limits.timeout, body=limits.timeout, connections=limits.connections)
        last = None if model_process else LAST  # the other process is given up by this one
        serve_on(app, listener, guards.draining, ServerOptions(patience=patience, grace=limits.grace, last=last), service)
    finally:
        listener.close()
    if service.failure:
        raise ResourceError(service.failure)
    note("stopped")


def _guards(context: typer.Context, host: str, allow_host: list[str], *, insecure: bool, rate: float) -> Guards:
    """Return what every request has to pass, after making sure that a server without keys is not reached from elsewhere."""
    from ..errors import UsageError
    from ..serve.http.gate import Guards
    from ..serve.http.hosts import HostCheck, is_loopback
    from ..serve.http.rate_limit import RateLimit

    keys = _read_keys()
    if keys is None:
        refuse_given(context, ["rate"], f"means nothing without keys ({KEYS_FILE}), each of which it limits")
    if keys is None and not insecure and not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines, and there are no keys: make one with dualnet serve --make-key NAME,"
            f" put its line in a file, and set {KEYS_FILE} to that file; or say --insecure"
        )
    return Guards(
        hosts=HostCheck(host, allow_host) if is_loopback(host) or allow_host else None,
        keys=keys,
        rate=None if keys is None else RateLimit(rate),
    )


def _where_kept(state: Path | None, store: str | None) -> Path | StoreAddress | None:
    """Return the folder or the database that keeps the state; what is wrong with a URL is told without repeating it."""
    from ..errors import UsageError
    from ..serve.store import STORE, StoreAddress

    url = (os.environ.get(STORE, "") if store is None else store).strip()
    if state is not None and url:
        other = STORE if store is None else "--store"
        raise UsageError(f"--state and {other} name two places for the same changes; give one of them")
    if state is not None and str(state).startswith(SCHEMES):
        raise UsageError("--state is a folder; name a database with --store")
    if not url:
        if store is not None:
            raise UsageError("--store names no database; write postgresql://user@host/database")
        return state
    if "://" not in url or not url.startswith(SCHEMES):
        raise UsageError("--store takes a PostgreSQL database; write postgresql://user@host/database")
    _warn_of_password(url, shown=store is not None)
    return StoreAddress(url)


def _warn_of_password(url: str, *, shown: bool) -> None:
    """Understand a URL, and say where a password would not be seen by others on this machine."""
    from ..data.sql.postgresql_url import SECRETS, settings_of
    from ..errors import optional_package
    from ..serve.store import STORE

    with optional_package("psycopg", "sql", "a state in PostgreSQL"):
        given = settings_of(url)
    if shown and any(given.get(name) for name in SECRETS):
        note(
            f"others on this machine can see the password in --store; put the URL into {STORE}, or the password into ~/.pgpass"
        )


def _open_all(
    run: Path | None, given: list[str], state: Path | StoreAddress | None, settings: ServiceSettings, *, model_process: bool
) -> AnyService:
    """Load the model, or those of all variants, each of which keeps its state in a folder of its own below that of --state."""
    if run is not None:
        return _open(model_folder(run), state, settings, model_process=model_process)
    import asyncio

    from ..serve.variants import Variants, read_variants

    wanted, services = read_variants(given), {}
    try:
        for one in wanted:
            own = state / one.name if isinstance(state, Path) else state
            services[one.name] = _open(model_folder(one.folder), own, settings, model_process=model_process)
        return Variants(services, [one.weight for one in wanted], shared=state is not None and not isinstance(state, Path))
    except BaseException:
        for service in services.values():  # else their processes would stay
            asyncio.run(service.close())
        raise


def _open(
    folder: Path, state: Path | StoreAddress | None, settings: ServiceSettings, *, model_process: bool
) -> Service | RemoteService:
    """Load the model, in a process of its own or in this one."""
    note(f"loading {folder}")
    if model_process:
        from ..errors import UsageError
        from ..serve.model_process.remote import RemoteService

        if os.name != "posix":
            raise UsageError("--model-process needs a system that can hand sockets on, which Windows cannot; leave it out")
        return RemoteService.open(folder, state=state, settings=settings)
    from ..serve.service import Service

    return Service.open(folder, state=state, settings=settings)


def _serve_replicas(context: typer.Context, several: ReplicaOptions, folder: Path, kept: Path | StoreAddress | None) -> None:
    """Serve by several processes of Ray Serve, until a signal."""
    from ..errors import UsageError
    from ..serve.http.server import address, bind
    from ..serve.replicas import Replicas, serve_replicas
    from ..serve.settings import Allowance, ServiceSettings
    from ..serve.store import StoreAddress

    why = "means nothing with --replicas, whose front is that of Ray Serve"
    refuse_given(context, ["model_process", "timeout", "connections", "grace"], why)
    if not isinstance(kept, StoreAddress):
        raise UsageError(
            "--replicas needs --store, a database that all replicas share: otherwise an item put through one is unknown to the others"
        )
    given: dict[str, Any] = context.params
    listener = bind(given["host"], given["port"])  # a port that is taken should not cost the loading
    place, port = address(listener), listener.getsockname()[1]
    listener.close()
    allowance = Allowance(given["most_items"], given["most_events"], given["most_bytes"])
    wanted = Replicas(
        int(several.replicas or 1), folder.resolve(), kept, given["host"], port, allow_hosts=tuple(given["allow_host"] or ()),
        picture_hosts=tuple(given["picture_host"] or ()),
        keys=str(Path(os.environ[KEYS_FILE]).resolve()) if os.environ.get(KEYS_FILE) else "", rate=given["rate"],
        largest_body=given["max_body"], quiet=given["quiet"], settings=ServiceSettings(allowance=allowance),
        address=several.cluster,
    )  # fmt: skip
    note(f"starting {wanted.count} replicas of {folder}")

    def ready() -> None:
        if given["as_json"]:
            print_json({"address": place, "replicas": wanted.count})
        else:
            say(f"serving by {wanted.count} replicas at {place}  (reference: {place}/docs; stop with Ctrl-C)")

    serve_replicas(wanted, ready)
    note("stopped")


def _require_extra() -> None:
    """Say which extra is missing before anything else is done."""
    from importlib.util import find_spec

    from ..errors import MissingExtraError

    for package in ("starlette", "uvicorn", "httptools", "pydantic", "prometheus_client"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "serve", "the HTTP server")


def _make_key(context: typer.Context, wanted: KeyOptions, as_json: bool) -> None:
    """Print a new key and its line for the key file."""
    from ..errors import UsageError
    from ..serve.http.keys import make_key

    if wanted.admin and wanted.role not in (None, "admin"):
        raise UsageError(f"--admin and --role {wanted.role} contradict each other; give one of them")
    own = ("make_key", "admin", "role", "as_json")
    others = [parameter.name for parameter in context.command.params if parameter.name not in (*own, None)]
    refuse_given(context, [str(name) for name in others], "means nothing with --make-key, which serves nothing")
    name, role = str(wanted.make_key), "admin" if wanted.admin else wanted.role
    key, line = make_key(name, role=cast(Any, role))
    if as_json:
        print_json({"key": key, "line": line})
        return
    say(f"key (shown once, give it to {name}):\n  {key}\nline for the key file:\n  {line}")
    note(f"set {KEYS_FILE} to the file with that line; the server keeps the SHA-256 only")


def _read_keys() -> ApiKeys | None:
    from ..serve.http.keys import ApiKeys

    path = os.environ.get(KEYS_FILE)
    return ApiKeys.read(path) if path else None


def _announce(service: AnyService, place: str, as_json: bool) -> None:
    """Print what is served, and where, at once: whoever waits for the address reads a pipe."""
    import sys

    if as_json:
        print_json({"address": place, "model": service.label.to_json()})
    else:
        say(f"serving {service.label.name} ({service.label.version}) at {place}  (reference: {place}/docs; stop with Ctrl-C)")
    sys.stdout.flush()
