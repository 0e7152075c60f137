"""Recency: pairs weigh less the older they are, in a fit, an update, a stored history and one that comes with a question."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from dualnet import Dataset, RunOptions, evaluate, load, splits
from dualnet.cli import main
from dualnet.data.recency import SECONDS, faded_pairs, fading, half_life_of
from dualnet.data.synthetic import blocks_world
from dualnet.errors import DataError, UsageError
from dualnet.models.registry import create
from dualnet.retrieval.questions import RecommendQuestion, UsersQuestion

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
DAY = SECONDS["d"]
NEWEST = 20_000 * DAY
SMALL = {
    "wmf": {"factors": 4, "iterations": 5, "random_state": 0},
    "solved": {"factors": 4},
    "ease": {},
    "item-knn": {},
    "content-profile": {},
    "fusion": {"factors": 4},
    "dualnet": {"levels": (8, 4), "epochs": 2},
    "bpr": {"factors": 4, "epochs": 2},
}


@pytest.fixture(scope="module")
def timed():
    """The world in which the first half of each user's items is ten to twenty days older than the last."""
    world = blocks_world()
    likes = world.interactions
    times = np.empty(likes.n_pairs, np.int64)
    for row in range(likes.n_users):
        own = slice(*likes.matrix.indptr[row : row + 2])
        n = own.stop - own.start
        times[own] = NEWEST - DAY * np.where(np.arange(n) < n // 2, 10 + row % 11, row % 3)
    pairs = type(likes)(likes.users, likes.items, likes.matrix, times)
    return Dataset(pairs, world.items, name="timed")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90d", 90 * DAY), ("12h", 12 * 3600), (" 1.5 y ", 1.5 * 31_557_600), ("30min", 1800), (7, 7 * DAY), (timedelta(days=2), 2 * DAY), (None, None)],
)  # fmt: skip
def test_half_lives_as_people_write_them(given, seconds):
    assert half_life_of(given) == seconds


@pytest.mark.parametrize("given", ["90", "d", "-1d", "0d", 0, -3, True, "1 fortnight", float("inf"), float("nan"), "1d2h", []])
def test_what_is_no_half_life_is_refused(given):
    with pytest.raises(UsageError, match="90d, 12h or 1y"):
        half_life_of(given)


def test_what_a_pair_weighs_is_a_half_each_half_life():
    assert fading(np.array([0, -DAY, -2 * DAY, DAY]), 0, DAY).tolist() == [1, 0.5, 0.25, 2]
    assert fading(np.array([-(10**12)]), 0, DAY)[0] > 0  # nothing becomes 0


def test_a_fit_weighs_pairs_by_their_age_at_the_newest_event(timed):
    model = create("wmf", **SMALL["wmf"]).fit(timed, half_life="4d")
    age = (NEWEST - timed.interactions.times) / (4 * DAY)
    assert model.weights_ == pytest.approx(2.0**-age, rel=1e-5)
    assert model.weights_.min() < 1 / 16
    by_hand = csr_array(
        (np.maximum(2.0**-age, 1 / 16), timed.interactions.matrix.indices, timed.interactions.matrix.indptr),
        shape=timed.interactions.matrix.shape,
    )
    weighed = Dataset(
        type(timed.interactions)(timed.interactions.users, timed.interactions.items, by_hand.astype(np.float32)), timed.items
    )
    assert model.item_factors_ == pytest.approx(create("wmf", **SMALL["wmf"]).fit(weighed).item_factors_, rel=1e-4, abs=1e-6)
    assert model.info_["fingerprint"] == timed.fingerprint()
    assert model.info_["half_life_days"] == 4


@pytest.mark.parametrize("name", SMALL)
def test_off_is_what_it_was_bit_for_bit(name, timed, tmp_path):
    plain, untimed = (create(name, **{"random_state": 0, **SMALL[name]}) if name not in ("ease", "item-knn", "content-profile") else create(name, **SMALL[name]) for _ in range(2))  # fmt: skip
    plain.fit(timed)
    untimed.fit(
        Dataset(
            type(timed.interactions)(timed.interactions.users, timed.interactions.items, timed.interactions.matrix), timed.items
        )
    )
    one, other = plain.recommend("u0-0", k=10), untimed.recommend("u0-0", k=10)
    assert (one.ids, one.scores) == (other.ids, other.scores)
    assert not plain.weighs_histories
    state = (plain.save(tmp_path / "model") / "state.json").read_text()
    assert "recency" not in state


