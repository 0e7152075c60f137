"""After somebody was forgotten no byte of the id is in anything that a server keeps or writes: files and database are searched."""

import asyncio
import io
import json
import unicodedata
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pyarrow as pa
import pytest

from dualnet import Dataset, load, update_run
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table
from dualnet.models.registry import create
from dualnet.serve import writer as writer_module
from dualnet.serve.http.app import HttpOptions, build_app
from dualnet.serve.postgresql.shared_store import SharedStore
from dualnet.serve.service import Service
from dualnet.serve.store import StoreAddress
from dualnet.serve.variants import Variants

TEXTS = [
    "leaver-77f3",
    'quo"te\\back',
    "10.1000/182 x",
    "Zoë Käse",
    "u\u0301mlaut\u0301",
    "日本の人",
    "per%2Fcent",
    "🦆duck",
    "a,b;c'd",
]
WHOLE = [7_301_554_129, -5_518_230_077]


def forms(key):
    """How an id may be written: as it is, composed, as JSON with and without escapes, as a path, in a CSV file."""
    plain = {str(key), unicodedata.normalize("NFC", str(key)), unicodedata.normalize("NFD", str(key))}
    written = {
        told
        for one in plain
        for told in (one, json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1], quote(one, safe=""), quote(one))
    }
    written |= {one.replace('"', '""') for one in plain}
    return {told.encode() for told in written} | ({key.to_bytes(8, "little", signed=True)} if isinstance(key, int) else set())


def found_in(data, key):
    return [form for form in forms(key) if form in data]


def files_of(folder):
    return b"\0".join(path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file())


def rows_of(url):
    """All that the database says of its tables: rows, and what the planner keeps of them."""
    with psycopg.connect(url, autocommit=True) as owner:
        tables = [row[0] for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()]
        assert len(tables) == 4
        told = ["\t".join(map(str, row)) for table in tables for row in owner.execute(f"SELECT * FROM {table}").fetchall()]
        told += [str(row) for row in owner.execute("SELECT * FROM pg_stats WHERE schemaname = 'public'").fetchall()]
    return "\n".join(told).encode()


def bytes_of(url):
    """The files of the tables, after they were written anew."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("VACUUM FULL")
        owner.execute("CHECKPOINT")
        place = Path(owner.execute("SHOW data_directory").fetchone()[0])
        names = owner.execute(
            "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relname LIKE 'dualnet%' AND relkind IN ('r', 'i')"
        )
        names = [row[0] for row in names.fetchall()]
        toasts = owner.execute(
            "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname LIKE 'dualnet%' AND reltoastrelid > 0"
        )
        names += [row[0] for row in toasts.fetchall()]
    return b"\0".join((place / name).read_bytes() for name in names)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two models for each kind of ids, in which one of those who leave was trained."""
    made = {}
    plain = blocks_world()
    for whole in (False, True):
        pairs = [
            (user, item)
            for user, row in zip(plain.interactions.users, plain.interactions.matrix, strict=True)
            for item in plain.items.ids.take(row.indices)
        ]
        numbers = {user: number for number, user in enumerate(plain.interactions.users)}
        users = [numbers[user] if whole else user for user, _ in pairs]
        trained = (WHOLE if whole else TEXTS)[:1]
        users, items = users + trained * 3, [item for _, item in pairs] + ["i0-0", "i0-1", "i2-5"]
        data = Dataset.from_tables(
            pa.table({"user_id": users, "item_id": items}), dataset_tables(plain)["items"], text="title", title="title"
        )
        for name in ("wmf", "content-profile"):
            parameters = {"factors": 4, "iterations": 2} if name == "wmf" else {}
            made[whole, name] = create(name, **parameters).fit(data).save(tmp_path_factory.mktemp("model") / "model")
        made[whole, "data"] = data
    return made


def ask(app, method, path, body=None):
    async def once():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
            return await client.request(method, path, json=body)

    return once()


