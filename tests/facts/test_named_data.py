"""Named data sets: the authors' published totals, and popularity against an independent computation."""

import numpy as np
import pytest

from dualnet import Popularity, evaluate, sources, splits
from dualnet.data.check import check_dataset

pytestmark = pytest.mark.data

TOTALS = {
    "citeulike-a": (5_551, 16_980, 204_986),
    "citeulike-t": (7_947, 25_975, 134_860),
    "movielens-100k": (943, 1_682, 55_375),  # four and five stars of 100,000
    "movielens-latest-small": (610, 9_742, 48_580),  # four stars and more of 100,836
}


@pytest.mark.parametrize("name", TOTALS)
def test_published_totals(name, data_folder):
    data = sources.load(name)
    assert (data.interactions.n_users, data.interactions.n_items, data.interactions.n_pairs) == TOTALS[name]
    report = check_dataset(data)
    assert report.totals["pairs"] == TOTALS[name][2]
    assert not report.has_errors
    published = {"movielens-100k": 100_000, "movielens-latest-small": 100_836}
    assert report.totals.get("published ratings") == published.get(name)


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
