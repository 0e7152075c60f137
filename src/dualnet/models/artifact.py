"""The model folder: JSON, safetensors, Arrow; written whole or not at all, verified on load, never executed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors
from scipy.sparse import csr_array, issparse

from ..data.content import Content, ContentSpec, Matrix
from ..data.features import Featurizer
from ..data.other_events import OtherEvents
from ..data.replaced_folder import replaced_folder
from ..data.space import ItemSpace
from ..errors import ArtifactError, DataError, UsageError
from ..ids import IdMap
from .core import Core

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
INFINITY = "inf"  # of a parameter, in the manifest
LARGEST_JSON = 512 * 2**20

Tensors = dict[str, NDArray[Any]]
Model = TypeVar("Model", bound=Core)


def save(model: Core, folder: str | Path, *, metrics: Mapping[str, Any] | None = None) -> Path:
    """Write a fitted model as a folder that anyone can inspect and nobody can run.

    Parameters
    ----------
    model : Core
        A fitted model.
    folder : str or Path
        Must not exist, be empty, or hold an older model, which is replaced.
    metrics : mapping, optional
        Figures to record in the manifest.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds something other than a model.
    ResourceError
        If it cannot be written; nothing is left behind.
    """
    model._require_fitted()
    target = Path(folder)
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / MANIFEST).exists())):
        raise UsageError(f"{target} exists and is not a model folder; choose another place")
    files = _content(model)
    manifest = {
        "format_version": FORMAT_VERSION,
        "model": model.name,
        "parameters": written_parameters(model),
        "info": model.info_,
        "metrics": dict(metrics or {}),
        "versions": _versions(),
        "files": {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()},
    }
    files[MANIFEST] = json.dumps(manifest, indent=1, sort_keys=True, default=_plain).encode()
    with replaced_folder(target, "the model to ") as temporary:
        for name, data in files.items():
            with (temporary / name).open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
    model.manifest_ = hashlib.sha256(files[MANIFEST]).hexdigest()
    return target


def read_model(folder: str | Path, class_of: Callable[[str], type[Model]]) -> Model:
    """Read a saved model, after checking every byte of it.

    Parameters
    ----------
    folder : str or Path
        From `save`.
    class_of : callable
        From the name of a model to its class, such as `registry.model_class`.

    Returns
    -------
    Core
        Of the class that was given; ready to answer, and no torch is needed.

    Raises
    ------
    ArtifactError
        If the folder is not a model, is damaged or altered, or was written by a newer version.
    """
    source = Path(folder)
    manifest = read_manifest(source)
    files: dict[str, bytes] = {}
    for name, expected in manifest["files"].items():
        if Path(name).name != name:
            raise ArtifactError(
                f"{source / MANIFEST} names the file {name!r} outside the model folder; do not trust this model"
            )
        try:
            files[name] = (source / name).read_bytes()
        except OSError as error:
            raise ArtifactError(
                f"model file {source / name} cannot be read ({error.strerror}); copy the whole folder again"
            ) from error
        if hashlib.sha256(files[name]).hexdigest() != expected["sha256"]:
            raise ArtifactError(
                f"model file {source / name} was altered or damaged: {len(files[name]):,} bytes do not match the manifest's SHA-256;"
                " copy the whole folder again"
            )
    try:
        model = _rebuild(manifest, files, class_of)
        model.manifest_ = hashlib.sha256((source / MANIFEST).read_bytes()).hexdigest()
        return model
    except (KeyError, IndexError, TypeError, ValueError, pa.ArrowException) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"model folder {source} is inconsistent: {error}") from error


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of a model folder, for `inspect`.

    Raises
    ------
    ArtifactError
        If there is none, it is not JSON, or it is of a newer format.
    """
    path = Path(folder) / MANIFEST
    if not Path(folder).exists():
        raise ArtifactError(f"there is no folder {folder}; give the folder of a run or of a model")
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["format_version"]
    except OSError as error:
        raise ArtifactError(f"{folder} is not a model folder: {MANIFEST} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged: it is not a model manifest") from error
    if version != FORMAT_VERSION:
        raise ArtifactError(
            f"{path} has format {version}, this version of dualnet reads format {FORMAT_VERSION}; upgrade dualnet"
        )
    return manifest


def _content(model: Core) -> dict[str, bytes]:
    """Return every file of the folder but the manifest."""
    config, learned = model._get_state()
    tensors: Tensors = {f"model/{name}": value for name, value in learned.items()}
    tensors |= {f"histories/{name}": value for name, value in _pack(model.histories_).items()}
    tensors["popularity"] = model.popularity_
    if model.weights_ is not None:
        tensors["weights"] = model.weights_
    if model.user_features_ is not None:
        tensors |= {f"user_features/{name}": value for name, value in _pack(model.user_features_).items()}
    if model.seen_ is not None:
        tensors |= {f"seen/{name}": value for name, value in _pack(model.seen_).items()}
        tensors["seen/data"] = model.seen_.data
    state: dict[str, Any] = {"model": config}
    for side, featurizer in (("items", model.featurizer_), ("users", model.user_featurizer_)):
        if featurizer is not None:
            state[f"{side}_featurizer"], arrays = featurizer.to_state()
            tensors |= {f"{side}_featurizer/{name}": value for name, value in arrays.items()}
    space = model.catalogue_
    if space.features is not None:
        tensors |= {f"features/{name}": value for name, value in _pack(space.features).items()}
    files = {
        "ids.json": json.dumps(
            {
                "users": model.users_.keys,
                "items": model.items_.keys,
                "catalogue": space.ids.keys,
                "unliked": model.unliked_.keys,
            }
        ).encode(),
    }
    if space.content is not None:
        state["content_spec"] = space.content.spec.to_json()
        state["content_matrices"] = sorted(space.content.matrices)
        for name, matrix in space.content.matrices.items():
            tensors |= {f"content/{name}/{part}": value for part, value in _pack(matrix).items()}
        files["content.arrow"] = _arrow_bytes(space.content.table)
    files["state.json"] = json.dumps(state, sort_keys=True, default=_plain).encode()
    files["tensors.safetensors"] = format_tensors({name: np.asarray(value, order="C") for name, value in tensors.items()})
    return files


