"""The last line of a journal: what a stopped machine left is cut off, what was whole and is damaged is told."""

import pytest

from dualnet.errors import DataError
from dualnet.serve.journal import FILE, Journal


@pytest.fixture
def journal(tmp_path):
    opened, _ = Journal.open(tmp_path / "state")
    for number in range(3):
        opened.append([{"put": f"i{number}", "content": {"title": "é" * number}}])
    opened.close()
    return tmp_path / "state"


def test_every_flipped_bit_of_the_last_line_is_told(journal):
    data = (journal / FILE).read_bytes()
    start = data[:-1].rindex(b"\n") + 1
    for place in range(start, len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[place] ^= 1 << bit
            (journal / FILE).write_bytes(altered)
            with pytest.raises(DataError, match="line 4 is damaged|line 5 is damaged"):
                Journal.open(journal)
            assert (journal / FILE).read_bytes() == bytes(altered)  # nothing is cut off


def test_every_beginning_of_the_last_line_is_cut_off(journal):
    data = (journal / FILE).read_bytes()
    start = data[:-1].rindex(b"\n") + 1
    for end in range(start + 1, len(data)):
        (journal / FILE).write_bytes(data[:end])
        opened, changes = Journal.open(journal)
        opened.close()
        assert (len(changes), opened.dropped) == (2, end - start)


def test_pages_that_did_not_reach_the_disk_are_cut_off(journal):
    data = (journal / FILE).read_bytes()
    start = data[:-1].rindex(b"\n") + 1
    for hole in (slice(start, start + 10), slice(start + 5, len(data) - 1), slice(start, len(data))):
        altered = bytearray(data)
        altered[hole] = bytes(len(altered[hole]))
        (journal / FILE).write_bytes(altered)
        opened, changes = Journal.open(journal)
        opened.close()
        assert len(changes) == 2


def test_a_signed_line_that_is_nested_too_deep_is_told(journal):
    import zlib

    body = b'{"seq":5,"changes":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with (journal / FILE).open("ab") as file:
        file.write(b'{"crc":"%08x","record":' % zlib.crc32(body) + body + b"}\n")
    with pytest.raises(DataError, match="damaged"):
        Journal.open(journal)
