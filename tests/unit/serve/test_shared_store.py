"""Servers that share a PostgreSQL database: one order of changes, nothing confirmed is lost, nobody who was forgotten comes back."""

import asyncio
import random
import threading
from contextlib import asynccontextmanager

import psycopg
import pytest

from dualnet.errors import DataError, ResourceError, UnknownIdError, UsageError
from dualnet.retrieval.questions import NewItem, RecommendQuestion
from dualnet.serve import writer as writer_module
from dualnet.serve.model_process.remote import RemoteService
from dualnet.serve.postgresql import link as link_module
from dualnet.serve.postgresql import schema, shared_store
from dualnet.serve.postgresql.listener import Listener
from dualnet.serve.postgresql.shared_store import SharedStore
from dualnet.serve.service import Service
from dualnet.serve.service_errors import BusyError, ConflictError, QuotaError
from dualnet.serve.settings import Allowance, ServiceSettings
from dualnet.serve.store import StoreAddress

TITLE = {"title": "g0 word0", "tags": ["g0", "even"], "year": 1999}
TABLES = ("dualnet_store", "dualnet_changes", "dualnet_turns", "dualnet_snapshot")


@asynccontextmanager
async def served(folder, url, **settings):
    """A started service on the database."""
    service = Service.open(folder, state=StoreAddress(url), settings=ServiceSettings(**settings))
    await service.start()
    try:
        yield service
    finally:
        await service.close()


async def until(check, seconds=300.0):
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.005)


async def caught_up(service):
    """Wait until a service has everything that is in the database."""
    await asyncio.to_thread(service._writer.catch_up)


def everything(url):
    """All rows of all tables, as text."""
    with psycopg.connect(url) as connection:
        return " ".join(str(row) for table in TABLES for row in connection.execute(f"SELECT * FROM {table}"))


def kept(service):
    """What a service knows beside its model, whoever told it."""
    state = service._writer.state
    of = lambda side: {user: set(items) for user, items in side.items() if items}  # noqa: E731
    return (state.items, set(state.deleted), of(state.events), state.others and {u: t for u, t in state.others.items() if t},
            of(state.gone), set(state.forgotten), {by: usage for by, usage in state.usage.items() if usage.events or usage.items})  # fmt: skip


async def lists(service, users):
    """Answers for users, an error as its kind."""
    found = {}
    for user in users:
        try:
            body = (await service.ask(RecommendQuestion(user=user, k=100))).body
            found[user] = {entry["item"]: round(entry["score"], 9) for entry in body["items"]}
        except UnknownIdError:
            found[user] = None
    return found


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 600))


def test_what_one_server_is_told_the_other_answers_with(folder_of, postgresql):
    async def scenario():
        async with served(folder_of(), postgresql) as one, served(folder_of(), postgresql) as two:
            await one.put_item("fresh", TITLE)

            async def there():
                return "fresh" in {e["item"] for e in (await two.ask(RecommendQuestion(history=["i0-0"], k=100))).body["items"]}

            await until(there)
            await two.add_events([("newcomer", "fresh"), ("newcomer", "i0-1", "dislike")])
            with pytest.raises(UnknownIdError):  # nobody told the first about the item: a change sees what was before it
                await one.delete_item("nowhere")
            assert (await one.add_events([("newcomer", "fresh")])).body == {"added": 0, "repeated": 1, "new_users": 0}
            await two.delete_item("fresh")
            with pytest.raises(UnknownIdError):
                await one.delete_item("fresh")
            await one.delete_item("i1-1")
            with pytest.raises(UnknownIdError):
                await two.delete_item("i1-1")
            assert (await two.put_item("i1-1", TITLE)).body["state"] == "restored"
            with pytest.raises(ConflictError):
                await one.put_item("i1-1", TITLE)
            assert (await one.take_back_events([("newcomer", "i0-1")])).body == {"taken_back": 1}
            await caught_up(two)
            assert kept(one) == kept(two)

    run(scenario())


OPERATIONS = ("put", "put", "put many", "delete", "delete", "hide", "event", "event", "event", "take back", "forget")


