"""Commands that a command prints as its next step can be pasted as they are, whatever the folder is called."""

import re
import shlex

import pytest

from dualnet.cli import main


def commands(printed):
    """Every `dualnet ...` that a text offers, split as a shell does."""
    offered = re.findall(r"(?<![/\w])dualnet (?:recommend|serve|evaluate) .*?(?=   or   |\n|$)", printed)
    return [shlex.split(one)[1:] for one in offered]


@pytest.mark.parametrize("folder", ["run", "my first run", "it's; echo 1"])
def test_the_next_step_of_a_fit(tmp_path, monkeypatch, capsys, folder):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "demo", "--model", "popularity", "--protocol", "citeulike1", "--no-compare", "--out", folder]) == 0
    offered = commands(capsys.readouterr().out)
    assert {words[0] for words in offered} == {"evaluate", "recommend", "serve"}
    assert all(words[1] == folder for words in offered)
    assert main([word for words in offered if words[0] == "recommend" for word in words]) == 0
