"""A service in a process of its own says what a service in this one says, and its end is told."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading

import pyarrow as pa
import pytest
from pydantic_core import from_json, to_json

from dualnet import Dataset
from dualnet.errors import ArtifactError, CapabilityError, DataError, ResourceError, UnknownIdError, UsageError
from dualnet.models.registry import create
from dualnet.retrieval.questions import (
    Asker,
    EncodeItemQuestion,
    EncodeUserQuestion,
    NewItem,
    RecommendQuestion,
    ScoreQuestion,
    SimilarQuestion,
    UsersQuestion,
)
from dualnet.serve.model_process import child
from dualnet.serve.model_process import remote as module
from dualnet.serve.model_process.codec import DefectError, error_from_json, error_to_json, question_to_json
from dualnet.serve.model_process.remote import RemoteService
from dualnet.serve.model_process.wire import Frames, receive, send
from dualnet.serve.replies import ModelLabel, Reply
from dualnet.serve.service import Service
from dualnet.serve.service_errors import BusyError, ClosedError, ConflictError, RefusedModelError

TITLE = {"title": "genomes and proteins"}
FRESH = NewItem("f1", TITLE)


def run(service, scenario):
    async def main():
        await service.start()
        try:
            return await scenario(service)
        finally:
            await service.close()

    return asyncio.run(asyncio.wait_for(main(), 600))


def stop(service):
    """Stop the other process, and wait until it has stopped."""
    os.kill(service._process.pid, signal.SIGSTOP)
    os.waitpid(service._process.pid, os.WUNTRACED)


async def everything(service):
    """Ask for everything, change everything, and note what is said."""
    asker = Asker(history=["i0-0", "f1"], new_items=[FRESH])
    questions = [
        RecommendQuestion(user="u0-0", k=3),
        RecommendQuestion(history=["i0-0", "f1"], new_items=[FRESH], k=4, exclude=["i0-1"], candidates=["i0-2", "f1"]),
        RecommendQuestion(history=["i1-1"], filter={"year": {"min": 2000}}, keep_seen=True),
        RecommendQuestion(history=[]),
        ScoreQuestion(user="u0-0", items=["i0-0"]),
        SimilarQuestion(item="i0-0", k=2),
        UsersQuestion(content=TITLE, k=3),
        EncodeUserQuestion(history=["i0-0"]),
        EncodeItemQuestion(content=TITLE),
        RecommendQuestion(user="nobody"),
        RecommendQuestion(history=[], fallback="error"),
    ]
    calls = [
        *[service.ask(question) for question in questions],
        service.call("ask", question=questions[6]),
        service.call("recommend", question=questions[1]),
        service.call("recommend", question=questions[1], explain=True),
        service.call("recommend", question=questions[3], explain=True),
        service.call("explain", asker=asker, item="i0-2"),
        service.call("explain_many", asker=Asker(user="u0-0"), items=["i0-2", "i0-3"]),
        service.call("compare", asker=Asker(user="u0-0"), k=2),
        service.call("put_item", key="n1", content=TITLE),
        service.call("put_item", key="n1", content={"title": "proteins"}, by="shop"),
        service.call("put_item", key="i0-0", content=TITLE),
        service.call("put_item", key="n2", content={"nonsense": "x"}),
        service.call(
            "put_items", items=[NewItem("n2", TITLE), NewItem("n3", {"title": "neurons", "tags": ["i0"], "year": 1999})]
        ),
        service.call("put_items", items=[]),
        service.call("delete_item", key="n3"),
        service.call("add_events", events=[("new", "n1", "like"), ("new", "i0-0", "like"), ("u0-0", "i0-5", "seen")]),
        service.call("take_back_events", pairs=[("u0-0", "i0-5")]),
        service.call("forget_user", key="u1-1"),
        service.call("search_items", query="genomes", limit=2, offset=1),
        service.call("item_card", key="n2"),
        service.call("item_card", key="nothing"),
        service.call("picture", key="n2"),
        service.call("search_users", query="u0", limit=3),
        service.call("user_history", key="new"),
        service.call("map"),
        service.call("model_summary"),
        service.call("reload", rollback=True),
        service.call("reload"),
    ]
    said = []
    for call in calls:
        try:
            found = await call
        except Exception as error:
            found = (type(error), str(error))
        said.append(found)
    numbers = await service.gauges()
    numbers.pop("model_process_bytes", None)
    return said, numbers, service.label, service.ready, (service.whole_items, service.whole_users)


def test_it_says_what_a_service_in_this_process_says(folder_of, tmp_path):
    here = run(Service.open(folder_of(), state=tmp_path / "a"), everything)
    there = run(RemoteService.open(folder_of(), state=tmp_path / "b"), everything)
    for one, other in zip(here[0], there[0], strict=True):
        assert one == other
    assert here[1:] == there[1:]
    refused = {said[0] for said in here[0] if isinstance(said, tuple) and isinstance(said[0], type)}
    assert refused == {UnknownIdError, DataError, ConflictError}


def test_a_list_with_reasons_counts_in_the_size_of_batches(folder_of):
    async def scenario(service):
        sizes = []
        service.on_batch = sizes.append
        listed = await service.call("recommend", question=RecommendQuestion(history=["i0-0"], k=2), explain=True)
        assert all(entry["explanation"]["item"] == entry["item"] for entry in listed.body["items"])
        return sizes

    assert run(Service.open(folder_of()), scenario) == run(RemoteService.open(folder_of()), scenario) == [1]


def test_whole_numbers_stay_whole_numbers(tmp_path):
    events = pa.table({"user_id": [0, 0, 1, 1, 2, 2], "item_id": [10, 11, 11, 12, 10, 12]})
    folder = create("wmf", factors=2).fit(Dataset.from_tables(events)).save(tmp_path / "model")

    async def scenario(service):
        assert (service.whole_items, service.whole_users) == (True, True)
        reply = await service.ask(RecommendQuestion(user=0, k=2))
        assert [item["item"] for item in reply.body["items"]] == [12]
        with pytest.raises(CapabilityError):
            await service.call("put_item", key=99, content={"title": "x"})

    run(RemoteService.open(folder), scenario)


def test_batches_are_told_and_the_queue_is_bounded(folder_of):
    async def scenario(service):
        told = []
        service.on_batch = told.append
        await asyncio.gather(*[service.ask(RecommendQuestion(user="u0-0")) for _ in range(70)])
        assert (sum(told), max(told)) == (70, 32)
        numbers = await service.gauges()
        assert (numbers["waiting"], numbers["items"]) == (0.0, 48.0)
        assert numbers["model_process_bytes"] > 2**20

    run(RemoteService.open(folder_of()), scenario)


def test_asking_before_the_start_and_after_the_end_is_refused(folder_of):
    service = RemoteService.open(folder_of())
    assert not service.ready

    async def main():
        with pytest.raises(ClosedError):
            await service.ask(RecommendQuestion(user="u0-0"))
        with pytest.raises(ClosedError):
            await service.call("map")
        await service.start()
        assert service.ready
        await service.close()
        assert not service.ready
        with pytest.raises(ClosedError):
            await service.ask(RecommendQuestion(user="u0-0"))

    asyncio.run(main())
    assert service._process.returncode == 0


def test_what_is_wrong_at_the_start_is_said_as_it_is(folder_of, tmp_path):
    with pytest.raises(ArtifactError, match=str(tmp_path)):
        RemoteService.open(tmp_path)

    async def scenario(service):
        with pytest.raises(UsageError, match="in use by another server"):
            await asyncio.to_thread(lambda: RemoteService.open(folder_of(), state=tmp_path / "state"))

    run(RemoteService.open(folder_of(), state=tmp_path / "state"), scenario)


def test_a_process_that_dies_while_loading_is_told(folder_of, monkeypatch):
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    with pytest.raises(ResourceError, match="ended with code 1 while it was loading"):
        RemoteService.open(folder_of())


def test_a_process_that_is_killed_is_told_to_all_who_wait(folder_of):
    async def scenario(service):
        ended = asyncio.Event()
        service.on_end = ended.set
        process = service._process.pid
        stop(service)  # so that both are under way when it dies
        waiting = [asyncio.create_task(call) for call in (service.ask(RecommendQuestion(user="u0-0")), service.call("map"))]
        await asyncio.sleep(0)
        os.kill(process, signal.SIGKILL)
        for told in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(told, ClosedError)
        await ended.wait()
        assert "ended by signal 9 (perhaps for want of memory)" in service.failure
        assert not service.ready
        with pytest.raises(ClosedError, match="signal 9"):
            await service.call("item_card", key="i0-0")

    run(RemoteService.open(folder_of()), scenario)


def test_signals_to_stop_are_left_to_the_front(folder_of):
    async def scenario(service):
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(service._process.pid, number)
        assert len((await service.ask(RecommendQuestion(user="u0-0", k=3))).body["items"]) == 3

    run(RemoteService.open(folder_of()), scenario)


def test_who_hangs_up_ends_the_process_and_frees_the_state_folder(folder_of, tmp_path):
    service = RemoteService.open(folder_of(), state=tmp_path)
    for channel in service._channels:
        channel.close()
    assert service._process.wait(300) == 0
    run(RemoteService.open(folder_of(), state=tmp_path), everything)


def test_a_process_that_hangs_is_told_from_one_that_works(folder_of, monkeypatch):
    service = RemoteService.open(folder_of())

    async def main():
        assert not await service.responds()  # not started
        await service.start()
        assert await service.responds()
        monkeypatch.setattr(module, "RESPONSE", 0.05)
        stop(service)
        assert await asyncio.gather(*(service.responds() for _ in range(3))) == [False] * 3
        assert not await service.responds()
        assert len(service._asked) == 1  # however many wanted to know
        monkeypatch.setattr(module, "RESPONSE", 30.0)
        os.kill(service._process.pid, signal.SIGCONT)
        assert await service.responds()
        assert not service._asked
        await service.close()
        assert not await service.responds()

    asyncio.run(asyncio.wait_for(main(), 600))


def test_nobody_waits_long_for_a_process_that_hangs_and_no_answer_goes_astray(folder_of, monkeypatch):
    service = RemoteService.open(folder_of())

    async def main():
        await service.start()
        wanted = {user: (await service.ask(RecommendQuestion(user=user))).body for user in ("u0-0", "u1-1")}
        monkeypatch.setattr(module, "DEADLINE", 0.05)
        stop(service)
        for ask in (
            lambda: service.ask(RecommendQuestion(user="u0-0")),
            lambda: service.ask(UsersQuestion(item="i0-0")),
            lambda: service.call("map"),
        ):
            with pytest.raises(BusyError, match="ask again later"):
                await ask()
        monkeypatch.setattr(module, "DEADLINE", 30.0)
        os.kill(service._process.pid, signal.SIGCONT)
        for user in ("u1-1", "u0-0"):
            assert (await service.ask(RecommendQuestion(user=user))).body == wanted[user]
        await service.close()

    asyncio.run(asyncio.wait_for(main(), 600))


def test_a_process_that_no_longer_answers_is_ended_with_the_server(folder_of, monkeypatch):
    monkeypatch.setattr(module, "LAST", 0.5)
    service = RemoteService.open(folder_of())

    async def main():
        await service.start()
        stop(service)
        waiting = asyncio.create_task(service.ask(RecommendQuestion(user="u0-0")))
        await asyncio.sleep(0)
        await service.close()
        with pytest.raises(ClosedError):
            await waiting
        with pytest.raises(ClosedError):
            await service.call("map")

    asyncio.run(asyncio.wait_for(main(), 600))
    assert service._process.returncode == -signal.SIGKILL  # it was not waited for: it stands still


def test_nobody_waits_for_a_process_that_was_killed_while_it_loads(folder_of, tmp_path):
    """Whoever starts a server is killed before it is ready: what it started must leave the state folder."""
    code = (
        "import sys, os, signal; from pathlib import Path; from dualnet.serve.model_process import remote;"
        "remote.receive = lambda stream: os.kill(os.getpid(), signal.SIGKILL);"
        "remote.RemoteService.open(Path(sys.argv[1]), state=Path(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder_of()), str(tmp_path)], check=False, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, timeout=600,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")  # read to its end, so the other process has gone too


def test_a_question_that_is_no_json_fails_alone(folder_of):
    async def scenario(service):
        half = "\ud800"
        asked = [RecommendQuestion(user="u0-0", k=2), RecommendQuestion(history=[half]), RecommendQuestion(user="u0-0", k=2)]
        one, odd, other = await asyncio.gather(*map(service.ask, asked), return_exceptions=True)
        assert one == other
        assert isinstance(odd, ValueError)
        with pytest.raises(ValueError, match="surrogates"):
            await service.call("put_item", key=half, content=TITLE)
        assert not service._asked

    run(RemoteService.open(folder_of()), scenario)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_while_the_other_process_dies_everybody_is_told_it_is_closed(folder_of, loop):
    """Questions keep coming in the moments in which its end is noticed; the server runs on uvloop."""
    factory = asyncio.new_event_loop if loop == "asyncio" else pytest.importorskip("uvloop").new_event_loop
    service = RemoteService.open(folder_of())

    async def main():
        await service.start()
        ended = asyncio.Event()
        service.on_end = ended.set
        os.kill(service._process.pid, signal.SIGKILL)
        said = []
        while not ended.is_set():
            calls = service.ask(RecommendQuestion(user="u0-0")), service.gauges()
            said += await asyncio.gather(*calls, return_exceptions=True)
            await asyncio.sleep(0)
        await service.close()
        return {type(each) for each in said if isinstance(each, Exception)}

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(main()) == {ClosedError}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_what_is_sent_to_nobody_is_no_defect(loop):
    factory = asyncio.new_event_loop if loop == "asyncio" else pytest.importorskip("uvloop").new_event_loop

    async def main():
        ours, theirs = socket.socketpair()
        frames = await Frames.over(ours)
        theirs.close()
        assert await frames.read() is None
        frames.close()
        await asyncio.sleep(0.01)  # closed for good
        frames.write(b"{}")
        await frames.flush()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


class Broken:
    """A service with defects: a question of user 1 gets an answer that is no JSON, one of user 2 breaks the batch."""

    def answer_batch(self, questions):
        if any(question.user == "2" for question in questions):
            raise MemoryError("secret of a request")
        label = ModelLabel("m", "v")
        return [Reply(label, {"odd": "\ud800"} if question.user == "1" else {}) for question in questions]


def test_defects_are_told_for_each_question_and_end_nothing():
    ours, theirs = socket.socketpair()
    scoring = threading.Thread(target=child._score, args=(Broken(), theirs))
    scoring.start()
    said = []
    with ours, ours.makefile("rb") as stream:
        for users in (["0", "1"], ["0", "2"], ["0"]):
            send(ours, to_json([question_to_json(RecommendQuestion(user=user)) for user in users]))
            said.append([answer.get("error", ["fine"])[:2] for answer in from_json(receive(stream))])
    scoring.join(300)
    broken = ["", "MemoryError"]
    assert said == [[["fine"], ["", "PydanticSerializationError"]], [broken, broken], [["fine"]]]


def test_a_call_whose_answer_is_no_json_is_told():
    back = error_from_json(from_json(child._written({"id": 3}, {"value": "\ud800"}))["error"])
    assert (type(back), back.kind) == (DefectError, "PydanticSerializationError")
    assert str(error_from_json(error_to_json(DataError("\ud800")))) == r"\ud800"


def test_what_breaks_while_loading_is_said_with_its_text():
    back = error_from_json(error_to_json(MemoryError("1 GiB"), quoting=True))
    assert str(back) == "MemoryError: 1 GiB in the process of the model"


@pytest.mark.parametrize("error", [BusyError("later", 2.5), RefusedModelError("no"), UnknownIdError("who?")])
def test_errors_come_back_as_they_were(error):
    back = error_from_json(error_to_json(error))
    assert (type(back), str(back), getattr(back, "retry_after", None)) == (
        type(error), str(error), getattr(error, "retry_after", None)
    )  # fmt: skip


def test_of_a_defect_only_kind_and_place_come_back():
    try:
        {}["secret of a request"]
    except KeyError as error:
        back = error_from_json(error_to_json(error))
    assert isinstance(back, DefectError)
    assert back.kind == "KeyError"
    assert __file__ in back.places[-1]
    assert "secret" not in str(back) + str(vars(back))
