"""Items by title on the command line: in histories, in lists of items, as the item that is explained or compared."""

import json

import pytest

from dualnet import ContentProfile, Dataset
from dualnet.cli import main
from dualnet.cli.id_lists import NamedItems, id_list

TITLES = ["Toy Story (1995)", "Matrix, The (1999)", "Dune, Part Two", "Hamlet (1990)", "Hamlet (1996)", "i1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    import pyarrow as pa

    events = pa.table({"user_id": ["a", "a", "b", "b", "c", "c"], "item_id": ["i0", "i1", "i1", "i2", "i3", "i4"]})
    items = pa.table(
        {
            "item_id": [f"i{n}" for n in range(6)],
            "title": TITLES,
            "genre": ["red blue", "blue green", "red", "green", "green blue", "red"],
        }
    )
    folder = tmp_path_factory.mktemp("titles") / "run"
    ContentProfile().fit(Dataset.from_tables(events, items, text="genre", title="title")).save(folder)
    return folder


@pytest.fixture
def named(run):
    from dualnet import load

    model = load(run)
    return NamedItems(model, model.catalogue_.ids)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("i0,i3", ["i0", "i3"]),
        ("Toy Story", ["i0"]),
        ("toy stroy , i3", ["i0", "i3"]),
        ("Matrix, The", ["i1"]),
        ("Matrix, The, Toy Story", ["i1", "i0"]),
        ("i0, Matrix, The, Dune, Part Two, i2", ["i0", "i1", "i2", "i2"]),
        ('"Dune, Part Two",matirx', ["i2", "i1"]),
        ("i1", ["i1"]),  # an id counts before a title
        ("hamlet 1996", ["i4"]),
        ("nothing, The", ["nothing", "The"]),
        ("", []),
    ],
)
def test_lists_of_items(named, text, keys):
    assert id_list(text, named, "--history") == keys


def test_what_was_taken_for_what_is_said(run, capsys):
    assert main(["recommend", str(run), "--history", "toy stroy", "--json"]) == 0
    told = capsys.readouterr()
    assert "'toy stroy' is item i0: Toy Story (1995)\n" in told.err
    by_title = json.loads(told.out)
    assert main(["recommend", str(run), "--history", "i0", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == by_title
    assert "is item" not in told.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["recommend", "--history", "hamlet"], "several items are called 'hamlet'"),
        (["recommend", "--history", "Toy"], "The nearest title is 'Toy Story (1995)' (i0)."),
        (["recommend", "--history", "zzz"], "unknown item in the history 'zzz'"),
        (["recommend", "--history", "i0", "--exclude", "hamlet"], "several items"),
        (["explain", "--history", "i0", "--item", "Toy"], "The nearest title is"),
        (["explain", "--history", "i0", "--item", "zzz"], "unknown item 'zzz'"),
        (["similar", "--item", "hamlet"], "several items"),
        (["similar", "--item", "Matr"], "The nearest title is 'Matrix, The (1999)' (i1)."),
        (["similar", "--item", "zzz"], "unknown item 'zzz'"),
    ],
)
def test_what_is_not_found_or_not_clear_is_told(run, capsys, words, says):
    assert main([words[0], str(run), *words[1:]]) == 3
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("by_title", "by_id"),
    [
        (["similar", "--item", "the matrix", "-k", "2"], ["similar", "--item", "i1", "-k", "2"]),
        (["explain", "--history", "Toy Story", "--item", "Matrix, The"], ["explain", "--history", "i0", "--item", "i1"]),
        (["recommend", "--history", "i0", "--candidates", "matrix, Dune, Part Two"], ["recommend", "--history", "i0", "--candidates", "i1,i2"]),
        (["recommend", "--history", "i0", "--exclude", "matrix", "--seen", "hamlet 1990"], ["recommend", "--history", "i0", "--exclude", "i1", "--seen", "i3"]),
        (["recommend", "--history", "i0,zzz", "--unknown", "ignore"], ["recommend", "--history", "i0,yyy", "--unknown", "ignore"]),
    ],
)  # fmt: skip
def test_a_title_means_the_same_as_its_id(run, capsys, by_title, by_id):
    outs = []
    for words in (by_title, by_id):
        assert main([words[0], str(run), *words[1:], "--json"]) == 0
        outs.append(capsys.readouterr().out.replace("zzz", "yyy"))
    assert outs[0] == outs[1]


@pytest.mark.parametrize(
    ("history", "popularity", "told"),
    [
        ("i0", "0", True),
        ("i0,i1", "0.2", True),
        ("i0,i1,i2", "0", False),
        ("i0", "0.5", False),
        ("i2,", "0", True),
        ('"i0",i1,', "0", True),
    ],
)
def test_little_is_left_of_a_short_history_without_popularity(run, capsys, history, popularity, told):
    assert main(["recommend", str(run), "--history", history, "--popularity", popularity]) == 0
    assert ("0.5 is steadier" in capsys.readouterr().err) is told
