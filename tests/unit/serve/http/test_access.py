"""Who may ask: nobody without a key, nobody too often, and only an admin exchanges the model."""

import pytest

from dualnet.serve.http.gate import Guards
from dualnet.serve.http.keys import ApiKeys, make_key
from dualnet.serve.http.rate_limit import RateLimit


@pytest.fixture
def keyed(make_front, tmp_path):
    user, line = make_key("shop")
    boss, other = make_key("boss", admin=True)
    (tmp_path / "keys").write_text(f"{line}\n{other}\n")
    front = make_front(guards=Guards(keys=ApiKeys.read(tmp_path / "keys"), rate=RateLimit(1.0, burst=5, clock=lambda: 0.0)))
    front.user, front.boss = {"Authorization": f"Bearer {user}"}, {"Authorization": f"Bearer {boss}"}
    return front


def test_no_answer_without_a_key_over_the_whole_document(keyed):
    document = keyed.ask("GET", "/openapi.json").json()
    open_paths = {
        path for path, methods in document["paths"].items() for operation in methods.values() if "security" in operation
    }
    assert open_paths == {"/livez", "/readyz"}
    assert document["security"] == [{"key": []}]
    tried = 0
    for path, methods in document["paths"].items():
        for method in methods:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": ""}):
                answer = keyed.ask(
                    method.upper(), path.replace("{item}", "p0001").replace("{user}", "u0000"), headers=headers, json={}
                )
                assert (answer.status_code == 200) == (path in open_paths), path
                if path not in open_paths:
                    assert answer.status_code == 401
                    assert answer.headers["www-authenticate"] == "Bearer"
                tried += 1
    assert tried > 60
    assert keyed.ask("GET", "/metrics").status_code == 401
    assert keyed.ask("GET", "/nowhere").status_code == 401
    assert keyed.ask("GET", "//v1/model").status_code == 401
    assert keyed.service.questions == []
    assert keyed.service.calls == []


def test_a_key_asks_and_only_an_admin_exchanges_the_model(keyed):
    assert keyed.ask("GET", "/v1/model", headers=keyed.user).status_code == 200
    for path in ("/v1/model:reload", "/v1/model%3Areload", "/v1/model:%72eload"):
        answer = keyed.ask("POST", path, json={}, headers=keyed.user)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not-admin")
    assert keyed.service.calls == []
    assert keyed.ask("POST", "/v1/model:reload", json={}, headers=keyed.boss).status_code == 200
    assert keyed.service.calls == ["reload"]


@pytest.mark.parametrize("end", ["%0A", "%0a", "%0D%0A", "/", "%2F", "?", "%00", "%20"])
def test_no_other_spelling_of_the_path_lets_a_plain_key_exchange_the_model(keyed, end):
    answer = keyed.ask("POST", f"/v1/model:reload{end}", json={}, headers=keyed.user)
    assert answer.status_code == (403 if end == "?" else 404)
    assert keyed.service.calls == []


def test_a_key_that_asks_too_often_waits_and_others_do_not(keyed):
    statuses = [keyed.ask("GET", "/v1/model", headers=keyed.user).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert keyed.ask("GET", "/v1/model", headers=keyed.user).headers["retry-after"] == "1"
    assert keyed.ask("GET", "/v1/model", headers=keyed.boss).status_code == 200


def test_the_log_names_the_holder_and_never_the_key(keyed):
    keyed.ask("GET", "/v1/model", headers=keyed.user)
    keyed.ask("GET", "/v1/model", headers={"Authorization": "Bearer dn_stolen"})
    keyed.ask("GET", "/v1/model?key=dn_in_the_query", headers=keyed.boss)
    keyed.app._log.flush()
    text = keyed.log.getvalue()
    assert '"key":"shop"' in text
    for secret in (keyed.user["Authorization"][7:], keyed.boss["Authorization"][7:], "dn_stolen", "dn_in_the_query"):
        assert secret not in text