def _rebuild(manifest: dict[str, Any], files: dict[str, bytes], class_of: Callable[[str], type[Model]]) -> Model:
    state = json.loads(files["state.json"])
    ids = json.loads(files["ids.json"])
    tensors: Tensors = parse_tensors(files["tensors.safetensors"])
    for name, value in tensors.items():
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            raise ArtifactError(f"weight '{name}' holds NaN or infinite numbers; the model diverged or was altered")
    model = class_of(manifest["model"])(**{name: _read_parameter(value) for name, value in manifest["parameters"].items()})
    model.users_, model.items_ = IdMap(ids["users"]), IdMap(ids["items"])
    model.unliked_ = IdMap(ids.get("unliked", []))
    model.histories_ = csr_array(_unpack(_under(tensors, "histories")))
    model.popularity_ = tensors["popularity"]
    model.weights_ = tensors.get("weights")
    if model.histories_.shape != (len(model.users_), len(model.items_)) or len(model.popularity_) != len(model.items_):
        raise ArtifactError("ids and histories of the model folder have different sizes")
    packed_seen = _under(tensors, "seen")
    model.seen_ = OtherEvents(csr_array(_unpack(packed_seen))).kinds if packed_seen else None
    model.featurizer_ = model.user_featurizer_ = None
    if "items_featurizer" in state:
        model.featurizer_ = Featurizer.from_state(state["items_featurizer"], _under(tensors, "items_featurizer"))
    if "users_featurizer" in state:
        model.user_featurizer_ = Featurizer.from_state(state["users_featurizer"], _under(tensors, "users_featurizer"))
    columns = _under(tensors, "user_features")
    model.user_features_ = _unpack(columns) if columns else None
    if model.user_features_ is not None and model.user_features_.shape[0] != len(model.users_):
        raise ArtifactError("ids and user columns of the model folder have different sizes")
    catalogue = IdMap(ids["catalogue"])
    if model.seen_ is not None and (
        model.seen_.shape[0] != len(model.users_) or not len(model.items_) <= model.seen_.shape[1] <= len(catalogue)
    ):
        raise ArtifactError("ids and other events of the model folder have different sizes")
    known = np.where(np.arange(len(catalogue)) < len(model.items_), np.arange(len(catalogue)), -1)
    packed = _under(tensors, "features")
    features = _unpack(packed) if packed else None
    content = None
    if "content_spec" in state:
        matrices = {name: _unpack(_under(tensors, f"content/{name}")) for name in state["content_matrices"]}
        content = Content(
            catalogue, _arrow_table(files["content.arrow"]), ContentSpec.from_json(state["content_spec"]), matrices
        )
        with (
            contextlib.suppress(DataError),
            warnings.catch_warnings(action="ignore"),
        ):  # of earlier versions: columns have the types of the table they came in
            content = content.canonical()
    model.catalogue_ = ItemSpace(catalogue, known, features, content)
    model.info_ = manifest["info"]
    model._set_state(state["model"], _under(tensors, "model"))
    return model


def _pack(matrix: Matrix) -> Tensors:
    if not issparse(matrix):
        return {"dense": np.asarray(matrix, np.float32)}
    return {
        "data": matrix.data.astype(np.float32),
        "indices": matrix.indices.astype(np.int64),
        "indptr": matrix.indptr.astype(np.int64),
        "shape": np.array(matrix.shape, np.int64),
    }


def _unpack(parts: Tensors) -> Matrix:
    if "dense" in parts:
        return parts["dense"]
    rows, columns = (int(size) for size in parts["shape"])
    indptr, indices = parts["indptr"], parts["indices"]
    if (
        len(indptr) != rows + 1 or indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any()
        or (len(indices) and (indices.min() < 0 or indices.max() >= columns))
    ):  # fmt: skip
        raise ArtifactError("a sparse matrix of the model folder has indices out of range")
    narrow = np.int32 if max(len(indices), columns) < 2**31 else np.int64
    return csr_array((parts["data"], indices.astype(narrow), indptr.astype(narrow)), shape=(rows, columns))


def _under(tensors: Tensors, prefix: str) -> Tensors:
    start = prefix + "/"
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def _arrow_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _arrow_table(data: bytes) -> pa.Table:
    with pa.ipc.open_file(pa.BufferReader(data)) as reader:
        return reader.read_all()


def _versions() -> dict[str, str]:
    import platform

    import scipy

    from .. import __version__

    return {"dualnet": __version__, "python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}


def written_parameters(model: Core) -> dict[str, Any]:
    """Return the parameters of a model as strict JSON has them: infinity, which it lacks, as the text ``"inf"``."""
    return {name: INFINITY if value == math.inf else value for name, value in model.written_params().items()}


def _read_parameter(value: Any) -> Any:
    return math.inf if value == INFINITY else value


def _plain(value: object) -> object:
    """Turn NumPy numbers and tuples into JSON."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | set):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
