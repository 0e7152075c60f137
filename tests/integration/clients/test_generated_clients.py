"""Clients that are generated from the OpenAPI document, in Python and TypeScript: they call every operation of a live server."""

import importlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from dualnet import Dataset
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import create
from tests.server_process import PATIENCE, ServerProcess

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
INSTALL = "npm ci --prefix tests/integration/clients"
# the generator for Python knows no media types of pictures: their bytes are taken as they are
SETTINGS = {
    "content_type_overrides": {f"image/{kind}": "application/octet-stream" for kind in ("bmp", "gif", "jpeg", "png", "webp")}
}


def whole_world():
    """The same events with whole numbers as ids."""
    plain = blocks_world()
    places = {key: place for place, key in enumerate(plain.items.ids.keys)}
    known = plain.interactions
    pairs = [(int(user), places[key]) for user, row in enumerate(known.matrix) for key in known.items.take(row.indices)]
    users, items = zip(*pairs, strict=True)
    events = pa.table({"user_id": users, "item_id": items})
    titles = pa.table({"item_id": list(places.values()), "title": plain.items.table["title"]})
    return Dataset.from_tables(events, titles, text="title", title="title")


@pytest.fixture(scope="module", params=["text", "whole"])
def served(request, tmp_path_factory):
    """The address of a server, its document, and two of its items."""
    world = blocks_world() if request.param == "text" else whole_world()
    folder = create("content-profile").fit(world).save(tmp_path_factory.mktemp("run") / "model")
    with ServerProcess(folder, "--quiet") as server:
        import httpx

        place = server.address()
        path = tmp_path_factory.mktemp("document") / "openapi.json"
        path.write_bytes(httpx.get(f"{place}/openapi.json", timeout=PATIENCE).content)
        yield place, path, list(world.items.ids.keys)[:2]
        server.ended(signal.SIGTERM)