async def draw_one(draw, service):
    """Ask a service for one change at random; what cannot be done is refused."""
    item, user = f"n{draw.randrange(12)}", draw.choice([f"x{draw.randrange(6)}", f"u0-{draw.randrange(8)}"])
    own = f"i{draw.randrange(4)}-{draw.randrange(12)}"
    operation = draw.choice(OPERATIONS)
    content = {**TITLE, "year": draw.randrange(1900, 2000)}
    either = draw.choice([item, own])
    try:
        if operation == "put":
            await service.put_item(either, content, draw.choice(["", "a", "b"]))
        elif operation == "put many":
            await service.put_items([NewItem(f"n{n}", content) for n in draw.sample(range(12), 3)])
        elif operation == "delete":
            await service.delete_item(item, draw.choice(["", "a"]))
        elif operation == "hide":
            await service.delete_item(own)
        elif operation == "event":
            kinds = [draw.choice(["like", "seen", "dislike", "none"]) for _ in range(3)]
            events = [(draw.choice([user, "x0"]), draw.choice([item, own]), kind) for kind in kinds]
            await service.add_events(events, draw.choice(["", "a"]))
        elif operation == "take back":
            await service.take_back_events([(user, either)])
        elif draw.random() < 0.3:
            await service.forget_user(user)
    except (UnknownIdError, ConflictError):
        return


@pytest.mark.parametrize("many", [1_000_000, 0], ids=["one by one", "made anew"])
@pytest.mark.parametrize("large", [2**40, 0], ids=["log", "compacted"])
def test_servers_and_one_that_starts_later_agree(folder_of, postgresql, monkeypatch, many, large):
    monkeypatch.setattr("dualnet.serve.service.MOST_FOLLOWED", many)
    monkeypatch.setattr(writer_module, "LARGE", large)

    async def scenario():
        draw = random.Random(5)
        async with served(folder_of(), postgresql) as one, served(folder_of(), postgresql) as two:
            for _ in range(160):
                await draw_one(draw, draw.choice([one, two]))
            users = [*(f"x{n}" for n in range(6)), *(f"u0-{n}" for n in range(8))]
            await caught_up(one)
            await caught_up(two)
            async with served(folder_of(), postgresql) as three:
                assert kept(one) == kept(two) == kept(three)
                assert await lists(one, users) == await lists(two, users) == await lists(three, users)
                assert one.left_out == two.left_out == three.left_out == 0

    run(scenario())


def test_changes_at_the_same_time_have_one_order(folder_of, postgresql):
    async def scenario():
        async with served(folder_of(), postgresql) as one, served(folder_of(), postgresql) as two:

            async def put(service, number):
                content = {**TITLE, "year": number}
                return (await service.put_item(f"n{number % 5}", content)).body["state"]

            states = await asyncio.gather(*(put((one, two)[number % 2], number) for number in range(60)))
            assert states.count("added") == 5  # of each id, by whichever server came first
            await caught_up(one)
            await caught_up(two)
            assert list(one._writer.state.items.items()) == list(two._writer.state.items.items())
            with psycopg.connect(postgresql) as connection:
                assert [row[0] for row in connection.execute("SELECT seq FROM dualnet_changes ORDER BY seq")] == list(
                    range(1, 61)
                )

    run(scenario())


def test_the_allowance_of_a_key_is_one_for_all_servers(folder_of, postgresql):
    async def scenario():
        allowance = Allowance(items=2)
        async with (
            served(folder_of(), postgresql, allowance=allowance) as one,
            served(folder_of(), postgresql, allowance=allowance) as two,
        ):
            await one.put_item("a", TITLE, "k")
            await two.put_item("b", TITLE, "k")
            with pytest.raises(QuotaError):
                await one.put_item("c", TITLE, "k")
            await two.put_item("c", TITLE, "other")

    run(scenario())


