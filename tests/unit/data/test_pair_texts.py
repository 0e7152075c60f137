"""Reviews as content: the text of a pair is known only where the pair trains, in every protocol and in every place."""

import warnings

import numpy as np
import pyarrow as pa
import pytest

from dualnet import ContentProfile, evaluate
from dualnet.data import splits
from dualnet.data.check import check_split
from dualnet.data.dataset import Dataset
from dualnet.data.features import Featurizer
from dualnet.data.protocols.parts import make_task
from dualnet.data.split_files import load_split, save_split
from dualnet.data.synthetic import library
from dualnet.data.tables import dataset_tables
from dualnet.errors import DataError, DualNetWarning, UsageError

WORLD = library(n_readers=60, n_papers=90, pairs_per_reader=14, seed=3)


def word(user, item):
    """The one word that only this pair's review has."""
    return f"said{user}of{item}".replace("-", "")


def pairs_of(interactions):
    users, items = interactions.pairs()
    return list(zip(interactions.users.take(users), interactions.items.take(items), strict=True))


def reviewed(data):
    return data.with_pair_texts("reviews", [word(*pair) for pair in pairs_of(data.interactions)])


REVIEWED = reviewed(WORLD)
ALONE = reviewed(Dataset(WORLD.interactions, name="reviews alone"))


def divided(protocol, data=REVIEWED):
    if protocol == "files":
        users, items = data.interactions.pairs()
        # a user and some items are new, as in any division that somebody else made
        part = np.random.default_rng(1).integers(0, 5, len(users))
        part[(users == 0) | (items < 6)] = 2
        train, validation, test = (data.interactions.keep(mask) for mask in (part > 2, part == 1, (part == 0) | (part == 2)))
        return splits.from_files(train, test, validation, data=data)
    options = {"fit_on": {"fit_on": "train+validation"}, "paired": {"trained": True}, "folds": {"folds": 5}}
    name, _, option = protocol.partition(" ")
    return splits.make(name, data, seed=2, **options.get(option, {}))


def words(content):
    return {term for text in content.table["reviews"].to_pylist() for term in (text or "").split()}


@pytest.mark.parametrize(
    "protocol",
    [
        "citeulike1", "citeulike2", "citeulike2 fit_on", "out-matrix", "out-matrix folds", "unknown-users",
        "unknown-users paired", "four-quadrants", "temporal", "files",
    ],
)  # fmt: skip
def test_a_held_out_review_is_nowhere(protocol):
    split = divided(protocol)
    for train, tasks in ((split.train, split.tasks), (split.validation.train, split.validation.tasks)):
        own = {word(*pair) for pair in pairs_of(train.interactions)}
        assert words(train.items) == own  # what trains is read, and nothing else
        assert set(Featurizer.fit(train.items).names()) & {word(*pair) for pair in pairs_of(WORLD.interactions)} <= own
        assert tasks
        for task in tasks:
            assert words(task.content) == own
            held = task.truth.tocoo()
            planted = {word(task.users.key(int(u)), task.items.key(int(i))) for u, i in zip(held.row, held.col, strict=True)}
            assert planted
            assert not planted & words(task.content)
            if task.name.endswith("-new"):
                rows = task.candidates[train.interactions.items.find(task.items.subset(task.candidates)) < 0]
                new = task.content.take(rows)
                assert len(new)
                assert set(new.table["reviews"].to_pylist()) == {None}
                assert all(new.table["title"].to_pylist())  # other columns stay


def test_a_leak_would_show_in_recall_and_there_is_none():
    # everybody signs their reviews: a profile that reads a held-out review finds its writer at once
    users, _ = WORLD.interactions.pairs()
    unread = Dataset(WORLD.interactions, name="signed reviews")
    signed = unread.with_pair_texts("reviews", [f"by{key}" for key in WORLD.interactions.users.take(users)])

    def recall(split):
        return evaluate(ContentProfile().fit(split.train), split, at=(20,), bootstrap=0)["known-known"].mean("recall@20")

    leaky = Dataset(WORLD.interactions, signed.items, name="all reviews as fixed content")
    assert recall(splits.citeulike2(leaky, seed=0)) > 0.95
    assert recall(splits.citeulike2(signed, seed=0)) < 0.5


