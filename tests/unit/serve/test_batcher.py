"""Batches fill by themselves, the queue is bounded, those who left cost nothing, closing answers who waits."""

import asyncio
import threading

import pytest

from dualnet.serve.batcher import Batcher
from dualnet.serve.service_errors import BusyError, ClosedError


class Gate:
    """Answers n with 10 n, one batch each time the gate is opened; notes what it was asked."""

    def __init__(self):
        self.batches, self.entered, self.open = [], threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, questions):
        self.batches.append(list(questions))
        self.entered.release()
        self.open.acquire()
        return [ValueError(f"no {n}") if n < 0 else 10 * n for n in questions]

    async def wait_entered(self):
        await asyncio.to_thread(self.entered.acquire)


def in_thread(answer):
    return lambda questions: asyncio.to_thread(answer, questions)


def run(scenario, **options):
    async def main():
        gate = Gate()
        batcher = Batcher(in_thread(gate), **options)
        batcher.start()
        await scenario(batcher, gate)
        for _ in range(20):
            gate.open.release()
        await batcher.close()
        return gate

    return asyncio.run(asyncio.wait_for(main(), 600))


async def asked(batcher, numbers):
    tasks = [asyncio.create_task(batcher.ask(n)) for n in numbers]
    await asyncio.sleep(0)
    return tasks


def test_a_lone_question_is_answered_at_once_and_waiting_ones_together():
    async def scenario(batcher, gate):
        (first,) = await asked(batcher, [1])
        await gate.wait_entered()
        rest = await asked(batcher, [2, -3, 4, 5, 6])
        assert len(batcher) == 5
        for _ in range(3):
            gate.open.release()
        assert await first == 10
        found = await asyncio.gather(*rest, return_exceptions=True)
        assert [str(value) for value in found] == ["20", "no -3", "40", "50", "60"]

    assert run(scenario, batch=4).batches == [[1], [2, -3, 4, 5], [6]]


def test_a_full_queue_refuses_and_recovers():
    async def scenario(batcher, gate):
        (first,) = await asked(batcher, [1])
        await gate.wait_entered()
        waiting = await asked(batcher, [2, 3])
        with pytest.raises(BusyError, match="2 questions are waiting") as caught:
            await batcher.ask(4)
        assert caught.value.retry_after > 0
        gate.open.release()
        gate.open.release()
        assert [await task for task in (first, *waiting)] == [10, 20, 30]
        (again,) = await asked(batcher, [5])
        gate.open.release()
        assert await again == 50

    run(scenario, waiting=2)


def test_those_who_left_are_not_answered_and_make_room():
    async def scenario(batcher, gate):
        (first,) = await asked(batcher, [1])
        await gate.wait_entered()
        gone = await asked(batcher, [2, 3])
        for task in gone:
            task.cancel()
        await asyncio.sleep(0)
        kept = await asked(batcher, [4, 5])  # the queue was full of people who are no longer there
        first.cancel()  # while being answered
        gate.open.release()
        gate.open.release()
        assert [await task for task in kept] == [40, 50]

    assert run(scenario, waiting=2).batches == [[1], [4, 5]]


def test_closing_answers_who_waits_and_takes_no_more():
    async def main():
        gate = Gate()
        batcher = Batcher(in_thread(gate), batch=2)
        with pytest.raises(ClosedError):
            await batcher.ask(0)
        batcher.start()
        (first,) = await asked(batcher, [1])
        await gate.wait_entered()
        waiting = await asked(batcher, [2, 3, 4])
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(ClosedError, match="shutting down"):
            await batcher.ask(5)
        for _ in range(3):
            gate.open.release()
        await closing
        assert [task.result() for task in (first, *waiting)] == [10, 20, 30, 40]

    asyncio.run(asyncio.wait_for(main(), 600))


def test_an_answerer_that_breaks_tells_everybody_and_goes_on():
    async def broken(questions):
        if 1 in questions:
            raise KeyError("oh")
        return questions

    async def main():
        batcher = Batcher(broken)
        batcher.start()
        with pytest.raises(KeyError, match="oh"):
            await batcher.ask(1)
        assert await batcher.ask(2) == 2
        await batcher.close()

    asyncio.run(asyncio.wait_for(main(), 600))