@pytest.mark.parametrize("user", ["u0-3", "somebody-new", "Zoë-7"])
@pytest.mark.parametrize("compacted", [False, True])
def test_forgetting_removes_every_row_and_holds_everywhere(folder_of, postgresql, monkeypatch, user, compacted):
    async def scenario():
        async with served(folder_of(), postgresql) as one, served(folder_of(), postgresql) as two:
            events = [(user, "i0-0"), ("witness", "i0-1"), (user, "i0-2", "dislike"), (user, "i0-3"), ("witness", "i0-0")]
            await one.add_events(events, "key")
            await two.take_back_events([(user, "i0-3")])
            if compacted:
                monkeypatch.setattr(writer_module, "LARGE", 0)
                await one.put_item("x", TITLE)
                monkeypatch.setattr(writer_module, "LARGE", 2**40)
            await two.forget_user(user)
            text = everything(postgresql)
            assert "witness" in text
            assert f'"{user}"' not in text
            assert f'"{user.encode("ascii", "backslashreplace").decode()}"' not in text
            await caught_up(one)
            for service in (one, two):
                with pytest.raises(UnknownIdError):
                    await service.ask(RecommendQuestion(user=user, k=3))
            async with served(folder_of(), postgresql) as three:
                with pytest.raises(UnknownIdError):
                    await three.ask(RecommendQuestion(user=user, k=3))
                records = [(await service.forgotten()).body for service in (one, two, three)]
                assert records[0] == records[1] == records[2]
                assert len(records[0]["forgotten"]) == 1
            await one.add_events([(user, "i0-5")])  # somebody of that id is new from now on
            await caught_up(two)
            assert two._live.catalogue.history(user).tolist() == one._live.catalogue.history(user).tolist()
            assert len(two._live.catalogue.history(user)) == 1

    run(scenario())


def test_a_snapshot_that_meets_a_forgotten_user_is_given_up(folder_of, postgresql, monkeypatch):
    async def scenario():
        async with served(folder_of(), postgresql) as one, served(folder_of(), postgresql) as two:
            await one.add_events([("leaver", "i0-0"), ("stayer", "i0-1")])
            await caught_up(two)
            copied, going_on = threading.Event(), threading.Event()
            copy = link_module.Link.copy

            def slow(link, statement, rows, seconds):
                copy(link, statement, rows, seconds)
                copied.set()
                assert going_on.wait(300)

            monkeypatch.setattr(link_module.Link, "copy", slow)
            compacting = one._writer.alone(lambda: one._writer.journal.compact(one._writer.state.changes()))
            assert await asyncio.to_thread(copied.wait, 20)
            await two.forget_user("leaver")  # waits for nobody who writes a snapshot
            going_on.set()
            await asyncio.wrap_future(compacting)
            assert "leaver" not in everything(postgresql)
            assert "stayer" in everything(postgresql)

    run(scenario())


def test_a_server_that_is_behind_a_snapshot_reads_everything(folder_of, postgresql, monkeypatch):
    monkeypatch.setattr(shared_store, "KEPT", 2)

    async def scenario():
        async with served(folder_of(), postgresql) as one:
            late = Service.open(folder_of(), state=StoreAddress(postgresql))  # not started: it hears of nothing
            for number in range(9):
                await one.put_item(f"n{number}", TITLE)
            one._writer.alone(lambda: one._writer.journal.compact(one._writer.state.changes())).result()
            with psycopg.connect(postgresql) as connection:
                assert connection.execute("SELECT count(*), min(seq) FROM dualnet_changes").fetchone() == (2, 8)
                assert connection.execute("SELECT count(DISTINCT snapshot) FROM dualnet_snapshot").fetchone() == (1,)
            await late.start()
            await caught_up(late)
            assert kept(late) == kept(one)
            await one.delete_item("n3")
            await caught_up(late)
            assert kept(late) == kept(one)
            await late.close()

    run(scenario())


class Away:
    """The database shut to everybody, and everybody thrown out: as if it were not there."""

    def __init__(self, url):
        self.url = url
        self.name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]

    def _as_owner(self, *statements):
        with psycopg.connect(self.url.replace(f"/{self.name}?", "/postgres?"), autocommit=True) as owner:
            for statement in statements:
                owner.execute(statement)

    def __enter__(self):
        self._as_owner(
            f'ALTER DATABASE "{self.name}" WITH ALLOW_CONNECTIONS false',
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'",
        )

    def __exit__(self, *_):
        self._as_owner(f'ALTER DATABASE "{self.name}" WITH ALLOW_CONNECTIONS true')


