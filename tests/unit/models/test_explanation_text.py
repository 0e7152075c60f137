"""An explanation as text: plain words for the parts, figures that add up as printed, lines that fit a terminal."""

from decimal import Decimal

import pytest
from rich.cells import cell_len

from dualnet.models.explain.explanation import ContentPart, Explanation, HistoryPart, View
from dualnet.models.explain.level_names import in_plain_words
from dualnet.models.explain.sums import decimals_of, rounded


def explanation(score=0.886, method="integrated-gradients", title="Große Straßen", item="p1", **more):
    levels = (("what others took", 0.3), ("content", 0.2), ("level 1", 0.5), ("level 2", score - 1.0))
    history = View(score - 0.4446, (HistoryPart("a", "Alte Gärten", 0.2223), HistoryPart("b", "Brücken", 0.2223)))
    content = View(score + 0.3, (ContentPart("title", "Große", -0.2), ContentPart("title", "Straßen", -0.1)))
    given = {"levels": levels, "history": history, "content": content, **more}
    return Explanation(item, title, "known", score, method, **given)


def tables(text):
    return {block[0]: block[1:] for block in (part.splitlines() for part in text.split("\n\n")[1:])}


def test_the_three_tables_are_in_plain_words_and_add_up_as_printed():
    found = tables(explanation().to_text())
    assert {title: [line.split(maxsplit=1)[1] for line in lines[:-1]] for title, lines in found.items()} == {
        "What the score comes from": ["what others took", "what it is about", "what the network adds"],
        "Items of the history": ["somebody without a history", "Alte Gärten (a)", "Brücken (b)"],
        "Content of the item": ["the item without its content", "title: Große", "title: Straßen"],
    }
    for lines in found.values():
        assert lines[-1].split() == ["=", "0.886", "score"]
        assert sum(Decimal(line.split()[0]) for line in lines[:-1]) == Decimal("0.886")


def test_a_start_that_is_larger_than_the_score_comes_first_and_without_a_sign():
    first = tables(explanation().to_text())["Content of the item"][0]
    assert first.split(maxsplit=1) == ["1.186", "the item without its content"]


def test_what_is_left_out_one_at_a_time_has_its_remainder_last():
    found = tables(explanation(method="leave-one-out").to_text(top=1))
    assert list(found) == ["Items of the history", "Content of the item"]
    assert [line.split(maxsplit=1)[1] for line in found["Items of the history"][:-1]] == [
        "Alte Gärten (a)", "1 more", "what no single item explains",
    ]  # fmt: skip
    assert "  =  0.886  score" in found["Content of the item"]


def test_what_the_sum_misses_is_told():
    view = View(0.3, (HistoryPart("a", "Alte Gärten", 0.5),), gap=0.086)
    assert "    +0.086  not accounted for" in tables(explanation(history=view).to_text())["Items of the history"]


def test_parts_of_a_whole_score_have_decimals_where_they_need_them():
    thirds = tuple(HistoryPart(key, key, score) for key, score in (("a", 0.34), ("b", 0.33), ("c", 0.33)))
    found = tables(explanation(1.0, levels=(("neighbours", 1.0),), history=View(0.0, thirds), content=None).to_text())
    assert found["Items of the history"] == ["    +0.340  a", "    +0.330  b", "    +0.330  c", "  =  1.000  score"]


@pytest.mark.parametrize("gap", [5e-6, -5e-6, 4e-8, -1e-8])
@pytest.mark.parametrize("score", [0.5, 2e-5, 2e-6])
def test_a_gap_that_shows_in_small_figures_is_told(score, gap):
    view = View(0.0, (HistoryPart("a", "A", score - gap),), gap)
    lines = tables(explanation(score, levels=(("factors", score),), history=view, content=None).to_text())[
        "Items of the history"
    ]
    assert sum(Decimal(line.split()[0]) for line in lines[:-1]) == Decimal(lines[-1].split()[1])


@pytest.mark.parametrize("title", ["a long title " * 20, "東京" * 100, "x" * 300, "two\nlines " * 40])
def test_lines_fit_a_terminal(title):
    parts = (HistoryPart("ein-langer-schluessel", title, 0.5),)
    content = View(0.0, (ContentPart("abstract", title, 0.886),))
    found = explanation(title=title, history=View(0.386, parts), content=content)
    assert max(cell_len(line) for line in found.to_text().splitlines()) <= 80
    assert "ein-langer-schluessel" in found.to_text()
    assert cell_len(repr(found)) <= 100


def test_levels_of_the_networks_are_one_thing_and_what_adds_nothing_is_left_out():
    levels = [
        ("factors", 0.1),
        ("level 1", 0.2),
        ("level 12", 0.3),
        ("content", 0.4),
        ("what it is about", 0.5),
        ("genres", 0.6),
        ("year", 0.0),
    ]
    assert in_plain_words(levels) == [
        ("what others took", 0.1), ("what the network adds", 0.5), ("what it is about", 0.9), ("genres", 0.6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "total", "decimals"),
    [([0.3333, 0.3333, 0.3334], 1.0, 3), ([1.0004, 1.0004, -0.0004], 2.0004, 3), ([-0.0006, -0.0006], -0.0012, 3), ([5.0, 7.0], 12.0, 0), ([], 0.0, 3)],
)  # fmt: skip
def test_rounded_values_sum_to_the_rounded_total(values, total, decimals):
    found = rounded(values, total, decimals)
    assert sum(round(one * 10**decimals) for one in found) == round(total * 10**decimals)
    assert all(abs(one - value) < 10.0**-decimals for one, value in zip(found, values))


@pytest.mark.parametrize(
    ("score", "parts", "decimals"),
    [(12.0, [12.0, 0.0], 0), (0.5, [0.25], 3), (0.00155, [0.00155], 5), (250.25, [], 3), (0.0, [1e-30], 8)],
)
def test_as_many_decimals_as_show_three_figures(score, parts, decimals):
    assert decimals_of(score, parts) == decimals
