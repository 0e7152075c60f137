"""Keys, rate, Host, request ids, error bodies: each by itself."""

import hashlib
import json

import pytest

from dualnet.errors import ResourceError, UsageError
from dualnet.serve.http import http_errors
from dualnet.serve.http.gate import request_id
from dualnet.serve.http.hosts import HostCheck, is_loopback
from dualnet.serve.http.http_errors import error_body, retry_after
from dualnet.serve.http.keys import ApiKeys, make_key
from dualnet.serve.http.rate_limit import RateLimit


def test_a_made_key_is_found_and_only_its_digest_is_kept(tmp_path):
    key, line = make_key("shop")
    boss, other = make_key("boss", admin=True)
    path = tmp_path / "keys"
    path.write_text(f"# keys\n\n{line}\n{other}\n")
    keys = ApiKeys.read(path)
    assert key not in line
    assert keys.holder(f"Bearer {key}".encode()).name == "shop"
    assert not keys.holder(f"bearer {key}".encode()).admin
    assert keys.holder(f"Bearer {boss}".encode()).admin
    for wrong in (
        None,
        b"",
        key.encode(),
        f"Basic {key}".encode(),
        f"Bearer {key}x".encode(),
        b"Bearer ",
        b"Bearer " + b"x" * 600,
    ):
        assert keys.holder(wrong) is None


def test_a_digest_is_not_a_key(tmp_path):
    path = tmp_path / "keys"
    path.write_text(make_key("shop")[1])
    assert ApiKeys.read(path).holder(b"Bearer " + path.read_text().split()[1].encode()) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shop abc", "line 1 is not of the form"),
        ("\nshop " + "0" * 64 + " root", "line 2 is not of the form"),
        ("a" * 65 + " " + "0" * 64, "line 1"),
        (f"shop {'0' * 64}\nshop {'1' * 64}", "line 2: the name 'shop' is there twice"),
        ("# nothing\n", "holds no key"),
    ],
)
def test_a_bad_key_file_names_the_line_and_no_digest(tmp_path, text, told):
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(UsageError, match=told) as caught:
        ApiKeys.read(path)
    assert "0" * 64 not in str(caught.value)


def test_a_missing_key_file_and_a_bad_name_are_told(tmp_path):
    with pytest.raises(ResourceError, match="cannot be read"):
        ApiKeys.read(tmp_path / "none")
    with pytest.raises(UsageError, match="name of a key"):
        make_key("two words")


def test_keys_differ_and_are_long():
    keys = {make_key("a")[0] for _ in range(20)}
    assert len(keys) == 20
    assert all(len(key) > 40 for key in keys)
    key, line = make_key("a")
    assert line.split()[1] == hashlib.sha256(key.encode()).hexdigest()


def test_the_bucket_lets_the_burst_pass_then_the_rate():
    now = [0.0]
    limit = RateLimit(2.0, burst=3, clock=lambda: now[0])
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 0]
    assert limit.wait("a") == pytest.approx(0.5)
    assert limit.wait("b") == 0  # another key has a bucket of its own
    now[0] = 0.5
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0
    now[0] = 1000.0
    assert [limit.wait("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_only_own_names_pass_as_host():
    check = HostCheck("127.0.0.1")
    for good in (b"127.0.0.1", b"127.0.0.1:8080", b"localhost:1", b"LOCALHOST:8080", b"[::1]:8080", b"[::1]"):
        assert check.passes(good), good
        assert check.passes(good), good
    for bad in (
        None,
        b"",
        b"evil.example",
        b"evil.example:8080",
        b"127.0.0.1.evil.example",
        b"127.0.0.1:x",
        b"localhost:",
        b"a:b:c",
    ):
        assert not check.passes(bad), bad
    assert HostCheck("127.0.0.2").passes(b"127.0.0.2:9")
    assert HostCheck("127.0.0.1", ["Shop.example"]).passes(b"shop.example")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_loopback(host, local):
    assert is_loopback(host) is local


def test_a_sane_request_id_is_taken_and_others_are_replaced():
    assert request_id(b"abc-1.2_3") == "abc-1.2_3"
    for odd in (None, b"", b"a b", b"a\r\nb", b'"', b"x" * 65, "é".encode()):
        assert request_id(odd).encode() != odd
    assert request_id() != request_id()


@pytest.mark.parametrize(
    "message",
    [
        "x" * 10_000,
        "'" + "y" * 5000 + "'",
        '"' * 5000,
        "\x00\x1b[31m" * 1000,
        "é" * 5000,
        "\\" * 5000,
        "'\\''" * 3000,
        "\ud800",
    ],
)
def test_an_error_body_is_short_json_without_control_characters(message):
    body = error_body("code", f"unknown item {message}", "r" * 64)
    assert len(body) < 1024
    text = json.loads(body)["error"]["message"]
    assert text.isprintable()
    assert text.startswith("unknown item")


def test_a_long_quoted_value_is_cut_to_eighty_characters():
    told = json.loads(error_body("c", f"unknown item '{'a' * 500}'; use another", "r"))["error"]["message"]
    assert told == f"unknown item '{'a' * 80}…'; use another"


def test_a_text_with_an_apostrophe_is_not_cut():
    text = f"the model's rows, {'b' * 100}, are gone"
    assert json.loads(error_body("c", text, "r"))["error"]["message"] == text


def test_a_long_text_of_quotes_is_read_once():
    """Twice the text takes twice the time: with a search that starts anew at each quote this took seconds."""
    cut = error_body("c", "'" + "\\'" * 9_900, "r")
    assert len(cut) < 1024
    steps = [len(http_errors._QUOTED.findall("'" + "\\'" * n)) for n in (10, 100)]
    assert steps == [1, 1]


def test_retry_after_is_whole_and_at_least_one():
    assert retry_after(0.01) == ((b"retry-after", b"1"),)
    assert retry_after(1.2) == ((b"retry-after", b"2"),)