def test_while_the_database_is_away_questions_are_answered_and_changes_are_refused(folder_of, postgresql):
    async def scenario():
        async with served(folder_of(), postgresql) as one, served(folder_of(), postgresql) as two:
            await one.put_item("before", TITLE)
            with Away(postgresql):
                for service in (one, two):
                    with pytest.raises(BusyError, match="away.*; nothing was changed, ask again later") as refused:
                        await service.put_item("during", TITLE)
                    assert refused.value.retry_after >= 1
                    assert "correct-horse" not in str(refused.value)
                    assert (await service.ask(RecommendQuestion(user="u0-1", k=3))).body["items"]

                    async def said(service=service):
                        assert await service.responds()
                        return bool(service.away)

                    await until(said)
                    assert (await service.gauges())["state_away"] == 1
            for service in (one, two):

                async def back(service=service):
                    return await service.responds() and not service.away

                await until(back)
            await two.put_item("after", TITLE)
            await caught_up(one)
            assert set(one._writer.state.items) == set(two._writer.state.items) == {"before", "after"}

    run(scenario())


def test_connections_that_were_lost_are_opened_again(folder_of, postgresql):
    async def scenario():
        async with served(folder_of(), postgresql) as one:
            for number in range(3):
                with psycopg.connect(postgresql, autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )

                async def taken(number=number):
                    try:
                        await one.put_item(f"n{number}", TITLE)
                    except BusyError:  # the server was reading when its connection was cut, and says so until it reads again
                        return False
                    return True

                await until(taken)

    run(scenario())


@pytest.mark.parametrize("lasting", [True, False])
def test_a_change_whose_fate_is_not_known_is_not_confirmed_and_all_agree_afterwards(
    folder_of, postgresql, monkeypatch, lasting
):
    async def scenario():
        async with served(folder_of(), postgresql) as one, served(folder_of(), postgresql) as two:
            commit = link_module.Link.commit

            def lost(link):
                if lasting:
                    commit(link)
                link.close()
                raise link_module.StoreAwayError("the connection was lost", in_doubt=True)

            monkeypatch.setattr(link_module.Link, "commit", lost)
            with pytest.raises(BusyError, match="may still be made"):
                await one.put_item("doubtful", TITLE)
            monkeypatch.setattr(link_module.Link, "commit", commit)

            async def back():
                return await one.responds() and not one.away

            await until(back)
            await two.put_item("later", TITLE)
            await caught_up(one)
            assert kept(one) == kept(two)
            assert ("doubtful" in one._writer.state.items) is lasting
            assert (await one.put_item("doubtful", TITLE)).body["state"] == ("replaced" if lasting else "added")

    run(scenario())


def test_a_server_that_holds_the_turn_is_waited_for_and_not_taken_for_a_database_that_is_away(
    folder_of, postgresql, monkeypatch
):
    monkeypatch.setattr(link_module, "LOCK_WAIT", 0.2)

    async def scenario():
        async with served(folder_of(), postgresql) as one:
            with psycopg.connect(postgresql) as holder:
                holder.execute("SELECT * FROM dualnet_store FOR UPDATE")
                with pytest.raises(BusyError, match="another server holds"):
                    await one.put_item("n", TITLE)
                assert not one._writer.journal.away
            await one.put_item("n", TITLE)

    run(scenario())


def test_a_database_that_hangs_is_given_up(folder_of, postgresql, monkeypatch):
    async def scenario():
        async with served(folder_of(), postgresql) as one:
            monkeypatch.setattr(link_module, "PATIENCE", 1.5)
            execute = link_module.Link.execute

            def hanging(link, statement, values=(), *, seconds=1.5):
                slow = statement.startswith("INSERT")
                return execute(link, "SELECT pg_sleep(9)" if slow else statement, () if slow else values, seconds=1.5)

            monkeypatch.setattr(link_module.Link, "execute", hanging)
            with pytest.raises(BusyError, match="away"):
                await one.put_item("n", TITLE)
            monkeypatch.setattr(link_module.Link, "execute", execute)

            async def back():
                return await one.responds() and not one.away

            await until(back)
            assert (await one.put_item("n", TITLE)).body["state"] == "added"

    run(scenario())


def put_back(owner, head):
    """Make a database what it is after a restore to a moment before."""
    owner.execute("DELETE FROM dualnet_changes WHERE seq > %s", (head,))
    owner.execute("DELETE FROM dualnet_turns WHERE head > %s", (head,))
    owner.execute("UPDATE dualnet_store SET (head, turn) = (SELECT head, turn FROM dualnet_turns WHERE head = %s)", (head,))