@pytest.mark.parametrize("name", [name for name in SMALL if name != "bpr"])
def test_the_newest_of_a_history_counts_most_and_all_roads_agree(name, timed, tmp_path):
    model = create(name, **SMALL[name]).fit(timed, half_life=2)
    loaded = load(model.save(tmp_path / "model"))
    assert loaded.half_life_ == 2 * DAY
    user = "u1-0"
    row = timed.interactions.users.row(user, "user")
    own = slice(*timed.interactions.matrix.indptr[row : row + 2])
    history = timed.interactions.items.take(timed.interactions.matrix.indices[own])
    times = timed.interactions.times[own].tolist()
    stored = model.recommend(user, k=10)
    given = loaded.recommend(history=history, times=times, k=10)
    assert given.ids == stored.ids
    assert given.scores == pytest.approx(stored.scores, rel=1e-3, abs=1e-5)
    assert loaded.score(given.ids, history=history, times=times) == pytest.approx(given.scores, rel=1e-3, abs=1e-5)
    by_times = loaded.explain(given.ids[0], history=history, times=times)
    assert by_times.score == pytest.approx(given.scores[0], rel=1e-3, abs=1e-5)
    assert loaded.score(given.ids, history=history) != pytest.approx(given.scores, rel=1e-4)
    again = loaded.recommend(history=history[::-1], times=[time + 99 * DAY for time in times[::-1]], k=10)
    assert again.scores == pytest.approx(stored.scores, rel=1e-3, abs=1e-5)  # the age counts from the newest of the history
    alike = loaded.recommend(history=history, times=[5] * len(history), k=10)
    assert alike.scores == pytest.approx(loaded.recommend(history=history, k=10).scores, rel=1e-6)
    assert alike.scores != pytest.approx(stored.scores, rel=1e-4)
    listed = loaded.recommend_users("i1-0", k=40, filter_seen=False)
    own_score = dict(zip(listed.ids, listed.scores, strict=True))[user]
    assert own_score == pytest.approx(loaded.score(["i1-0"], user=user)[0], rel=1e-3, abs=1e-5)
    why = loaded.explain(stored.ids[0], user=user)
    assert why.method == "leave-one-out"
    assert why.score == pytest.approx(stored.scores[0], rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("zero_weight", [0.01, 0.3])
def test_nothing_in_a_history_counts_less_than_a_zero(timed, zero_weight):
    newest = Dataset(
        type(timed.interactions)(
            *(getattr(timed.interactions, part) for part in ("users", "items", "matrix")),
            np.full(timed.interactions.n_pairs, NEWEST),
        )
    )
    model = create("wmf", factors=4, iterations=2, zero_weight=zero_weight).fit(newest, half_life="1d")
    found = model.recommend(history=["i0-0", "i1-0"], times=[0, NEWEST], k=5)
    assert np.isfinite(found.scores).all()
    assert model.least_in_history == max(1 / 16, 2 * zero_weight)


def test_an_old_taste_gives_way_to_a_new_one(timed):
    model = create("item-knn").fit(timed, half_life="1d")
    history = [f"i0-{n}" for n in range(5)] + ["i1-0"]
    old_first = model.recommend(history=history, times=[0] * 5 + [30 * DAY], k=3)
    assert {key[:2] for key in old_first.ids} == {"i1"}
    assert {key[:2] for key in model.recommend(history=history, k=3).ids} == {"i0"}


def test_an_update_ages_what_was_known_by_the_time_that_passed(timed):
    model = create("wmf", **SMALL["wmf"]).fit(timed, half_life="5d")
    before = dict(zip(zip(*model.histories_.nonzero(), strict=True), model.weights_, strict=True))
    new = type(timed.interactions).from_pairs(["u0-0", "new"], ["i3-3", "i0-0"], times=[NEWEST + 10 * DAY, NEWEST + 5 * DAY])
    model.update(new)
    after = dict(zip(zip(*model.histories_.nonzero(), strict=True), model.weights_, strict=True))
    for pair, weight in before.items():
        assert after[pair] == pytest.approx(weight / 4, rel=1e-5)
    assert after[model.users_.row("u0-0", "user"), model.items_.row("i3-3", "item")] == 1
    assert after[model.users_.row("new", "user"), model.items_.row("i0-0", "item")] == 0.5
    assert model.newest_ == NEWEST + 10 * DAY
    with pytest.raises(UsageError, match="need a time each"):
        model.update(type(timed.interactions).from_pairs(["x"], ["i0-0"]))


@pytest.mark.parametrize("half_life", ["5d", "1min", "1s"])
def test_no_pair_and_no_time_is_lost_however_old_it_is(timed, half_life):
    """A weight that is no number of 32 bits any more would be 0, and its pair none."""
    old = timed.interactions
    model = create("wmf", **SMALL["wmf"]).fit(timed, half_life=half_life)
    assert model.histories_.nnz == old.n_pairs
    for days in (10, 20):
        model.update(type(old).from_pairs(["new"], [f"i{days // 10}-0"], times=[NEWEST + days * DAY]))
    assert model.histories_.nnz == old.n_pairs + 2
    assert model.weights_.min() > 0
    assert np.array_equal(model.times_[: old.n_pairs], old.times)


def test_what_weighs_little_stays_above_nothing(timed):
    old = timed.interactions
    light = csr_array((old.matrix.data * np.float32(1e-20), old.matrix.indices, old.matrix.indptr), shape=old.matrix.shape)
    found = faded_pairs(type(old)(old.users, old.items, light, old.times), NEWEST, 1.0)
    assert found.matrix.data.min() > 0
    assert found.matrix.data.max() == np.float32(1e-20)


def test_who_is_forgotten_changes_nothing_for_the_others(timed):
    model = create("wmf", **SMALL["wmf"]).fit(timed, half_life="5d")
    before = model.recommend("u2-0", k=5).scores
    assert model.forget_users(["u0-0"]).recommend("u2-0", k=5).scores == pytest.approx(before, rel=1e-6)


def test_what_is_measured_is_what_is_served(timed):
    split = splits.citeulike2(timed, seed=0)
    model = create("item-knn").fit(split.train, half_life="1d")
    report = evaluate(model, split, at=(10,), bootstrap=0)
    task = split.tasks[0]
    for place, user in enumerate(list(task.users)[:8]):
        truth = set(task.items.take(task.truth[[place]].indices))
        candidates = task.items.take(task.candidates)
        found = model.recommend(user, k=10, candidates=candidates).ids
        at = list(report.results[0].user_ids).index(user)
        assert report.results[0].per_user["recall@10"][at] == pytest.approx(len(truth & set(found)) / len(truth))


def test_what_has_no_meaning_is_refused(timed):
    world = blocks_world()
    with pytest.raises(UsageError, match="needs the time of each event"):
        create("wmf").fit(world, half_life="1d")
    with pytest.raises(UsageError, match="leave workers out"):
        create("solved").fit(timed, half_life="1d", run=RunOptions(workers=2))
    for name in ("bpr", "popularity"):
        with pytest.raises(UsageError, match="counts every event as one"):
            create(name).fit(timed, half_life="1d")
    plain, model = create("item-knn").fit(timed), create("item-knn").fit(timed, half_life="1d")
    with pytest.raises(UsageError, match="fitted without half_life="):
        plain.recommend(history=["i0-0"], times=[1])
    for given, error, says in (
        ({"history": ["i0-0"], "times": [1, 2]}, UsageError, "2 entries for 1 item of the history"),
        ({"history": ["i0-0"], "times": ["today"]}, DataError, "no time in seconds"),
        ({"history": ["i0-0"], "times": [1_700_000_000_000]}, DataError, "no time in seconds"),
        ({"history": ["i0-0"], "times": 3}, UsageError, "must be a list"),
        ({"user": "u0-0", "times": [1]}, UsageError, "give it with a history"),
        ({"histories": [["i0-0"]], "times": [1]}, UsageError, "one by one"),
    ):
        with pytest.raises(error, match=says):
            model.recommend(**given)


def test_types_count_in_a_history_too():
    rows = [(f"p{n}", item) for n in range(8) for item in ("x", "x2")] + [
        (f"q{n}", item) for n in range(8) for item in ("y", "y2")
    ]
    table = pa.table({"user_id": [*(r[0] for r in rows), "me", "me"], "item_id": [*(r[1] for r in rows), "x", "y"], "type": ["buy"] * len(rows) + ["buy", "view"]})  # fmt: skip
    model = create("item-knn").fit(Dataset.from_tables(table, event="type", event_weights={"view": 1, "buy": 8}))
    found = model.recommend("me", k=2)
    assert found.ids == ["x2", "y2"]
    assert found.scores[0] == pytest.approx(8 * found.scores[1], rel=0.1)


def test_the_command_line_and_a_configuration(timed, tmp_path, capsys):
    from dualnet.data.tables import dataset_tables, write_table

    write_table(dataset_tables(timed)["events"], tmp_path / "e.csv")
    fit = ["fit", str(tmp_path / "e.csv"), "--model", "item-knn", "--time", "time", "--time-format", "s"]
    assert main([*fit, "--half-life", "5d", "--out", str(tmp_path / "run")]) == 0, capsys.readouterr().err
    (tmp_path / "c.toml").write_text(
        '[data]\nsource = "e.csv"\ntime = "time"\ntime_format = "s"\n[model]\nname = "item-knn"\n[run]\nhalf_life = "5d"\n'
    )
    assert main(["fit", str(tmp_path / "c.toml"), "--out", str(tmp_path / "run2")]) == 0, capsys.readouterr().err
    one, other = load(tmp_path / "run" / "model"), load(tmp_path / "run2" / "model")
    assert one.half_life_ == other.half_life_ == 5 * DAY
    assert one.weights_.tolist() == other.weights_.tolist()
    assert main(["recommend", str(tmp_path / "run"), "--history", "i0-0,i1-0", "--times", f"{NEWEST},{NEWEST - DAY}"]) == 0
    for wrong, code in ((["--half-life", "5"], 2), (["--half-life", "soon"], 2)):
        assert main([*fit, *wrong, "--out", str(tmp_path / "x")]) == code
        assert "--half-life" in capsys.readouterr().err


def test_events_that_come_in_count_by_their_time(timed, tmp_path):
    import asyncio

    from dualnet.serve.service import Service

    folder = create("item-knn").fit(timed, half_life="1d").save(tmp_path / "model")
    model = load(folder)

    async def asked(service, user):
        return {
            entry["item"]: entry["score"] for entry in (await service.ask(RecommendQuestion(user=user, k=10))).body["items"]
        }

    async def scenario():
        service = Service.open(folder, state=tmp_path / "state")
        await service.start()
        await service.add_events([("n", "i0-0", None, NEWEST), ("n", "i1-0", "like", NEWEST + 5 * DAY)])
        by_time = model.recommend(history=["i0-0", "i1-0"], times=[0, 5 * DAY], k=10)
        assert await asked(service, "n") == pytest.approx(dict(zip(by_time.ids, by_time.scores, strict=True)), rel=1e-4)
        await service.add_events([("u0-0", "i3-3", None, NEWEST + 30 * DAY)])
        newer = await asked(service, "u0-0")
        assert newer != await asked(service, "u1-0")
        assert max(newer, key=newer.get)[:2] == "i3"
        users = (await service.ask(UsersQuestion(item="i1-1", k=50, keep_seen=True))).body["users"]
        score = {one["user"]: one["score"] for one in users}["n"]
        assert score == pytest.approx(by_time.scores[by_time.ids.index("i1-1")] if "i1-1" in by_time.ids else score, rel=1e-4)
        before = await asked(service, "n")
        await service.close()
        again = Service.open(folder, state=tmp_path / "state")
        await again.start()
        assert await asked(again, "n") == pytest.approx(before)
        await again.close()

    asyncio.run(asyncio.wait_for(scenario(), 600))
