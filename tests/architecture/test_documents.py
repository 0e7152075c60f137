"""The README tells the truth: its Python runs, its commands exist, its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), flags=re.S | re.M)


@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_examples_run(path, tmp_path):
    code = "\n".join(blocks(path, "python"))
    own = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=tmp_path, env=own, check=False
    )
    assert done.returncode == 0, done.stderr


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