def test_a_task_of_unread_data_is_refused():
    mask = np.ones(REVIEWED.interactions.n_pairs, bool)
    with pytest.raises(UsageError, match=r"texts of held-out pairs; make the task of as_trained\(data, train\)"):
        make_task("known-known", REVIEWED, users=np.arange(2), visible=mask, seen=mask, hidden=~mask, candidates=np.arange(2))


def test_new_items_without_any_content_are_said(tmp_path):
    with pytest.warns(
        DualNetWarning, match="no training pair and so no content, as their reviews come from training pairs only"
    ):
        split = splits.out_matrix(ALONE, seed=0)
    report = check_split(split)
    assert {f.code: f.level for f in report.findings}["new-items-without-content"] == "warning"
    with warnings.catch_warnings():
        warnings.simplefilter("error", DualNetWarning)
        titled = splits.out_matrix(REVIEWED, seed=0)
        splits.citeulike2(ALONE, seed=0)  # every item trains
    assert "new-items-without-content" not in {finding.code for finding in check_split(titled).findings}


def test_text_follows_its_pair():
    kept = REVIEWED.keep(np.arange(REVIEWED.interactions.n_pairs) % 3 == 0)
    chosen = kept.select(users=np.array([5, 2, 40]), items=np.arange(80, 10, -1))
    for data in (kept, chosen, chosen.with_content(["title"]), REVIEWED.with_interactions(chosen_pairs(40))):
        assert data.pair_texts["reviews"].to_pylist() == [word(*pair) for pair in pairs_of(data.interactions)]
        assert words(data.items) == {word(*pair) for pair in pairs_of(data.interactions)}
    first = next(row for row, text in enumerate(kept.items.table["reviews"].to_pylist()) if text and " " in text)
    item = kept.interactions.items.key(first)
    takers = [user for user, other in pairs_of(kept.interactions) if other == item]
    assert kept.items.table["reviews"][first].as_py() == " ".join(word(user, item) for user in takers)
    assert REVIEWED.with_content(["title"]).items.spec.text == ("title",)
    assert ALONE.items.spec.text == ("reviews",)


def chosen_pairs(count):
    return WORLD.interactions.keep(np.arange(WORLD.interactions.n_pairs) < count)


def test_a_pair_without_text_has_none():
    only = REVIEWED.keep(np.arange(REVIEWED.interactions.n_pairs) < 40)
    everything = only.with_interactions(WORLD.interactions)
    assert everything.pair_texts["reviews"].null_count == WORLD.interactions.n_pairs - 40
    assert words(everything.items) == words(only.items)


def test_texts_count_in_the_fingerprint_and_are_one_a_pair():
    texts = REVIEWED.pair_texts["reviews"].to_pylist()
    other = WORLD.with_pair_texts("reviews", [text if place else "else" for place, text in enumerate(texts)])
    assert len({WORLD.fingerprint(), REVIEWED.fingerprint(), other.fingerprint()}) == 3
    assert REVIEWED.fingerprint() == reviewed(WORLD).fingerprint()
    with pytest.raises(DataError, match="2 texts 'reviews' for"):
        WORLD.with_pair_texts("reviews", ["a", "b"])
    with pytest.raises(DataError, match="has a content column 'title' already"):
        WORLD.with_pair_texts("title", texts)
    with pytest.raises(DataError, match="use Dataset.with_pair_texts"):
        Dataset(WORLD.interactions, pair_texts={"reviews": pa.array(texts)})


def test_a_division_on_disk_keeps_texts_with_their_pairs(tmp_path):
    split = splits.four_quadrants(REVIEWED, seed=1)
    loaded = load_split(save_split(split, tmp_path / "split"))
    assert loaded.train.fingerprint() == split.train.fingerprint()
    assert loaded.validation.train.pair_texts["reviews"].equals(split.validation.train.pair_texts["reviews"])
    for mine, theirs in zip(loaded.tasks, split.tasks, strict=True):
        assert mine.content.fingerprint() == theirs.content.fingerprint()
    inner = splits.citeulike2(loaded.train, seed=0)  # divided again, still without a leak
    assert words(inner.tasks[0].content) == {word(*pair) for pair in pairs_of(inner.train.interactions)}


def test_tables_keep_texts_with_the_events():
    tables = dataset_tables(REVIEWED)
    assert tables["events"]["reviews"].to_pylist() == [word(*pair) for pair in pairs_of(WORLD.interactions)]
    assert "reviews" not in tables["items"].column_names
