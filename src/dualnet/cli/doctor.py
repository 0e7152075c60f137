"""`dualnet doctor`: whether this machine has what the library needs."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from .output import JsonFlag, print_json, print_table

CORE = ("numpy", "scipy", "safetensors", "pyarrow", "narwhals", "typer", "rich", "threadpoolctl")
EXTRAS = {
    "train": ("torch", "scikit-learn"),
    "plots": ("matplotlib",),
    "ann": ("usearch",),
    "tune": ("optuna",),
    "track": ("mlflow-skinny", "tensorboard"),
    "images": ("pillow", "scikit-image"),
    "image-models": ("timm",),
    "sentences": ("sentence-transformers",),
}


def doctor(as_json: JsonFlag = False) -> None:
    """Show what this machine has, and what is missing.

    Versions, cores, memory, data folders, and what each extra would add.

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
    data = os.environ.get(FOLDER_VARIABLE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    report = {
        "dualnet": version("dualnet") if find_spec("dualnet") is not None and _installed() else None,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 2**30, 1),
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
    rows += [[name, installed or "missing"] for name, installed in found.items()]
    for extra, names in EXTRAS.items():
        ready = all(found[name] for name in names)
        rows.append([f"extra '{extra}'", "ready" if ready else f"pip install 'dualnet[{extra}]'"])
    print_table(["what", "found"], rows)


def _installed() -> bool:
    try:
        version("dualnet")
    except PackageNotFoundError:
        return False
    return True
