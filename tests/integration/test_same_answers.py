"""One question, three ways to ask: the library, the command and the server give the same ids and scores."""

import asyncio
import json

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, Dataset, load
from dualnet.cli import main
from dualnet.data.content_spec import ContentSpec
from dualnet.data.synthetic import library
from dualnet.models.registry import create

httpx = pytest.importorskip("httpx")
pytest.importorskip("starlette")

NEW = {"title": "Deep learning for protein folding", "abstract": "We train a neural network on misfolded proteins."}


@pytest.fixture(scope="module", params=["dualnet", "fusion", "content-profile"])
def folder(request, tmp_path_factory):
    settings = {"dualnet": {"levels": (24, 12), "epochs": 3, "content_weight": 0.3, "trials": 2}, "fusion": {"factors": 8}}
    data = library(n_readers=120, n_papers=200)
    readers = data.interactions.users
    fields = pa.table({"field": [f"f{row % 3}" for row in range(len(readers))]})
    data = Dataset(data.interactions, data.items, Content(readers, fields, ContentSpec(categories=("field",))), data.name)
    model = create(request.param, **settings.get(request.param, {})).fit(data)
    if model.capabilities.new_items:
        rows = {name: [data.items.table[name][row].as_py() for row in range(5)] for name in NEW}
        model.add_items(pa.table({"item_id": [f"x{row}" for row in range(5)], **rows}))
    return model.save(tmp_path_factory.mktemp("same") / "model")


def by_command(folder, capsys, *options):
    capsys.readouterr()
    assert main(["recommend", str(folder), "-k", "7", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def by_server(folder, body):
    from dualnet.serve.http.app import build_app
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


HISTORY = {"history": ["p001", "p017", "p042"]}
WORD = {"title": {"contains": "graph"}}


@pytest.mark.parametrize(
    ("wanted", "options"),
    [
        ({"only": "new", "k": 5}, ["--only", "new", "-k", "5"]),
        ({"only": "known", "exclude": ["p002"]}, ["--only", "known", "--exclude", "p002"]),
        ({"new_share": 0.3, "popularity": 0.25}, ["--new-share", "0.3", "--popularity", "0.25"]),
        ({"popularity": 0, "seen": ["p003", "p004"]}, ["--popularity", "0", "--seen", "p003,p004"]),
        ({"filter": WORD, "k": 3}, ["--filter", json.dumps(WORD), "-k", "3"]),
    ],
)
def test_what_may_be_listed(folder, capsys, wanted, options):
    model, wanted = load(folder), {"k": 7, **wanted}
    if "only" in wanted or "new_share" in wanted:
        assert not model.capabilities.new_items or any(str(key)[0] == "x" for key in model.catalogue_.ids)
    own = model.recommend(**HISTORY, **wanted).to_json()
    command = by_command(folder, capsys, "--history", ",".join(HISTORY["history"]), *options)
    served = by_server(folder, {**HISTORY, **wanted})
    assert own["items"]
    for other in (command, served):
        assert listed(other)[0] == listed(own)[0]
        np.testing.assert_allclose(listed(other)[1], listed(own)[1], atol=1e-5)
        assert other.get("popularity") == own.get("popularity")


@pytest.mark.parametrize("who", [{}, {"history": ["p001", "p017"]}, {"user": "r007"}])
def test_columns_with_a_question(folder, capsys, who):
    model = load(folder)
    if not model.capabilities.user_columns:
        pytest.skip("it reads no user columns")
    options = [part for name, value in who.items() for part in (f"--{name}", ",".join(value) if name == "history" else value)]
    own = model.recommend(**who, user_columns={"field": "f1"}, k=7)
    assert own.resolved == {"history": "history", "user": "known"}.get(next(iter(who), ""), "columns")
    same(
        own.to_json(),
        by_command(folder, capsys, *options, "--user-columns", "field=f1"),
        by_server(folder, {**who, "user_columns": {"field": "f1"}}),
    )


def test_a_known_user_is_answered_with_the_stored_columns(folder, capsys):
    model = load(folder)
    if not model.capabilities.user_columns:
        pytest.skip("it reads no user columns")
    own = model.recommend("r007", k=7)
    row = model.users_.row("r007")
    assert own.scores == pytest.approx(model.recommend("r007", user_columns={"field": f"f{row % 3}"}, k=7).scores, abs=1e-6)
    assert own.scores != pytest.approx(
        model.recommend("r007", user_columns={"field": f"f{(row + 1) % 3}"}, k=7).scores, abs=1e-4
    )
    same(own.to_json(), by_command(folder, capsys, "--user", "r007"), by_server(folder, {"user": "r007"}))


def test_similar_items_over_http(folder):
    from dualnet.serve.http.app import build_app
    from dualnet.serve.service import Service

    model, wanted = load(folder), {"k": 6, "new_share": 0.5, "exclude": ["p002"]}

    async def ask():
        service = Service.open(folder)
        app = build_app(service)
        await service.start()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            answer = await client.post("/v1/similar/items", json={"item": "p001", **wanted})
            refused = await client.post("/v1/similar/items", json={"item": "p001", "only": "new", "new_share": 0.5})
        await service.close()
        assert refused.status_code == 422
        return answer.json()

    found, own = asyncio.run(ask()), model.similar_items("p001", **wanted)
    assert listed(found)[0] == own.ids
    np.testing.assert_allclose(listed(found)[1], own.scores, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--history", "p001", "--filter", "year>3"], "--filter is not JSON"),
        (["--history", "p001", "--filter", "[1]"], "--filter must be a JSON object"),
        (["--history", "p001", "--user-columns", "field"], "--user-columns takes NAME=VALUE"),
        (["--history", "p001", "--only", "old"], "only must be 'known' or 'new', got 'old'"),
        (["--history", "p001", "--only", "new", "--new-share", "0.5"], "give one of them"),
        (["--history", "p001", "--popularity", "2"], "popularity must be a number from 0 to 1"),
    ],
)
def test_options_that_cannot_be(folder, capsys, options, text):
    assert main(["recommend", str(folder), *options]) == 2
    assert text in " ".join(capsys.readouterr().err.split())
