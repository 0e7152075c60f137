"""What a person reads in the first hour: steps of a fit, unknown users, rules without effect, tables as wide as the terminal."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace

import pytest

from dualnet import Rules
from dualnet.cli import fit_ending, main
from dualnet.data.splits import ASKS, PROTOCOLS
from dualnet.models.level_choice import Compared

GENRES = ("war", "love", "crime")
SMALL = ["--set", "levels=[8]", "--set", "factors=4", "--set", "epochs=2"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    place = tmp_path_factory.mktemp("films")
    likes = [(f"viewer-{user:02}", f"f{film}", 5) for user in range(40) for film in range(30) if (user + film) % 3 == 0]
    lines = [f"{user},{film},{stars}\n" for user, film, stars in [*likes, ("gloomy", "f1", 2), ("gloomy", "f2", 1)]]
    (place / "log.csv").write_text("user,film,stars\n" + "".join(lines))
    films = "".join(f"f{film},Film {film} of {GENRES[film % 3]},{GENRES[film % 3]},{1990 + film}\n" for film in range(32))
    (place / "films.csv").write_text(f"film,title,genre,year\n{films}")
    return [
        *(str(place / "log.csv"), "--items", str(place / "films.csv"), "--user-column", "user", "--item-column", "film"),
        *("--text", "title", "--categories", "genre", "--rating", "stars", "--threshold", "4"),
    ]


@pytest.fixture(scope="module")
def run(tables, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    assert main(["fit", *tables, "--model", "content-profile", "--out", str(out)]) == 0
    return str(out)


def told(capsys, *words, code=0):
    capsys.readouterr()
    assert main([str(word) for word in words]) == code
    return capsys.readouterr()


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        (
            ["--protocol", "four-quadrants"],
            [
                "Step 1 of 6: trying settings for the solved part of the model on held-out data",
                "Step 2 of 6: training the networks without the held-out data, to see how long",
                "Step 3 of 6: weighing the parts of the model on the held-out data",
                "Step 4 of 6: computing the solved part of the model", "Step 5 of 6: training the networks",
                "Step 6 of 6: measuring on the test part, beside simple models",
            ],
        ),
        (
            ["--set", "ensemble=2", "--set", "init=random", "--set", 'stages=["pretrain", "refine", "optimise"]'],
            [
                "Step 1 of 9: trying settings for the solved part of the model on held-out data",
                "Step 2 of 9: weighing the parts of the model on the held-out data",
                "Step 3 of 9: computing the solved part of the model",
                *(
                    f"Step {4 + 3 * n + k} of 9: {what}, {n + 1} of 2"
                    for n in range(2)
                    for k, what in enumerate(("preparing the network of the items", "training the networks up to level 1", "training the networks"))
                ),
            ],
        ),
    ],
    ids=["measured", "all"],
)  # fmt: skip
def test_a_fit_says_what_it_does_and_which_step_of_how_many_it_is(capsys, tables, tmp_path, wanted, titles):
    err = told(capsys, "fit", *tables, *SMALL, *wanted, "--out", tmp_path / "x").err
    found = [line for line in err.splitlines() if line.startswith("Step ")]
    assert found == titles
    phases = [json.loads(line)["phase"] for line in (tmp_path / "x" / "log.jsonl").read_text().splitlines()]
    assert not any("Step" in phase for phase in phases)  # programs read the names that they know


def test_a_model_of_one_step_has_no_numbers(capsys, tables, tmp_path):
    err = told(
        capsys, "fit", *tables, "--model", "cdl", "--set", "levels=[8, 4]", "--set", "alternations=1", "--out", tmp_path / "x"
    ).err
    assert err.startswith("Training the autoencoder and the factors in turn\n")
    err = told(
        capsys, "fit", *tables, "--model", "popularity", "--protocol", "citeulike2", "--no-compare", "--out", tmp_path / "y"
    ).err
    assert "Measuring on the test part\n" in err
    assert "Step" not in err


@pytest.mark.parametrize(
    ("user", "end"),
    [
        ("viewer-7", r"instead\. Did you mean 'viewer-07'\?"), ("VIEWER_07", r"instead\. Did you mean 'viewer-07'\?"),
        ("vewer-07", r"instead\. Did you mean 'viewer-07' or .*\?"), ("somebody else", "instead"), ("17", "instead"),
        (
            "gloomy",
            r"instead; log\.csv has 2 events of 'gloomy', but none that counts as a like \(4 or more in 'stars'\), and a model knows only users"
            " with a like",
        ),
    ],
)  # fmt: skip
def test_an_unknown_user_is_told_the_nearest_and_why_somebody_of_the_file_is_none(capsys, run, user, end):
    err = told(capsys, "recommend", run, "--user", user, code=3).err
    assert re.fullmatch(rf"dualnet: unknown user '{user}'; for someone new give --history ITEM,ITEM {end}\n", err)


def test_somebody_who_is_held_out_is_told_so_and_others_are_not(capsys, tables, tmp_path):
    told(capsys, "fit", *tables, "--model", "popularity", "--protocol", "four-quadrants", "--out", tmp_path / "x")
    known = {f"viewer-{user:02}" for user in range(40)}
    held = [user for user in sorted(known) if main(["recommend", str(tmp_path / "x"), "--user", user]) == 3]
    assert held
    err = told(capsys, "recommend", tmp_path / "x", "--user", held[0], code=3).err
    assert "log.csv has 10 events of" in err
    assert "but a part of the people did not train here" in err
    assert "did not train" not in told(capsys, "recommend", tmp_path / "x", "--user", "nobody", code=3).err


def test_a_run_whose_file_is_gone_says_what_it_can(capsys, tables, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("user,film\nann,f1\nann,f2\nbob,f2\n")
    told(capsys, "fit", log, "--user-column", "user", "--item-column", "film", "--model", "popularity", "--out", tmp_path / "x")
    log.unlink()
    err = told(capsys, "recommend", tmp_path / "x", "--user", "anne", code=3).err
    assert err.endswith("instead. Did you mean 'ann'?\n")


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (["--boost", "genre=war:0.000001"], "boost +1e-06: genre is war: it changed nothing in this list: it is too small for other items to come in"),
        (["--boost", "genre=war:0.5", "--filter", '{"genre": {"is": "war"}}'], "it changed nothing in this list: the list is so without it"),
        (["--at-most", "genre=war:5"], "at most 5: genre is war: it changed nothing in this list: the list is so without it"),
        (["--diversity", "0.000001"], "diversity 1e-06: it changed nothing in this list: its items are unlike enough already"),
    ],
)  # fmt: skip
def test_a_rule_without_effect_says_so_and_why(capsys, run, options, note):
    for words in (
        ["recommend", run, "--user", "viewer-01", "-k", 3, "--only", "known"],
        ["similar", run, "--item", "f1", "-k", 3],
    ):
        plain = told(capsys, *words, *options[2:])
        ruled = told(capsys, *words, *options)
        if re.findall(r"f\d+  ", plain.out) == re.findall(r"f\d+  ", ruled.out):
            assert note in ruled.err
        else:
            assert "changed nothing" not in ruled.err


def test_a_boost_that_matches_nothing_says_so_once_and_one_that_changes_something_says_nothing(capsys, run):
    words = ["recommend", run, "--user", "viewer-01", "-k", 3]
    found = told(capsys, *words, "--boost", "genre=sport:1")
    assert "not met: boost +1: genre is sport: it is about no item that may be listed here" in found.out
    assert "changed nothing" not in found.err
    assert "note" not in told(capsys, *words, "--boost", "genre=crime:9").err


def test_rules_of_a_json_answer_are_told_beside_it(capsys, run):
    found = told(capsys, "recommend", run, "--user", "viewer-01", "--at-most", "genre=war:30", "--json")
    assert "changed nothing" in found.err
    assert json.loads(found.out)["items"]
    assert not Rules()


class Terminal:
    """Standard output of which somebody sees the width."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def isatty(self):
        return True


