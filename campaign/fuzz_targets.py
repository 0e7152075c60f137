"""What reads bytes of others: each parser, valid files to begin with, and how it is asked."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bad_cases.case import EVENTS, ITEMS, sign

Seeds = Callable[[Path], Sequence[bytes]]
Ask = Callable[[bytes, Path], object]
RATED = 'user_id,item_id,rating,time\nu1,i1,4,1600000000\nu2,"i,2",3.5,1600000001\nu1,caf\u00e9,1,1600000002\n'
ROWS = [
    {"user_id": "u1", "item_id": "i1", "v": [1, 2.5], "t": ["a", "b"]},
    {"user_id": "u2", "item_id": "i2", "v": [3, 4], "t": []},
]
CONFIG = '[data]\nsource = "events.csv"\nitems = "items.csv"\ntext = ["title"]\n[split]\nprotocol = "citeulike2"\nseed = 1\n[model]\nname = "wmf"\nfactors = 8\nl2 = 0.1\n'
BODIES = (
    {"user": "u01", "k": 3}, {"history": ["i01", "i02"], "k": 5, "exclude": ["i03"], "filter": {"year": {"min": 1950}}},
    {"history": ["i01"], "new_items": [{"id": "n1", "content": {"title": "red thing", "tags": ["a"], "year": 1990, "v": [1, 2, 3, 4]}}]},
)  # fmt: skip
QUERIES = (
    b"/v1/items?query=red&limit=5&offset=0",
    b"/v1/users?query=u&order=typical",
    b"/v1/items/i01",
    b"/v1/users/u01/history",
    b"/v1/items/i01/picture",
    b"/v1/model?ids=text",
)


@dataclass(frozen=True)
class Target:
    """A parser.

    Parameters
    ----------
    name : str
        For results and the folder of its corpus.
    seeds : callable
        Returns valid inputs; gets an empty folder, in which what `ask` needs may be made.
    ask : callable
        Brings bytes to the parser, in the same folder. Errors of ours pass; anything else is a fault.
    """

    name: str
    seeds: Seeds
    ask: Ask


def table(suffix: str, seeds: Seeds) -> Target:
    """Return the target of one form of tables; what is read is taken as events too."""

    def ask(data: bytes, place: Path) -> None:
        from dualnet import Dataset
        from dualnet.data.read_table import load_table

        path = place / f"t{suffix}"
        path.write_bytes(data)
        load_table(path)
        Dataset.from_tables(path)

    return Target(f"table{suffix}", seeds, ask)


def _parquet(place: Path) -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = []
    for options in ({}, {"compression": "none", "use_dictionary": False}, {"data_page_version": "2.0", "compression": "zstd"}):
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(ROWS), out, **options)
        made.append(out.getvalue())
    return made


def _feather(place: Path) -> list[bytes]:
    import pyarrow as pa
    import pyarrow.feather as feather

    made = []
    for compression in ("uncompressed", "zstd"):
        out = io.BytesIO()
        feather.write_feather(pa.Table.from_pylist(ROWS), out, compression=compression)
        made.append(out.getvalue())
    return made


def _arrays(place: Path) -> list[bytes]:
    import numpy as np

    made = []
    for value in (np.ones((3, 4), "f4"), np.arange(6).reshape(3, 2), np.asfortranarray(np.ones((3, 2)))):
        out = io.BytesIO()
        np.save(out, value)
        made.append(out.getvalue())
    return made


def _matrices(place: Path) -> list[bytes]:
    import scipy.sparse as sp

    made = []
    for form in (sp.csr_array, sp.coo_array, sp.csc_array):
        out = io.BytesIO()
        sp.save_npz(out, form(sp.eye_array(3)), compressed=False)
        made.append(out.getvalue())
    return made


def _ask_array(suffix: str) -> Ask:
    def ask(data: bytes, place: Path) -> None:
        from dualnet.data.ready_vectors import read_matrix

        path = place / f"a{suffix}"
        path.write_bytes(data)
        read_matrix(path, "v", 3)

    return ask


def _ask_config(data: bytes, place: Path) -> None:
    from dualnet.cli import main

    path = place / "c.toml"
    path.write_bytes(data)
    shutil.rmtree(place / "run", ignore_errors=True)
    code = main(["fit", str(path), "--out", str(place / "run")])
    assert code != 1, "exit code 1"


def model_part(name: str, *, signed: bool = True) -> Target:
    """Return the target of one file of a model folder, whose sums are written again as whoever alters it can do."""

    def seeds(place: Path) -> list[bytes]:
        from .bad_cases.doors import make_model

        make_model(place / "model")
        return [(place / "model" / name).read_bytes()]

    def ask(data: bytes, place: Path) -> None:
        import dualnet

        shutil.copytree(place / "model", place / "m", dirs_exist_ok=True)
        (place / "m" / name).write_bytes(data)
        if signed:
            sign(place / "m")
        model = dualnet.load(place / "m")
        model.recommend(history=["i01", "i02"], unknown="ignore", k=5)

    return Target(f"model-{name}", seeds, ask)


def split_part(name: str) -> Target:
    """Return the target of one file of a split folder."""

    def seeds(place: Path) -> list[bytes]:
        from dualnet import splits, synthetic
        from dualnet.data.split_files import save_split

        save_split(splits.make("citeulike2", synthetic.library(n_readers=30, n_papers=40), seed=0), place / "split")
        (path,) = (place / "split").rglob(name)
        (place / "which").write_text(str(path.relative_to(place / "split")))
        return [path.read_bytes()]

    def ask(data: bytes, place: Path) -> None:
        import hashlib

        from dualnet.data.split_files import load_split

        shutil.copytree(place / "split", place / "s", dirs_exist_ok=True)
        which = (place / "which").read_text()
        (place / "s" / which).write_bytes(data)
        told = json.loads((place / "split" / "split.json").read_text())
        if which == "split.json":
            _without_digest(place / "s" / which)
        else:
            told["files"][which] = hashlib.sha256(data).hexdigest()
            told.pop("digest", None)  # as in folders of earlier versions
            (place / "s" / "split.json").write_text(json.dumps(told))
        load_split(place / "s")

    return Target(f"split-{name}", seeds, ask)


def _without_digest(path: Path) -> None:
    """Take the sum of the description away where it is still JSON, so that what it says is believed."""
    try:
        told = json.loads(path.read_bytes())
        del told["digest"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    path.write_text(json.dumps(told))


def _ask_journal(data: bytes, place: Path) -> None:
    from dualnet.serve.journal import FILE
    from dualnet.serve.service import Service

    (place / "st").mkdir(exist_ok=True)
    (place / "st" / FILE).write_bytes(data)
    service = Service.open(place / "model", state=place / "st")
    asyncio.run(service.close())


def _ask_http(request: Callable[[bytes], tuple[str, str, dict[str, Any]]]) -> Ask:
    """Return what sends a request to a server of the small model; a status of 500 and more is a fault."""
    held: dict[Path, Any] = {}

    def ask(data: bytes, place: Path) -> None:
        import httpx

        from dualnet.serve.http.app import HttpOptions, build_app
        from dualnet.serve.service import Service

        if place not in held:
            loop, service = asyncio.new_event_loop(), Service.open(place / "model")
            loop.run_until_complete(service.start())
            app = build_app(service, options=HttpOptions(quiet=True))
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
            held[place] = loop, httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")
        loop, client = held[place]
        method, path, more = request(data)
        try:
            asked = client.build_request(method, path, **more)
        except (ValueError, httpx.InvalidURL):  # the client's own limits
            return
        answer = loop.run_until_complete(client.send(asked))
        assert answer.status_code < 500, f"status {answer.status_code}: {answer.text[:300]}"
        assert answer.status_code < 400 or len(answer.content) <= 1024, "a long refusal"

    return ask


def _with_model(seeds: Sequence[bytes]) -> Seeds:
    def made(place: Path) -> Sequence[bytes]:
        from .bad_cases.doors import make_model

        make_model(place / "model")
        return seeds

    return made


def _body(path: str, method: str = "POST") -> Callable[[bytes], tuple[str, str, dict[str, Any]]]:
    headers = {"content-type": "application/json"}
    return lambda data: (method, path, {"content": data, "headers": headers})


def _target_path(data: bytes) -> tuple[str, str, dict[str, Any]]:
    return "GET", "/" + data.decode("latin-1").lstrip("/"), {}


PUT = [json.dumps({"content": BODIES[2]["new_items"][0]["content"]}).encode()]  # type: ignore[index]
CHANGES = [
    json.dumps(
        {"events": [{"user": "u1", "item": "i01", "type": "like"}, {"user": "u01", "item": "i02", "type": "none"}]}
    ).encode()
]


def _journal_seeds(place: Path) -> list[bytes]:
    _with_model([])(place)
    from dualnet.serve.journal import FILE
    from dualnet.serve.service import Service

    async def change() -> None:
        service = Service.open(place / "model", state=place / "state")
        await service.start()
        await service.put_item("n1", {"title": "red thing", "tags": ["a"], "year": 1990, "v": [1, 2, 3, 4]})
        await service.add_events([("u1", "i01", "like"), ("u01", "n1", "dislike")])
        await service.delete_item("n1")
        await service.close()

    asyncio.run(change())
    return [(place / "state" / FILE).read_bytes()]


TARGETS = {
    target.name: target
    for target in (
        table(".csv", lambda _: [EVENTS.encode(), RATED.encode(), RATED.encode("utf-16"), EVENTS.replace(",", ";").encode(), ITEMS.encode()]),
        table(".jsonl", lambda _: ["".join(json.dumps(row) + "\n" for row in ROWS).encode(), json.dumps(ROWS).encode(), repr(ROWS[0]).encode()]),
        table(".csv.gz", lambda _: [gzip.compress(EVENTS.encode() * 3, mtime=0)]),
        table(".parquet", _parquet),
        table(".feather", _feather),
        Target("array.npy", _arrays, _ask_array(".npy")),
        Target("matrix.npz", _matrices, _ask_array(".npz")),
        Target("configuration", lambda _: [CONFIG.encode()], _ask_config),
        model_part("manifest.json", signed=False),
        *(model_part(name) for name in ("state.json", "ids.json", "content.arrow", "tensors.safetensors")),
        *(split_part(name) for name in ("split.json", "ids0.parquet", "matrices.safetensors")),
        Target("journal", _journal_seeds, _ask_journal),
        Target("http-recommend", _with_model([json.dumps(body).encode() for body in BODIES]), _ask_http(_body("/v1/recommend"))),
        Target("http-put", _with_model(PUT), _ask_http(_body("/v1/items/new1", "PUT"))),
        Target("http-events", _with_model(CHANGES), _ask_http(_body("/v1/events"))),
        Target("http-query", _with_model(QUERIES), _ask_http(_target_path)),
    )
}  # fmt: skip
