"""The README tells the truth: its Python runs, its commands exist, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from tests.forked_python import run_text

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), flags=re.S | re.M)


@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_examples_run(path, tmp_path):
    code = "\n".join(blocks(path, "python"))
    ended, told = run_text(code, tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert ended == 0, told


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "1 / 0", "import os; os.kill(os.getpid(), 9)"])
def test_an_example_that_fails_is_found(tmp_path, code):
    assert run_text(code, tmp_path)[0] != 0


def commands():
    for path in PAGES:
        for block in blocks(path, "console"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("dualnet "):
                    yield pytest.param(shlex.split(line, comments=True)[1:], id=f"{path.name}: {line}")


@pytest.mark.parametrize("command", list(commands()))
def test_commands_and_options_exist(command):
    from typer.main import get_command

    from dualnet.cli.app import app

    found, rest = get_command(app), list(command)
    while hasattr(found, "commands"):
        assert rest[0] in found.commands or rest[0] == "--help", f"no command {rest[0]}"
        if rest[0] == "--help":
            return
        found = found.commands[rest.pop(0)]
    options = {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= options


def targets():
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):", makefile, flags=re.M))


def test_make_targets_and_links_exist():
    for path in PAGES:
        for block in blocks(path, "console"):
            for target in re.findall(r"^make (\w+)", block, flags=re.M):
                assert target in targets(), f"{path.name}: make {target}"
        for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"
    assert "make test" in (ROOT / ".ci" / "run").read_text()