async def live(app, people, witness):
    """Events of all kinds, questions, presets; then people are forgotten."""
    events = [{"user": user, "item": item, "type": kind, "time": 1_700_000_000} for user in [*people, witness]
              for item, kind in (("i1-1", "like"), ("i1-2", "dislike"), ("i1-3", "seen"), ("i1-4", "like"))]  # fmt: skip
    told = await ask(app, "POST", "/v1/events", {"events": events})
    assert told.status_code == 200, told.text
    for user in people:
        path = f"/v1/users/{quote(str(user), safe='')}"
        listed = await ask(app, "POST", "/v1/recommend", {"user": user, "k": 2, "explore": 0.5})
        assert listed.status_code == 200, listed.text
        one = {"user": user, "item": listed.json()["items"][0]["item"], "request": listed.json()["request_id"]}
        assert (await ask(app, "POST", "/v1/events", {"events": [one]})).status_code == 200
        assert (await ask(app, "GET", f"{path}/history")).status_code == 200
        assert (await ask(app, "GET", f"/v1/users?query={quote(str(user)[:20], safe='')}")).status_code == 200
        taken_back = {"events": [{"user": user, "item": "i1-4"}]}
        assert (await ask(app, "DELETE", "/v1/events", taken_back)).status_code == 200
        assert (await ask(app, "POST", "/v1/recommend:batch", {"users": [user, witness], "k": 2})).status_code == 200


async def forget(app, people):
    for user in people:
        path = f"/v1/users/{quote(str(user), safe='')}"
        answer = await ask(app, "DELETE", path)
        assert (answer.status_code, answer.json().get("state")) == (200, "forgotten"), answer.text
        assert (await ask(app, "GET", f"{path}/history")).status_code == 404
        assert (await ask(app, "POST", "/v1/recommend", {"user": user})).status_code == 422
    record = (await ask(app, "GET", "/v1/forgotten")).content
    for path in ("/metrics", "/v1/activity", "/v1/users?limit=200", "/v1/model"):
        answer = await ask(app, "GET", path)
        assert answer.status_code == 200
        record += answer.content
    return record


@pytest.mark.parametrize("whole", [False, True], ids=["texts", "numbers"])
@pytest.mark.parametrize("where", ["folder", "database", "variants", "variants of a database"])
def test_no_byte_of_an_id_is_left(folders, tmp_path, request, monkeypatch, where, whole):
    people, witness = WHOLE if whole else TEXTS, 4_444_777_111 if whole else "witness"
    url = request.getfixturevalue("postgresql") if "database" in where else None
    state = StoreAddress(url) if url else tmp_path / "state"
    log = io.StringIO()

    def opened():
        names = ("wmf", "content-profile") if "variants" in where else ("wmf",)
        own = {name: state if url or len(names) == 1 else state / name for name in names}
        services = {name: Service.open(folders[whole, name], state=own[name]) for name in names}
        return Variants(services, [50, 50], shared=url is not None) if len(names) > 1 else services["wmf"]

    def run(work, options):
        async def alone():
            service = opened()
            app = build_app(service, options=options)
            await service.start()
            try:
                return await work(app)
            finally:
                await service.close()

        return asyncio.run(asyncio.wait_for(alone(), 600))

    def all_kept():
        kept = files_of(tmp_path) + log.getvalue().encode()
        return kept + rows_of(url) if url else kept

    async def before(app):
        await live(app, people, witness)

    run(before, HttpOptions(log=log, shown_log=tmp_path / "shown.jsonl"))
    if url:
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("ANALYZE")  # as the database does by itself, before anybody is forgotten
    missing = [user for user in people if not found_in(all_kept(), user)]
    assert missing == []  # else the search would find nothing at all
    if url is None:
        assert not any(found_in((tmp_path / "shown.jsonl").read_bytes(), user) for user in people)

    async def after(app):
        return await forget(app, people)

    told = run(after, HttpOptions(log=log, shown_log=tmp_path / "shown.jsonl"))
    for kept in (told, all_kept()):
        assert [user for user in people if found_in(kept, user)] == []
    assert found_in(all_kept(), witness)

    async def goes_on(app):  # what is written later holds nothing either, and so does a compacted state
        monkeypatch.setattr(writer_module, "LARGE", 0)
        await live(app, [], witness)
        await ask(app, "POST", "/v1/events", {"events": [{"user": witness, "item": "i3-3"}]})

    run(goes_on, HttpOptions(log=log))
    assert [user for user in people if found_in(all_kept(), user)] == []
    if url:
        data = bytes_of(url)
        assert found_in(data, witness)
        assert [user for user in people if found_in(data, user)] == []


