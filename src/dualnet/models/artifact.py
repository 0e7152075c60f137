"""The model folder (JSON, safetensors, Arrow): written whole or not at all, verified when it is loaded, never executed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors
from scipy.sparse import issparse

from ..data.arrow_files import read_arrow
from ..data.content import Content, Matrix
from ..data.content_spec import ContentSpec
from ..data.event_weights import event_weights_of
from ..data.features import Featurizer
from ..data.open_input import read_regular, reading
from ..data.other_events import OtherEvents
from ..data.space import ItemSpace
from ..data.trusted_paths import trusts_paths
from ..errors import ArtifactError, DataError, UsageError, near_path
from ..files import replaced_folder
from ..ids import IdMap
from ..typed_values import path_of
from .core import Core
from .saved_arrays import check_finite, check_written, saved_array, saved_matrix, saved_number, written_arrays

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
INFINITY = "inf"  # of a parameter, in the manifest
LARGEST_MANIFEST = 64 * 2**20
FILES = ("ids.json", "state.json", "tensors.safetensors")  # every model has them
CONTENT = "content.arrow"

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
    target = path_of(folder, "folder")
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
            (temporary / name).write_bytes(data)
    model.manifest_ = hashlib.sha256(files[MANIFEST]).hexdigest()
    return target


def read_model(folder: str | Path, class_of: Callable[[str], type[Model]], *, trust_paths: bool | None = None) -> Model:
    """Read a saved model, after checking every byte of it.

    Parameters
    ----------
    folder : str or Path
        From `save`.
    class_of : callable
        From the name of a model to its class, such as `registry.model_class`.
    trust_paths : bool, optional
        Follow paths that the folder names; see `dualnet.data.trusted_paths.trusts_paths`.

    Returns
    -------
    Core
        Of the class that was given; ready to answer, and no torch is needed.

    Raises
    ------
    ArtifactError
        If the folder is not a model, is damaged or altered, or was written by a newer version.
    """
    source, trusted = path_of(folder, "folder"), trusts_paths(trust_paths)
    manifest = read_manifest(source)
    files = {name: _verified(source, name, expected) for name, expected in manifest["files"].items()}
    with reading(f"model folder {source}", ArtifactError, "copy the whole folder again, or fit again", "is inconsistent"):
        model = _rebuild(manifest, files, class_of, trusted)
        model.manifest_ = hashlib.sha256(read_regular(source / MANIFEST, LARGEST_MANIFEST, ArtifactError)).hexdigest()
        return model


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of a model folder, for `inspect`.

    Raises
    ------
    ArtifactError
        If there is none, it is not JSON, or it is of a newer format.
    """
    path = path_of(folder, "folder") / MANIFEST
    if not os.path.exists(path.parent):  # noqa: PTH110 - a Path raises for a name that is too long
        raise ArtifactError(
            f"there is no folder {str(folder)[:400]}; give the folder of a run or of a model{near_path(path.parent)}"
        )
    if not path.exists():
        raise ArtifactError(f"{folder} is not a model folder: {MANIFEST} cannot be read (No such file or directory)")
    data = read_regular(path, LARGEST_MANIFEST, ArtifactError)
    with reading(path, ArtifactError, "copy the whole folder again", "is damaged: it is not a model manifest"):
        manifest = json.loads(data)
        version = manifest["format_version"]
    if version != FORMAT_VERSION:
        raise ArtifactError(
            f"{path} has format {version!r:.40}, this version of dualnet reads format {FORMAT_VERSION}; upgrade dualnet"
        )
    fault = _fault(manifest)
    if fault:
        raise ArtifactError(f"{path} is damaged: {fault}; copy the whole folder again")
    return manifest


def _fault(manifest: Mapping[str, Any]) -> str | None:
    """Return what a manifest lacks, None for one that is as `save` writes it."""
    kinds: dict[str, type] = {"model": str, "parameters": dict, "info": dict, "files": dict}
    for key, kind in kinds.items():
        if not isinstance(manifest.get(key), kind):
            return f"its entry '{key}' is missing or of another kind"
    files = manifest["files"]
    for name, told in files.items():
        if not PLAIN_NAME.fullmatch(name):
            return f"it names the file {name!r:.120} outside the model folder, so do not trust this model"
        good = isinstance(told, dict) and isinstance(told.get("sha256"), str) and type(told.get("bytes")) is int
        if not good or told["bytes"] < 0:
            return f"it gives no SHA-256 and size for the file {name!r:.120}"
    for name in FILES:
        if name not in files:
            return f"it names no file {name}"
    return None


