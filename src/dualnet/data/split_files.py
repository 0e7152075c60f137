"""A division as a folder: Parquet, JSON and safetensors with everything that fit and evaluate need."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.sparse import csr_array, issparse

from ..errors import DataError, UsageError
from ..files import replaced_folder
from ..ids import IdMap
from ..typed_values import path_of
from .arrow_files import checked_table
from .content import Content, Matrix
from .content_spec import WORD_ENCODERS, ContentSpec
from .csr import check_matrix
from .dataset import Dataset
from .featurizers.sentences import find_model
from .interactions import Interactions
from .other_events import OtherEvents
from .tasks import RankingTask, Split, Validation
from .trusted_paths import refuse_path, trusts_paths

DESCRIPTION = "split.json"
FORMAT_VERSION = 1
TENSOR_TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
ALIGNMENT = 8  # of the first array in the file


def is_split(folder: Path) -> bool:
    """Whether a path is a folder made by `save_split`."""
    return os.path.isfile(folder / DESCRIPTION)  # noqa: PTH113 - a Path raises for a name that is too long


def save_split(split: Split, folder: str | Path) -> Path:
    """Write a division as a folder: ``split.json``, id lists and raw content as Parquet, matrices as safetensors.

    Raises
    ------
    UsageError
        If the folder holds something else.
    ResourceError
        If it cannot be written; nothing is left behind.
    """
    target = path_of(folder, "folder")
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not is_split(target))):
        raise UsageError(f"{target} exists and is not a split folder; choose another place")
    writer = _Writer()
    description: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "fingerprint": split.fingerprint(),
        "protocol": split.protocol,
        "seed": split.seed,
        "fold": split.fold,
        "fit_on": split.fit_on,
        "options": split.options,
        "train": writer.dataset(split.train),
        "tasks": [writer.task(task) for task in split.tasks],
        "served": [writer.task(task) for task in split.served],
        "validation": None,
    }
    if split.validation is not None:
        description["validation"] = {
            "train": None if split.validation.train is split.train else writer.dataset(split.validation.train),
            "tasks": [writer.task(task) for task in split.validation.tasks],
            "served": [writer.task(task) for task in split.validation.served],
        }
    with replaced_folder(target, "the split to ") as temporary:
        for name, table in writer.tables.items():
            pq.write_table(table, temporary / f"{name}.parquet", write_page_checksum=True)
        write_tensors(temporary / "matrices.safetensors", writer.arrays)
        description["files"] = {path.name: _sha256(path) for path in sorted(temporary.iterdir())}
        description["digest"] = _digest(description)
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")
    return target


def load_split(folder: str | Path, *, trust_paths: bool | None = None) -> Split:
    """Read a division, and verify that it is the one that was written.

    Parameters
    ----------
    folder : str or Path
        From `save_split`.
    trust_paths : bool, optional
        Follow paths that it names, of a sentence model or of the weights of a network for pictures; by default what the
        environment variable ``DUALNET_TRUST_PATHS`` says (``1``), else no.

    Raises
    ------
    DataError
        If the folder is damaged, altered or of a newer format.
    UsageError
        If it names a path that may not be followed.
    """
    source = path_of(folder, "folder")
    try:
        description = json.loads((source / DESCRIPTION).read_text(encoding="utf-8"))
        if description["format_version"] != FORMAT_VERSION:
            raise DataError(
                f"{source} has split format {description['format_version']}, this version reads {FORMAT_VERSION}; upgrade dualnet"
            )
        if "digest" in description and description["digest"] != _digest(description):  # folders of earlier versions have none
            raise DataError(f"{source / DESCRIPTION} was altered after it was made; make the split again with `dualnet split`")
        for name, digest in description["files"].items():
            if _sha256(source / Path(name).name) != digest:
                raise DataError(f"{source / name} was altered after it was made; make the split again with `dualnet split`")
        reader = _Reader(source, trusts_paths(trust_paths))
        train = reader.dataset(description["train"])
        validation = None
        if description["validation"] is not None:
            inner = description["validation"]["train"]
            validation = Validation(
                train if inner is None else reader.dataset(inner), tuple(map(reader.task, description["validation"]["tasks"])),
                tuple(map(reader.task, description["validation"].get("served", []))),
            )  # fmt: skip
        split = Split(
            description["protocol"], train, tuple(map(reader.task, description["tasks"])), validation, description["seed"],
            description["fold"], description["fit_on"], description["options"],
            tuple(map(reader.task, description.get("served", []))),
        )  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        if isinstance(error, DataError | UsageError):
            raise
        raise DataError(f"{source} is not a whole split folder ({error}); make it again with `dualnet split`") from error
    except Exception as error:  # safetensors raises its own kind
        raise DataError(f"{source} is not a whole split folder ({error}); make it again with `dualnet split`") from error
    if split.fingerprint() != description["fingerprint"]:
        raise DataError(
            f"{source} was altered after it was made: its fingerprint does not match; make it again with `dualnet split`"
        )
    return split


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _digest(description: Mapping[str, Any]) -> str:
    """Return a SHA-256 over a description itself, as JSON has it."""
    told = {name: value for name, value in description.items() if name != "digest"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _refuse_paths(spec: ContentSpec) -> None:
    if spec.image_model is not None:
        raise refuse_path("the network for pictures of the split", spec.image_model)
    for encoder in spec.text_encoders:
        if encoder not in WORD_ENCODERS:
            find_model(encoder, follow=False)


class _Writer:
    """Collects tables and arrays, each distinct id map and content once."""

    def __init__(self) -> None:
        self.tables: dict[str, pa.Table] = {}
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._ids: dict[str, str] = {}
        self._contents: dict[str, str] = {}
        self._count = 0

    def ids(self, ids: IdMap) -> str:
        key = ids.fingerprint()
        if key not in self._ids:
            self._ids[key] = f"ids{len(self._ids)}"
            self.tables[self._ids[key]] = pa.table({"id": pa.array(ids.keys)})
        return self._ids[key]

    def content(self, content: Content | None) -> dict[str, Any] | None:
        if content is None:
            return None
        key = content.fingerprint()
        if key not in self._contents:
            name = self._contents[key] = f"content{len(self._contents)}"
            self.tables[name] = content.table
            for matrix, value in content.matrices.items():
                self._matrix(f"{name}/{matrix}", value)
        return {
            "name": self._contents[key],
            "ids": self.ids(content.ids),
            "spec": content.spec.to_json(),
            "matrices": sorted(content.matrices),
        }

    def dataset(self, data: Dataset) -> dict[str, Any]:
        name = self._next()
        self._matrix(f"{name}/pairs", data.interactions.matrix)
        if data.interactions.times is not None:
            self.arrays[f"{name}/times"] = data.interactions.times
        if data.interactions.others is not None:
            self._matrix(f"{name}/others", data.interactions.others.kinds)
            if data.interactions.others.times is not None:
                self.arrays[f"{name}/other_times"] = data.interactions.others.times
        if data.pair_texts:
            self.tables[f"{name}-texts"] = pa.table(dict(data.pair_texts))
        return {
            "name": name,
            "title": data.name,
            "users": self.ids(data.interactions.users),
            "items": self.ids(data.interactions.items),
            "content": self.content(data.items),
            "user_content": self.content(data.users),
            "pair_texts": sorted(data.pair_texts),
            **({"event_weights": dict(data.event_weights)} if data.event_weights else {}),
        }

    def task(self, task: RankingTask) -> dict[str, Any]:
        name = self._next()
        for part in ("history", "seen", "truth"):
            self._matrix(f"{name}/{part}", getattr(task, part))
        self.arrays[f"{name}/candidates"] = task.candidates
        if task.kinds is not None:
            self.arrays[f"{name}/kinds"] = task.kinds
        return {
            "name": name,
            "task": task.name,
            "users": self.ids(task.users),
            "items": self.ids(task.items),
            "content": self.content(task.content),
            "user_content": self.content(task.user_content),
            "candidate_set": task.candidate_set,
        }

    def _next(self) -> str:
        self._count += 1
        return f"part{self._count}"

    def _matrix(self, name: str, matrix: Matrix) -> None:
        if not issparse(matrix):
            self.arrays[f"{name}/dense"] = np.ascontiguousarray(matrix)
            return
        self.arrays[f"{name}/data"] = matrix.data
        self.arrays[f"{name}/indices"] = matrix.indices
        self.arrays[f"{name}/indptr"] = matrix.indptr
        self.arrays[f"{name}/shape"] = np.array(matrix.shape, np.int64)


class _Reader:
    """Rebuilds what `_Writer` collected, each id map and content once."""

    def __init__(self, folder: Path, trust_paths: bool) -> None:
        self._folder, self._trust_paths = folder, trust_paths
        self._arrays = load_file(folder / "matrices.safetensors")
        self._ids: dict[str, IdMap] = {}
        self._contents: dict[tuple[str, str], Content] = {}

    def ids(self, name: str) -> IdMap:
        if name not in self._ids:
            self._ids[name] = IdMap(self._table(name).column("id").to_pylist())
        return self._ids[name]

    def content(self, description: dict[str, Any] | None) -> Content | None:
        if description is None:
            return None
        key = (description["name"], json.dumps(description["spec"]))
        if key not in self._contents:
            matrices = {name: self._matrix(f"{description['name']}/{name}") for name in description["matrices"]}
            spec = ContentSpec.from_json(description["spec"])
            if not self._trust_paths:
                _refuse_paths(spec)
            self._contents[key] = Content(self.ids(description["ids"]), self._table(description["name"]), spec, matrices)
        return self._contents[key]

    def dataset(self, description: dict[str, Any]) -> Dataset:
        name = description["name"]
        others = None
        if f"{name}/others/indptr" in self._arrays:
            kinds = csr_array(self._matrix(f"{name}/others"))
            others = OtherEvents(kinds, self._arrays.get(f"{name}/other_times"))
        interactions = Interactions(
            self.ids(description["users"]), self.ids(description["items"]), csr_array(self._matrix(f"{name}/pairs")),
            self._arrays.get(f"{name}/times"), others,
        )  # fmt: skip
        names = description.get("pair_texts", [])  # folders of earlier versions have none
        texts = {column: self._table(f"{name}-texts").column(column).combine_chunks() for column in names}
        return Dataset(
            interactions, self.content(description["content"]), self.content(description["user_content"]),
            description["title"], pair_texts=texts,
            event_weights=description.get("event_weights", {}),
        )  # fmt: skip

    def task(self, description: dict[str, Any]) -> RankingTask:
        name = description["name"]
        return RankingTask(
            name=description["task"],
            users=self.ids(description["users"]),
            items=self.ids(description["items"]),
            history=csr_array(self._matrix(f"{name}/history")),
            seen=csr_array(self._matrix(f"{name}/seen")),
            candidates=self._arrays[f"{name}/candidates"],
            truth=csr_array(self._matrix(f"{name}/truth")),
            content=self.content(description["content"]),
            user_content=self.content(description["user_content"]),
            candidate_set=description["candidate_set"],
            kinds=self._arrays.get(f"{name}/kinds"),
        )

    def _table(self, name: str) -> pa.Table:
        path = self._folder / f"{Path(name).name}.parquet"
        return checked_table(pq.read_table(path, page_checksum_verification=True), path)

    def _matrix(self, name: str) -> Matrix:
        if f"{name}/dense" in self._arrays:
            return self._arrays[f"{name}/dense"]
        data, indices, indptr = (self._arrays[f"{name}/{part}"] for part in ("data", "indices", "indptr"))
        if any(part.ndim != 1 for part in (data, indices, indptr)) or np.shape(self._arrays[f"{name}/shape"]) != (2,):
            raise DataError(f"matrix {name} has parts of other shapes")
        matrix = csr_array((data, indices, indptr), shape=tuple(self._arrays[f"{name}/shape"].tolist()))
        try:
            check_matrix(matrix, (None, None), f"matrix {name}", canonical=False)
        except DataError as error:
            raise ValueError(str(error)) from error  # a fault of the folder, which `load_split` names
        return matrix


def write_tensors(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a file that `safetensors` reads.

    Its own writer holds all arrays twice more, as bytes of each and as the whole file.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to ndarray
        Of numbers or booleans. One that is not contiguous is copied, alone.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    # wide numbers first, so that all are aligned
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header, end = dict[str, Any](), 0
    for name in names:
        array = arrays[name]
        header[name] = {
            "dtype": TENSOR_TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]
        }  # fmt: skip
        end += array.nbytes
    told = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    told += b" " * (-len(told) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(told)) + told)
        for name in names:
            array = np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<"))
            file.write(array.reshape(-1).view(np.uint8).data)
