"""Whatever is sent, the answer is a 4xx under 1 kB in JSON that does not repeat the input at length."""

import asyncio
import gzip
import json
import tracemalloc

import pytest

from dualnet.serve.http.gate import Guards
from dualnet.serve.http.hosts import HostCheck

RECOMMEND = "/v1/recommend"
JSON = {"Content-Type": "application/json"}
LONG = "x" * 5000


def text(fields):
    return ('{"user": "u0000", ' + fields + "}").encode()


BODIES = {
    "NaN": (text('"k": NaN'), 400),
    "Infinity": (text('"k": Infinity'), 400),
    "overflow": (text('"k": 1e999'), 400),
    "float k": (text('"k": 1.5'), 422),
    "whole float k": (text('"k": 5.0'), 422),
    "text k": (text('"k": "7"'), 422),
    "true k": (text('"k": true'), 422),
    "null k": (text('"k": null'), 422),
    "negative k": (text('"k": -1'), 422),
    "zero k": (text('"k": 0'), 422),
    "huge k": (text('"k": 1001'), 422),
    "k of 2^63": (text('"k": 9223372036854775808'), 422),
    "k of 5,000 digits": (text('"k": ' + "9" * 5000), 400),
    "number as user": (b'{"user": 7}', 422),
    "true as user": (b'{"user": true}', 422),
    "null as user": (b'{"user": null}', 422),
    "list as user": (b'{"user": ["u0000"]}', 422),
    "empty user": (b'{"user": ""}', 422),
    "unknown user": (b'{"user": "nobody"}', 422),
    "long user": (json.dumps({"user": LONG}).encode(), 422),
    "user and history": (b'{"user": "u0000", "history": []}', 422),
    "neither": (b"{}", 422),
    "unknown item": (b'{"history": ["nothing"]}', 422),
    "number in history": (b'{"history": ["p0001", 7]}', 422),
    "history is text": (b'{"history": "p0001"}', 422),
    "empty history": (b'{"history": []}', 422),
    "empty history, no fallback": (b'{"history": [], "fallback": "error"}', 422),
    "10,001 ids": (json.dumps({"history": ["p0001"] * 10_001}).encode(), 422),
    "10^6 ids": (json.dumps({"history": ["p"] * 10**6}).encode(), 413),
    "NUL in an id": (b'{"user": "u\\u00000"}', 422),
    "CRLF in an id": (b'{"user": "u0000\\r\\nSet-Cookie: a=b"}', 422),
    "lone surrogate in an id": (b'{"user": "\\ud800"}', 400),
    "lone surrogate in a filter": (b'{"history": [], "filter": {"title": "\\udfff"}}', 400),
    "lone surrogate as a key": (b'{"history": [], "filter": {"\\uD800": {"is": "x"}}}', 400),
    "dots in an id": (b'{"user": "../../etc/passwd"}', 422),
    "raw control character": (b'{"user": "a\x01b"}', 400),
    "unknown field": (text('"limit": 3'), 422),
    "long unknown field": (text(f'"{LONG}": 3'), 422),
    "duplicate key": (b'{"user": "u0000", "user": "u0001"}', 400),
    "long duplicate key": (f'{{"{LONG}": 1, "{LONG}": 1}}'.encode(), 400),
    "1,000 levels": (b'{"user": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400),
    "40 levels": (b'{"user": ' + b"[" * 40 + b"]" * 40 + b"}", 400),
    "not UTF-8": (b'{"user": "\xff\xfe"}', 400),
    "UTF-16": ('{"user": "u0000"}'.encode("utf-16"), 400),
    "not JSON": (b"user=u0000", 400),
    "nothing": (b"", 400),
    "a list": (b"[]", 422),
    "a number": (b"7", 422),
    "null": (b"null", 422),
    "item without content": (text('"new_items": [{"id": "n1"}]'), 422),
    "item with empty content": (text('"new_items": [{"id": "n1", "content": {}}]'), 422),
    "item without id": (text('"new_items": [{"content": {"title": "a"}}]'), 422),
    "item with dots": (text('"new_items": [{"id": "../n1", "content": {"title": "a"}}]'), 422),
    "item with nested content": (text('"new_items": [{"id": "n1", "content": {"title": {"a": 1}}}]'), 422),
    "item with overflow": (text('"new_items": [{"id": "n1", "content": {"year": 1e999}}]'), 400),
    "item that would hide behind a picture": (text('"new_items": [{"id": "a/picture", "content": {"title": "a"}}]'), 422),
    "1,001 items": (json.dumps({"user": "u0000", "new_items": [{"id": "n", "content": {"t": 1}}] * 1001}).encode(), 422),
    "filter of two kinds": (text('"filter": {"year": {"is": 1, "min": 2}}'), 422),
    "filter without a test": (text('"filter": {"year": {}}'), 422),
    "filter by an inner name": (text('"filter": {"year": {"equals": 1}}'), 422),
    "filter of an unknown kind": (text('"filter": {"year": {"regex": "(a+)+"}}'), 422),
    "fallback of another name": (text('"fallback": "magic"'), 422),
    "keep_seen as number": (text('"keep_seen": 1'), 422),
    "explain a long list": (text('"explain": true, "k": 1000'), 422),
}


def check(answer, status):
    assert answer.status_code == status, answer.text[:300]
    assert len(answer.content) < 1024
    body = answer.json()
    assert body["error"]["code"]
    assert body["error"]["message"].isprintable()
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "x" * 100 not in answer.text


@pytest.mark.parametrize("name", BODIES)
def test_bodies(front, name):
    body, status = BODIES[name]
    check(front.ask("POST", RECOMMEND, content=body, headers=JSON), status)
    assert "u0000" not in front.log.getvalue()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/jsonx"},
        {**JSON, "Content-Encoding": "gzip"},
        {**JSON, "Content-Encoding": "br"},
    ],
)
def test_other_content_is_not_taken(front, headers):
    bomb = gzip.compress(b"0" * 10**6) if "Content-Encoding" in headers else b'{"user": "u0000"}'
    check(front.ask("POST", RECOMMEND, content=bomb, headers=headers), 415)
    assert front.service.questions == []


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"])
def test_json_by_other_spellings_is_taken(front, kind):
    assert front.ask("POST", RECOMMEND, content=b'{"user": "u0000"}', headers={"Content-Type": kind}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/items/..%2F..%2Fetc%2Fpasswd", 422),
        ("GET", "/v1/items/%2e%2e/%2e%2e/etc/passwd", 422),
        ("GET", "/v1/items/a%00b", 422),
        ("GET", "/v1/items/a%0d%0aSet-Cookie:%20a=b", 422),
        ("GET", "/v1/items/%ff%fe", 422),
        ("GET", "/v1/items/" + LONG, 422),
        ("GET", "/v1/items/", 404),
        ("GET", "/v1/items/nothing", 404),
        ("GET", "/v1/items/nothing/picture", 404),
        ("GET", "/v1/items/p0002/picture", 404),  # a picture that could run scripts
        ("DELETE", "/v1/items/nothing", 404),
        ("GET", "/v1/users/nobody/history", 404),
        ("GET", "/v1/users/..%2Fx/history", 422),
        ("GET", "/web/..%2F..%2Ferrors.py", 404),
        ("GET", "/web/%2e%2e/service.py", 404),
        ("GET", "/web//etc/passwd", 404),
        ("GET", "/v1/items?limit=0", 422),
        ("GET", "/v1/items?limit=1e3", 422),
        ("GET", "/v1/items?limit=99999999999999999999", 422),
        ("GET", "/v1/items?limit=1&limit=2", 422),
        ("GET", "/v1/items?other=1", 422),
        ("GET", "/v1/items?query=%ff", 422),
        ("GET", "/v1/items?query=" + LONG, 422),
        ("GET", "/v1/items?" + "&".join(f"a{n}=1" for n in range(1000)), 422),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/recommend", 405),
        ("PATCH", "/v1/items/p0001", 405),
        ("PUT", "/v1/items/p0001/picture", 405),
        ("TRACE", "/v1/recommend", 405),
    ],
)
def test_paths_and_queries(front, method, path, status):
    check(front.ask(method, path), status)


