"""Python text in a process of its own, as with `python -c`, but forked from one that has imported the library: that takes seconds."""

import os
import sys
import warnings
from multiprocessing import get_context
from pathlib import Path

IMPORTED = ["dualnet.models.registry", "dualnet.cli", "scipy.linalg", "pyarrow.parquet", "torch", "sklearn.decomposition"]


def run_text(code: str, folder: Path, **environment: str) -> tuple[int, str]:
    """Run it in a folder; return its exit code and what it wrote on both outputs."""
    context = get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)  # means nothing where another test has started it already
    log = folder / "outputs"
    process = context.Process(target=_play, args=(code, folder, log, environment))
    process.start()
    process.join()
    return process.exitcode, log.read_text() if log.exists() else ""


def _play(code, folder, log, environment):
    outputs = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(outputs, 1)
    os.dup2(outputs, 2)
    os.chdir(folder)
    os.environ |= environment
    sys.path.insert(0, "")
    warnings.simplefilter("ignore")
    exec(compile(code, "<text>", "exec"), {"__name__": "__main__"})
