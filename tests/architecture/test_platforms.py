"""Without the modules that only POSIX systems have, everything is imported, and models are fitted, saved, loaded and asked."""

import subprocess
import sys

CHILD = """
import builtins, pkgutil, sys, tempfile
from importlib import import_module
from pathlib import Path

own = builtins.__import__

def without_posix(name, globals=None, locals=None, fromlist=(), level=0):
    if name in ("fcntl", "resource", "pwd", "grp", "termios") and (globals or {}).get("__name__", "").startswith("dualnet"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return own(name, globals, locals, fromlist, level)

builtins.__import__ = without_posix
import dualnet

for module in pkgutil.walk_packages(dualnet.__path__, "dualnet."):
    if module.name != "dualnet.__main__":
        import_module(module.name)

from dualnet.data.synthetic import blocks_world
from dualnet.experiments.bench import peak_rss_mb
from dualnet.files import write_text

data = blocks_world()
small = {"dualnet": {"levels": (4,), "epochs": 1}, "popularity": {}, "wmf": {"factors": 2, "iterations": 1}}
for name, parameters in small.items():
    model = dualnet.create(name, **parameters).fit(data)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        assert len(dualnet.load(Path(folder) / "model").recommend(model.users_.keys[0], k=3)) == 3
with tempfile.TemporaryDirectory() as folder:
    write_text(Path(folder) / "x.txt", "one")
try:
    dualnet.create("dualnet", **small["dualnet"]).fit(data, run=dualnet.RunOptions(checkpoint=Path(folder) / "c"))
except dualnet.ResourceError as error:
    print(error)
print(peak_rss_mb() is None or peak_rss_mb() > 0)
"""


def test_everything_but_checkpoints_works_without_posix():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CHILD], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "checkpoints need a system with file locks (Linux, macOS); train without them", "True",
    ], done.stderr  # fmt: skip
