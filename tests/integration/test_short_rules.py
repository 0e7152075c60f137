"""Rules in a few letters on the command line mean what the same rules of a file mean."""

import json

import pytest

from dualnet.cli import main
from dualnet.cli.rule_options import short_rule

BOOST, MOST, LEAST = ("--boost", "weight", "column"), ("--at-most", "at_most", "each"), ("--at-least", "at_least", None)


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        (BOOST, "genres=Comedy:0.5", {"where": {"genres": {"is": "Comedy"}}, "weight": 0.5}),
        (BOOST, "genres = Comedy : -1.5", {"where": {"genres": {"is": "Comedy"}}, "weight": -1.5}),
        (BOOST, "year>=2000:1", {"where": {"year": {"min": "2000"}}, "weight": 1.0}),
        (BOOST, "day<=2020-01-31 10:00:+2", {"where": {"day": {"max": "2020-01-31 10:00"}}, "weight": 2.0}),
        (BOOST, "title=Alien: Covenant:1", {"where": {"title": {"is": "Alien: Covenant"}}, "weight": 1.0}),
        (BOOST, "a=b=c:1", {"where": {"a": {"is": "b=c"}}, "weight": 1.0}),
        (BOOST, "year:1", {"column": "year", "weight": 1.0}),
        (BOOST, "new:1e-1", {"kind": "new", "weight": 0.1}),
        (MOST, "author:3", {"each": "author", "at_most": 3}),
        (MOST, "known:3", {"kind": "known", "at_most": 3}),
        (MOST, "genres=Sci-Fi:0", {"where": {"genres": {"is": "Sci-Fi"}}, "at_most": 0}),
        (LEAST, "new:2", {"kind": "new", "at_least": 2}),
        (LEAST, "Warengruppe=Kaffee & Tee:2", {"where": {"Warengruppe": {"is": "Kaffee & Tee"}}, "at_least": 2}),
    ],
)
def test_a_short_rule_is_that_of_a_file(kind, text, rule):
    option, amount, column = kind
    assert short_rule(text, option, amount, column) == rule


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("run")
    rows = [f"u{u},i{(u * 5 + k * 3) % 20}\n" for u in range(12) for k in range(6)]
    (place / "e.csv").write_text("user_id,item_id\n" + "".join(rows))
    (place / "i.csv").write_text(
        "item_id,title,kind,year\n" + "".join(f"i{k},Thing {k % 6} {k},k{k % 4},{1990 + k}\n" for k in range(24))
    )
    words = ["--items", str(place / "i.csv"), "--text", "title", "--categories", "kind", "--numbers", "year"]
    assert (
        main(
            [
                "fit",
                str(place / "e.csv"),
                *words,
                "--duplicates",
                "first",
                "--model",
                "content-profile",
                "--out",
                str(place / "run"),
            ]
        )
        == 0
    )
    return place / "run"


def listed(capsys, *words):
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "command", [("recommend", "--user", "u1"), ("recommend", "--history", "i3,i4"), ("similar", "--item", "i4")]
)
@pytest.mark.parametrize(
    ("short", "file"),
    [
        (["--boost", "kind=k1:3"], '[[boost]]\nwhere = {kind = {is = "k1"}}\nweight = 3\n'),
        (
            ["--boost", "year:2", "--boost", "new:1"],
            '[[boost]]\ncolumn = "year"\nweight = 2\n[[boost]]\nkind = "new"\nweight = 1\n',
        ),
        (
            ["--at-most", "kind:2", "--at-least", "new:2"],
            '[[quotas]]\neach = "kind"\nat_most = 2\n[[quotas]]\nkind = "new"\nat_least = 2\n',
        ),
        (["--at-least", "year>=2008:3"], "[[quotas]]\nwhere = {year = {min = 2008}}\nat_least = 3\n"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_the_list_is_that_of_the_file(run, capsys, tmp_path, command, short, file):
    (tmp_path / "rules.toml").write_text(file)
    name, *who = command
    words = [name, run, *who, "-k", 6]
    by_file = listed(capsys, *words, "--rules", tmp_path / "rules.toml")
    by_options = listed(capsys, *words, *short)
    assert [item["item"] for item in by_options["items"]] == [item["item"] for item in by_file["items"]]
    assert [item["item"] for item in by_options["items"]] != [item["item"] for item in listed(capsys, *words)["items"]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--boost", "kind=k1"], "--boost 'kind=k1' is not of the form WHICH:NUMBER; write --boost genres=Comedy:0.5"),
        (["--boost", "kind=k1:much"], "is not of the form WHICH:NUMBER"),
        (["--boost", ":1"], "is not of the form WHICH:NUMBER"),
        (["--boost", "kind=:1"], "is not of the form WHICH:NUMBER"),
        (["--boost", "kind=k1:nan"], "--boost 'kind=k1:nan': the weight of a boost must be a number"),
        (["--boost", "kind=k1:1e9"], "the weight of a boost must be a number"),
        (["--boost", "knd=k1:1"], "there is no item column 'knd'"),
        (["--at-most", "kind:2.5"], "write --at-most author:2"),
        (["--at-most", "kind:-1"], "--at-most 'kind:-1': --at-most of a quota must be a whole number, 0 or more"),
        (["--at-least", "kind:2"], "--at-least 'kind:2' says no value of 'kind'; write --at-least 'kind=VALUE:2'"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_what_means_nothing_is_told(run, capsys, words, told):
    capsys.readouterr()
    assert main(["recommend", str(run), "--user", "u1", *words]) != 0
    said = capsys.readouterr().err
    assert told in said
    assert len(said.splitlines()) == 1
