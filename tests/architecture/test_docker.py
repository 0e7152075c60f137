"""The Docker files build what they promise: no root, no torch in the server, no secret inside, commands that exist."""

import fnmatch
import json
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from dualnet.cli.app import app
from dualnet.serve.http.server import ServerOptions

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
WRITTEN_BY_THE_USER = {".env", "api-keys.txt"}


def stages():
    """Return {stage: [(instruction, rest)]} in the order of the file; a stage begins with those of the stage it is made from."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M)
    found, current = {}, None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip():
            continue
        name, rest = line.split(maxsplit=1)
        if name == "FROM":
            base, stage = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            current = found[stage] = [*found.get(base, [])]
        elif current is not None:
            current.append((name, rest))
    return found


STAGES = stages()


def installed(stage):
    """Return the names of packages that the extras of a stage ask for."""
    asked = [extra for _, rest in STAGES[stage] for extra in re.findall(r"whl\)\[([\w,-]+)\]", rest)]
    assert asked, f"{stage} installs no wheel"
    return {re.match(r"[\w-]+", need)[0] for extras in asked for extra in extras.split(",") for need in EXTRAS[extra]}


def last(stage, instruction):
    return [rest for name, rest in STAGES[stage] if name == instruction][-1]


def parse(words):
    """Parse a command as the program does, without running it."""
    group = get_command(app)
    name, command, rest = group.resolve_command(group.make_context("dualnet", [], resilient_parsing=True), list(words))
    return command.make_context(name, rest).params


def test_a_plain_build_makes_the_server_and_it_has_no_torch():
    assert list(STAGES)[-1] == "server"
    assert not installed("server") & {"torch", "scikit-learn", "timm", "sentence-transformers"}
    assert {"torch", "psycopg"} <= installed("trainer")


@pytest.mark.parametrize("stage", ["server", "trainer"])
def test_nobody_is_root_and_nothing_is_fetched_unpinned(stage):
    user, group = last(stage, "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert all(name != "ADD" for name, _ in STAGES[stage])
    for rest in (rest for name, rest in STAGES[stage] if name == "RUN"):
        for command in re.findall(r"pip install[^&]*", rest):
            assert re.search(r"constraints\.txt|--require-hashes|--no-index", command)


def test_bases_have_a_version():
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON=3\.\d+-slim$", text, flags=re.M)
    outside = {base for base in re.findall(r"^FROM (\S+)", text, flags=re.M) if base not in STAGES}
    assert outside == {"python:${PYTHON}"}
    assert re.fullmatch(r"postgres:\d+", SERVICES["database"]["image"])


def test_the_build_sees_what_it_copies_and_nothing_private():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    seen = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        word for rows in STAGES.values() for name, rest in rows if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    }  # fmt: skip
    assert copied == seen
    assert all((ROOT / name).exists() for name in seen)
    assert not seen & (WRITTEN_BY_THE_USER | {".git", "docker"})


def test_files_that_the_user_writes_are_kept_out_of_the_repository():
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {f"/{name}" for name in WRITTEN_BY_THE_USER} <= set(ignored)


def test_no_secret_is_written_down():
    for name in ("Dockerfile", "compose.yaml", "docker/env.example"):
        for value in re.findall(r"PASSWORD[ \t]*[:=][ \t]*(.*)", (ROOT / name).read_text()):
            assert not value or value.startswith("${POSTGRES_PASSWORD:?"), f"{name} has a password"
    for rows in STAGES.values():
        for _, rest in (row for row in rows if row[0] in ("ENV", "ARG")):
            assert not re.search(r"(PASSWORD|TOKEN|SECRET|API_KEY)=", rest)


def test_the_server_of_the_image_listens_beyond_itself_with_keys_and_state():
    params = parse(json.loads(last("server", "CMD")))
    assert json.loads(last("server", "ENTRYPOINT")) == ["dualnet"]
    assert (params["host"], str(params["port"])) == ("0.0.0.0", last("server", "EXPOSE"))
    assert str(params["state"]) == last("server", "VOLUME")
    assert not params["insecure"]
    assert any("DUALNET_API_KEYS_FILE=/run/secrets/api_keys" in rest for name, rest in STAGES["server"] if name == "ENV")


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_tells_ready_from_not(status, healthy):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    check = json.loads(last("server", "HEALTHCHECK").partition("CMD ")[2])
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code = check[2].replace("8080", str(server.server_port))
        done = subprocess.run([sys.executable, *check[1:2], code], check=False, capture_output=True)
        server.shutdown()
    assert (done.returncode == 0) is healthy


def test_commands_of_the_services_exist():
    trained, served = parse(SERVICES["trainer"]["command"]), parse(SERVICES["server"]["command"])
    assert str(trained["out"]) == str(served["run"])
    assert trained["overwrite"], "a second run must be able to replace the model"
    for name in ("server", "trainer"):
        build = SERVICES[name]["build"]
        assert (ROOT / build["context"] / "Dockerfile").exists()
        assert build["target"] in STAGES


def mounts(name):
    """Return [(source, target, read-only)] of a service."""
    return [((*entry.split(":"), "rw")[0], entry.split(":")[1], entry.endswith(":ro")) for entry in SERVICES[name]["volumes"]]


@pytest.mark.parametrize("name", SERVICES)
def test_mounts_are_there(name):
    for source, _, read_only in mounts(name):
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert read_only
        else:
            assert source in COMPOSE["volumes"]
    for secret in SERVICES[name].get("secrets", []):
        assert Path(COMPOSE["secrets"][secret]["file"]).name in WRITTEN_BY_THE_USER


def test_files_that_services_read_are_mounted():
    (queries,) = [Path(source) for source, target, _ in mounts("trainer") if target == "/queries"]
    trained = parse(SERVICES["trainer"]["command"])
    for option in ("events_sql", "items_sql"):
        assert (ROOT / queries / Path(trained[option]).relative_to("/queries")).exists()
    assert trained["database_url_env"] in SERVICES["trainer"]["environment"]
    served = parse(SERVICES["server"]["command"])
    writable = {target for _, target, read_only in mounts("server") if not read_only}
    assert writable == {str(served["state"])}


def test_services_wait_for_each_other():
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert name in SERVICES
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            if wait["condition"] == "service_completed_successfully":
                assert SERVICES[name]["restart"] == "no"
    assert SERVICES["server"]["depends_on"]["trainer"]["condition"] == "service_completed_successfully"


def test_the_server_is_given_time_to_leave_and_nothing_it_does_not_need():
    options = ServerOptions()
    assert int(SERVICES["server"]["stop_grace_period"].removesuffix("s")) > options.grace + options.drain
    for name in ("server", "trainer"):
        assert SERVICES[name]["read_only"]
        assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert not set(SERVICES["server"]["networks"]) & set(SERVICES["database"]["networks"])
    assert all(fnmatch.fnmatch(port, "127.0.0.1:*:8080") for port in SERVICES["server"]["ports"])