@pytest.mark.parametrize("more", [1, 3], ids=["as many", "more"])
@pytest.mark.parametrize("heard", ["listens", "changes"])
def test_a_database_that_was_put_back_and_went_on_is_read_anew(folder_of, postgresql, monkeypatch, more, heard):
    """A server that looks again only when the others have made as many changes as were lost, or more."""

    async def scenario():
        monkeypatch.setattr("dualnet.serve.service.listener_of", lambda *_: None)
        async with served(folder_of(), postgresql) as one:
            await one.put_item("kept", TITLE)
            await one.put_item("lost", TITLE)
            with psycopg.connect(postgresql) as owner:
                put_back(owner, 1)
            async with served(folder_of(), postgresql) as two:
                for place in range(more):
                    await two.put_item(f"later {place}", TITLE)
                if heard == "listens":
                    listener = Listener(one._writer.journal, one._writer.catch_up)
                    listener.start()

                    async def same():
                        return kept(one) == kept(two)

                    await until(same)
                    listener.close()
                else:
                    await one.put_item("after", TITLE)
                    await caught_up(two)
                assert kept(one) == kept(two)
                assert "lost" not in one._writer.state.items

    run(scenario())


def test_a_database_that_was_put_back_is_read_anew(folder_of, postgresql):
    async def scenario():
        async with served(folder_of(), postgresql) as one:
            await one.put_item("kept", TITLE)
            await one.put_item("lost", TITLE)
            with psycopg.connect(postgresql) as owner:
                put_back(owner, 1)
            await caught_up(one)
            assert set(one._writer.state.items) == {"kept"}
            with psycopg.connect(postgresql) as owner:
                owner.execute(f"DROP TABLE {', '.join(TABLES)}")
            SharedStore.open(StoreAddress(postgresql)).close()
            await caught_up(one)
            assert set(one._writer.state.items) == set()

    run(scenario())


def test_tables_of_a_later_version_are_refused(folder_of, postgresql):
    async def scenario():
        async with served(folder_of(), postgresql) as one:
            with psycopg.connect(postgresql) as owner:
                owner.execute("UPDATE dualnet_store SET schema_version = 99")
            with pytest.raises(BusyError, match="schema 99"):
                await one.put_item("n", TITLE)
            assert (await one.ask(RecommendQuestion(user="u0-1", k=3))).body["items"]

    run(scenario())
    with pytest.raises(DataError, match="has schema 99, this version of dualnet reads 1; upgrade dualnet"):
        Service.open(folder_of(), state=StoreAddress(postgresql))


