"""A service whose model is in another process: each call of a method of `Service` is a message there and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from ...errors import ResourceError
from ...retrieval.questions import Question, UsersQuestion
from ..batcher import Batcher
from ..explained import explained
from ..memory import give_back_memory
from ..replies import ModelLabel, Reply
from ..service_errors import BusyError, ClosedError
from ..settings import ServiceSettings
from ..several import asked_together
from ..store import STORE, StoreAddress
from .codec import arguments_to_json, error_from_json, question_to_json, reply_from_json, result_from_json
from .wire import Frames, receive

T = TypeVar("T")

PATIENCE = 30.0  # seconds for the other process to end after it has hung up
DEADLINE = 20.0  # seconds for the answer to a question; the hardest take half a second
RESPONSE = 2.0  # seconds for a word from it, however busy it is
# seconds for other calls; what loads a model may take long, and what is asked at the end is waited for by who asks
LIMITS: dict[str, float | None] = {"reload": 600.0, "gauges": RESPONSE, "trouble": None, "close": None}
LAST = 4.0  # seconds for it to end when it was told to; with the 25 of HTTP before, a supervisor that waits 30 sees its end


class RemoteService:
    """A service in a process of its own (`child`), which it starts and ends.

    The process that speaks HTTP and the one that scores then never wait for each other's Python: beside a service in one
    process, a third more answers a second at half the p99 (docs/measurements/server.md). Batches go over one socket, one at a time;
    everything else over another, many at a time.

    Attributes
    ----------
    on_batch : callable, optional
        Called with the number of questions of each batch; it runs in the event loop.
    on_end : callable, optional
        Called in the event loop when the other process ends by itself.
    failure : str
        Why it ended by itself, in one sentence; empty as long as it did not.
    away : str
        As in `Service`.
    """

    on_batch: Callable[[int], None] | None = None
    on_end: Callable[[], None] | None = None
    failure: str = ""
    away: str = ""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        questions: socket.socket,
        calls: socket.socket,
        hello: dict[str, Any],
        settings: ServiceSettings,
    ) -> None:
        self._process, self._channels = process, (questions, calls)
        self._label, self._notes = ModelLabel(**hello["model"]), [str(note) for note in hello["notes"]]
        self.whole_items, self.whole_users = bool(hello["whole_items"]), bool(hello["whole_users"])
        self._batcher: Batcher[bytes, Reply] = Batcher(self._answer, batch=settings.batch, waiting=settings.waiting)
        self._batches: Frames | None = None
        self._calls: Frames | None = None
        self._listening: asyncio.Task[None] | None = None
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._ping: asyncio.Task[bool] | None = None
        self._late: asyncio.Future[bytes | None] | None = None  # an answer that was waited for too long
        self._started = self._closing = self._lost = False

    @classmethod
    def open(
        cls, folder: Path, *, state: Path | StoreAddress | None = None, settings: ServiceSettings | None = None
    ) -> RemoteService:
        """Start the other process and wait until it has loaded and checked the model; blocks for seconds.

        Parameters and errors as in `Service.open`; also `ResourceError` if the process ends before it says anything.
        """
        settings = settings or ServiceSettings()
        pairs = [socket.socketpair() for _ in range(2)]
        ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        numbers = [channel.fileno() for channel in theirs]
        told = {
            "sockets": numbers,
            "folder": str(folder.resolve()),
            "state": str(state.resolve()) if isinstance(state, Path) else None,
            "database": isinstance(state, StoreAddress),  # whose URL comes in the environment
            "settings": asdict(settings),
        }
        # -P: not from the present folder; the path is ours, so that both processes run the same code
        command = [sys.executable, "-P", "-m", "dualnet.serve.model_process.child", json.dumps(told)]
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        environment = {**os.environ, "PYTHONPATH": path}
        if isinstance(state, StoreAddress):  # not among the arguments, which everybody on this machine may read
            environment[STORE] = state.url
        process: subprocess.Popen[bytes] | None = None
        try:
            with _signals_held():
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, pass_fds=numbers, env=environment)
            for channel in theirs:
                channel.close()
            with ours[1].makefile("rb") as stream:
                data = receive(stream)
            if data is None:
                raise ResourceError(f"{_ending(process)} while it was loading; free memory and try again")
            hello = from_json(data)
            if "error" in hello:
                raise error_from_json(hello["error"])
            return cls(process, ours[0], ours[1], hello, settings)
        except BaseException as error:
            if process is not None:
                process.kill()
                process.wait()
            for channel in (*ours, *theirs):
                channel.close()
            if process is None and isinstance(error, OSError):
                raise ResourceError(f"the process for the model cannot be started: {error.strerror}") from error
            raise

    def notes(self) -> list[str]:
        """Return what whoever starts the server should know of its state folder, a sentence each."""
        return self._notes

    async def start(self) -> None:
        """Take questions; before it `ask` raises `ClosedError`."""
        questions, calls = self._channels
        self._batches, self._calls = await Frames.over(questions), await Frames.over(calls)
        self._listening = asyncio.create_task(self._listen())
        give_back_memory()
        self._batcher.start()
        self._started = True

    async def close(self) -> None:
        """Answer what waits, take no more, release the state folder, and end the other process.

        One that does not end in `LAST` seconds is killed: what it has confirmed is on the disk.
        """
        self._started = False
        end = asyncio.get_running_loop().time() + LAST
        try:
            async with asyncio.timeout_at(end):
                await self._batcher.close()
                self._closing = True
                with contextlib.suppress(ClosedError):  # it has gone already
                    await self.call("close")
        except TimeoutError:
            self._closing = True
            self._process.kill()
        for frames in (self._batches, self._calls):
            if frames is not None:
                frames.close()
        if self._listening is not None:
            await self._listening
        await asyncio.to_thread(self._wait, max(1.0, end - asyncio.get_running_loop().time()))

    @property
    def ready(self) -> bool:
        """Whether questions are taken (for /readyz)."""
        return self._started and not self._lost

    async def responds(self) -> bool:
        """Whether the other process says a word within two seconds: `ready` does not tell one that hangs.

        All who want to know wait for the same word, so that what waits for a process that hangs does not grow.
        """
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self._pinged())
        ping = self._ping
        await asyncio.wait([ping], timeout=RESPONSE)
        return ping.done() and ping.result()

    async def _pinged(self) -> bool:
        try:
            self.away = str(await self.call("trouble"))
        except ClosedError:
            return False
        return True

    @property
    def label(self) -> ModelLabel:
        """Name and version of the model that answered last."""
        return self._label

    async def ask(self, question: Question) -> Reply:
        """Answer one question, in a batch with others unless it is one of those that take long. See `Service.ask`."""
        if isinstance(question, UsersQuestion):
            return await self._call("ask", question=question)
        asked = to_json(question_to_json(question))  # here: one that is no JSON fails alone
        return await in_time(self._batcher.ask(asked), DEADLINE)

    async def call(self, name: str, **given: Any) -> Any:
        """Call a method of the service by its name; a question for a list goes the way of `ask`. See `Service.call`."""
        if name == "recommend" and given.get("explain"):
            return await explained(self, given["question"])
        if name == "recommend_many":
            return await asked_together(self, given["questions"])
        return await (self.ask(given["question"]) if list(given) == ["question"] else self._call(name, **given))

    async def _call(self, name: str, **given: Any) -> Any:
        if self._calls is None or self._lost:
            raise self._gone()
        self._number += 1
        self._calls.write(to_json({"id": self._number, "call": name, "with": arguments_to_json(given)}))
        future = self._asked[self._number] = asyncio.get_running_loop().create_future()
        return await in_time(future, LIMITS.get(name, DEADLINE))

    async def gauges(self) -> dict[str, float]:
        """See `Service.gauges`; questions wait here, not there."""
        return {**await self.call("gauges"), "waiting": float(len(self._batcher))}

    async def _answer(self, questions: list[bytes]) -> list[Reply | Exception]:
        if self.on_batch is not None:
            self.on_batch(len(questions))
        assert self._batches is not None
        if self._late is not None:  # the answer that nobody waits for any more comes first
            await asyncio.wait([self._late], timeout=DEADLINE)
            if not self._late.done():
                raise BusyError("the model does not answer; ask again later")
        self._batches.write(b"[%b]" % b",".join(questions))
        self._late = asyncio.ensure_future(self._batches.read())
        await asyncio.wait([self._late], timeout=DEADLINE)
        if not self._late.done():
            raise BusyError("the model does not answer; ask again later")
        data, self._late = self._late.result(), None
        if data is None:
            raise self._gone()
        return [error_from_json(p["error"]) if "error" in p else self._read(p) for p in from_json(data, cache_strings="keys")]

    async def _listen(self) -> None:
        """Hand out the answers to calls until the other process is gone."""
        assert self._calls is not None
        while (data := await self._calls.read()) is not None:
            told = from_json(data)
            future = self._asked.pop(told["id"])
            if future.done():  # whoever asked has gone
                continue
            if "error" in told:
                future.set_exception(error_from_json(told["error"]))
            else:
                found = result_from_json(told)
                if isinstance(found, Reply):
                    self._label = found.model
                future.set_result(found)
        self._lost = True
        if not self._closing:
            self.failure = f"{await asyncio.to_thread(_ending, self._process)}; start the server again"
        for future in self._asked.values():
            if not future.done():
                future.set_exception(self._gone())
        self._asked.clear()
        if self.failure and self.on_end is not None:
            self.on_end()

    def _read(self, plain: dict[str, Any]) -> Reply:
        reply = reply_from_json(plain)
        self._label = reply.model
        return reply

    def _gone(self) -> ClosedError:
        return ClosedError(self.failure or "the server is not taking questions; it is starting or shutting down")

    def _wait(self, seconds: float) -> None:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


async def in_time(answer: Awaitable[T], seconds: float | None) -> T:
    """Return an answer that comes in time.

    Raises
    ------
    BusyError
        If it does not; a change that was asked for may still be made.
    """
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError:
        raise BusyError(f"no answer came in {seconds:g} seconds; ask again later (a change may still be made)") from None


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Hold signals to stop back while a process starts, which inherits that: they are for this one, which gets them afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(process: subprocess.Popen[bytes]) -> str:
    """Say how a process that has hung up ended."""
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return "the process with the model no longer answers, and was ended"
    if code < 0:
        killed = " (perhaps for want of memory)" if code == -9 else ""
        return f"the process with the model was ended by signal {-code}{killed}"
    return f"the process with the model ended with code {code}"
