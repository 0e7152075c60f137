"""Results as tables: data frames for programs, short representations and HTML for notebooks."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import dualnet
from dualnet.retrieval.recommendations import RecommendationLists, Recommendations
from dualnet.tabular import LONGEST_CELL, SHOWN_ROWS, cut_cell, html_table


class Cells(HTMLParser):
    """The text of every cell and the names of all tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self.bold: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.tags[-1] == "b":
            self.bold.append(data)
        if self.cells:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def split():
    return dualnet.splits.four_quadrants(dualnet.synthetic.blocks_world(), seed=0)


@pytest.fixture(scope="module")
def models(split):
    return [model.fit(split.train) for model in (dualnet.WMF(factors=4), dualnet.Popularity(), dualnet.Popularity())]


@pytest.fixture(scope="module")
def report(split, models):
    return dualnet.evaluate(models[0], split, at=(5, 10), bootstrap=50, against=models[1:])


def listed(titles):
    count = len(titles)
    return Recommendations([f"i{n}" for n in range(count)], [1.0] * count, titles, ["known"] * count, "history", [])


@pytest.mark.parametrize("title", ["<script>alert(1)</script>", "a & b", '"quoted"', "x" * 500, "", "書籍 <b>"])
def test_html_shows_a_title_as_text(title):
    found = Cells(listed([title])._repr_html_())
    assert cut_cell(title) in found.cells
    assert not {"script", "b"} & set(found.tags)


def test_a_long_title_is_cut_everywhere_that_people_look_and_nowhere_that_programs_do():
    found = listed(["x" * 500])
    for shown in (str(found), repr(found), found._repr_html_(), RecommendationLists(["u"], [found])._repr_html_()):
        assert "x" * 80 in shown
        assert "x" * (LONGEST_CELL + 1) not in shown
    assert found.to_arrow()["title"][0].as_py() == "x" * 500


@pytest.mark.parametrize("rows", [0, 1, SHOWN_ROWS, SHOWN_ROWS + 1, 300])
def test_a_table_in_a_notebook_has_at_most_twenty_rows_and_says_what_it_leaves_out(rows):
    found = Cells(html_table(("n",), [[n] for n in range(rows)], "numbers"))
    assert found.tags.count("tr") == 1 + min(rows, SHOWN_ROWS) + (rows > SHOWN_ROWS)
    assert any("more" in cell for cell in found.cells) == (rows > SHOWN_ROWS)


def test_a_list_is_indexed_as_it_is_iterated(models):
    found = models[0].recommend("u0-0", k=4)
    assert [found[place] for place in range(4)] == list(found)
    assert list(found[1:3]) == list(found)[1:3]
    assert found[1:3].titles == found.titles[1:3]
    assert found[-1] == list(found)[-1]
    with pytest.raises(IndexError):
        found[4]


@pytest.mark.parametrize("form", ["to_pandas", "to_polars", "to_arrow"])
def test_every_result_is_a_data_frame(form, models, report):
    one, many = models[0].recommend("u0-0", k=3), models[0].recommend(["u0-0", "u0-1"], k=3)
    for result, rows in ((one, 3), (many, 6), (report, None)):
        frame = getattr(result, form)()
        assert frame.shape[1] == len(result.to_arrow().column_names)
        assert rows is None or frame.shape[0] == rows


def test_the_frame_of_a_report_holds_its_figures(report):
    frame = report.to_pandas()
    row = frame[(frame.task == "known-known") & (frame.model == "wmf") & (frame.metric == "recall") & (frame.cut == 10)]
    assert row["mean"].item() == report["known-known"].mean("recall@10")
    assert (row["low"].item(), row["high"].item()) == report["known-known"].intervals["recall@10"]
    assert set(frame.model) == {"wmf", "popularity", "popularity 2"}


