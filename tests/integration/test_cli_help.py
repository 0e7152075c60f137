"""Help as a manual, and what the shell completes: every command has examples that could be run, in 80 columns."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from typer.main import get_command

from dualnet.cli.app import app

ROOT = get_command(app)


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = list(commands(ROOT))


def shown(path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    with pytest.raises(SystemExit):
        app([*path, "--help"], prog_name="dualnet")
    return capsys.readouterr().out


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_examples_that_could_be_run(path, command, capsys, monkeypatch):
    text = shown(path, capsys, monkeypatch)
    assert max(len(line) for line in text.splitlines()) <= 80
    start = " ".join(["dualnet", *path])
    examples = re.findall(rf"^ +(?:Example: )?({start}(?: .*)?)$", text, flags=re.M)
    assert examples, f"the help of {start} has no example on a line of its own"
    options = {name for parameter in command.params for name in parameter.opts}
    needed = {parameter.opts[-1] for parameter in command.params if parameter.required and parameter.opts[-1].startswith("-")}
    for example in examples:
        given = {word for word in shlex.split(example) if word.startswith("-")}
        assert given <= options, f"{example}: no option {given - options}"
        assert needed <= given, f"{example}: {needed - given} is missing"


def test_the_list_of_commands_is_not_cut_short(capsys, monkeypatch):
    text = shown((), capsys, monkeypatch)
    listed = dict(re.findall(r"^  ([a-z]+) {2,}(\S.*)$", text[text.index("Commands:") :], flags=re.M))
    for name in ("fit", "update", "evaluate", "bench", "tune", "split", "recommend", "encode", "inspect", "doctor", "data"):
        assert listed[name].endswith("."), f"{name}: {listed[name]}"
        assert not listed[name].endswith("...")
    lines = [line.strip() for line in text.splitlines()]
    for code in ("0  done", "2  usage: a wrong argument, option or setting", "128 + n  stopped by signal n (130 by Ctrl-C)"):
        assert code in lines


def complete(words):
    line = shlex.split(words)
    own = {"_DUALNET_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(line) - (not words.endswith(" ")))}
    return run([], own).stdout.split()


def run(arguments, own):
    code = "from dualnet.cli import run; run()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | own, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--version"], 0, "dualnet "),
        (["recommend", "nowhere", "--user", "u1"], 5, "dualnet: there is no folder nowhere"),
        (["fit", "--help"], 0, "Usage: dualnet fit "),  # its own name, not that of a file
    ],
)
def test_the_module_is_the_command(arguments, code, told):
    done = subprocess.run([sys.executable, "-m", "dualnet", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert (done.stdout + done.stderr).lstrip().startswith(told)


def test_completion_prints_a_script():
    done = run(["--show-completion", "bash"], {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert done.returncode == 0, done.stderr
    assert "complete -o default -F _dualnet_completion dualnet" in done.stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("dualnet fit --model ls", ["lsa-profile"]),
        ("dualnet bench --models wmf,du", ["wmf,dualnet"]),
        ("dualnet split --protocol citeulike", ["citeulike1", "citeulike2"]),
        ("dualnet split citeulike", ["citeulike-a", "citeulike-t"]),
        ("dualnet reproduce ta", ["table1", "table2", "table3", "tactics"]),
        ("dualnet fit --track m", ["mlflow"]),
        ("dualnet upd", ["update"]),
    ],
)
def test_names_are_completed(words, found):
    assert complete(words) == found