def test_tables_of_an_earlier_version_are_brought_up_once(postgresql, monkeypatch):
    SharedStore.open(StoreAddress(postgresql)).close()
    steps = (*schema.MIGRATIONS, ("ALTER TABLE dualnet_store ADD COLUMN extra integer NOT NULL DEFAULT 7",))
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    monkeypatch.setattr(schema, "VERSION", 2)
    opened = []
    threads = [
        threading.Thread(target=lambda: opened.append(SharedStore.open(StoreAddress(postgresql)).close())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    with psycopg.connect(postgresql) as owner:
        assert owner.execute("SELECT schema_version, extra FROM dualnet_store").fetchall() == [(2, 7)]


def test_a_migration_that_fails_changes_nothing(postgresql, monkeypatch):
    SharedStore.open(StoreAddress(postgresql)).close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE half (a integer)", "SELECT nonsense")))
    with pytest.raises(ResourceError):
        SharedStore.open(StoreAddress(postgresql))
    with psycopg.connect(postgresql) as owner:
        assert owner.execute("SELECT to_regclass('half')").fetchone() == (None,)


def test_schemas_of_one_database_are_states_of_their_own(folder_of, postgresql):
    with psycopg.connect(postgresql) as owner:
        owner.execute("CREATE SCHEMA books")

    async def scenario():
        books = f"{postgresql}&options=-csearch_path%3Dbooks"
        async with served(folder_of(), postgresql) as one, served(folder_of(), books) as two:
            await one.put_item("mine", TITLE)
            await two.put_item("yours", TITLE)
            assert set(two._writer.state.items) == {"yours"}
            await caught_up(one)
            assert set(one._writer.state.items) == {"mine"}

    run(scenario())


def test_models_of_other_runs_share_a_state(folder_of, postgresql):
    """As with a folder: changes are kept by id, and each model takes those that it can take."""

    async def scenario():
        async with served(folder_of("fusion"), postgresql) as one, served(folder_of("wmf"), postgresql) as two:
            await one.put_item("fresh", TITLE)
            await one.add_events([("newcomer", "fresh"), ("newcomer", "i0-0")])
            await one.forget_user("u0-1")
            await caught_up(two)
            assert kept(one) == kept(two)
            assert two._live.catalogue.find("fresh") == -1
            assert two.left_out == 1
            assert len(two._live.catalogue.history("newcomer")) == 1
            with pytest.raises(UnknownIdError):
                await two.ask(RecommendQuestion(user="u0-1"))

    run(scenario())


def test_somebody_of_whom_only_items_of_another_model_are_known_can_be_forgotten(folder_of, postgresql):
    async def scenario():
        async with served(folder_of("fusion"), postgresql) as one, served(folder_of("wmf"), postgresql) as two:
            await one.put_item("fresh", TITLE)
            for user, kind in (("liker", "like"), ("viewer", "seen"), ("taker", "like")):
                await one.add_events([(user, "fresh", kind)])
            await one.take_back_events([("taker", "fresh")])
            for user in ("liker", "viewer", "taker"):
                assert (await two.forget_user(user)).body["state"] == "forgotten"
                assert user not in everything(postgresql)
            with pytest.raises(UnknownIdError):
                await two.forget_user("nobody")
            await caught_up(one)
            assert kept(one) == kept(two)

    run(scenario())


def test_hashes_of_forgotten_users_go_when_no_other_server_may_need_them(folder_of, postgresql):
    async def scenario():
        async with served(folder_of(), postgresql) as one:
            await one.add_events([("leaver", "i0-0")])
            await one.forget_user("leaver")
            async with served(folder_of(), postgresql) as two:
                assert len(two._writer.state.forgotten) == 1
        async with served(folder_of(), postgresql) as three:
            await caught_up(three)
            assert three._writer.state.forgotten == {}

    run(scenario())


@pytest.mark.parametrize(
    ("url", "error", "told"),
    [
        ("postgresql://owner:wrong-pw@/postgres?host={host}", ResourceError, "password authentication failed"),
        ("postgresql://owner:wrong-pw@/nowhere?host={host}", ResourceError, "failed"),
        ("postgresql://owner:wrong-pw@127.0.0.1:1/postgres", ResourceError, "refused"),
        ("postgresql://owner:wrong-pw@here@there/postgres", UsageError, "cannot be understood"),
        ("postgresql://owner:wrong-pw@[::1/postgres", UsageError, "cannot be understood"),
    ],
)
def test_a_wrong_address_is_told_without_the_password(postgresql_server, url, error, told):
    host = psycopg.conninfo.conninfo_to_dict(postgresql_server)["host"]
    with pytest.raises(error, match=told) as caught:
        SharedStore.open(StoreAddress(url.format(host=host)))
    assert "wrong-pw" not in str(caught.value)
    assert "wrong-pw" not in repr(StoreAddress(url))


def test_whoever_may_not_make_tables_is_told(postgresql):
    with psycopg.connect(postgresql, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS guest")
        owner.execute("CREATE ROLE guest LOGIN PASSWORD 'g'")
    with pytest.raises(ResourceError, match="permission denied.*make tables"):
        SharedStore.open(StoreAddress(postgresql.replace("owner:correct-horse-7", "guest:g")))


def test_a_model_in_a_process_of_its_own_shares_the_state(folder_of, postgresql):
    async def scenario():
        there = RemoteService.open(folder_of(), state=StoreAddress(postgresql))
        await there.start()
        try:
            async with served(folder_of(), postgresql) as here:
                await there.call("put_item", key="fresh", content=TITLE)
                await caught_up(here)
                assert "fresh" in here._writer.state.items
                with Away(postgresql):

                    async def said():
                        return await there.responds() and "away" in there.away

                    await until(said)
                    with pytest.raises(BusyError, match="away"):
                        await there.call("put_item", key="more", content=TITLE)
        finally:
            await there.close()

    run(scenario())
