"""`dualnet explain` from a model folder to sentences: what is printed adds up, JSON is clean, mistakes are one sentence."""

import json
import re
from decimal import Decimal

import pyarrow as pa
import pytest

from dualnet import ContentProfile, Popularity
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.data.write_table import write_table

WORLD = blocks_world()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return ContentProfile().fit(WORLD).save(tmp_path_factory.mktemp("run") / "model")


def call(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return code, captured.out, captured.err


@pytest.mark.parametrize("top", [1, 2, 50])
def test_what_is_printed_adds_up(capsys, model, top):
    code, out, err = call(capsys, "explain", model.parent, "--user", "u1-1", "--item", "i1-4", "--top", top)
    assert code == 0, err
    head, *blocks = [block.splitlines() for block in out.strip().split("\n\n")]
    score = re.match(r"Score (\d\.\d+)\. ", head[1])[1]
    assert [block[0] for block in blocks] == ["What the score comes from", "Items of the history", "Content of the item"]
    for block in blocks:
        assert sum(Decimal(line.split()[0]) for line in block[1:-1]) == Decimal(score)  # as printed, to the last figure
        assert block[-1].split() == ["=", score, "score"]
        assert len(block) <= top + 4


def test_json_new_items_and_leave_one_out(capsys, model, tmp_path):
    new = tmp_path / "new.csv"
    write_table(pa.table({"item_id": ["n1"], "title": [WORLD.items.title(0)]}), new)
    question = ["explain", model, "--history", "i0-1,i1-2,n1", "--item", "n1", "--new-items", new]
    code, out, err = call(capsys, *question, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert list(found) == ["item", "title", "resolved", "score", "method", "levels", "history", "content"]
    assert (found["item"], found["resolved"], found["method"]) == ("n1", "history", "integrated-gradients")
    assert {tuple(part) for part in found["history"]["parts"]} == {("item", "title", "score")}
    assert {part["term"] for part in found["content"]["parts"]} == set(WORLD.items.title(0).split())
    code, out, err = call(capsys, *question, "--method", "leave-one-out", "--top", 1)
    assert code == 0, err
    assert "what no single item explains" in out
    assert "2 more" in out


def test_mistakes(capsys, model, tmp_path):
    for arguments, code, text in (
        (["--item", "i0-1"], 2, "say for whom"),
        (["--item", "i0-1", "--user", "u0-0", "--history", "i0-2"], 2, "say for whom"),
        (["--item", "i0-1", "--user", "u0-0", "--top", "0"], 2, "--top"),
        (["--item", "i0-1", "--user", "u0-0", "--method", "leave-one"], 2, "Did you mean 'leave-one-out'?"),
        (["--item", "x", "--user", "u0-0"], 3, "unknown item 'x'; give one that is new by its content, with --new-items TABLE"),
        (["--item", "i0-1", "--user", "x"], 3, "unknown user 'x'; for someone new give --history"),
    ):
        got, out, err = call(capsys, "explain", model, *arguments)
        assert (got, out) == (code, "")
        assert text in err
    plain = Popularity().fit(WORLD).save(tmp_path / "popularity")
    new = tmp_path / "new.csv"
    write_table(pa.table({"item_id": ["n1"], "title": ["x"]}), new)
    got, _, err = call(capsys, "explain", plain, "--item", "n1", "--user", "u0-0", "--new-items", new)
    assert (got, "cannot score items" in err) == (2, True), err
