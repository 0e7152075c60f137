"""The tutorial from PostgreSQL is run as it is printed: its files written, its commands executed in order, its outputs compared."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import dualnet
from dualnet.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "from-postgresql.md"
BLOCK = re.compile(r"^## (?P<heading>[^\n]*)$|^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


def steps():
    """Yield (heading, language, text) of every block."""
    heading = ""
    for found in BLOCK.finditer(PAGE.read_text()):
        if found["heading"]:
            heading = found["heading"]
        else:
            yield heading, found["language"], found["text"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


SERVES = "serve" in get_command(app).commands
HAS_PAGE = SERVES and any((Path(dualnet.__file__).parent / "serve").rglob("*.html"))


def is_there(heading, text):
    """Whether the product has what a block of the page uses; the server and its page may not have been built in."""
    return heading != "Serve" or (HAS_PAGE if "page.html" in text else SERVES)


@pytest.fixture
def outputs(postgresql, tmp_path):
    """Output of each console block, by place in the page, and the folder where they ran."""
    for program in ("psql", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"the walk-through needs {program}; run .ci/services")
    programs = tmp_path / "bin"
    programs.mkdir()
    source = Path(__file__).parents[2] / "src"
    for name, rest in (("python", ""), ("dualnet", " -c 'from dualnet.cli import run; run()'")):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{rest} "$@"\n')
        (programs / name).chmod(0o755)
    folder = tmp_path / "work"
    folder.mkdir()
    script = ["exec 2>&1", "set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    port = free_port()  # only now: another program may have it minutes later
    for place, (heading, language, text) in enumerate(steps()):
        named = re.match(r"(?:--|#) (\w+\.(?:sql|py))\n", text)
        if named:
            (folder / named[1]).write_text(text)
        elif language == "toml":
            (folder / "papers.toml").write_text(text)
        elif language == "console" and "export DATABASE_URL" not in text and is_there(heading, text):
            script += [f"echo '=== {place}'", text.replace("8080", port)]
    environment = os.environ | {
        "DATABASE_URL": postgresql,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(source),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=1200,
        check=False,
    )
    log = (folder / "serve.log").read_text() if (folder / "serve.log").exists() else ""
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{log}"
    assert "correct-horse-7" not in done.stdout + done.stderr + log
    parts = re.split(r"^=== (\d+)\n", done.stdout, flags=re.M)
    return {int(place): text for place, text in zip(parts[1::2], parts[2::2], strict=True)}, folder, environment


def test_the_page_does_what_it_says(outputs):
    shown, folder, environment = outputs
    expected = [(place, text) for place, (_, language, text) in enumerate(steps()) if language == "text" and "pip" not in text]
    assert len(expected) == 3
    for place, text in expected:
        for line in text.splitlines():
            assert line.removeprefix("... ") in shown[place - 1]  # the line begins with a time
    asked = next(text for text in shown.values() if "run/model" in text)
    assert len(re.findall(r"\bp\d{3}\b", asked)) >= 10  # two lists of five papers
    assert any("(3 rows)" in text for text in shown.values())
    if SERVES:
        answers = [json.loads(line) for text in shown.values() for line in text.splitlines() if line.startswith("{")]
        lists = [answer["items"] for answer in answers if "items" in answer]
        assert [len(found) for found in lists] == [5, 5]
        assert not {"p001", "p002"} & {entry["item"] for entry in lists[0]}
        assert all(entry["item"] != "new1" for entry in lists[1])
    if HAS_PAGE:
        assert "<html" in (folder / "page.html").read_text().lower()
    # the configuration of the page says the same as its flags
    done = subprocess.run(
        ["dualnet", "fit", "papers.toml", "--out", "again", "--set", "epochs=1", "--set", "trials=1", "--json"],
        capture_output=True, text=True, cwd=folder, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)["info"]
    read, pairs, users, liked, *_ = (
        int(count.replace(",", "")) for _, text in expected[:2] for count in re.findall(r"\d[\d,]*", text)
    )
    assert read == pairs
    assert [again["pairs"], again["users"], again["items"]] == [pairs, users, liked]
