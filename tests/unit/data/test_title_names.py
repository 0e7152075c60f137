"""An item is found by the title that a person writes for it; nothing is guessed where two items could be meant."""

import pytest

from dualnet import ContentProfile, Dataset, IdMap, UnknownIdError, UsageError
from dualnet.data.title_names import TitleNames, _one_typo

TITLES = [
    "Toy Story (1995)",
    "Toy Story 2 (1999)",
    "Matrix, The (1999)",
    "Léon: The Professional (a.k.a. The Professional) (Léon) (1994)",
    "Hamlet (1990)",
    "Hamlet (1996)",
    "Seven (a.k.a. Se7en) (1995)",
    "Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il) (1966)",
    "Blade Runner 2049 (2017)",
    "Schindler's List (1993)",
    "Die Welle",
    "Emma",
    "Emma (1996)",
    "Wallace & Gromit",
    "千と千尋の神隠し",
    "Война и мир",
    "1984",
    "L'Avventura (1960)",
    "Thing",
]
NAMES = TitleNames(IdMap([f"i{n}" for n in range(len(TITLES))]), TITLES, list(range(len(TITLES))))


@pytest.mark.parametrize(
    ("written", "row"),
    [
        ("Toy Story", 0), ("toy story (1995)", 0), ("TOY STORY 1995", 0), ("Toy Story [1995]", 0), ("toy stroy", 0),
        ("Toy Story 2", 1), ("toy sory 2", 1), ("Matrix", 2), ("The Matrix", 2), ("Matrix, The", 2), ("matirx", 2),
        ("the matrxi 1999", 2), ("leon", 3), ("LÉON", 3), ("Le\u0301on", 3), ("the professional", 3), ("Hamlet 1996", 5),
        ("hamlet (1990)", 4), ("se7en", 6), ("seven", 6), ("The Good, the Bad and the Ugly", 7), ("good, the bad and the ugly", 7),
        ("blade runner 2049", 8), ("schindlers list", 9), ("Schindler\u2019s List", 9), ("welle", 10), ("Emma", 11), ("emma 1996", 12),
        ("wallace and gromit", 13), ("千と千尋の神隠し", 14), ("война и мир", 15), ("воина и мир", 15), ("1984", 16), ("avventura", 17),
        ("l'avventura", 17), ("The Thing", 18),
    ],
)  # fmt: skip
def test_a_title_is_found_as_people_write_it(written, row):
    assert NAMES.find(written) == f"i{row}"


@pytest.mark.parametrize(
    "written",
    ["Toy Story 3", "Toy Story 22", "1985", "toy storm tale", "to story x", "", "  ", "(1995)", "the", "blade runner 2048"],
)
def test_numbers_and_two_typos_are_not_forgiven(written):
    assert NAMES.find(written) is None


def test_without_typos_only_what_is_written_is_found():
    assert NAMES.find("toy stroy", mended=False) is None
    assert NAMES.find("toy story", mended=False) == "i0"


def test_of_several_items_none_is_chosen():
    with pytest.raises(
        UnknownIdError, match=r"several items are called 'hamlet': 'Hamlet \(1996\)' \(i5\), 'Hamlet \(1990\)' \(i4\)"
    ):
        NAMES.find("hamlet")
    many = TitleNames(IdMap(list(range(9))), ["Same"] * 9, [0] * 9)
    with pytest.raises(UnknownIdError, match="and 4 more; give the id of one of them"):
        many.find("same")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("Toy", " The nearest titles are 'Toy Story 2 (1999)' (i1), 'Toy Story (1995)' (i0)."),
        ("matr", " The nearest title is 'Matrix, The (1999)' (i2)."),
        ("schindlers lisst 3", ' The nearest title is "Schindler\'s List (1993)" (i9).'),
        ("xyzzy", ""),
        ("a", ""),
        ("", ""),
    ],
)
def test_the_nearest_titles_are_offered_the_popular_first(written, says):
    assert NAMES.nearest(written) == says


def test_an_item_without_a_title_is_not_found_by_its_id():
    names = TitleNames(IdMap(["p0001", "p0002"]), ["p0001", "A title"], [0, 0])
    assert names.find("P0001") is None
    assert names.find("a title") == "p0002"


@pytest.mark.parametrize(
    ("first", "second", "near"),
    [("abcd", "abdc", True), ("abcd", "abd", True), ("abd", "abcd", True), ("abcd", "abxd", True), ("abcd", "abcd", True),
     ("abcd", "dbca", False), ("abcd", "ab", False), ("a1", "a2", False), ("a1b", "a1c", True)],
)  # fmt: skip
def test_one_typo(first, second, near):
    assert _one_typo(first, second) is near


def test_a_model_finds_an_item_by_title_and_an_id_counts_first():
    likes = {"user_id": ["a", "a", "b"], "item_id": ["tea", "jam", "tea"]}
    items = {"item_id": ["tea", "jam"], "name": ["Green tea", "Tea"]}
    model = ContentProfile().fit(Dataset.from_tables(likes, items, text="name"))
    assert model.find_item("GREEN TAE") == "tea"
    assert model.find_item("tea") == "tea"
    assert model.find_item("Tea") == "jam"
    with pytest.raises(UnknownIdError, match="no item with the id or title 'green'. The nearest title is 'Green tea' .tea."):
        model.find_item("green")
    with pytest.raises(UsageError, match="title must be one id"):
        model.find_item(["tea"])
    likes["item_id"], items["item_id"] = [1, 2, 1], [1, 2]
    numbered = ContentProfile().fit(Dataset.from_tables(likes, items, text="name"))
    assert [numbered.find_item(one) for one in (2, "2", "green tea")] == [2, 2, 1]
