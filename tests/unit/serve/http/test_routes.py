"""Every route of the contract: what it asks of the service, and the form of its answer."""

import json

import pytest

from dualnet.errors import CapabilityError, DataError, ResourceError
from dualnet.retrieval.questions import NewItem, RecommendQuestion
from dualnet.serve.http.gate import Draining, Guards
from dualnet.serve.service_errors import BusyError, ClosedError, RefusedModelError

FRESH = {
    "id": "n1",
    "content": {"title": "New", "tags": ["a", "b"], "year": 2020, "vector": [0.1, 2], "open": True, "note": None},
}

CALLS = [
    ("POST", "/v1/recommend", {"user": "u0000", "k": 3}, 200),
    ("POST", "/v1/recommend", {"history": [], "fallback": "popularity"}, 200),
    ("POST", "/v1/recommend", {"history": ["p0001"], "explain": True, "k": 2}, 200),
    ("POST", "/v1/score", {"user": "u0000", "items": ["p0001"]}, 200),
    ("POST", "/v1/explain", {"history": ["p0001"], "item": "p0002"}, 200),
    ("POST", "/v1/similar/items", {"item": "p0001", "k": 2}, 200),
    ("POST", "/v1/users-for-item", {"item": "p0001"}, 200),
    ("POST", "/v1/users-for-item", {"content": {"title": "a"}, "keep_seen": True}, 200),
    ("POST", "/v1/encode/user", {"history": ["p0001"]}, 200),
    ("POST", "/v1/encode/item", {"content": {"title": "a"}}, 200),
    ("POST", "/v1/compare", {"history": ["p0001"], "k": 2}, 200),
    ("POST", "/v1/compare", {"history": ["p0001"], "seen": ["p0002"]}, 200),
    ("POST", "/v1/compare", {"history": ["p0001"], "seen": "p0002"}, 422),
    ("POST", "/v1/recommend", {"user": "u0000", "exclude": ["p0002"], "unknown": "ignore"}, 200),
    ("POST", "/v1/recommend", {"user": "u0000", "unknown": "drop"}, 422),
    ("POST", "/v1/similar/items", {"item": "p0001", "candidates": ["p0002"], "unknown": "ignore"}, 200),
    ("POST", "/v1/users-for-item", {"item": "p0001", "exclude": ["u0001"], "unknown": "ignore"}, 200),
    ("POST", "/v1/score", {"history": ["p0001"], "items": ["p0001"], "unknown": "error"}, 200),
    ("PUT", "/v1/items/n1", {"content": {"title": "a"}}, 201),
    ("PUT", "/v1/items/p0003", {"content": {"title": "a"}}, 200),
    ("PUT", "/v1/items/p0000", {"content": {"title": "a"}}, 409),
    ("PUT", "/v1/items/10.1000%2F182", {"content": {"title": "a"}}, 201),
    ("POST", "/v1/items:batch", {"items": [FRESH]}, 200),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001"}]}, 200),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "nothing"}]}, 422),
    ("POST", "/v1/events", {"events": []}, 422),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "type": "dislike"}]}, 200),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "type": "buy", "time": 1700000000}]}, 200),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "request": "a b"}]}, 422),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "request": "r-1"}]}, 200),
    ("POST", "/v1/recommend", {"user": "u0000", "explore": 0.2}, 200),
    ("POST", "/v1/recommend", {"user": "u0000", "explore": 1.2}, 422),
    ("POST", "/v1/recommend", {"user": "u0000", "explore": "0.2"}, 422),
    ("POST", "/v1/recommend", {"history": ["p0001"], "times": [1700000000]}, 200),
    ("POST", "/v1/recommend", {"history": ["p0001"], "times": [1700000000000]}, 422),
    ("POST", "/v1/recommend", {"history": ["p0001"], "times": ["today"]}, 422),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "type": "hate"}]}, 422),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "type": ""}]}, 422),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "type": None}]}, 422),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "time": 1700000000000}]}, 422),
    ("POST", "/v1/events", {"events": [{"user": "someone", "item": "p0001", "time": "today"}]}, 422),
    ("POST", "/v1/model:reload", {}, 200),
    ("POST", "/v1/model:reload", {"rollback": True}, 409),
    ("GET", "/v1/items", None, 200),
    ("GET", "/v1/items/p0001", None, 200),
    ("DELETE", "/v1/items/p0001", None, 200),
    ("GET", "/v1/users", None, 200),
    ("GET", "/v1/users?order=typical&limit=2", None, 200),
    ("GET", "/v1/users?order=shortest", None, 422),
    ("GET", "/v1/users/u0000/history", None, 200),
    ("DELETE", "/v1/events", {"events": [{"user": "u0000", "item": "p0001"}]}, 200),
    ("DELETE", "/v1/events", {"events": [{"user": "u0000", "item": "p0001", "type": "like"}]}, 422),
    ("DELETE", "/v1/events", {"events": [{"user": "nobody", "item": "p0001"}]}, 422),
    ("DELETE", "/v1/events", {"events": []}, 422),
    ("DELETE", "/v1/users/u0000", None, 200),
    ("DELETE", "/v1/users/nobody", None, 404),
    ("POST", "/v1/recommend:batch", {"users": ["u0000", "u0001"], "k": 3}, 200),
    ("POST", "/v1/recommend:batch", {"users": ["u0000", "nobody"]}, 422),
    ("POST", "/v1/recommend:batch", {"users": []}, 422),
    ("POST", "/v1/recommend:batch", {"users": ["u0000"] * 101}, 422),
    ("POST", "/v1/recommend:batch", {"users": ["u0000"] * 100, "k": 101}, 422),
    ("POST", "/v1/recommend:batch", {"users": ["u0000"], "page": ""}, 422),
    ("POST", "/v1/recommend:batch", {"users": ["u0000"], "history": ["p0001"]}, 422),
    ("POST", "/v1/recommend", {"user": "u0000", "preset": "home page", "page": ""}, 200),
    ("POST", "/v1/recommend", {"user": "u0000", "rules": {}}, 200),
    ("POST", "/v1/recommend", {"user": "u0000", "rules": {"boost": [{"column": "year", "weight": 1, "low": "1990"}]}}, 200),
    ("POST", "/v1/recommend", {"user": "u0000", "rules": {"boost": [{"column": "year"}]}}, 422),
    ("POST", "/v1/recommend", {"user": "u0000", "rules": {"diversity": 1.5}}, 422),
    ("POST", "/v1/recommend", {"user": "u0000", "rules": {"pin": [{"item": 5, "place": 1}]}}, 422),
    ("POST", "/v1/recommend", {"user": "u0000", "rules": {"hide": [{}]}}, 422),
    ("POST", "/v1/recommend", {"user": "u0000", "rules": {"window": {"from": "a", "until": "b"}}}, 200),
    ("POST", "/v1/recommend", {"user": "u0000", "rules": {"window": {"starts": "a"}}}, 422),
    ("POST", "/v1/similar/items", {"item": "p0001", "rules": {"quotas": [{"each": "author", "at_most": 1}]}}, 200),
    ("GET", "/v1/presets", None, 200),
    ("GET", "/v1/presets/home%20page", None, 200),
    ("GET", "/v1/presets/nothing", None, 404),
    ("PUT", "/v1/presets/home%20page", {"rules": {"diversity": 0.5}}, 200),
    ("PUT", "/v1/presets/a%2Fb", {"rules": {}}, 201),
    ("PUT", "/v1/presets/x", {"rules": {"boots": []}}, 422),
    ("PUT", "/v1/presets/x", {}, 422),
    ("DELETE", "/v1/presets/home%20page", None, 200),
    ("DELETE", "/v1/presets/nothing", None, 404),
    ("GET", "/v1/map", None, 200),
    ("GET", "/v1/map?colour=year", None, 200),
    ("GET", "/v1/map?color=year", None, 422),
    ("GET", "/v1/facets", None, 200),
    ("GET", "/v1/tastes", None, 200),
    ("GET", "/v1/forgotten", None, 200),
    ("GET", "/v1/model", None, 200),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), CALLS)
