"""Titles are found as people type them."""

import pytest

from dualnet.data import title_search
from dualnet.data.title_search import TitleIndex

TITLES = [
    "Léon: The Professional",
    "The Matrix",
    "Matrix Reloaded",
    "Das Große Boot",
    "Smørrebrød",
    "Alien",
    "Up",
    "千と千尋",
    "ガラス",
]


@pytest.mark.parametrize(
    ("query", "titles", "mended"),
    [
        ("leon", ["Léon: The Professional"], False),
        ("LÉON prof", ["Léon: The Professional"], False),
        ("Le\u0301on", ["Léon: The Professional"], False),
        ("grosse boot", ["Das Große Boot"], False),
        ("smorrebrod", ["Smørrebrød"], False),
        ("matirx", ["The Matrix", "Matrix Reloaded"], True),  # two letters exchanged
        ("matix relo", ["Matrix Reloaded"], True),  # one too few
        ("mattrix", ["The Matrix", "Matrix Reloaded"], True),  # one too many
        ("natrix", ["The Matrix", "Matrix Reloaded"], True),  # the first letter
        ("matrix relaod", ["Matrix Reloaded"], True),  # in a word that is not yet whole
        ("proffesional", [], False),  # two typos
        ("pu", [], False),  # too short to be mended
        ("尋", ["千と千尋"], False),
        ("カラス", [], False),  # these are other letters, not accents
        ("a.*b(", [], False),
        ("", TITLES, False),
    ],
)
def test_case_accents_and_one_typo_are_forgiven(query, titles, mended):
    found = TitleIndex(TITLES).find(query)
    assert [TITLES[row] for row in found.rows] == titles
    assert (found.mended and bool(found.rows)) is mended


def test_a_right_spelling_goes_before_a_near_one():
    index = TitleIndex(["Alien", "Aliens", "Align"])
    assert [index.find(query).rows for query in ("align", "alien")] == [[2], [0, 1]]
    index.extend(["Alieno"])
    assert index.find("aliem").rows == [0, 1, 3]
    assert index.find("alien", size=1).rows == [0]


def test_titles_that_come_while_another_thread_searches_are_found_by_the_next(monkeypatch):
    index = TitleIndex(TITLES)

    def interrupted(words):
        walk = iter(words)
        found = [next(walk)]
        index.extend(["Zebra crossing"])
        return sorted([*found, *walk])

    monkeypatch.setattr(title_search, "sorted", interrupted, raising=False)
    assert index.find("matirx").rows == [1, 2]
    monkeypatch.delattr(title_search, "sorted")
    assert index.find("zebar").rows == [len(TITLES)]
