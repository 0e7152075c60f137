"""What each role may do, route by route: a route that is added has to be in this table."""

import pytest

from dualnet.errors import UsageError
from dualnet.serve.http.gate import Guards
from dualnet.serve.http.http_errors import Refusal
from dualnet.serve.http.keys import ROLES, ApiKeys, make_key, may
from dualnet.serve.http.operations import role_for

TABLE = {
    "read": {
        "POST /v1/recommend", "POST /v1/score", "POST /v1/explain", "POST /v1/similar/items", "POST /v1/encode/user",
        "POST /v1/encode/item", "POST /v1/compare", "GET /v1/items", "GET /v1/items/{item}/picture", "GET /v1/items/{item}",
        "GET /v1/map", "GET /v1/facets", "GET /v1/tastes", "GET /v1/activity", "GET /v1/model", "GET /metrics",
        "POST /v1/recommend:batch", "GET /v1/presets", "GET /v1/presets/{preset}",
    },
    "write": {
        "PUT /v1/items/{item}", "DELETE /v1/items/{item}", "POST /v1/items:batch", "POST /v1/events", "GET /v1/users",
        "GET /v1/users/{user}/history", "POST /v1/users-for-item", "DELETE /v1/events",
        "PUT /v1/presets/{preset}", "DELETE /v1/presets/{preset}",
    },
    "admin": {"POST /v1/model:reload", "DELETE /v1/users/{user}", "GET /v1/forgotten"},
}  # fmt: skip


@pytest.fixture
def keyed(make_front, tmp_path):
    made = {role: make_key(role, role=role) for role in ROLES} | {"unsaid": make_key("unsaid")}
    (tmp_path / "keys").write_text("\n".join(line for _, line in made.values()))
    front = make_front(guards=Guards(keys=ApiKeys.read(tmp_path / "keys")))
    front.headers = {role: {"Authorization": f"Bearer {key}"} for role, (key, _) in made.items()}
    return front


def documented(front):
    paths = front.ask("GET", "/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}" for path, told in paths.items() for method in told if path.startswith(("/v1", "/metrics"))
    }


def test_every_route_is_in_the_table(keyed):
    assert documented(keyed) - {"GET /metrics"} == set().union(*TABLE.values()) - {"GET /metrics"}


@pytest.mark.parametrize("role", [*ROLES, "unsaid"])
def test_each_role_may_do_what_the_table_says(keyed, role):
    for needed, routes in TABLE.items():
        for route in routes:
            method, path = route.split()
            path = path.replace("{item}", "p0001").replace("{user}", "u0000").replace("{preset}", "home")
            status = keyed.ask(
                method, path, **({"json": {}} if method in ("POST", "PUT") else {}), headers=keyed.headers[role]
            ).status_code
            assert (status == 403) == (not may("write" if role == "unsaid" else role, needed)), (route, status)


def test_what_nobody_thought_of_is_a_change():
    assert role_for("POST", "/v1/recommend/") == role_for("PATCH", "/v1/model") == role_for("POST", "/v1/new") == "write"


def test_a_role_is_one_of_three(tmp_path):
    with pytest.raises(UsageError, match="role 'root' is not known"):
        make_key("k", role="root")
    _, line = make_key("k")
    for bad in ("root", "read write", "READ"):
        (tmp_path / "keys").write_text(f"{line} {bad}")
        with pytest.raises(UsageError, match="read|write|admin"):
            ApiKeys.read(tmp_path / "keys")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "/srv/run/state/journal.jsonl cannot be written (No space left on device)",
            "journal.jsonl cannot be written (No space left",
        ),
        ("the file (/a/b/c.txt) is gone", "the file (c.txt) is gone"),
        ("unknown item '/a/b'", "unknown item '/a/b'"),
        ("and/or", "and/or"),
    ],
)
def test_clients_are_not_told_where_the_server_keeps_its_files(text, told):
    body = Refusal(503, "unavailable", text).body("1").decode()
    assert told in body
    assert "/srv" not in body