def test_a_report_compares_models_in_pairs(report, split, models):
    alone = dualnet.evaluate(models[1], split, at=(5, 10), bootstrap=50)
    other = report.against[0]
    assert other.report["known-known"].per_user["recall@10"].tolist() == alone["known-known"].per_user["recall@10"].tolist()
    mean, low, high = other.differences["known-known"]["recall@10"]
    assert mean == pytest.approx(report["known-known"].mean("recall@10") - alone["known-known"].mean("recall@10"))
    assert low <= mean <= high
    assert "wmf is ahead of popularity" in str(report)
    twins = dualnet.evaluate(models[1], split, at=(5,), bootstrap=50, against={"twin": models[2]})
    assert "popularity and twin are level" in str(twins)
    assert twins.to_json()["against"][0]["differences"]["known-known"]["recall@5"]["mean"] == 0
    assert "against" not in alone.to_json()


def test_a_report_in_a_notebook_marks_the_best_of_each_task(report):
    found = Cells(report._repr_html_())
    best = report["known-known"].mean("recall@10")
    assert any(text.startswith(f"{best:.3f} (") for text in found.bold)
    assert not Cells(report.against[0].report._repr_html_()).bold  # one model alone is not the best of anything


def test_a_report_in_a_notebook_is_a_row_for_a_task_and_a_cut_and_a_line_for_each_verdict(report):
    found = Cells(report._repr_html_())
    assert found.tags.count("tr") == 1 + 2 * len(report.results)
    assert found.tags.count("th") == 2 + 3
    assert found.tags.count("br") == len(report._verdicts()) > 0  # and one line for the dash
    assert "A dash" in report._repr_html_()


@pytest.mark.parametrize(("titles", "columns"), [(["i0", "i1"], 4), (["i0", "A film"], 5), (["", ""], 5)])
def test_ids_are_not_shown_twice_where_there_are_no_titles(titles, columns):
    assert Cells(listed(titles)._repr_html_()).tags.count("th") == columns


@pytest.mark.parametrize("wrong", ["wmf", dualnet.WMF(), [dualnet.synthetic.blocks_world()], [3]])
def test_what_is_no_list_of_models_is_told(wrong, split, models):
    with pytest.raises(dualnet.UsageError, match="against must"):
        dualnet.evaluate(models[0], split, against=wrong)


def test_every_representation_is_short(report, models, split):
    lists = models[0].recommend([f"u0-{n}" for n in range(9)], k=10)
    found = [models[0].recommend("u0-0", k=30), lists, report, report.results[0], report.results[1], report.against[0]]
    found += [models[0], split, split.train, split.tasks[0], split.validation, split.train.items, split.train.items.spec]
    found += [
        models[0].capabilities,
        models[0].explain(models[0].recommend("u0-0", k=1).ids[0], user="u0-0").history,
        listed(["a long title " * 9] * 5),
    ]
    found += [
        dualnet.DualNet(**dict.fromkeys(dualnet.DualNet.parameter_names(), 7)),
        dualnet.RunOptions(),
        dualnet.NewColumns(),
    ]
    found += [
        dualnet.Rules(diversity=0.3, boost=[dualnet.Boost(where={"genre": {"is": "comedy"}}, weight=0.5)]),
        *dualnet.sources.known().values(),
    ]
    for result in found:
        assert len(repr(result).splitlines()) < 25
        assert max(map(len, repr(result).splitlines())) <= 100, type(result)
        assert not re.search(r"array\(|object at 0x|function", repr(result)), type(result)


def test_a_representation_has_what_was_changed():
    assert repr(dualnet.ContentSpec(text=("title",))) == "ContentSpec(text=('title',))"
    assert repr(dualnet.RunOptions(threads=2)) == "RunOptions(threads=2)"
    assert "learning_rate</td>" in dualnet.DualNet(learning_rate=0.0005)._repr_html_()
    assert "0.0005" in dualnet.DualNet(learning_rate=0.0005)._repr_html_()
    wide = dualnet.DualNet(levels=tuple(range(1, 40)), epochs=3, noise=0.25, history_noise=0.25, learning_rate=0.003)
    assert repr(wide).splitlines()[-1].startswith("    ")
    assert "\n" not in wide._in_one_line()