def test_each_route(front, method, path, body, status):
    answer = front.ask(method, path, json=body) if body is not None else front.ask(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["request_id"] == answer.headers["x-request-id"]
    if status < 300:
        assert told["model"] == {"name": "dualnet", "version": "0123456789ab"}
    else:
        assert told["error"]["message"]


def test_every_route_of_the_document_is_called_above(front):
    document = front.ask("GET", "/openapi.json").json()
    called = {
        (method, path.replace("p0001", "{item}").replace("u0000", "{user}").replace("home%20page", "{preset}"))
        for method, path, _, _ in CALLS
    }
    called |= {
        ("PUT", "/v1/items/{item}"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/v1/activity"),
        ("GET", "/v1/items/{item}/picture"),
    }
    documented = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert documented <= called


def test_a_question_reaches_the_service_whole(front):
    body = {
        "history": ["p0001", "n1"], "new_items": [FRESH], "k": 4, "exclude": ["p0002"], "candidates": ["p0003", "n1"],
        "filter": {"year": {"min": 2000, "max": 2020.5}, "open": {"is": True}, "tags": {"any": ["a", 1]}, "title": {"contains": "w"}},
        "keep_seen": True, "fallback": "error", "new_share": 0.5, "popularity": 0.25, "seen": ["p0004"],
        "user_columns": {"group": "3", "age": 23},
    }  # fmt: skip
    assert front.post("/v1/recommend", body).status_code == 200
    assert front.service.questions == [
        RecommendQuestion(
            history=["p0001", "n1"],
            user_columns={"group": "3", "age": 23},
            seen=["p0004"],
            new_share=0.5,
            popularity=0.25,
            new_items=[NewItem("n1", FRESH["content"])],
            k=4,
            exclude=["p0002"],
            candidates=["p0003", "n1"],
            filter=body["filter"],
            keep_seen=True,
            fallback="error",
        )
    ]
    content = front.service.questions[0].new_items[0].content
    assert {name: type(value) for name, value in content.items()} == {n: type(v) for n, v in FRESH["content"].items()}


def test_whole_number_ids_are_numbers_or_their_digits(make_front):
    front = make_front(whole=True)
    for history in ([1, 2], ["1", 2], ["-7"], [2**53 - 1], ["1234567890123456800"]):
        asked = front.post("/v1/recommend", {"history": history})
        assert asked.status_code == (200 if set(map(int, history)) <= {1, 2} else 422), history
    assert front.service.questions[1].history == [1, 2]
    assert front.ask("GET", "/v1/items/7").json()["item"] == 7
    for body in (
        {"history": ["01"]},
        {"history": ["1.0"]},
        {"history": [" 1"]},
        {"history": [1.0]},
        {"history": [True]},
        {"user": "u"},
        {"history": [2**63]},
    ):
        assert front.post("/v1/recommend", body).status_code == 422, body
    for path in ("007", "7.0", "+7", "%207", "\u0667", "1e1", "99999999999999999999", "x"):
        assert front.ask("GET", f"/v1/items/{path}").status_code == 422, path
    assert front.ask("GET", "/v1/items/-7").status_code == 404
    document = front.ask("GET", "/openapi.json").json()
    assert document["paths"]["/v1/items/{item}"]["get"]["parameters"][0]["schema"]["type"] == "integer"


BIG = 1_234_567_890_123_456_789


def test_ids_beyond_javascript_are_text_in_answers_and_may_not_be_rounded(make_front):
    front = make_front(whole=True)
    front.service.items |= {BIG: {"title": "big", "stamp": 2**60}, BIG + 11: {"title": "rounded"}}
    front.service.users[BIG] = [BIG]
    for key in (str(BIG), BIG):  # a number with all its digits came through
        assert front.post("/v1/score", {"history": [key], "items": [key]}).status_code == 200
    assert front.service.questions[-1].items == [BIG]
    for rounded in (1234567890123456800, 2**53, -(2**60) // 10**4 * 10**4):
        answer = front.post("/v1/score", {"history": [rounded], "items": [1]})
        assert answer.status_code == 422
        assert "send the id as text" in answer.json()["error"]["message"]
    found = front.ask("GET", f"/v1/items/{BIG}").json()
    assert (found["item"], found["content"]["stamp"]) == (str(BIG), str(2**60))
    assert front.ask("GET", "/v1/items/7").json()["item"] == 7
    assert front.ask("GET", "/v1/items/7?ids=text").json()["item"] == "7"
    assert front.ask("GET", "/v1/model?ids=text").json()["items"] == 10
    assert front.ask("GET", "/v1/items?ids=text&limit=2").status_code == 200
    assert front.ask("GET", "/v1/items?ids=words").status_code == 422
    assert front.post("/v1/events", {"events": [{"user": "5", "item": str(BIG)}]}).status_code == 200


def test_explanations_come_with_each_entry(front):
    entries = front.post("/v1/recommend", {"history": ["p0001"], "explain": True, "k": 2}).json()["items"]
    assert [entry["explanation"]["item"] for entry in entries] == ["p0000", "p0001"]
    assert front.service.calls == [("explain", ["p0000", "p0001"])]  # one question for the whole list


def test_a_picture_is_sent_as_it_is_and_cannot_run(front):
    answer = front.ask("GET", "/v1/items/p0001/picture")
    assert (answer.content, answer.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BusyError("too many questions wait", 2.0), 503, "busy"),
        (ClosedError("the service is closed"), 503, "not-ready"),
        (ResourceError("the disk is full"), 503, "unavailable"),
        (RefusedModelError("worse than before"), 409, "model-refused"),
        (CapabilityError("this model cannot"), 422, "not-possible"),
        (DataError("odd"), 422, "bad-request"),
        (RuntimeError("secret p0001"), 500, "internal"),
    ],
)
def test_errors_of_the_service(front, error, status, code):
    front.service.fails_with = error
    answer = front.post("/v1/recommend", {"user": "u0000"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == (status == 503)
    front.app._log.flush()
    assert "secret" not in answer.text + front.log.getvalue()
    assert ("RuntimeError" in front.log.getvalue()) == (status == 500)


def test_ready_only_while_the_service_is_and_the_server_stays(make_front):
    draining = Draining()
    front = make_front(guards=Guards(draining=draining))
    assert front.ask("GET", "/readyz").json()["status"] == "ready"
    front.service.ready_now = False
    assert front.ask("GET", "/readyz").status_code == 503
    front.service.ready_now, front.service.hangs = True, True
    hanging = front.ask("GET", "/readyz")
    assert (hanging.status_code, hanging.json()["error"]["code"]) == (503, "not-ready")
    assert "does not answer" in hanging.json()["error"]["message"]
    front.service.hangs = False

    async def stops_meanwhile():
        draining.now = True
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(front.service, "responds", stops_meanwhile)
        assert front.ask("GET", "/readyz").json()["error"]["code"] == "stopping"
    stopping = front.ask("GET", "/readyz")
    assert (stopping.status_code, stopping.headers["connection"], stopping.json()["error"]["code"]) == (
        503,
        "close",
        "stopping",
    )
    assert front.ask("GET", "/livez").status_code == 200
    assert front.post("/v1/recommend", {"user": "u0000"}).headers["connection"] == "close"


def test_a_server_whose_database_is_away_is_ready_and_says_so(front):
    assert "writes" not in front.ask("GET", "/readyz").json()
    front.service.away = "the database that keeps the state is away: connection refused"
    told = front.ask("GET", "/readyz")
    assert (told.status_code, told.json()["writes"]) == (200, front.service.away)
    front.service.fails_with = BusyError(f"{front.service.away}; nothing was changed, ask again later", retry_after=2.0)
    refused = front.post("/v1/recommend", {"user": "u0000"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json()["error"]["message"].endswith("nothing was changed, ask again later")


def test_a_sane_request_id_comes_back_and_an_odd_one_does_not(front):
    assert front.ask("GET", "/livez", headers={"X-Request-Id": "trace-7"}).json()["request_id"] == "trace-7"
    assert "<" not in front.ask("GET", "/livez", headers={"X-Request-Id": "<script>"}).text


def test_meters_count_routes_quadrants_and_unknown_ids(front):
    front.post("/v1/recommend", {"user": "u0000", "k": 3})
    front.post("/v1/recommend", {"user": "somebody-private"})
    front.ask("GET", "/v1/items/p0001")
    answer = front.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.text
    for line in (
        'dualnet_requests_total{method="POST",route="/v1/recommend",status="200"} 1.0',
        'dualnet_requests_total{method="POST",route="/v1/recommend",status="422"} 1.0',
        'dualnet_request_seconds_count{method="GET",route="/v1/items/{item}"} 1.0',
        'dualnet_recommended_total{item="known",user="known"} 3.0',
        "dualnet_unknown_ids_total 1.0",
        "dualnet_batch_size_count 2.0",
        "dualnet_waiting 3.0",
        "dualnet_items 10.0",
        'dualnet_model_info{name="dualnet",version="0123456789ab"} 1.0',
    ):
        assert line in text, line
    assert "somebody-private" not in text
    assert "p0001" not in text


def test_meters_of_a_service_that_has_gone_are_refused_and_no_defect(front, monkeypatch):
    async def gone():
        raise ClosedError("the process with the model was ended by signal 9")

    monkeypatch.setattr(front.service, "gauges", gone)
    answer = front.ask("GET", "/metrics")
    assert (answer.status_code, answer.json()["error"]["code"], "retry-after" in answer.headers) == (503, "not-ready", True)


def test_the_log_has_a_line_for_each_answer_and_no_ids(front):
    front.post("/v1/recommend", {"history": ["p0001", "p0002"]})
    front.post("/v1/recommend", {"history": ["unknown-and-private"]})
    front.ask("GET", "/v1/users/u0001/history?query=private")
    front.ask("GET", "/v1/items?query=private-words")
    front.app._log.flush()
    lines = [json.loads(line) for line in front.log.getvalue().splitlines()]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/recommend", 200),
        ("POST", "/v1/recommend", 422),
        ("GET", "/v1/users/{user}/history", 200),
        ("GET", "/v1/items", 200),
    ]
    for secret in ("p0001", "p0002", "private", "u0001"):
        assert secret not in front.log.getvalue()


def test_the_reference_page_names_every_route_and_fetches_nothing(front):
    page = front.ask("GET", "/docs")
    document = front.ask("GET", "/openapi.json").json()
    for path in document["paths"]:
        assert path in page.text
    assert "http-equiv" not in page.text
    assert "<script" not in page.text
    assert "//" not in page.text.replace("http://127.0.0.1", "")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert front.ask("GET", "/docs.css").headers["content-type"].startswith("text/css")
    again = front.ask("GET", "/docs", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_document_says_every_status_and_has_examples(front):
    document = front.ask("GET", "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"] or operation["summary"]
            if path.startswith("/v1/"):
                assert {"200", "400", "401", "429", "503"} <= set(operation["responses"]), path
            if method in ("post", "put"):
                content = operation["requestBody"]["content"]
                assert list(content) == ["application/json"]
                assert content["application/json"]["examples"], path
                assert {"413", "415", "422"} <= set(operation["responses"]), path
    assert not [name for name in document["components"]["schemas"] if "Annotated" in name or "HTTPValidation" in name]


@pytest.mark.parametrize(
    "name", ["/v1/recommend", "/v1/score", "/v1/similar/items", "/v1/explain", "/v1/compare", "/v1/events"]
)
def test_documented_examples_pass_the_schema(front, name):
    front.service.items |= {f"p{n:04}": {} for n in range(100)}
    document = front.ask("GET", "/openapi.json").json()
    example = document["paths"][name]["post"]["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
    assert front.post(name, example).status_code == 200


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"usr": "u0000", "k": 0}, "body: unknown field 'usr' (and 1 more fault)"),
        ({"k": 0, "usr": "u0000"}, "body: unknown field 'usr' (and 1 more fault)"),
        (
            {"user": "u0000", "filter": {"category": "kitchen"}},
            'body.filter.category: a condition is an object; write {"is": "kitchen"}',
        ),
        ({"user": "u0000", "filter": {"year": {"least": 3}}}, "body.filter.year: unknown field 'least'"),
    ],
)
def test_a_refusal_names_the_misspelt_field_or_the_right_form(front, body, text):
    reply = front.ask("POST", "/v1/recommend", json=body)
    assert (reply.status_code, reply.json()["error"]["message"]) == (422, text)


@pytest.mark.parametrize(
    "body", [{"user": 7}, {"history": ["p0001", 7]}, {"user": "u0000", "exclude": [7]}, {"user": 7.0}], ids=str
)
def test_a_number_where_ids_are_text_is_told_with_what_to_write(front, body):
    reply = front.ask("POST", "/v1/recommend", json=body)
    assert reply.status_code == 422
    assert 'is a number, and the ids here are text; write "7' in reply.json()["error"]["message"]


def test_a_refusal_of_an_unknown_field_says_what_is_missing(front):
    message = front.ask("PUT", "/v1/items/n1", json={"title": "x"}).json()["error"]["message"]
    assert message == "body: unknown field 'title'; missing: content"