@pytest.fixture
def client(served, tmp_path, monkeypatch):
    """The package of the generated Python client."""
    if importlib.util.find_spec("attrs") is None:
        pytest.skip("attrs is not installed, which generated clients need: pip install 'dualnet[dev]'")
    own = HERE / "generator" / "bin" / "openapi-python-client"
    generator = own if own.exists() else shutil.which("openapi-python-client")
    if generator is None:
        pytest.skip("openapi-python-client is not installed: .ci/services makes an environment for it")
    _, document, _ = served
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS))
    done = subprocess.run(
        [generator, "generate", "--path", document, "--output-path", tmp_path / "generated",
         "--meta", "none", "--fail-on-warning", "--config", tmp_path / "settings.json"],
        capture_output=True, text=True, check=False, timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": "", "PATH": os.pathsep.join([str(Path(generator).parent), os.environ["PATH"]])},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "generated"]:
        del sys.modules[name]
    return lambda name: importlib.import_module(f"generated.{name}")


def operations(document):
    """The names of all operations that a document tells of."""
    paths = json.loads(document.read_text())["paths"]
    return {told["operationId"] for path in paths.values() for told in path.values()}


def plan(one, other, whole):
    """A call of each operation, in an order in which all succeed but that of a picture: name, arguments, status."""
    new, user = (100_001, 77) if whole else ("n1", "me")
    content = {"title": "word"}
    return [
        ("recommend", {"body": {"history": [one], "k": 3, "explain": True, "explore": 0.5}}, 200),
        ("put_preset", {"path": {"preset": "home page"}, "body": {"rules": {"pin": [{"item": other, "place": 2}], "diversity": 0.3}}}, 201),
        ("show_preset", {"path": {"preset": "home page"}}, 200),
        ("list_presets", {}, 200),
        ("recommend", {"body": {"history": [one], "k": 3, "preset": "home page", "page": ""}}, 200),
        ("delete_preset", {"path": {"preset": "home page"}}, 200),
        ("score", {"body": {"history": [one], "items": [other]}}, 200),
        ("explain", {"body": {"history": [one], "item": other}}, 200),
        ("similar_items", {"body": {"item": one, "k": 2}}, 200),
        ("users_for_item", {"body": {"item": one, "k": 2}}, 200),
        ("encode_user", {"body": {"history": [one]}}, 200),
        ("encode_item", {"body": {"item": one}}, 200),
        ("compare", {"body": {"history": [one]}}, 200),
        ("list_items", {"query": {"query": "word", "limit": 5}}, 200),
        ("picture_of_item", {"path": {"item": one}}, 404),
        ("show_item", {"path": {"item": one}}, 200),
        ("map_of_items", {}, 200),
        ("put_item", {"path": {"item": new}, "body": {"content": content}}, 201),
        ("put_items", {"body": {"items": [{"id": new, "content": content}]}}, 200),
        ("add_events", {"body": {"events": [{"user": user, "item": new, "request": "r-1", "time": 1_700_000_000}]}}, 200),
        ("recommend_many", {"body": {"users": [user], "k": 2, "rules": {"quotas": [{"kind": "known", "at_least": 1}]}}}, 200),
        ("list_users", {"query": {"limit": 1}}, 200),
        ("history_of_user", {"path": {"user": user}}, 200),
        ("take_back_events", {"body": {"events": [{"user": user, "item": new}]}}, 200),
        ("forget_user", {"path": {"user": user}}, 200),
        ("list_forgotten", {}, 200),
        ("delete_item", {"path": {"item": new}}, 200),
        ("show_model", {}, 200),
        ("reload_model", {"body": {}}, 200),
        ("recommend_many", {"body": {"users": [0 if whole else "u0-0"], "k": 2}}, 200),
        ("put_preset", {"path": {"preset": "home"}, "body": {"rules": {"diversity": 0.2}}}, 201),
        ("list_presets", {}, 200),
        ("show_preset", {"path": {"preset": "home"}}, 200),
        ("delete_preset", {"path": {"preset": "home"}}, 200),
        ("show_facets", {}, 200),
        ("list_tastes", {}, 200),
        ("show_activity", {}, 200),
        ("livez", {}, 200),
        ("readyz", {}, 200),
    ]  # fmt: skip


def test_a_generated_python_client_is_used(served, client):
    place, document, (one, other) = served
    models = client("models")
    connection = client("client").Client(base_url=place)
    new = "n1" if isinstance(one, str) else 100_001

    asked = {"picture_of_item"}

    def ask(theme, name, *given, **more):
        asked.add(name)
        return client(f"api.{theme}.{name}").sync(*given, client=connection, **more)

    question = models.RecommendRequest(history=[one], k=3, explain=True, unknown=models.RecommendRequestUnknown.ERROR)
    listed = ask("questions", "recommend", body=question)
    assert len(listed.items) == 3
    assert listed.resolved == models.RecommendAnswerResolved.HISTORY
    first = listed.items[0]
    assert first.path == models.ListedItemPath.KNOWN
    assert first.explanation.history.parts[0].item == one
    assert first.explanation.content.parts[0].column == "title"
    why = ask("questions", "explain", body=models.ExplainRequest(history=[one], item=first.item)).explanation
    assert (why.score, why.levels[0].name) == (first.explanation.score, first.explanation.levels[0].name)
    rules = models.Rules(pin=[models.Pin(item=other, place=2)], quotas=[models.Quota(kind=models.QuotaKind.KNOWN, at_least=1)])
    assert ask("presets", "put_preset", "home page", body=models.PresetRequest(rules=rules)).state == "added"
    assert ask("presets", "show_preset", "home page").rules["pin"][0]["place"] == 2
    page = ask("questions", "recommend", body=models.RecommendRequest(history=[one], k=3, preset="home page", page=""))
    assert (page.items[1].item, page.items[1].rules, page.unmet) == (other, ["pin: place 2"], [])
    question = models.RecommendRequest(history=[one], k=3, preset="home page", page=page.next_page)
    assert not {item.item for item in ask("questions", "recommend", body=question).items} & {item.item for item in page.items}
    assert [preset.name for preset in ask("presets", "list_presets").presets] == ["home page"]
    assert ask("presets", "delete_preset", "home page").state == "deleted"
    scores = ask("questions", "score", body=models.ScoreRequest(history=[one], items=[other])).scores
    assert scores[0].item == other
    assert len(ask("questions", "similar_items", body=models.SimilarRequest(item=one, k=2)).items) == 2
    assert ask("questions", "users_for_item", body=models.UsersForItemRequest(item=one, k=2)).users[0].rank == 1
    assert len(ask("questions", "encode_user", body=models.EncodeUserRequest(history=[one])).vector) >= 0
    assert ask("questions", "encode_item", body=models.EncodeItemRequest(item=one)).path == "known"
    assert ask("questions", "compare", body=models.CompareRequest(history=[one])).models[0].name == "content-profile"

    content = models.PutItemRequestContent.from_dict({"title": ask("items", "show_item", one).title})
    put = ask("items", "put_item", new, body=models.PutItemRequest(content=content))
    assert (put.item, put.state, put.understood) == (new, models.ChangedItemAnswerState.ADDED, True)
    assert ask("items", "put_item", new, body=models.PutItemRequest(content=content)).state == "replaced"
    fresh = models.NewItem(id=new, content=models.NewItemContent.from_dict({"title": "word"}))
    assert ask("items", "put_items", body=models.BatchRequest(items=[fresh])).replaced == 1
    question = models.RecommendRequest(history=[one], k=3, explore=1.0)
    assert all(0 < item.probability <= 1 for item in ask("questions", "recommend", body=question).items)
    boosted = models.Rules(boost=[models.Boost(kind=models.BoostKind.NEW, weight=1000.0)], hide=[models.Which(items=[one])])
    question = models.RecommendRequest(history=[other], k=2, rules=boosted)
    found = ask("questions", "recommend", body=question).items
    assert (found[0].item, found[0].rules) == (new, ["boost +1000: new"])
    assert ask("items", "list_items", query="word", limit=5).total >= 1
    event = models.Event(user="me" if isinstance(one, str) else 77, item=new, type_="like", time=1_700_000_000)
    assert ask("users", "add_events", body=models.EventsRequest(events=[event])).added == 1
    assert [item.item for item in ask("users", "history_of_user", event.user).items] == [new]
    many = ask("questions", "recommend_many", body=models.RecommendManyRequest(users=[event.user], k=2))
    assert [(found.user, len(found.items)) for found in many.lists] == [(event.user, 2)]
    pair = models.Pair(user=event.user, item=new)
    assert ask("users", "take_back_events", body=models.PairsRequest(events=[pair])).taken_back == 1
    assert ask("users", "list_users", limit=1, order=models.ListUsersOrder.TYPICAL).total > 1
    assert ask("users", "forget_user", event.user).state == "forgotten"
    assert len(ask("users", "list_forgotten").forgotten) == 1
    assert ask("items", "delete_item", new).state == "deleted"
    assert len(ask("items", "map_of_items").items) > 2
    assert ask("model", "show_model").ids.items == ("string" if isinstance(one, str) else "integer")
    assert ask("model", "reload_model", body=models.ReloadRequest()).left_out == 0
    many = ask(
        "questions", "recommend_many", body=models.RecommendManyRequest(users=["u0-0" if isinstance(one, str) else 0], k=2)
    )
    assert [len(found.items) for found in many.lists] == [2]
    rules = models.PresetRequest(rules=models.Rules(diversity=0.2))
    assert ask("presets", "put_preset", "home", body=rules).state == "added"
    assert len(ask("presets", "list_presets").presets) == 1
    assert ask("presets", "show_preset", "home").rules.to_dict()["diversity"] == 0.2
    assert ask("presets", "delete_preset", "home").state == "deleted"
    assert ask("items", "show_facets").model.name == "content-profile"
    assert ask("items", "list_tastes").model.name == "content-profile"
    assert ask("server", "show_activity").today.answers > 0
    assert ask("server", "livez").status == "alive"
    assert ask("server", "readyz").status == "ready"
    refused = ask("items", "show_item", "nothing" if isinstance(one, str) else -1)
    assert isinstance(refused, models.ErrorAnswer)
    assert refused.error.code == "unknown-id"
    picture = client("api.items.picture_of_item").sync_detailed(one, client=connection)
    assert (picture.status_code, picture.parsed.error.code) == (404, "no-picture")
    assert asked == operations(document)


def test_generated_typescript_clients_compile_and_call_every_operation(served, tmp_path):
    if shutil.which("node") is None:
        pytest.skip("there is no node: install Node.js 20 or later to test clients in TypeScript")
    for package in ("openapi-typescript", "@hey-api/openapi-ts", "typescript"):
        if not (MODULES / package).exists():
            pytest.skip(f"{package} is not installed: {INSTALL}")
    place, document, (one, other) = served
    calls = plan(one, other, whole=not isinstance(one, str))
    assert {name for name, _, _ in calls} == operations(document)
    camel = {name: re.sub(r"_(.)", lambda found: found[1].upper(), name) for name, _, _ in calls}
    (tmp_path / "plan.json").write_text(json.dumps([[camel[name], given] for name, given, _ in calls]))
    (tmp_path / "node_modules").symlink_to(MODULES)
    for name in ("use.ts", "call.ts"):
        shutil.copy(HERE / name, tmp_path)
    for command in (
        ["openapi-typescript/bin/cli.js", document, "-o", tmp_path / "schema.d.ts"],
        ["@hey-api/openapi-ts/bin/run.js", "-i", document, "-o", tmp_path / "hey"],
        ["typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext",
         "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", tmp_path / "use.ts"],
        ["typescript/bin/tsc", "--outDir", tmp_path / "js", "--skipLibCheck", "--target", "es2022", "--module", "commonjs",
         "--moduleResolution", "node10", "--typeRoots", "none", "--lib", "es2022,dom,dom.iterable", tmp_path / "call.ts"],
    ):  # fmt: skip
        done = subprocess.run(
            ["node", str(MODULES / command[0]), *map(str, command[1:])], capture_output=True, text=True, check=False, cwd=tmp_path,
            timeout=2 * PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    told = subprocess.run(
        ["node", str(tmp_path / "js" / "call.js"), place, str(tmp_path / "plan.json")],
        capture_output=True,
        text=True,
        check=True,
        timeout=2 * PATIENCE,
    )
    answers = json.loads(told.stdout)
    assert [(name, status) for name, status, _ in answers] == [(camel[name], status) for name, _, status in calls], answers
    assert all(answer is not None for _, _, answer in answers)
