"""A package that is missing is named with the way to install it; any other failing import says what it is."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import dualnet
from dualnet import ResourceError, RunOptions, create
from dualnet.data.synthetic import blocks_world
from dualnet.errors import optional_package

WORLD = blocks_world()
NEEDS = {
    "dualnet": ("torch", "fitting DualNet needs the package 'torch'"),
    "cdl": ("torch", "fitting CDL needs the package 'torch'"),
    "content-factors": ("sklearn", "fitting content column 'title' needs the package 'scikit-learn'"),
}
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Without(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == sys.argv[2]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
from dualnet import MissingExtraError, create
from dualnet.data.synthetic import blocks_world
try:
    create(sys.argv[1]).fit(blocks_world())
except MissingExtraError as error:
    print(error)
"""


@pytest.mark.parametrize("name", NEEDS)
def test_a_missing_package_is_named(name):
    package, text = NEEDS[name]
    done = subprocess.run([sys.executable, "-c", WITHOUT, name, package], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"{text}, which is not installed; run: pip install 'dualnet[train]'", done.stderr


@pytest.mark.parametrize("name", ["dualnet", "cdl"])
def test_a_broken_import_is_not_called_missing(name, monkeypatch):
    monkeypatch.delitem(
        sys.modules, {"dualnet": "dualnet.models.dualnet_training", "cdl": "dualnet.models.cdl_training"}[name], raising=False
    )
    monkeypatch.setitem(sys.modules, "dualnet.train.device", None)
    with pytest.raises(ModuleNotFoundError, match=r"dualnet\.train\.device"):
        create(name).fit(WORLD)


def test_a_package_that_is_there_and_broken_is_not_missing():
    with pytest.raises(ImportError, match="cannot open shared object file"), optional_package("torch", "train", "fitting"):
        raise ImportError("libtorch_cpu.so: cannot open shared object file", name="torch")
    with pytest.raises(ImportError, match="cannot import name 'nothing'"), optional_package("torch", "train", "fitting"):
        from torch import nothing  # noqa: F401


def test_a_system_without_file_locks_trains_without_checkpoints(monkeypatch, tmp_path):
    small = {"levels": (4,), "epochs": 1, "user_batch": 20}
    monkeypatch.setitem(sys.modules, "fcntl", None)
    for module in ("dualnet.models.dualnet_training", "dualnet.train.checkpoint", "dualnet.train.trainer"):
        package, _, name = module.rpartition(".")
        again = importlib.import_module(module)
        monkeypatch.delitem(sys.modules, module)
        monkeypatch.setattr(importlib.import_module(package), name, again)  # so that the package has it back afterwards too
    assert create("dualnet", **small).fit(WORLD).training_.epoch == 1
    with pytest.raises(ResourceError, match="checkpoints need a system with file locks"):
        create("dualnet", **small).fit(WORLD, run=RunOptions(checkpoint=tmp_path))


@pytest.mark.parametrize("path", sorted(Path(dualnet.__file__).parent.rglob("*.py")), ids=lambda path: path.stem)
def test_no_import_error_is_called_a_missing_package_unseen(path):
    """What may be missing is said with `optional_package`, which looks at the name."""
    text = path.read_text()
    handlers = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ExceptHandler) and node.type is not None]
    for node in handlers:
        if "ImportError" in ast.unparse(node.type):
            assert "MissingExtraError" not in ast.unparse(node), f"{path}, line {node.lineno}"
