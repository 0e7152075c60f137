"""Questions of many clients answered together: a bounded queue, a few scoring threads, no added wait."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from .refusals import BusyError, ClosedError

Q = TypeVar("Q")
A = TypeVar("A")


class Batcher(Generic[Q, A]):
    """Takes questions from one event loop and answers them in batches in threads of its own.

    A thread takes what is there, at most `batch`, and never waits for more: under load batches fill by themselves, and a
    lone question is answered at once. While one multiplies, another can look up who asks and write lists.

    Parameters
    ----------
    answer : callable
        From a list of questions to one answer or exception for each; runs in the scoring threads, at the same time.
    batch : int
        Questions answered at once.
    waiting : int
        Questions that may wait.
    threads : int
        How many answer.
    """

    def __init__(
        self, answer: Callable[[list[Q]], Sequence[A | Exception]], *, batch: int = 32, waiting: int = 1024, threads: int = 1
    ) -> None:
        self._answer, self._batch, self._limit, self._count = answer, batch, waiting, threads
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []
        self._closing = False

    def __len__(self) -> int:
        """How many questions wait."""
        return len(self._waiting)

    def start(self) -> None:
        """Start the scoring threads; call from the event loop whose clients will ask."""
        self._loop, self._closing = asyncio.get_running_loop(), False
        self._threads = [threading.Thread(target=self._run, name="dualnet-scoring", daemon=True) for _ in range(self._count)]
        for thread in self._threads:
            thread.start()

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
        future: asyncio.Future[A] = self._loop.create_future()
        with self._changed:
            if len(self._waiting) >= self._limit:
                self._drop_cancelled()
            if len(self._waiting) >= self._limit:
                raise BusyError(f"{self._limit:,} questions are waiting, which is as many as the server takes; ask again later")
            self._waiting.append((question, future))
            self._changed.notify()
        return await future

    async def close(self) -> None:
        """Take no more, answer what waits, end the threads."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)  # the last answers are on their way to their callers
        self._threads = []

    def _run(self) -> None:
        assert self._loop is not None
        while batch := self._take():
            try:
                answers: Sequence[A | Exception] = self._answer([question for question, _ in batch])
            except Exception as error:
                answers = [error] * len(batch)
            try:
                self._loop.call_soon_threadsafe(_deliver, [future for _, future in batch], answers)
            except RuntimeError:  # the loop is gone, and everybody who asked with it
                return

    def _take(self) -> list[tuple[Q, asyncio.Future[A]]]:
        """Return the next questions that someone still waits for; nothing when closing."""
        with self._changed:
            while True:
                found: list[tuple[Q, asyncio.Future[A]]] = []
                while self._waiting and len(found) < self._batch:
                    asked = self._waiting.popleft()
                    if not asked[1].cancelled():
                        found.append(asked)
                if found or self._closing:
                    return found
                self._changed.wait()

    def _drop_cancelled(self) -> None:
        kept = [asked for asked in self._waiting if not asked[1].cancelled()]
        self._waiting.clear()
        self._waiting.extend(kept)


def _deliver(futures: Sequence[asyncio.Future[A]], answers: Sequence[A | Exception]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if future.done():  # cancelled while it was being answered
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
