"""`dualnet doctor`: whether this machine has what the library needs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from .busy_cores import crowded, usable_cores
from .output import JsonFlag, print_json, print_table

CORE = ("numpy", "scipy", "safetensors", "pyarrow", "narwhals", "typer", "rich", "threadpoolctl")
EXTRAS = {
    "train": ("torch", "scikit-learn"),
    "plots": ("matplotlib",),
    "ann": ("usearch",),
    "tune": ("optuna",),
    "track": ("mlflow-skinny", "sqlalchemy", "alembic", "tensorboard"),
    "images": ("pillow", "scikit-image"),
    "image-models": ("pillow", "scikit-image", "timm", "torch"),
    "sentences": ("sentence-transformers", "torch"),
    "serve": (
        "starlette",
        "uvicorn",
        "httptools",
        *(() if sys.platform == "win32" else ("uvloop",)),
        "pydantic",
        "prometheus-client",
    ),
    "sql": ("duckdb", "psycopg"),
    "export": ("onnx", "pgvector", "psycopg", "qdrant-client", "lancedb"),
    "ray": ("torch", "scikit-learn", "optuna", "ray"),
}
FOR_DEVELOPERS = ("fuzz", "bench", "dev")  # extras that no user of the library needs


def doctor(as_json: JsonFlag = False) -> None:
    """Show what this machine has, and what is missing.

    Versions, cores, memory, GPUs, data folders, and what each extra would add.

    Examples
    --------
      dualnet doctor
      dualnet doctor --json
    """
    from ..data.cache import cache_folder
    from ..data.sources.registry import FOLDER_VARIABLE

    found: dict[str, str | None] = {}
    for package in (*CORE, *(name for extra in EXTRAS.values() for name in extra)):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    gpus = _gpus()
    data = os.environ.get(FOLDER_VARIABLE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    report = {
        "dualnet": version("dualnet") if find_spec("dualnet") is not None and _installed() else None,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": usable_cores(),
        "crowded": crowded(None) or None,
        "memory_gb": round(memory / 2**30, 1),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 2**30, 1),
        "gpus": gpus,
        "packages": found,
        "extras": {extra: all(found[name] for name in names) for extra, names in EXTRAS.items()},
        "data_folder": data,
        "data_folder_exists": bool(data) and Path(data or "").is_dir(),
        "cache_folder": str(cache_folder()),
    }
    if as_json:
        print_json(report)
        return
    rows = [
        [name, str(report[name])]
        for name in ("dualnet", "python", "system", "cores", "memory_gb", "free_disk_gb", "cache_folder")
    ]
    rows.append(
        [FOLDER_VARIABLE, f"{data or 'not set'}" + ("" if not data or report["data_folder_exists"] else " (does not exist)")]
    )
    rows.append(["GPUs", _told(gpus)])
    if report["crowded"]:
        rows.append(["threads", str(report["crowded"])])
    rows += [[name, installed or "missing"] for name, installed in found.items()]
    for extra, names in EXTRAS.items():
        ready = all(found[name] for name in names)
        rows.append([f"extra '{extra}'", "ready" if ready else f"pip install 'dualnet[{extra}]'"])
    print_table(["what", "found"], rows)


def _gpus() -> list[str] | None:
    """Return name and memory of each GPU that PyTorch can use; None where there is no PyTorch that runs."""
    try:
        import torch

        return [
            f"{(found := torch.cuda.get_device_properties(at)).name}, {found.total_memory / 2**30:.0f} GiB"
            for at in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
        ]
    except (ImportError, OSError, RuntimeError):  # one that is broken is told like one that is not there
        return None


def _told(gpus: list[str] | None) -> str:
    if gpus is None:
        return "not known without PyTorch: pip install 'dualnet[train]'"
    return "; ".join(gpus) or "none that PyTorch can use; models train on the processor"


def _installed() -> bool:
    try:
        version("dualnet")
    except PackageNotFoundError:
        return False
    return True
