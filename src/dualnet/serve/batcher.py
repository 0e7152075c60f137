"""Questions of many clients answered together: a bounded queue, a few batches under way, no added wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from .service_errors import BusyError, ClosedError

Q = TypeVar("Q")
A = TypeVar("A")


class Batcher(Generic[Q, A]):
    """Takes questions in one event loop and has them answered in batches elsewhere: in a thread, or in another process.

    What is there is sent, at most `batch` together, as soon as fewer than `at_once` batches are under way, and nothing ever
    waits for more: under load batches fill by themselves, and a lone question is answered at once.

    Parameters
    ----------
    answer : coroutine function
        From a list of questions to one answer or exception for each.
    batch : int
        Questions answered together.
    waiting : int
        Questions that may wait.
    at_once : int
        Batches under way at a time.
    """

    def __init__(
        self,
        answer: Callable[[list[Q]], Awaitable[Sequence[A | Exception]]],
        *,
        batch: int = 32,
        waiting: int = 1024,
        at_once: int = 1,
    ) -> None:
        self._answer, self._batch, self._limit, self._at_once = answer, batch, waiting, at_once
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._called = self._closing = False

    def __len__(self) -> int:
        """Number of questions that wait."""
        return len(self._waiting)

    def start(self) -> None:
        """Take questions; call from the event loop whose clients will ask."""
        self._loop, self._closing = asyncio.get_running_loop(), False

    async def ask(self, question: Q) -> A:
        """Return the answer to one question.

        A caller that is cancelled while its question waits costs nothing more: the question is dropped unanswered.

        Raises
        ------
        BusyError
            If too many questions wait.
        ClosedError
            If the batcher was not started, or is closing.
        """
        if self._loop is None or self._closing:
            raise ClosedError("the server is not taking questions; it is starting or shutting down")
        if len(self._waiting) >= self._limit:
            self._drop_cancelled()
            if len(self._waiting) >= self._limit:
                raise BusyError(f"{self._limit:,} questions are waiting, which is as many as the server takes; ask again later")
        future: asyncio.Future[A] = self._loop.create_future()
        self._waiting.append((question, future))
        if not self._called and len(self._under_way) < self._at_once:
            self._called = True
            self._loop.call_soon(self._send)  # at the end of this turn: what else has arrived by then goes along
        return await future

    async def close(self) -> None:
        """Take no more, and answer what waits."""
        self._closing = True
        while self._under_way or self._waiting:
            self._send()
            if self._under_way:
                await asyncio.wait(self._under_way)
        await asyncio.sleep(0)  # the last answers are on their way to their callers

    def _send(self) -> None:
        """Send what waits, as far as it may go."""
        assert self._loop is not None
        self._called = False
        while len(self._under_way) < self._at_once and (batch := self._take()):
            task = self._loop.create_task(self._carry(batch))
            self._under_way.add(task)

    async def _carry(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers: Sequence[A | Exception] = await self._answer([question for question, _ in batch])
        except Exception as error:
            answers = [error] * len(batch)
        task = asyncio.current_task()
        assert task is not None
        self._under_way.discard(task)
        self._send()  # before the answers are handed out: whoever answers should not wait for that
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # cancelled while it was being answered
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _take(self) -> list[tuple[Q, asyncio.Future[A]]]:
        """Return the next questions that someone still waits for."""
        found: list[tuple[Q, asyncio.Future[A]]] = []
        while self._waiting and len(found) < self._batch:
            asked = self._waiting.popleft()
            if not asked[1].cancelled():
                found.append(asked)
        return found

    def _drop_cancelled(self) -> None:
        kept = [asked for asked in self._waiting if not asked[1].cancelled()]
        self._waiting.clear()
        self._waiting.extend(kept)
