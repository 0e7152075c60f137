"""A fit ends with a verdict: ahead of, level with or behind popularity and the best other simple model."""

import re

import pytest

from dualnet import WMF, ContentProfile, ItemKNN, Popularity, evaluate, splits, synthetic
from dualnet.errors import DataError, DualNetWarning
from dualnet.experiments.simple_rivals import SIMPLE, rival_rows, simple_rivals, verdicts


@pytest.fixture(scope="module")
def split():
    return splits.make("four-quadrants", synthetic.blocks_world(), seed=0)


@pytest.fixture(scope="module")
def report(split):
    model = WMF(factors=4, iterations=5).fit(split.train)
    return evaluate(model, split, at=(5, 10), bootstrap=50, against=simple_rivals(model, split))


def test_a_model_stands_beside_others_of_another_kind(split):
    assert list(simple_rivals(WMF(), split)) == list(SIMPLE)
    assert list(simple_rivals(Popularity(), split)) == [name for name in SIMPLE if name != "popularity"]


def test_what_is_not_compared_is_told_with_the_reason(split, monkeypatch):
    def fit(self, *arguments, **more):
        raise DataError("no word occurs in two items")

    monkeypatch.setattr(ContentProfile, "fit", fit)
    told = []
    assert list(simple_rivals(WMF(), split, say=told.append)) == ["popularity", "item-knn"]
    assert told == ["content-profile is not compared, for it cannot be fitted on these data: no word occurs in two items"]
    with pytest.warns(DualNetWarning, match="content-profile is not compared"):
        simple_rivals(WMF(), split)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (WMF(), "item-knn and content-profile are not compared, for above 10 likes they take minutes"),
        (ItemKNN(), "content-profile is not compared, for above 10 likes it takes minutes"),
    ],
    ids=["wmf", "item-knn"],
)
def test_of_many_likes_popularity_alone_is_compared(split, monkeypatch, model, told):
    monkeypatch.setattr("dualnet.experiments.simple_rivals.MOST_PAIRS", 10)
    heard = []
    assert list(simple_rivals(model, split, say=heard.append)) == ["popularity"]
    assert len(heard) == 1
    assert heard[0].startswith(told)


def test_a_model_alone_has_no_best(split):
    report = evaluate(Popularity().fit(split.train), split, at=(5,), bootstrap=5)
    assert not any(cell.endswith("*") for row in rival_rows(report) for cell in row)


def test_the_best_of_each_row_is_marked_and_served_lists_come_first(report):
    rows = rival_rows(report)
    assert [row[0] for row in rows[:2]] == ["known-all", "new-all"]
    for row in rows:
        cells = [cell for cell in row[1:] if cell != "n/a"]
        best = max(float(cell.rstrip("*")) for cell in cells)
        assert [float(cell.rstrip("*")) == best for cell in cells] == [cell.endswith("*") for cell in cells]
    known_new = next(row for row in rows if row[0] == "known-new")
    assert known_new[1] == "n/a"
    assert known_new[-1].endswith("*")


def test_the_verdict_follows_from_the_paired_interval(report):
    sentences = verdicts(report, "wmf")
    assert len(sentences) == 2
    for task, sentence in zip(("known-all", "new-all"), sentences, strict=True):
        (popularity,) = (other for other in report.against if other.model == "popularity")
        mean, low, high = popularity.differences[task]["recall@10"]
        words = "level with" if low <= 0 <= high else "ahead of" if mean > 0 else "behind"
        assert f"wmf is {words} popularity" in sentence
        assert re.search("and (level with|ahead of|behind) (item-knn|content-profile)", sentence)
    assert verdicts(evaluate(Popularity().fit(synthetic.blocks_world()), report_tasks(), at=(5,), bootstrap=5), "x") == []


def report_tasks():
    return splits.citeulike2(synthetic.blocks_world()).tasks


@pytest.mark.parametrize("swapped", [False, True])
def test_a_better_and_a_worse_model_are_told_as_such(split, swapped):
    good, bad = WMF(factors=4, iterations=5).fit(split.train), Popularity().fit(split.train)
    if swapped:
        told = verdicts(evaluate(bad, split, at=(10,), bootstrap=50, against={"item-knn": good}), "mine")
    else:
        told = verdicts(evaluate(good, split, at=(10,), bootstrap=50, against={"popularity": bad}), "mine")
    assert ("mine is behind item-knn by" if swapped else "mine is ahead of popularity by") in told[0]