def test_a_split_has_a_table_and_numbers_stand_to_the_right(split):
    found = split._repr_html_()
    assert Cells(found).tags.count("tr") == 1 + len(split.tasks) + len(split.served) + len(split.validation.tasks)
    assert found.count("text-align:right") == 3 * Cells(found).tags.count("tr")
    assert "text-align:right" not in html_table(("title",), [["12 Monkeys"], ["Heat"]], "films")


def test_models_and_data_have_a_card(models, split):
    assert "parameters" in Cells(models[0]._repr_html_()).cells
    assert "not fitted" in dualnet.WMF()._repr_html_()
    assert "36" in Cells(split.train._repr_html_()).cells
    assert "four-quadrants" in repr(split)


def test_an_explanation_is_short_in_a_notebook(models, split):
    user = split.train.interactions.users.key(0)
    why = models[0].explain(models[0].recommend(user, k=1).ids[0], user=user)
    assert len(repr(why).splitlines()) == 1
    assert len(repr(why)) <= 100
    assert "most because of" in repr(why)
    html = why._repr_html_()
    assert html.count("<tr>") <= 21
    assert "Items of the history" in html


@pytest.mark.parametrize(
    "at", [5, (5,), [5], np.array([5]), np.int64(5), (5.0,), {5}, range(5, 6), map(int, "5")], ids=lambda at: type(at).__name__
)
def test_cut_offs_are_numbers_or_one_number(split, models, at):
    report = dualnet.evaluate(models[0], split.tasks, at=at, bootstrap=0, against=[models[1]])
    assert report.cuts == report.against[0].report.cuts == (5,)


@pytest.mark.parametrize(
    "at", [0, "5", "5,10", None, True, (), (0,), (2.5,), ("5",), [None], (True,), b"5", (float("nan"),), float("inf")], ids=repr
)
def test_what_is_no_cut_off_is_told(split, models, at):
    with pytest.raises(dualnet.errors.UsageError, match="cut-offs must be whole numbers of at least 1"):
        dualnet.evaluate(models[0], split.tasks, at=at, bootstrap=0)


def test_figures_show_every_model(report):
    panels = report.plot().axes
    assert [panel.get_title() for panel in panels] == [result.name for result in report.results if not result.reason]
    assert [line.get_label() for line in panels[0].lines] == ["wmf", "popularity", "popularity 2"]


def test_a_loaded_model_says_that_it_has_no_training_to_plot(tmp_path):
    pytest.importorskip("torch")
    model = dualnet.DualNet(levels=(8,), factors=0, epochs=2, random_state=0).fit(dualnet.synthetic.blocks_world())
    assert len(model.plot_training().axes[0].lines[0].get_xdata()) == 2
    loaded = dualnet.load(model.save(tmp_path / "model"))
    with pytest.raises(dualnet.UsageError, match="no training to plot"):
        loaded.plot_training()


def test_two_models_of_one_kind_have_two_names_and_two_lines(split, models):
    twin = dualnet.WMF(factors=2).fit(split.train)
    report = dualnet.evaluate(models[0], split, at=(5,), bootstrap=0, against=[twin, twin])
    assert [other.model for other in report.against] == ["wmf 2", "wmf 3"]
    assert set(report.to_arrow()["model"].to_pylist()) == {"wmf", "wmf 2", "wmf 3"}
    assert [line.get_label() for line in report.plot().axes[0].lines] == ["wmf", "wmf 2", "wmf 3"]


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (lambda model: {"a": 3}, "must hold fitted models, got 3"),
        (lambda model: {3: model}, "by a text, got 3"),
        (lambda model: {" ": model}, "by a text"),
        (lambda model: {"wmf": model}, "'wmf', as the model that it is compared with"),
    ],
)
def test_models_that_cannot_be_named_are_refused(split, models, named, told):
    with pytest.raises(dualnet.UsageError, match=told):
        dualnet.evaluate(models[0], split, against=named(models[0]))


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_pandas"), ("polars", "to_polars")])
def test_a_missing_package_of_data_frames_is_named(models, monkeypatch, package, method):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(dualnet.ResourceError, match=f"needs the package '{package}'.*pip install {package}"):
        getattr(models[1].recommend("u0-0", k=2), method)()