def test_a_method_that_is_not_taken_names_those_that_are(front):
    assert front.ask("PATCH", "/v1/items/p0001").headers["allow"] == "DELETE, GET, PUT"


def ask_raw(app, headers, pieces, path=RECOMMEND):
    """Send a streamed request; return status, body, and how many pieces were taken."""
    sent, taken = [], []

    async def receive():
        for piece in pieces:
            taken.append(len(piece))
            return {"type": "http.request", "body": piece, "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), *headers],
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    return (sent[0]["status"] if sent else None), body, taken


def endless(piece=b"[" * 65536):
    while True:
        yield piece


def test_an_announced_length_is_refused_before_a_byte_is_read(front):
    status, body, taken = ask_raw(front.app, [(b"content-length", b"209715200")], endless())
    assert (status, taken) == (413, [])
    assert len(body) < 1024


def test_a_stream_is_refused_at_the_limit_and_not_kept(front):
    ask_raw(front.app, [], endless())  # warm
    tracemalloc.start()
    status, body, taken = ask_raw(front.app, [(b"transfer-encoding", b"chunked")], endless())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (status, sum(taken)) == (413, 2**20 + 65536)
    assert len(body) < 1024
    assert peak < 4 * 2**20


def test_a_lying_length_does_not_help(front):
    status, _, taken = ask_raw(front.app, [(b"content-length", b"10")], endless())
    assert status == 413
    assert sum(taken) <= 2**20 + 65536


def test_a_client_that_hangs_up_leaves_no_answer_and_no_error(front):
    status, _, taken = ask_raw(front.app, [], iter([b'{"user": ']))
    assert (status, len(taken)) == (None, 1)
    front.app._log.flush()
    line = json.loads(front.log.getvalue())
    assert line["status"] == 499
    assert "error" not in line


def test_a_page_of_another_site_cannot_ask(make_front):
    front = make_front(guards=Guards(hosts=HostCheck("127.0.0.1")))
    check(front.ask("GET", "/v1/model", headers={"Host": "evil.example"}), 400)
    answer = front.ask("OPTIONS", RECOMMEND, headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_many_faults_cost_no_more_than_one(front):
    body = json.dumps({"history": [7] * 10_000}).encode()
    answer = front.ask("POST", RECOMMEND, content=body, headers=JSON)
    check(answer, 422)
    assert answer.json()["error"]["message"].startswith("body.history.0: ")
