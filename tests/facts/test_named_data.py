"""Named data sets: the authors' published totals, and popularity against an independent computation."""

from pathlib import Path

import numpy as np
import pytest

from dualnet import Popularity, evaluate, sources, splits
from dualnet.data.check import check_dataset
from dualnet.data.filters import CountFilter

pytestmark = pytest.mark.data

TOTALS = {
    "citeulike-a": (5_551, 16_980, 204_986),
    "citeulike-t": (7_947, 25_975, 134_860),
    "movielens-100k": (943, 1_682, 55_375),  # four and five stars of 100,000
    "movielens-latest-small": (610, 9_742, 48_580),  # four stars and more of 100,836
    "movielens-1m-posters": (4_813, 3_195, 219_304),  # films with a poster, users with 10 five stars
    "ciao": (3_841, 11_208, 102_110),  # items with 5 ratings, then users with 10; four and five stars
    "ciao-dvd": (860, 2_996, 17_950),
    "amazon-reviews": (1_429, 900, 9_022),  # four and five stars of 10,261
}

UNFILTERED = {
    "movielens-1m-posters": (6_014, 3_883, 226_310),
    "ciao": (7_375, 105_114, 226_223),  # of 227,392 with four and five stars, repeated and revised ones once
    "ciao-dvd": (17_615, 16_121, 54_984),
    "amazon-reviews": (1_429, 900, 9_022),
}

RATINGS = {"movielens-100k": 100_000, "movielens-latest-small": 100_836, "ciao": 284_086, "ciao-dvd": 72_665, "amazon-reviews": 10_261}  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def sizes(data):
    return data.interactions.n_users, data.interactions.n_items, data.interactions.n_pairs


@pytest.mark.parametrize("name", TOTALS)
def test_published_totals(name, data_folder):
    data = sources.load(name)
    assert sizes(data) == TOTALS[name]
    report = check_dataset(data)
    assert report.totals["pairs"] == TOTALS[name][2]
    assert not report.has_errors
    assert report.totals.get("published ratings") == RATINGS.get(name)


@pytest.mark.parametrize("name", UNFILTERED)
def test_unfiltered_totals(name, data_folder):
    data = sources.load(name, filtered=False)
    assert sizes(data) == UNFILTERED[name]
    if data.interactions.times is not None:
        years = (
            np.array([data.interactions.times.min(), data.interactions.times.max()])
            .astype("datetime64[s]")
            .astype("datetime64[Y]")
        )
        assert np.datetime64("2000") <= years[0] < years[1] <= np.datetime64("2014")


def test_the_order_of_ciao_s_filter(data_folder):
    for chosen, users, items in (
        (CountFilter(5, 10, first="items"), 3_841, 11_208),
        (CountFilter(5, 10, first="users"), 5_737, 10_726),
        (CountFilter(5, 10, repeat=True), 3_656, 9_415),
    ):
        assert sizes(sources.load("ciao", filtered=chosen))[:2] == (users, items)


def test_posters_are_pictures_of_their_films(data_folder):
    data = sources.load("movielens-1m-posters", filtered=False)
    paths = data.items.table["poster"].to_pylist()
    assert sum(path is not None for path in paths) == 3_731
    assert all(Path(path).read_bytes()[:3] == b"\xff\xd8\xff" for path in paths if path)
    assert [Path(path).stem for path in paths if path] == [
        str(key) for key, path in zip(data.items.ids, paths, strict=True) if path
    ]
    assert data.items.table["plot"].null_count == 36 + 2  # "N/A", and two films without extra information
    times_seen = dict(zip(data.items.table["title"].to_pylist(), np.bincount(data.interactions.matrix.indices), strict=True))
    assert times_seen["American Beauty (1999)"] == 1_963
    assert times_seen["Star Wars: Episode IV - A New Hope (1977)"] == 1_826


def test_amazon_reviews_never_tell_the_answer(data_folder):
    data = sources.load("amazon-reviews")
    assert data.pair_texts["reviews"].null_count == 0
    texts = np.array(data.pair_texts["reviews"].to_pylist(), object)
    users, items = data.interactions.pairs()
    split = splits.citeulike2(data, seed=0)
    task = split.tasks[0]
    content = dict(zip(task.items.keys, task.content.table["reviews"].to_pylist(), strict=True))
    held = task.truth.tocoo()
    hidden = {(task.users.key(int(u)), task.items.key(int(i))) for u, i in zip(*held.coords, strict=True)}
    pairs = list(zip(data.interactions.users.take(users), data.interactions.items.take(items), strict=True))
    once = {text for text, count in zip(*np.unique(texts, return_counts=True), strict=True) if count == 1}
    checked = [
        text not in (content[item] or "")
        for (user, item), text in zip(pairs, texts, strict=True)
        if (user, item) in hidden and text in once and len(text) > 100
    ]
    assert all(checked)
    assert len(checked) > 1_000


def test_citeulike_a_content_is_aligned(data_folder):
    data = sources.load("citeulike-a")
    assert data.items.title(0) == "The metabolic world of Escherichia coli is not small"
    shared = sum(
        bool({word for tag in tags for word in tag.lower().replace("-", "_").split("_")} & set(title.lower().split()))
        for tags, title in zip(data.items.table["tags"].to_pylist(), data.items.table["title"].to_pylist(), strict=True)
        if tags
    )
    assert shared / sum(map(bool, data.items.table["tags"].to_pylist())) > 0.85
    assert sum(map(len, data.items.table["tags"].to_pylist())) == 239_253


def test_popularity_equals_an_independent_computation(data_folder):
    split = splits.citeulike2(sources.load("movielens-100k"), seed=0)
    found = evaluate(Popularity().fit(split.train), split, at=(50,), bootstrap=0)["known-known"].mean("recall@50")
    task = split.tasks[0]
    counts = np.asarray(task.history.sum(axis=0)).ravel()
    values = []
    for user in range(len(task.users)):
        hidden = set(task.truth.indices[task.truth.indptr[user] : task.truth.indptr[user + 1]])
        if not hidden:
            continue
        seen = set(task.seen.indices[task.seen.indptr[user] : task.seen.indptr[user + 1]])
        allowed = [item for item in task.candidates if item not in seen]
        cut = sorted(counts[allowed], reverse=True)[49]
        above = [item for item in allowed if counts[item] > cut]
        tied = [item for item in allowed if counts[item] == cut]
        hits = sum(item in hidden for item in above) + sum(item in hidden for item in tied) * (50 - len(above)) / len(tied)
        values.append(hits / len(hidden))
    assert found == pytest.approx(np.mean(values), abs=1e-9)
