"""Shared by all tests: one thread, deterministic Hypothesis, real data only where it is."""

import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.worlds import World

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy or torch start their pools

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("house")


def pytest_collection_finish() -> None:
    """Set the modules and tests themselves apart: every start of a server collects garbage, and they are half a million objects."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes for their argument: packed ones hold the time of packing, and two processes must name a test alike."""
    return argname if isinstance(val, bytes) else None


ASKED_FOR = {  # marks of tests that an ordinary run leaves out, and why
    "scale": "takes minutes and starts Ray clusters; run `make test-scale`",
    "install": "fetches packages into empty environments, for minutes; run `make test-install`",
}


def pytest_collection_modifyitems(config, items):
    """Leave tests on clusters and on installation out of an ordinary run: they are asked for with `-m scale`, `-m install`."""
    for mark, reason in ASKED_FOR.items():
        if mark not in config.option.markexpr:
            for item in items:
                if item.get_closest_marker(mark):  # its keywords have the names of folders too, of the checkout among them
                    item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; skips where there is none."""
    folder = os.environ.get("DUALNET_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"DUALNET_DATA points nowhere ({folder!r}); set it to a folder that holds citeulike-a and the others")
    return Path(folder)


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Iterator["World"]:
    """Four gloo processes, started by the first test that asks for them."""
    from tests.worlds import World

    found = World(tmp_path_factory.mktemp("world"))
    yield found
    found.close()


def server_programs() -> Path | None:
    """The folder of initdb and pg_ctl; distributions keep it out of PATH."""
    found = shutil.which("initdb")
    places = [*([Path(found).parent] if found else []), *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


@contextmanager
def running_server(programs: Path) -> Iterator[str]:
    """Run a PostgreSQL server of our own on a socket in a temporary folder; its URL. A password is asked for."""
    as_server: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        if shutil.which("setpriv") is None or subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
            pytest.skip("running as root, and there is no setpriv or no user 'postgres' to run a PostgreSQL server as")
        as_server = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    place = Path(tempfile.mkdtemp(prefix="dualnet-pg-", dir="/tmp"))  # the path of a socket must be short
    data, password = place / "data", place / "password"
    password.write_text("correct-horse-7\n")
    if as_server:
        shutil.chown(place, "postgres")
        shutil.chown(password, "postgres")

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*as_server, str(programs / program), *arguments], capture_output=True, text=True, cwd=place, check=False
        )
        log = (place / "log").read_text() if (place / "log").exists() else ""
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}{log}"

    settings = (
        f"-c listen_addresses='' -c unix_socket_directories={place} -c fsync=off -c max_connections=20 -c shared_buffers=16MB"
    )
    try:
        run("initdb", "-D", str(data), "-U", "owner", "-A", "scram-sha-256", "--pwfile", str(password),
            "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
        # the log must be a file: a server that keeps our pipe open would never let `run` return
        run("pg_ctl", "-D", str(data), "-w", "-t", "600", "-l", str(place / "log"), "-o", settings, "start")
        try:
            yield f"postgresql://owner:correct-horse-7@/postgres?host={place}"
        finally:
            run("pg_ctl", "-D", str(data), "-w", "-t", "600", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def run_postgresql() -> Callable[[Path], AbstractContextManager[str]]:
    """What starts a server from a folder of PostgreSQL's programs, for tests that need a special one."""
    return running_server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a PostgreSQL server of our own; a password is asked for."""
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server programs (initdb, pg_ctl) in PATH or /usr/lib/postgresql; run .ci/services")
    with running_server(programs) as url:
        yield url


@pytest.fixture
def postgresql(postgresql_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a fresh, empty database."""
    import psycopg

    name = f"t{abs(hash(request.node.nodeid))}"
    with psycopg.connect(postgresql_server, autocommit=True) as owner:
        owner.execute(f'CREATE DATABASE "{name}"')
        yield postgresql_server.replace("/postgres?", f"/{name}?")
        owner.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