def _verified(source: Path, name: str, expected: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file after comparing them with the manifest."""
    path = source / name
    if not path.exists():
        raise ArtifactError(f"model file {path} cannot be read (No such file or directory); copy the whole folder again")
    data = read_regular(path, max(expected["bytes"], 0), ArtifactError)
    if len(data) != expected["bytes"] or hashlib.sha256(data).hexdigest() != expected["sha256"]:
        raise ArtifactError(
            f"model file {path} was altered or damaged: {len(data):,} bytes do not match the manifest's SHA-256;"
            " copy the whole folder again"
        )
    return data


def _content(model: Core) -> dict[str, bytes]:
    """Return every file of the folder but the manifest."""
    config, learned = model._get_state()
    tensors: Tensors = {f"model/{name}": value for name, value in learned.items()}
    tensors |= {f"histories/{name}": value for name, value in _pack(model.histories_).items()}
    tensors["popularity"] = model.popularity_
    if model.weights_ is not None:
        tensors["weights"] = model.weights_
    if model.times_ is not None:
        tensors["times"] = model.times_
    if model.user_features_ is not None:
        tensors |= {f"user_features/{name}": value for name, value in _pack(model.user_features_).items()}
    if model.seen_ is not None:
        tensors |= {f"seen/{name}": value for name, value in _pack(model.seen_).items()}
        tensors["seen/data"] = model.seen_.data
    state: dict[str, Any] = {"model": config}
    if model.half_life_ is not None:
        state["recency"] = {"half_life": model.half_life_, "newest": model.newest_, "lightest": model.lightest_}
    if model.event_weights_:
        state["event_weights"] = dict(model.event_weights_)
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
        files[CONTENT] = _arrow_bytes(space.content.table)
    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    state["arrays"] = written_arrays(arrays)
    files["state.json"] = json.dumps(state, sort_keys=True, default=_plain).encode()
    files["tensors.safetensors"] = format_tensors(arrays)
    return files


def _rebuild(
    manifest: dict[str, Any], files: dict[str, bytes], class_of: Callable[[str], type[Model]], trust_paths: bool
) -> Model:
    state, ids = (_table(files[name], name) for name in ("state.json", "ids.json"))
    tensors: Tensors = parse_tensors(files["tensors.safetensors"])
    check_finite(tensors)
    check_written(tensors, state.get("arrays"))
    kind = class_of(manifest["model"])
    parameters = kind._own(manifest["parameters"])
    kind.check_names(parameters)
    model = kind(**{name: _read_parameter(value) for name, value in parameters.items()})
    model.users_, model.items_, catalogue = (IdMap(ids[name]) for name in ("users", "items", "catalogue"))
    model.unliked_ = IdMap(ids.get("unliked", []))
    if catalogue.keys[: len(model.items_)] != model.items_.keys:
        raise ArtifactError("the catalogue of the model folder does not begin with its training items; it was altered")
    model.featurizer_ = model.user_featurizer_ = None
    if "items_featurizer" in state:
        arrays = _under(tensors, "items_featurizer")
        model.featurizer_ = Featurizer.from_state(state["items_featurizer"], arrays, trust_paths=trust_paths)
    if "users_featurizer" in state:
        arrays = _under(tensors, "users_featurizer")
        model.user_featurizer_ = Featurizer.from_state(state["users_featurizer"], arrays, trust_paths=trust_paths)
    _restore_histories(model, tensors, len(catalogue))
    known = np.where(np.arange(len(catalogue)) < len(model.items_), np.arange(len(catalogue)), -1)
    features = _features(tensors, "features", len(catalogue), model.featurizer_)
    content = None
    if "content_spec" in state:
        matrices = {
            name: saved_matrix(_under(tensors, f"content/{name}"), f"content '{name}'", (len(catalogue), None))
            for name in state["content_matrices"]
        }
        table = read_arrow(files[CONTENT], CONTENT)
        if table.num_columns and table.num_rows != len(catalogue):
            raise ArtifactError(f"{CONTENT} has {table.num_rows:,} rows for {len(catalogue):,} items of the catalogue")
        content = Content(catalogue, table, ContentSpec.from_json(state["content_spec"]), matrices)
        with (
            contextlib.suppress(DataError),
            warnings.catch_warnings(action="ignore"),
        ):  # of earlier versions: columns have the types of the table they came in
            content = content.canonical()
    model.catalogue_ = ItemSpace(catalogue, known, features, content)
    if "recency" in state:
        told = state["recency"]
        model.half_life_, model.newest_ = saved_number(told, "half_life", least=1e-9), int(saved_number(told, "newest"))
        model.lightest_ = saved_number(told, "lightest", least=0)
    if "event_weights" in state:
        model.event_weights_ = event_weights_of(state["event_weights"])
    model.info_ = manifest["info"]
    model._set_state(state["model"], _under(tensors, "model"))
    return model


def _restore_histories(model: Core, tensors: Tensors, n_catalogue: int) -> None:
    """Set what users did, and what is known of them."""
    n_users, n_items = len(model.users_), len(model.items_)
    model.histories_ = saved_matrix(_under(tensors, "histories"), "histories", (n_users, n_items), sparse=True)
    model.popularity_ = saved_array(tensors, "popularity", n_items)
    model.weights_ = None
    if "weights" in tensors:
        model.weights_ = saved_array(tensors, "weights", model.histories_.nnz)
    model.times_ = saved_array(tensors, "times", model.histories_.nnz, integers=True) if "times" in tensors else None
    lightest = min(model.histories_.data.min(initial=1), model.popularity_.min(initial=0) + 1)
    if lightest <= 0 or (model.weights_ is not None and model.weights_.min(initial=1) <= 0):
        raise ArtifactError("histories, weights or popularity of the model folder are below 0; it was altered")
    model.seen_ = None
    if packed := _under(tensors, "seen"):
        seen = saved_matrix(packed, "other events", (n_users, None), sparse=True)
        if not n_items <= seen.shape[1] <= n_catalogue:
            raise ArtifactError("ids and other events of the model folder have different sizes")
        model.seen_ = OtherEvents(seen).kinds
    model.user_features_ = _features(tensors, "user_features", n_users, model.user_featurizer_)


def _features(tensors: Tensors, name: str, rows: int, featurizer: Featurizer | None) -> Matrix | None:
    """Return saved features, as wide as the featurizer that made them says."""
    packed = _under(tensors, name)
    if bool(packed) != (featurizer is not None):
        raise ArtifactError(f"the model folder has {name} without a featurizer, or a featurizer without {name}; it was altered")
    if featurizer is None:
        return None
    return saved_matrix(packed, name, (rows, featurizer.n_features))


def _table(data: bytes, name: str) -> dict[str, Any]:
    """Return a JSON object; NaN and infinite numbers are none."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number in JSON")

    told = json.loads(data, parse_constant=refuse)
    if not isinstance(told, dict):
        raise ArtifactError(f"{name} of the model folder is no table")
    return told


def _pack(matrix: Matrix) -> Tensors:
    if not issparse(matrix):
        return {"dense": np.asarray(matrix, np.float32)}
    return {
        "data": matrix.data.astype(np.float32),
        "indices": matrix.indices.astype(np.int64),
        "indptr": matrix.indptr.astype(np.int64),
        "shape": np.array(matrix.shape, np.int64),
    }


def _under(tensors: Tensors, prefix: str) -> Tensors:
    start = prefix + "/"
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def _arrow_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _versions() -> dict[str, str]:
    import platform

    import scipy

    from .. import __version__

    return {"dualnet": __version__, "python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}


def written_parameters(model: Core) -> dict[str, Any]:
    """Return the parameters of a model as strict JSON has them: infinity, which it lacks, as the text ``"inf"``."""
    return {name: INFINITY if value == math.inf else value for name, value in model._written_params().items()}


def _read_parameter(value: Any) -> Any:
    return math.inf if value == INFINITY else value


def _plain(value: object) -> object:
    """Turn NumPy numbers and tuples into JSON."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | set):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