@pytest.mark.parametrize("whole", [False, True], ids=["texts", "numbers"])
def test_the_next_update_and_fit_leave_them_out(folders, tmp_path, whole, capsys):
    people = WHOLE if whole else TEXTS

    async def leave():
        service = Service.open(folders[whole, "wmf"], state=tmp_path / "state")
        app = build_app(service)
        await service.start()
        try:
            await live(app, people, people[0])
            await forget(app, people)
            return (await ask(app, "GET", "/v1/forgotten")).content
        finally:
            await service.close()

    record = tmp_path / "forgotten.json"
    record.write_bytes(asyncio.run(asyncio.wait_for(leave(), 600)))
    stays = 3 if whole else "u0-0"
    new = pa.table({"user_id": [*people, stays], "item_id": ["i0-2"] * (len(people) + 1)})
    write_table(new, tmp_path / "new.parquet")
    done = update_run(folders[whole, "wmf"], tmp_path / "new.parquet", forget=record, out=tmp_path / "next")
    assert done.forgotten == {"named": len(people), "users": 1, "users_of_new_events": len(people)}
    assert not set(people) & set(load(tmp_path / "next" / "model").users_)
    tables = dataset_tables(folders[whole, "data"])
    everything = pa.concat_tables(
        [tables["events"].select(["user_id", "item_id"]), new.cast(tables["events"].select(["user_id", "item_id"]).schema)]
    )
    write_table(everything, tmp_path / "events.parquet")
    out = tmp_path / "run"
    command = ["fit", str(tmp_path / "events.parquet"), "--model", "wmf", "--set", "factors=2", "--protocol", "citeulike2"]
    assert main([*command, "--forget", str(record), "--out", str(out)]) == 0, capsys.readouterr().err
    assert not set(people) & set(load(out / "model").users_)
    assert stays in load(out / "model").users_
    for place in (tmp_path / "next", out):
        assert [user for user in people if found_in(files_of(place), user)] == []


def test_samples_of_tables_that_an_earlier_version_made_are_dropped(postgresql):
    SharedStore.open(StoreAddress(postgresql)).close()
    with psycopg.connect(postgresql, autocommit=True) as owner:
        for table in ("dualnet_changes", "dualnet_snapshot"):
            owner.execute(f"ALTER TABLE {table} ALTER COLUMN change SET STATISTICS -1")
        for number in range(40):
            owner.execute("INSERT INTO dualnet_changes VALUES (%s, 'events', 'x', %s)", (number, f"leaver {number % 20}"))
        owner.execute("ANALYZE")
        assert "leaver" in str(owner.execute("SELECT * FROM pg_stats WHERE tablename = 'dualnet_changes'").fetchall())
        SharedStore.open(StoreAddress(postgresql)).close()
        owner.execute("ANALYZE")
        assert "leaver" not in str(owner.execute("SELECT * FROM pg_stats WHERE tablename = 'dualnet_changes'").fetchall())
        SharedStore.open(StoreAddress(postgresql)).close()  # once is enough


def test_a_server_that_may_only_read_and_write_leaves_the_tables_as_they_are(postgresql):
    SharedStore.open(StoreAddress(postgresql)).close()
    with psycopg.connect(postgresql, autocommit=True) as owner:
        owner.execute("ALTER TABLE dualnet_changes ALTER COLUMN change SET STATISTICS 10")
        owner.execute("DROP ROLE IF EXISTS clerk")
        owner.execute("CREATE ROLE clerk LOGIN PASSWORD 'p'")
        owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk")
        try:
            url = postgresql.replace("owner:correct-horse-7@", "clerk:p@")
            assert url != postgresql
            SharedStore.open(StoreAddress(url)).close()
        finally:
            owner.execute("DROP OWNED BY clerk")
            owner.execute("DROP ROLE clerk")


def test_what_was_deleted_is_in_the_journal_until_the_next_start(folders, tmp_path):
    """Of an item its id stays as a note, so that a model that was trained on it does not list it."""

    def run(work):
        async def alone():
            service = Service.open(folders[False, "content-profile"], state=tmp_path / "state")
            await service.start()
            try:
                await work(service)
            finally:
                await service.close()

        asyncio.run(asyncio.wait_for(alone(), 600))

    async def first(service):
        await service.put_item("n/1", {"title": "unrepeatable-title genomes"})
        await service.put_preset("home", {"hide": [{"items": ["old-rule"]}]})
        await service.add_events([("somebody", "i0-0", None, 1_700_123_456)])
        await service.delete_item("n/1")
        await service.delete_preset("home")
        await service.take_back_events([("somebody", "i0-0")])
        assert b"unrepeatable" in files_of(tmp_path)

    async def second(service):
        kept = files_of(tmp_path)
        assert not any(gone in kept for gone in (b"unrepeatable", b"old-rule", b"home", b"1700123456"))
        assert b"n/1" in kept
        assert service._writer.journal.lines < 8
        await service.put_item("n/1", {"title": "genomes"})
        await service.delete_item("n/1")

    run(first)
    run(second)
