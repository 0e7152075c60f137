"""A log that nobody reads any more does not stop the answers."""

import asyncio

import pytest

from dualnet.serve.http.access_log import HELD_LINES, AccessLog


class Gone:
    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        pytest.fail("nothing was written")


def test_a_broken_stream_is_survived_and_nothing_piles_up():
    log = AccessLog(Gone())

    async def answer_many():
        for _ in range(3 * HELD_LINES + 1):
            log.answered("a", "127.0.0.1", "GET", "/livez", 200, 0.001, None)

    asyncio.run(answer_many())
    assert len(log._lines) == 1