@pytest.fixture(scope="module")
def measured(tables, tmp_path_factory):
    out = tmp_path_factory.mktemp("measured") / "run"
    assert main(["fit", *tables, "--model", "popularity", "--protocol", "citeulike2", "--out", str(out)]) == 0
    return str(out)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_table_is_as_wide_as_the_terminal_and_whole_in_a_pipe(capsys, monkeypatch, measured, width):
    words = ["evaluate", measured, "--at", "2,3,4,5,6"]
    monkeypatch.setenv("COLUMNS", str(width))
    whole = told(capsys, *words).out
    monkeypatch.setattr(sys, "stdout", Terminal(sys.stdout))
    cut = told(capsys, *words).out
    assert max(map(len, whole.splitlines()[:4])) > 100
    assert max(map(len, cut.splitlines())) <= width
    assert sorted(cut.split()) != sorted(whole.split())  # names of tasks come again
    figures = re.findall(r"\d\.\d{3} \[\d\.\d{3} \d\.\d{3}\]", whole)
    assert sorted(re.findall(r"\d\.\d{3} \[\d\.\d{3} \d\.\d{3}\]", cut)) == sorted(figures)


def test_every_protocol_has_half_a_line():
    assert set(ASKS) == set(PROTOCOLS)
    assert all(len(text) <= 80 for text in ASKS.values())


@pytest.mark.parametrize(("compared", "said"), [(Compared(0.312, 0.310), True), (Compared(0.312, 0.280), False), (None, False)])
def test_networks_that_add_little_are_told_where_that_was_measured(capsys, tables, tmp_path, monkeypatch, compared, said):
    kept = fit_ending._say_networks

    def with_figures(model):
        model.choice_ = replace(model.choice_, compared=compared)
        kept(model)

    monkeypatch.setattr(fit_ending, "_say_networks", with_figures)
    out = told(capsys, "fit", *tables, *SMALL, "--protocol", "four-quadrants", "--no-compare", "--out", tmp_path / "x").out
    sentence = (
        "The networks add little here: on the validation part recall is 0.312 with them and 0.310 without; --model solved fits"
    )
    assert (sentence in out) == said


def test_what_the_networks_add_is_measured(tables, tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(fit_ending, "_say_networks", lambda model: seen.append(model.choice_.compared))
    told(capsys, "fit", *tables, *SMALL, "--protocol", "four-quadrants", "--no-compare", "--out", tmp_path / "x")
    told(
        capsys,
        "fit",
        *tables,
        "--model",
        "solved",
        "--set",
        "factors=4",
        "--protocol",
        "four-quadrants",
        "--out",
        tmp_path / "y",
    )
    assert 0 <= seen[0].without <= seen[0].whole <= 1
    assert seen[1] is None
