"""A count has its words in the right number, wherever one is told."""

import pytest

from dualnet import Interactions
from dualnet.data.check import check_dataset
from dualnet.data.dataset import Dataset
from dualnet.errors import counted


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (1, "{user has|users have} no like", "1 user has no like"),
        (2, "{user has|users have} no like", "2 users have no like"),
        (0, "{row|rows}", "0 rows"),
        (1234567, "{row|rows} of {it|them}", "1,234,567 rows of them"),
        (1, "rows, {a|b}, {|s}", "1 rows, a, "),
        (2, "no forms {x} and {y|z", "2 no forms {x} and {y|z"),
    ],
)
def test_words_follow_the_count(count, words, text):
    assert counted(count, words) == text


def test_findings_and_sizes_speak_of_one_as_of_one():
    likes = Interactions.from_pairs(["a"] * 5 + ["b"] * 6 + ["c"], [*range(5), *range(6), 1], times=[0] + [1_600_000_000] * 11)
    texts = [finding.text for finding in check_dataset(Dataset(likes)).findings]
    assert "1 user has fewer than 5 likes" in texts
    assert "1 event has time 0 or before 1970" in texts
    assert "1 gap of more than half a year in which nothing happened" in texts
    assert "1 item was taken by every user, so it tells nothing" in texts
    assert "6 items have fewer than 5 likes" in texts
    assert repr(Interactions.from_pairs(["a"], ["x"])).startswith("Interactions(1 user, 1 item, 1 pair, ")
