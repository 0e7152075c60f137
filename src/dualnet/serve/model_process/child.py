"""The process that holds the model: `python -m dualnet.serve.model_process.child`, started by `remote` with two sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json, to_json

from ..service import Service
from ..settings import ServiceSettings
from ..store import STORE, StoreAddress
from .codec import arguments_from_json, error_to_json, question_from_json, reply_to_json, result_to_json
from .wire import Frames, receive, send

CLOSE: Final = "close"
SECONDS_BETWEEN_LOOKS = 0.2  # while loading, whether anybody is left to load for


def main() -> None:
    """Load the model, say so or what is wrong, then answer until the other side hangs up.

    Signals to stop are left to the other side: a terminal and a service manager send them to both, and what was asked is still
    to be answered.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    told = from_json(sys.argv[1])
    questions, calls = (socket.socket(fileno=number) for number in told["sockets"])
    loaded = threading.Event()
    watcher = threading.Thread(target=_leave_if_alone, args=(calls, loaded), name="dualnet-watching", daemon=True)
    watcher.start()
    try:
        database = os.environ.pop(STORE, None) if told["database"] else None
        state = StoreAddress(database) if database else None if told["state"] is None else Path(told["state"])
        service = Service.open(Path(told["folder"]), state=state, settings=ServiceSettings.from_json(told["settings"]))
        hello = {"model": service.label.to_json(), "notes": service.notes(),
                 "whole_items": service.whole_items, "whole_users": service.whole_users}  # fmt: skip
    except Exception as error:
        if os.environ.get("DUALNET_DEBUG"):
            traceback.print_exc()
        hello = {"error": error_to_json(error, quoting=True)}  # no request has come yet that its text could quote
    loaded.set()
    watcher.join()  # from here on the other side may send, and is heard below
    try:
        send(calls, to_json(hello))
    except OSError:  # nobody is there any more
        return
    if "error" not in hello:
        asyncio.run(_serve(service, questions, calls))


def _leave_if_alone(calls: socket.socket, loaded: threading.Event) -> None:
    """End the process if the other side goes while the model loads: its next server may wait for the state folder.

    The other side sends nothing before it was told that the model is loaded, so there is something to read only when it has gone.
    """
    while not loaded.wait(SECONDS_BETWEEN_LOOKS):
        if select.select([calls], [], [], 0)[0]:
            os._exit(0)


async def _serve(service: Service, questions: socket.socket, calls: socket.socket) -> None:
    await service.start()
    threading.Thread(target=_score, args=(service, questions), name="dualnet-scoring", daemon=True).start()
    frames = await Frames.over(calls)
    running: set[asyncio.Task[None]] = set()
    while (data := await frames.read()) is not None:
        call = from_json(data)
        if call["call"] == CLOSE:
            if running:
                await asyncio.wait(running)
            await service.close()
            frames.write(to_json({"id": call["id"], **result_to_json(None)}))
            await frames.flush()
            return
        task = asyncio.create_task(_answer(service, frames, call))
        running.add(task)
        task.add_done_callback(running.discard)
    await service.close()  # the other process is gone, and with it everybody who asked
    os._exit(0)  # not after what is still computed for them: another server may wait for the state folder


def _score(service: Service, questions: socket.socket) -> None:
    """Answer batches one after another, in a thread that nobody else disturbs but by changes and longer questions."""
    try:
        with questions, questions.makefile("rb") as stream:
            while (data := receive(stream)) is not None:
                send(questions, _answers(service, from_json(data)))
    except OSError:  # nobody is there any more
        return
    except BaseException:  # without this thread no question would ever be answered: the server must end and say so
        traceback.print_exc()
        os._exit(1)


def _answers(service: Service, asked: list[Any]) -> bytes:
    """Return the answers to a batch, an error for each that has none."""
    try:
        answers = service.answer_batch([question_from_json(plain) for plain in asked])
    except Exception as error:
        answers = [error] * len(asked)
    told = [{"error": error_to_json(answer)} if isinstance(answer, Exception) else reply_to_json(answer) for answer in answers]
    try:
        return to_json(told, inf_nan_mode="null")
    except Exception:  # one that is no JSON must not take the others with it
        return b"[%b]" % b",".join(_written({}, plain) for plain in told)


async def _answer(service: Service, frames: Frames, call: dict[str, Any]) -> None:
    try:
        told = result_to_json(await _found(service, call["call"], arguments_from_json(call["with"])))
    except Exception as error:
        told = {"error": error_to_json(error)}
    frames.write(_written({"id": call["id"]}, told))
    await frames.flush()


def _written(name: dict[str, Any], told: dict[str, Any]) -> bytes:
    """Return what is told as JSON, an error if it cannot be: whoever waits must be told something."""
    try:
        return to_json({**name, **told}, inf_nan_mode="null")
    except Exception as error:
        return to_json({**name, "error": error_to_json(error)})


async def _found(service: Service, name: str, given: dict[str, Any]) -> Any:
    """Return what a method of the service returns; to its numbers the memory of this process is added."""
    found = await service.call(name, **given)
    if name == "gauges":
        with contextlib.suppress(OSError):  # not on Linux
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            found["model_process_bytes"] = float(pages * os.sysconf("SC_PAGE_SIZE"))
    return found


if __name__ == "__main__":
    main()
