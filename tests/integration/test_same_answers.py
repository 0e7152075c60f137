"""One question, three ways to ask: the library, the command and the server give the same ids and scores."""

import asyncio
import json

import numpy as np
import pyarrow as pa
import pytest

from dualnet import load
from dualnet.cli import main
from dualnet.data.synthetic import library
from dualnet.models.registry import create

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")

NEW = {"title": "Graph kernels for protein folding", "abstract": "We study kernels and classifiers of folding proteins."}


@pytest.fixture(scope="module", params=["dualnet", "fusion", "content-profile"])
def folder(request, tmp_path_factory):
    settings = {"dualnet": {"levels": (24, 12), "epochs": 3, "content_weight": 0.3}, "fusion": {"factors": 8}}
    model = create(request.param, **settings.get(request.param, {})).fit(library(n_readers=120, n_papers=200))
    return model.save(tmp_path_factory.mktemp("same") / "model")


def by_command(folder, capsys, *options):
    capsys.readouterr()
    assert main(["recommend", str(folder), "-k", "7", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def by_server(folder, body):
    from dualnet.serve.front.app import build_app
    from dualnet.serve.service import Service

    async def ask():
        service = Service.open(folder)
        app = build_app(service)
        await service.start()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            answer = await client.post("/v1/recommend", json={"k": 7, **body})
        await service.close()
        assert answer.status_code == 200, answer.text
        return answer.json()

    return asyncio.run(ask())


def listed(answer):
    return [entry["item"] for entry in answer["items"]], [entry["score"] for entry in answer["items"]]


def same(*answers):
    (ids, scores), *others = [listed(answer) for answer in answers]
    assert len(ids) == 7
    for other_ids, other_scores in others:
        assert other_ids == ids
        np.testing.assert_allclose(other_scores, scores, atol=1e-5)
    assert len({answer["resolved"] for answer in answers}) == 1


def test_somebody_known(folder, capsys):
    user = load(folder).users_.key(3)
    same(
        load(folder).recommend(user, k=7).to_json(),
        by_command(folder, capsys, "--user", user),
        by_server(folder, {"user": user}),
    )


def test_a_history_with_exclusions(folder, capsys):
    history, exclude = ["p001", "p017", "p042"], ["p002", "p003"]
    same(
        load(folder).recommend(history=history, exclude=exclude, k=7).to_json(),
        by_command(folder, capsys, "--history", ",".join(history), "--exclude", ",".join(exclude)),
        by_server(folder, {"history": history, "exclude": exclude}),
    )


def test_something_new_on_both_sides(folder, capsys, tmp_path):
    table = tmp_path / "new.csv"
    table.write_text(f"item_id,title,abstract\nnew1,{NEW['title']},{NEW['abstract']}\n", encoding="utf-8")
    frame = pa.table({"item_id": ["new1"], **{name: [value] for name, value in NEW.items()}})
    same(
        load(folder).recommend(history=["new1", "p005"], new_items=frame, k=7).to_json(),
        by_command(folder, capsys, "--history", "new1,p005", "--new-items", str(table)),
        by_server(folder, {"history": ["new1", "p005"], "new_items": [{"id": "new1", "content": NEW}]}),
    )
