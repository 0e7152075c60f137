"""The signed record of who was forgotten: it outlives restarts and compaction, and the next fit and update leave them out."""

import json

import pyarrow as pa
import pytest

from dualnet import Dataset, load, update_run
from dualnet.cli import main
from dualnet.data.tables import dataset_tables, write_table
from dualnet.errors import DataError
from dualnet.runs.forgotten import without_forgotten
from dualnet.runs.forgotten_record import ForgottenRecord, signed
from dualnet.serve.journal import Journal
from dualnet.serve.live_state import LiveState

GONE = ["u0-0", "u1-3"]


def is_written(folder, key):
    """Whether an id stands in any file of a folder, as a whole word in quotes or between separators."""
    told = b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return key.encode() in told


@pytest.fixture
def record(folder_of, serving, tmp_path):
    """A file with the record of a server that forgot two users of its model and one who came later."""

    async def forgets(service):
        await service.add_events([("passer-by", "i0-0"), ("passer-by", "i0-1", "dislike", 1_700_000_000)])
        for user in [*GONE, "passer-by"]:
            await service.forget_user(user)
        return (await service.forgotten()).body

    async def again(service):
        return (await service.forgotten()).body

    told = serving(folder_of("wmf"), forgets, tmp_path / "state")
    assert serving(folder_of("wmf"), again, tmp_path / "state") == told
    assert len(told["forgotten"]) == 3
    journal, changes = Journal.open(tmp_path / "state")
    live = LiveState()
    for change in changes:
        live.apply(change)
    journal.compact(live.changes())
    journal.close()
    assert serving(folder_of("wmf"), again, tmp_path / "state") == told
    for user in [*GONE, "passer-by"]:
        assert not is_written(tmp_path / "state", user)
        assert user not in json.dumps(told)
    path = tmp_path / "forgotten.json"
    path.write_text(json.dumps({**told, "request_id": "r", "model": {}}))
    return path


def test_the_next_update_leaves_them_out_whatever_the_events_say(record, folder_of, tmp_path):
    new = pa.table({"user_id": ["u0-0", "passer-by", "somebody"], "item_id": ["i0-0", "i0-1", "i0-2"]})
    write_table(new, tmp_path / "new.csv")
    done = update_run(folder_of("wmf"), tmp_path / "new.csv", forget=record, out=tmp_path / "next")
    assert done.forgotten == {"named": 3, "users": 2, "users_of_new_events": 2}
    model = load(tmp_path / "next" / "model")
    assert "somebody" in model.users_
    assert not {*GONE, "passer-by"} & set(model.users_)
    for user in [*GONE, "passer-by"]:
        assert not is_written(tmp_path / "next", user)


@pytest.mark.parametrize("how", ["option", "configuration"])
def test_the_next_fit_leaves_them_out(record, world, tmp_path, capsys, how):
    write_table(dataset_tables(world)["events"].select(["user_id", "item_id"]), tmp_path / "e.csv")
    out, model = ["--out", str(tmp_path / "run")], ["--set", "factors=2", "--set", "iterations=2"]
    if how == "option":
        given = [
            "fit",
            str(tmp_path / "e.csv"),
            "--model",
            "wmf",
            "--forget",
            str(record),
            "--protocol",
            "citeulike2",
            *model,
            *out,
        ]
    else:
        (tmp_path / "c.toml").write_text(
            '[data]\nsource = "e.csv"\nforget = "forgotten.json"\n[model]\nname = "wmf"\nfactors = 2\n'
        )
        given = ["fit", str(tmp_path / "c.toml"), *out]
    assert main(given) == 0, capsys.readouterr().err
    users = set(load(tmp_path / "run" / "model").users_)
    assert users == set(world.interactions.users) - set(GONE)
    for user in GONE:
        assert not is_written(tmp_path / "run", user)
    if how == "option":
        assert main(["evaluate", str(tmp_path / "run"), "--at", "5"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", ["forgotten", "forgotten.txt", "FORGOTTEN.JSON", "forgotten.csv"])
def test_a_record_is_known_by_what_it_holds(record, world, tmp_path, name):
    other = tmp_path / "other" / name
    other.parent.mkdir()
    other.write_bytes(b"\n " + record.read_bytes())
    left = without_forgotten(world, other, "user_id")
    assert set(left.interactions.users) == set(world.interactions.users) - set(GONE)


def test_a_record_that_was_changed_is_refused(record, world):
    told = json.loads(record.read_text())
    assert ForgottenRecord.read(record).first_wrong() is None
    first, *rest = told["forgotten"]
    for changed in ([{**first, "time": first["time"] + 1}, *rest], rest, [first, first, *rest], [rest[0], first, *rest[1:]]):
        record.write_text(json.dumps({**told, "forgotten": changed}))
        with pytest.raises(DataError, match="was changed: entry [12] has another signature"):
            without_forgotten(world, record, "user_id")
    record.write_text('{"key": "zz", "forgotten": []}')
    with pytest.raises(DataError, match="no record of who was forgotten"):
        without_forgotten(world, record, "user_id")


def test_the_words_of_a_list_and_a_table_mean_the_same(world, tmp_path):
    (tmp_path / "gone.txt").write_text("\n".join([*GONE, "nobody"]))
    write_table(pa.table({"user_id": GONE}), tmp_path / "gone.parquet")
    for name in ("gone.txt", "gone.parquet"):
        left = without_forgotten(world, tmp_path / name, "user_id")
        assert set(left.interactions.users) == set(world.interactions.users) - set(GONE)
        assert left.interactions.n_items == world.interactions.n_items
    (tmp_path / "all.txt").write_text("\n".join(world.interactions.users))
    with pytest.raises(DataError, match="nobody is left"):
        without_forgotten(world, tmp_path / "all.txt", "user_id")


def test_whole_numbers_and_texts_are_different_people():
    state = LiveState()
    path_like = signed(state.salt, [(5, state.hash_of(7))])
    assert path_like.users_of([7, 8]) == [7]
    assert path_like.users_of(["7"]) == []


def test_a_journal_of_an_earlier_version_gives_a_record_without_times():
    state = LiveState()
    state.apply({"forget": [state.salt, state.hash_of("ann")]})
    again = LiveState()
    for change in state.changes():
        again.apply(json.loads(json.dumps(change)))
    assert again.record == state.record == [(0, state.hash_of("ann"))]
    assert signed(again.salt, again.record) == signed(state.salt, state.record)


def test_a_data_set_without_anybody_named_is_the_same(world, tmp_path):
    (tmp_path / "nobody.txt").write_text("nobody")
    assert isinstance(world, Dataset)
    assert without_forgotten(world, tmp_path / "nobody.txt", "user_id") is world
