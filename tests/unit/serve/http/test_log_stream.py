"""A log that nobody reads any more does not stop the answers."""

import asyncio
import io

import pytest

from dualnet.serve.http.access_log import FILES, HELD_LINES, AccessLog
from dualnet.serve.http.server_routes import _files, _Fixed


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


@pytest.mark.parametrize(
    ("route", "status", "lines"),
    [("/web/{name}", 200, 0), ("/web/{name}", 304, 0), ("/web/{name}", 404, 1), ("/docs.css", 200, 0),
     ("/", 200, 1), ("/v1/recommend", 200, 1), ("/livez", 200, 1)],
)  # fmt: skip
def test_the_files_of_the_page_have_no_line_unless_they_fail(route, status, lines):
    stream = io.StringIO()
    log = AccessLog(stream)

    async def answer():
        log.answered("a", "127.0.0.1", "GET", route, status, 0.001, None)
        log.flush()

    asyncio.run(answer())
    assert stream.getvalue().count("\n") == lines


def test_the_routes_that_have_no_line_are_those_of_the_server():
    assert {_Fixed(path, app).path_format for path, app in _files(())} >= FILES  # as the log has them
