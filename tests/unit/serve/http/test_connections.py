"""Over real sockets: slow clients, many connections, leaving in good order."""

import contextlib
import json
import re
import signal
import socket
import threading

import pytest

from dualnet.errors import ResourceError
from dualnet.serve.http.gate import Draining, Guards
from dualnet.serve.http.hosts import HostCheck
from dualnet.serve.http.keys import ApiKeys, make_key
from dualnet.serve.http.server import Server, ServerOptions, address, bind
from dualnet.serve.http.slow_clients import MOST_HELD, MOST_QUEUED, Patience, PatientProtocol

SHORT = Patience(header=0.2, body=0.2, reading=0.2)


@pytest.fixture
def serving(make_front):
    """Return a function that starts a server in a thread and returns it with its port."""
    with contextlib.ExitStack() as stack:

        def start(patience=SHORT, grace=0.0, keep_alive=5, **guards):
            draining = Draining()
            front = make_front(guards=Guards(draining=draining, **guards))
            listener = bind("127.0.0.1", 0)
            server = Server(front.app, draining, ServerOptions(patience=patience, grace=grace, keep_alive=keep_alive, drain=5))
            opened = threading.Event()
            startup = server.startup

            async def told(sockets=None):
                await startup(sockets)
                opened.set()

            server.startup = told
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()

            def stop():
                server.should_exit = True
                thread.join(300)

            stack.callback(stop)
            assert opened.wait(300)
            server.front, server.thread = front, thread
            return server, listener.getsockname()[1]

        yield start


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=300)
    return sock


def read_all(sock):
    """Return everything until the other side closes."""
    pieces = []
    with sock, contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def request(body=b'{"user": "u0000"}', path=b"/v1/recommend", more=b""):
    head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
    return head % (path, len(body), more) + body


def get(port, path=b"/livez"):
    sock = connect(port)
    sock.sendall(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path)
    return read_all(sock)


SLOW = {
    "nothing at all": (b"", None),
    "one byte of a header": (b"P", b"408"),
    "half a header": (b"POST /v1/recommend HTTP/1.1\r\nHost: 127.0", b"408"),
    "blank lines": (b"\r\n\r\n", b"408"),
    "a header and no body": (request(b"0123456789")[:-10], b"408"),
    "one byte of a body": (request(b"0123456789")[:-9], b"408"),
    "chunked without end": (
        b"POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"408",
    ),
    "a second request after a whole one": (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /li", b"408"),
    "a body that was refused by its length": (
        b"POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 209715200\r\n\r\n",
        b"413",
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_client_is_told_and_closed(serving, name):
    sent, status = SLOW[name]
    _, port = serving()
    sock = connect(port)
    sock.sendall(sent)
    answer = read_all(sock)  # returns only because the server closes
    if status is None:
        assert answer == b""
    else:
        last = answer[answer.rindex(b"HTTP/1.1") :]
        assert last.split()[1] == status
        assert len(last) < 1024
        assert json.loads(last.partition(b"\r\n\r\n")[2])["error"]["message"]


def test_others_are_served_while_many_are_slow(serving):
    server, port = serving(Patience(header=600, body=600))
    slow = [connect(port) for _ in range(50)]
    for place, sock in enumerate(slow):
        sock.sendall(b"P" if place % 2 else request(b"0123456789")[:-9])
    for _ in range(10):
        assert b" 200 " in get(port)
    late = server.patient_loop.time() + 601

    def pass_time():
        for connection in list(server.server_state.connections):
            connection.close_if_late(late)

    server.patient_loop.call_soon_threadsafe(pass_time)
    answers = [read_all(sock) for sock in slow]
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)


def test_one_connection_too_many_is_told_so(serving):
    _, port = serving(Patience(header=5, connections=3))
    held = [connect(port) for _ in range(3)]
    for sock in held:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
    assert read_all(connect(port)).startswith(b"HTTP/1.1 503")
    for sock in held:
        sock.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000, b"431"),
        (b"GET /" + b"y" * 70_000, b"431"),
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\x00c\r\n\r\n", b"400"),
    ],
)
def test_what_is_not_http_is_refused_in_our_form(serving, sent, status):
    _, port = serving(Patience())
    sock = connect(port)
    sock.sendall(sent)
    answer = read_all(sock)
    assert answer.split()[1] == status
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]


