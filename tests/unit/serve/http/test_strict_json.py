"""JSON as the standard has it, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualnet.serve.http.http_errors import Refusal
from dualnet.serve.http.strict_json import decode

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_json_is_read_as_it_is(value):
    assert decode(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"k": NaN}', "NaN is not a JSON number"),
        (b'{"k": Infinity}', "Infinity is not"),
        (b'{"k": -Infinity}', "-Infinity is not"),
        (b'{"k": 1e999}', "1e999 is too large"),
        (b'{"k": -1e999}', "too large"),
        (b'{"k": 1, "k": 2}', "the key 'k' occurs twice"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' occurs twice"),
        (b'{"k": "\xff"}', "not UTF-8: byte 7"),
        ('{"k": 1}'.encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'k': 1}", "not JSON"),
        (b'{"k": 01}', "not JSON"),
        (b'{"k": "a\nb"}', "not JSON"),
        (b"9" * 5000, "too many digits"),
        (b"[" * 33 + b"]" * 33, "more than 32 levels"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "more than 32 levels"),
        (b"[" * 1000 + b"]" * 1000, "more than 32 levels"),
        (b"[" * 500_000, "levels|not JSON"),
    ],
)
def test_what_is_not_is_refused(text, told):
    with pytest.raises(Refusal, match=told) as caught:
        decode(text)
    assert caught.value.status == 400


def test_thirty_two_levels_and_many_brackets_side_by_side_pass():
    assert decode(b"[" * 32 + b"]" * 32) is not None
    assert len(decode(b"[" + b"[]," * 1000 + b"[]]")) == 1001
