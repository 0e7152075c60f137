"""Bring a bad input to the library, the command line and a server, and say what is wrong with the answers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .case import Case

LONGEST = 1500  # characters of a sentence to a person
CODES = {2, 3, 4, 5, 6, 7}
LEFTOVERS = re.compile(r"(^|/)\.[^/]*\.(tmp|old|new|part)|\.tmp-")


def warm_up() -> None:
    """Import what the doors need, build the command line and the routes of a server once, so that a forked child need not.

    Last, all of it is set apart from what is collected as garbage: each start of a server would look through it and copy its pages.
    """
    import gc
    import importlib

    for name in ("cli.app", "cli.fit", "cli.recommend", "cli.export", "cli.serve", "cli.data", "data.check", "data.features", "models.dualnet",
                 "models.wmf", "serve.http.app", "serve.service", "train.trainer", "exports.qdrant", "data.sql.sqlite"):  # fmt: skip
        importlib.import_module(f"dualnet.{name}")
    for name in ("httpx", "pyarrow.parquet", "pyarrow.feather", "torch", "sklearn.feature_extraction.text"):
        importlib.import_module(name)
    from dualnet.cli.spelling import command_tree
    from dualnet.serve.http.meters import Meters
    from dualnet.serve.http.routes import RouteTable

    command_tree()
    nobody: Any = SimpleNamespace(whole_items=False, whole_users=False, call=print)  # all that the routes ask of a service
    RouteTable(nobody, Meters(), 0)
    gc.collect()
    gc.freeze()


def make_model(folder: Path) -> Path:
    """Fit and save the small model that questions are asked of; its folder."""
    import numpy as np

    from dualnet import Content, ContentSpec, Dataset, create
    from dualnet.data.synthetic import blocks_world

    plain = blocks_world()
    keys = [f"i{row:02d}" for row in range(48)]
    columns = {
        "title": [f"{('red', 'blue', 'green', 'black')[row // 12]} thing {row}" for row in range(48)],
        "tags": [[("a", "b", "c", "d")[row // 12]] for row in range(48)],
        "year": [1950 + row for row in range(48)],
        "v": np.random.default_rng(0).normal(size=(48, 4)).tolist(),
    }
    import pyarrow as pa

    spec = ContentSpec(text=("title",), tags=("tags",), numbers=("year",), vectors=("v",), min_df=1)
    from dualnet import Interactions

    users, items = plain.interactions.pairs()
    pairs = Interactions.from_pairs([f"u{row:02d}" for row in users], [keys[row] for row in items])
    content = Content(pairs.items, pa.table(columns).take(pa.array([keys.index(key) for key in pairs.items])), spec)
    return create("fusion", factors=4, random_state=0).fit(Dataset(pairs, content, name="small")).save(folder)


def faults(case: Case, place: Path, model: Path) -> list[str]:
    """Return what is wrong with the answers to a bad input; nothing if all is well. Changes the working folder.

    Parameters
    ----------
    case : Case
        What is brought.
    place : Path
        An empty folder.
    model : Path
        The small model, which is copied.
    """
    found: list[str] = []
    shutil.copytree(model, place / "model")
    os.chdir(place)
    for name, content in case.files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str | bytes):
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        else:
            content(path)
    before = _listed(place)
    code = None
    if case.library is not None:
        code = _by_library(case, found)
    if case.command is not None:
        _by_command(case, code, found)
    if case.request is not None:
        _by_server(case, place, found)
    left = sorted(_listed(place) - before)
    if case.policy == "refused" and left:
        found.append(f"left behind: {left[:5]}")
    found += [f"left behind: {name}" for name in left if LEFTOVERS.search(name)]
    return found


def faults_of_row(cases: Sequence[Case], place: Path, model: Path) -> list[str]:
    """Return the faults of some cases, each in a folder of its own that is removed afterwards."""
    found: list[str] = []
    for number, case in enumerate(cases):
        own = place / str(number)
        own.mkdir()
        found += [f"{case.name}: {fault}" for fault in faults(case, own, model)]
        os.chdir(place)
        shutil.rmtree(own, ignore_errors=True)
    return found


def _listed(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}


def _by_library(case: Case, found: list[str]) -> int | None:
    """Return the exit code that the error of the library has."""
    from dualnet import DualNetError, DualNetWarning

    assert case.library is not None
    with warnings.catch_warnings(record=True) as caught, _silent():
        warnings.simplefilter("always")
        try:
            result = case.library()
        except DualNetError as error:
            if case.policy != "refused":
                found.append(f"library: {case.policy} is right, but: {type(error).__name__}: {error}")
            found += [f"library: {fault}" for fault in _sentence(str(error), case.told)]
            if error.exit_code not in CODES:
                found.append(f"library: {type(error).__name__} has no exit code of its own")
            return error.exit_code
        except BaseException as error:  # the fault that is looked for
            found.append(f"library: {type(error).__name__}: {str(error)[:300]}")
            return None
    said = [str(one.message) for one in caught if issubclass(one.category, DualNetWarning)]
    if isinstance(result, str):
        said.append(result)
    found += [f"library: {one.category.__name__}: {one.message}" for one in caught if issubclass(one.category, RuntimeWarning)]
    if case.policy == "refused":
        found.append(f"library: taken without an error; said {said}")
    elif case.policy == "warned" and not any(re.search(case.told, text) for text in said):
        found.append(f"library: no warning {case.told!r}; said {said}")
    return None


def _by_command(case: Case, code: int | None, found: list[str]) -> None:
    from dualnet.cli import main

    assert case.command is not None
    with _silent() as (out, err):
        given = main(list(case.command))
    said = err.getvalue()
    if "Traceback" in said + out.getvalue():
        found.append(f"command: a traceback: {said[-500:]}")
    if case.policy == "refused":
        if given not in CODES or (code is not None and given != code):
            found.append(f"command: exit code {given} (library: {code}); said {said[:500]}")
            return
        if code is not None and given != code:
            found.append(f"command: exit code {given}, the error of the library has {code}")
        last = said.strip().splitlines()[-1:] or [""]
        found += [f"command: {fault}" for fault in _sentence(last[0], case.told)]
    elif given:
        found.append(f"command: {case.policy} is right, but exit code {given}: {said[:500]}")
    elif case.policy == "warned" and not re.search(case.told, " ".join((said + out.getvalue()).split())):
        found.append(f"command: no warning {case.told!r}; said {said} {out.getvalue()[:800]}")


def _by_server(case: Case, place: Path, found: list[str]) -> None:
    from dualnet import DualNetError
    from dualnet.serve.http.app import HttpOptions, build_app
    from dualnet.serve.service import Service

    try:
        status, text = asyncio.run(asyncio.wait_for(_answer(case, place, Service, build_app, HttpOptions), 30))
    except DualNetError as error:
        if case.served == "model":
            found.append(f"server: {error}")
        found += [f"server: {fault}" for fault in _sentence(str(error), case.told)]
        return
    if case.policy == "refused":
        if not 400 <= status < 500:
            found.append(f"server: status {status}: {text[:300]}")
            return
        if len(text) > 1000 or str(place) in text:
            found.append(f"server: long, or with a path: {text[:1200]}")
        found += [f"server: {fault}" for fault in _sentence(text, case.told)]
    elif not 200 <= status < 300:
        found.append(f"server: {case.policy} is right, but {status}: {text[:300]}")


async def _answer(case: Case, place: Path, service_of: Any, build_app: Any, options: Any) -> tuple[int, str]:
    import httpx

    assert case.request is not None
    method, path, body = case.request
    more = {} if body is None else {"json": body}
    if isinstance(body, bytes):
        more = {"content": body, "headers": {"content-type": "application/json"}}
    service = service_of.open(place / case.served)
    await service.start()
    try:
        transport = httpx.ASGITransport(app=build_app(service, options=options(quiet=True)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            answer = await client.request(method, path, **more)
            return answer.status_code, answer.text
    finally:
        await service.close()


def _sentence(text: str, told: str) -> Iterator[str]:
    if len(text) > LONGEST:
        yield f"{len(text)} characters: {text[:200]}"
    if "\n" in text.strip():
        yield f"more than one line: {text[:300]!r}"
    if re.search(r"should not have happened|Traceback|<class |object at 0x|\bNoneType\b", text):
        yield f"speaks of our own insides: {text[:300]}"
    if not re.search(told, text):
        yield f"not {told!r}: {text[:600]}"


@contextlib.contextmanager
def _silent() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err
