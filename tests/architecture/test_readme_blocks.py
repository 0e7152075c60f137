"""Each block of the README runs with what it says to install, and nothing else: the rest is hidden, or an environment is empty."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"pip install '?dualnet(?:\[(?P<extras>[\w,-]+)\])?'?|^```(?P<language>python|console)\n(?P<text>.*?)^```", re.M | re.S
)

HIDE = """
import sys
from importlib.machinery import PathFinder
hidden = set({hidden})
class Hidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if path is None and name in hidden else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Hidden if finder is PathFinder else finder for finder in sys.meta_path]
"""


def stated():
    """Yield (extras, language, text) of each block that uses the package: the extras named in it or last before it."""
    extras = None
    for found in BLOCK.finditer((ROOT / "README.md").read_text()):
        if found["language"] is None:
            extras = tuple((found["extras"] or "").split(",")) if found["extras"] else ()
            continue
        inside = re.search(r"pip install '?dualnet(?:\[([\w,-]+)\])?'?", found["text"])
        if inside:
            extras = tuple(inside[1].split(",")) if inside[1] else ()
        if found["language"] == "python" or "dualnet " in re.sub(r"#.*|pip install.*", "", found["text"]):
            yield extras, found["language"], found["text"]


def needed(extras):
    """Return the installed distributions that the package with some extras needs, by their names."""
    found, left = set(), [("dualnet", extra) for extra in ("", *extras)]
    while left:
        name, extra = left.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, requires):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                left += [(canonicalize_name(requirement.name), each) for each in ("", *requirement.extras)]
    return {name for name, _ in found}


def hidden(extras):
    """Return the modules of all other installed packages."""
    there = needed(extras)
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not there & {canonicalize_name(owner) for owner in owners} and module.isidentifier() and module != "dualnet"
    )


def run(extras, code, folder):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HIDE.format(hidden=json.dumps(hidden(extras))) + code],
        capture_output=True, text=True, cwd=folder, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


BLOCKS = list(stated())
SMALL = ["--set", "levels=[8, 4]", "--set", "epochs=1", "--set", "factors=0"]


def test_every_block_says_what_to_install():
    assert [language for _, language, _ in BLOCKS] == ["console", "python", "console"]
    assert [extras for extras, _, _ in BLOCKS] == [("train", "serve"), ("train",), ()]


def test_what_is_not_named_is_hidden(tmp_path):
    assert {"torch", "sklearn", "starlette", "matplotlib"} <= set(hidden(()))
    assert not {"numpy", "scipy", "pyarrow", "typer"} & set(hidden(()))
    assert "torch" not in hidden(("train",))
    with pytest.raises(AssertionError, match="No module named 'torch'"):
        run((), "import torch", tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where all blocks run in order: the files they name, small."""
    place = tmp_path_factory.mktemp("readme")
    films = [
        f"{film},{'Toy Story' if film == 1 else f'Film {film}'} (19{50 + film % 50}),{('Drama', 'Comedy|War')[film % 2]}"
        for film in (1, 3114, *range(2, 40))
    ]
    (place / "movies.csv").write_text("\n".join(["movieId,title,genres", *films]) + "\n")
    rows = [
        f"{u},{i},{5.0 if (u + i) % 2 else 2.5},{964982703 + 100 * u + i}"
        for u in (414, *range(1, 40))
        for i in range(1 + u % 3, 40, 3)
    ]
    rows += [f"{u},3114,4.5,964982703" for u in range(1, 9)]
    (place / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *rows]) + "\n")
    return place


@pytest.mark.parametrize(
    "place", range(len(BLOCKS)), ids=[f"{language}-{place}" for place, (_, language, _) in enumerate(BLOCKS)]
)
def test_the_block_runs_with_what_it_names(place, folder):
    extras, language, text = BLOCKS[place]
    if language == "python":
        run(extras, text, folder)
        return
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["dualnet"]:
            continue
        words = [*words[1:], *(SMALL if words[1] == "fit" else [])]
        if words[0] == "serve":
            code = "import dualnet.serve.http.server, dualnet.serve.http.app, uvicorn"
        else:
            code = f"from dualnet.cli import main; sys.exit(main({words!r}))"
        run(extras, code, folder)


EXPORTS = {
    "npz": "vectors.npz",
    "onnx": "onnx",
    "qdrant": "qdrant",
    "lancedb": "lancedb",
}  # of 'dualnet[export]'; pgvector needs a database


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The folder of the wheel of this tree, which is what `pip install dualnet` finds, for there is no release."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(place), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return place


@pytest.fixture
def empty(wheels, tmp_path):
    """The variables of a shell in a new environment that holds pip alone, on whose path nothing else of Python is."""
    venv.create(tmp_path / "venv", with_pip=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DUALNET", "VIRTUAL"))}
    return kept | {
        "PATH": f"{tmp_path / 'venv' / 'bin'}:/usr/bin:/bin",
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_FIND_LINKS": f"{wheels} {os.environ.get('PIP_FIND_LINKS', '')}",
        "PIP_QUIET": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
    }


def typed(line, environment, folder):
    """Run a line as somebody types it; what it prints."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def serves(line, environment, folder):
    """Run a server until it answers that it is ready, and end it as Ctrl-C does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(
            ["bash", "-c", f"exec {line} --port {port}"], stdout=log, stderr=log, cwd=folder, env=environment
        )
        try:
            while True:
                assert server.poll() is None, (folder / "log").read_text()
                try:
                    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).read()
                    break
                except OSError:
                    time.sleep(0.2)
        finally:
            server.send_signal(signal.SIGINT)
        assert b"<title>" in page
        assert server.wait(timeout=60) == 0, (folder / "log").read_text()


@pytest.mark.install
@pytest.mark.parametrize(
    "place", range(len(BLOCKS)), ids=[f"{language}-{place}" for place, (_, language, _) in enumerate(BLOCKS)]
)
def test_the_block_runs_where_only_that_is_installed(place, empty, folder):
    extras, language, text = BLOCKS[place]
    lines = [line.split("#")[0].strip() for line in text.replace("\\\n", " ").splitlines()]
    if language == "python" or not any(line.startswith("pip install") for line in lines):
        typed(f"pip install 'dualnet[{','.join(extras)}]'".replace("[]", ""), empty, folder)
    if language == "python":
        (folder / "block.py").write_text(text)
        lines = ["python block.py"]
    for line in filter(None, lines):
        if line.startswith("dualnet serve "):
            serves(line, empty, folder)
        else:
            typed(line, empty, folder)
    assert "extra" in typed("dualnet doctor", empty, folder)


@pytest.mark.install
def test_the_other_formats_need_what_the_block_names_for_them(empty, folder):
    typed("pip install 'dualnet[export]'", empty, folder)
    for target, place in EXPORTS.items():
        typed(f"dualnet export model --to {target} --out {place}", empty, folder)