def test_two_hundred_megabytes_are_refused_and_not_kept(serving):
    server, port = serving(Patience())
    sock = connect(port)
    sock.sendall(
        b"POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    piece = b"10000\r\n" + b"[" * 65536 + b"\r\n"
    answer = b""
    sent = 0
    sock.setblocking(True)
    while sent < 40 * 65536:  # past the limit; the rest would only cost time
        sock.sendall(piece)
        sent += 65536
    answer = sock.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413")
    connection = next(iter(server.server_state.connections))
    assert len(connection.cycle.body) <= 2 * 65536
    sock.close()


def test_pipelined_requests_are_answered_in_order(serving):
    _, port = serving()
    sock = connect(port)
    sock.sendall(request(b'{"user": "nobody"}') + request() + b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", read_all(sock)) == [b"422", b"200", b"200"]


def test_on_a_signal_it_is_first_not_ready_then_closes(serving):
    server, port = serving(Patience(), grace=600)
    kept = connect(port)
    kept.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
    ready = kept.recv(4096)
    while not ready.endswith(b"}"):  # head and body may come in two pieces
        ready += kept.recv(4096)
    assert ready.startswith(b"HTTP/1.1 200")
    server.handle_exit(signal.SIGTERM, None)
    kept.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
    stopping = read_all(kept)
    assert stopping.startswith(b"HTTP/1.1 503")
    assert b"connection: close" in stopping
    server.handle_exit(signal.SIGTERM, None)  # whoever asks twice does not wait for the grace
    server.thread.join(300)
    assert not server.thread.is_alive()
    assert server.front.service.calls == ["close"]
    with pytest.raises(OSError, match="refused"):
        connect(port)


def test_a_request_under_way_is_finished(serving):
    server, port = serving(Patience())
    sock = connect(port)
    whole = request()
    sock.sendall(whole[:-5])
    assert b" 200 " in get(port)  # so the first part has been read
    server.handle_exit(signal.SIGTERM, None)
    sock.sendall(whole[-5:])
    answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer
    server.thread.join(300)
    assert not server.thread.is_alive()


def test_a_taken_port_and_a_foreign_host_are_told():
    with contextlib.closing(bind("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert address(listener) == f"http://127.0.0.1:{port}"
        with pytest.raises(ResourceError, match=f"port {port} of 127.0.0.1 is taken"):
            bind("127.0.0.1", port)
    with pytest.raises(ResourceError, match="cannot be"):
        bind("203.0.113.7", 0)


@pytest.mark.parametrize("number", [1, MOST_QUEUED + 1, 3000])
def test_requests_that_are_sent_ahead_wait_as_bytes_and_are_all_answered(serving, monkeypatch, number):
    longest, real = [0], PatientProtocol.on_headers_complete

    def counted(self):
        real(self)
        longest[0] = max(longest[0], len(self.pipeline))
        assert len(self._held) <= MOST_HELD

    monkeypatch.setattr(PatientProtocol, "on_headers_complete", counted)
    _, port = serving(Patience())
    ask = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    sock = connect(port)
    sender = threading.Thread(
        target=sock.sendall, args=(ask * (number - 1) + ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),)
    )
    sender.start()
    assert read_all(sock).count(b"HTTP/1.1 200") == number
    sender.join()
    assert longest[0] <= MOST_QUEUED


def test_bodies_that_are_sent_ahead_go_to_their_own_requests(serving):
    _, port = serving(Patience())
    users = [b"u%04d" % (k % 3) for k in range(60)]
    sock = connect(port)
    sock.sendall(b"".join(request(b'{"user": "%s", "k": %d}' % (user, 1 + k % 4)) for k, user in enumerate(users)))
    sock.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answers = read_all(sock)
    assert answers.count(b"HTTP/1.1 200") == 61


CHUNKED = b"POST /v1/recommend HTTP/1.1\r\n%sContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "trailer", [b"Authorization: Bearer %s", b"authorization: bearer %s", b"Host: 127.0.0.1\r\nAuthorization: Bearer %s"]
)
def test_a_trailer_is_no_header(serving, trailer):
    key, line = make_key("k")
    _, port = serving(Patience(), keys=_keys(line))
    body = b'{"user": "u0000"}'
    sock = connect(port)
    sock.sendall(
        CHUNKED % b"Host: 127.0.0.1\r\n" + b"%x\r\n%s\r\n0\r\n" % (len(body), body) + trailer % key.encode() + b"\r\n\r\n"
    )
    assert b" 401 " in read_all(sock).split(b"\r\n")[0]


def _keys(line):
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(line + "\n")
        file.flush()
        return ApiKeys.read(file.name)


@pytest.mark.parametrize("more", [b"Host: evil\r\n", b"Host: 127.0.0.1\r\n"])
def test_two_hosts_are_refused(serving, more):
    _, port = serving(Patience(), hosts=HostCheck("127.0.0.1"))
    sock = connect(port)
    sock.sendall(b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more + b"Connection: close\r\n\r\n")
    assert b" 400 " in read_all(sock).split(b"\r\n")[0]


def test_wrong_keys_are_limited_and_right_ones_are_not_held_up(serving):
    key, line = make_key("k")
    _, port = serving(Patience(), keys=_keys(line))
    ask = b"GET /v1/model HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n%s\r\n"
    sock = connect(port)
    sock.sendall(ask % (b"wrong", b"") * 200 + ask % (key.encode(), b"Connection: close\r\n"))
    answers = read_all(sock)
    assert answers.count(b"HTTP/1.1 429") > 100
    assert answers.count(b"HTTP/1.1 401") >= 20
    assert answers.count(b"HTTP/1.1 200") == 1
