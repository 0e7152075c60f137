"""Bytes of valid files, altered as damage and malice would: a strategy of Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

TOKENS = (
    b"", b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n", b'"', b"'", b"\\", b"\\ud800", b",", b";", b"\t", b"[", b"]", b"{", b"}", b"[" * 300,
    b"NaN", b"Infinity", b"-1", b"1e999", b"1e-400", b"99999999999999999999", b"9" * 5000, b"null", b"true", b"../", b"%00", b"\x1b[31m", "\u202e".encode(), "\u2028".encode(), b"=cmd()", b"0x1", b"1_0", b"PAR1", b"ARROW1", b"\x1f\x8b", b"PK\x03\x04",
)  # fmt: skip


@st.composite
def altered(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Draw one of some valid files with one to five alterations: bits, bytes, pieces gone, twice, moved or put in."""
    data = bytearray(draw(st.sampled_from(list(seeds))))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from((1, 2, 4, 8, 16, 64, 1024))))
        kind = draw(st.sampled_from(("flip", "byte", "cut", "twice", "move", "token", "instead", "end", "splice")))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at:end]
        elif kind == "twice":
            data[at:at] = data[at:end]
        elif kind == "move":
            piece = data[at:end]
            del data[at:end]
            to = draw(st.integers(0, len(data)))
            data[to:to] = piece
        elif kind == "token":
            data[at:at] = draw(st.sampled_from(TOKENS))
        elif kind == "instead":
            data[at:end] = draw(st.sampled_from(TOKENS))
        elif kind == "end":
            del data[at:]
        elif kind == "splice":
            other = draw(st.sampled_from(list(seeds)))
            data[at:end] = other[at:end]
    return bytes(data)
