"""Allowed contents of a sentence-transformers folder: known modules, weights in safetensors, no code and no other paths.

The library that opens it imports classes by the names that the folder gives, and opens pickles where it finds no safetensors.
So everything that decides what it does is checked here before it sees the folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import ArtifactError

MARK = "modules.json"
LARGEST_SETTINGS = 2**20  # bytes of one file of settings; a vocabulary may have more, and is no settings
MODULES = ("Transformer", "Pooling", "Normalize", "Dense", "Dropout", "LayerNorm", "WeightedLayerPooling", "StaticEmbedding")
_MODULE = re.compile(rf"sentence_transformers(\.[a-z][a-z0-9_]*)*\.({'|'.join(MODULES)})")
_ACTIVATION = re.compile(r"torch\.nn(\.modules)?(\.activation|\.linear)?\.[A-Z][A-Za-z0-9]*")
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
# keys by which a setting runs code that a folder brings, or leads to another folder
_REFUSED = (
    "auto_map",
    "trust_remote_code",
    "custom_pipelines",
    "tokenizer_name_or_path",
    "base_model_name_or_path",
    "code_revision",
)
_SETTINGS = re.compile(r"(.*config.*|modules|preprocessor.*|processor.*)\.json")


def check_sentence_folder(folder: Path) -> None:
    """Refuse a folder that makes the library run code, open a pickle, or follow a path out of it.

    Parameters
    ----------
    folder : Path
        With a file ``modules.json``.

    Raises
    ------
    ArtifactError
        If a module is none of `MODULES`, a setting names code or another folder, a module has weights in a pickle only, or a
        file of settings cannot be read.
    """
    modules = _settings(folder / MARK)
    if not isinstance(modules, list):
        raise _bad(folder, f"{MARK} is no list of modules")
    for module in modules:
        _check_module(folder, module)
    for path in _files(folder):
        if _SETTINGS.fullmatch(path.name):
            if path.name == "adapter_config.json":
                raise _bad(folder, f"{path.relative_to(folder)} leads to a model elsewhere; merge the adapter into its model")
            _check_settings(folder, path, _settings(path))


def _check_module(folder: Path, module: Any) -> None:
    if not isinstance(module, dict) or not isinstance(module.get("type"), str) or not isinstance(module.get("path", ""), str):
        raise _bad(folder, f"{MARK} has a module without type and path")
    if not _MODULE.fullmatch(module["type"]):
        raise _bad(
            folder, f"{MARK} names the class {module['type'][:120]!r}; only these of sentence_transformers are loaded:"
            f" {', '.join(MODULES)}"
        )  # fmt: skip
    parts = PurePosixPath(module.get("path", ""))
    if parts.is_absolute() or ".." in parts.parts or "\\" in str(parts) or ":" in str(parts):
        raise _bad(folder, f"{MARK} names the path {module['path'][:120]!r} outside the folder")
    place = folder / parts
    if place.is_dir() and not any(place.glob("*.safetensors")):
        pickled = sorted(path.name for path in place.iterdir() if path.suffix.lower() in _PICKLES)
        if pickled:
            raise _bad(folder, f"it has weights as a pickle only ({pickled[0]}), which could run code; save it as safetensors")


def _check_settings(folder: Path, path: Path, told: Any) -> None:
    for key, value in _entries(told):
        if key in _REFUSED and value not in (None, False, "", {}, []):
            raise _bad(
                folder, f"{path.relative_to(folder)} has the setting {key!r}, by which code or another folder would be opened"
            )
        if key == "activation_function" and isinstance(value, str) and "." in value and not _ACTIVATION.fullmatch(value):
            raise _bad(folder, f"{path.relative_to(folder)} names the class {value[:120]!r}; an activation is one of torch.nn")


def _entries(told: Any) -> Iterator[tuple[str, Any]]:
    waiting = [told]
    while waiting:
        some = waiting.pop()
        if isinstance(some, dict):
            yield from some.items()
            waiting += some.values()
        elif isinstance(some, list):
            waiting += some


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path


def _settings(path: Path) -> Any:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_SETTINGS:
            raise ValueError(f"it is no file of at most {LARGEST_SETTINGS:,} bytes")
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _bad(path.parent, f"{path.name} cannot be read ({error})") from error


def _bad(folder: Path, why: str) -> ArtifactError:
    return ArtifactError(f"the sentence model in {folder} is not opened: {why}")
