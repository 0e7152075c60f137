"""Export of a model made of levels to a folder of ONNX encoders, with all that another program needs to use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..data.features import Featurizer
from ..errors import CapabilityError, UsageError, optional_package
from ..files import replaced_folder
from ..models.base import Recommender
from ..models.level_model import LevelModel
from ..typed_values import path_of
from .onnx_graph import graph_layout, item_graph, user_graph
from .onnx_nodes import IR_VERSION, OPSET

if TYPE_CHECKING:
    from onnx import ModelProto

MANIFEST = "export.json"
FORMAT = 2  # 1 had the networks alone
LARGEST = 2**30  # bytes of constants in one file; protobuf ends at 2 GiB, so that larger ones go to a file beside it


def write_onnx(model: Recommender, folder: str | Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Write both encoders of a model as ONNX, whole or not at all; return the manifest.

    The inner product of what they return is the score of `recommend`, with all levels: solved ones, networks, content.

    Files: ``item-encoder.onnx`` and ``user-encoder.onnx`` (inputs and outputs as in `item_graph` and `user_graph`),
    ``items.json`` (the ids of the catalogue; position = row), ``features.json`` (names of the features, and the fitted
    blocks that make them), ``user-features.json`` where user columns are read, and ``export.json``: version, opset, widths,
    and how the outputs make the score.

    Parameters
    ----------
    model : Recommender
        A fitted DualNet or Solved.
    folder : str or Path
        Must not exist, or be empty.
    overwrite : bool
        Replace a folder that an earlier export wrote; any other is left alone.

    Raises
    ------
    CapabilityError
        For a model that is not made of levels.
    UsageError
        If the folder holds something.
    ResourceError
        If it cannot be written; nothing is left behind.
    """
    if not isinstance(model, LevelModel):
        raise CapabilityError(
            f"model '{model.name}' has no networks to write as ONNX, nor solved levels; export its vectors as Parquet or npz"
        )
    model._require_fitted()
    with optional_package("onnx", "export", "writing ONNX"):
        import onnx  # noqa: F401
    target = path_of(folder, "folder")
    _check_target(target, overwrite)
    levels, space = model.levels_, model.catalogue_
    graphs = {"item-encoder.onnx": item_graph(levels, space), "user-encoder.onnx": user_graph(levels, space)}
    manifest = _manifest(model)
    documents: dict[str, Any] = {MANIFEST: manifest, "items.json": space.ids.keys}
    for name, featurizer in (("features.json", model.featurizer_), ("user-features.json", model.user_featurizer_)):
        if featurizer is not None:
            documents[name] = _featurizer(featurizer)
    with replaced_folder(target, "") as temporary:
        for name, graph in graphs.items():
            _write_graph(graph, temporary / name, manifest)
        for name, document in documents.items():
            (temporary / name).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    return manifest


def _manifest(model: LevelModel) -> dict[str, Any]:
    layout = graph_layout(model.levels_, model.catalogue_)
    score = "score = inner product of the vectors of item and user"
    if layout.sparse_width:
        score += " + inner product of their content outputs"
    return {
        "format_version": FORMAT,
        "dualnet": __version__,
        "model": model.name,
        "data": model.info_["data"],
        "fingerprint": model.info_["fingerprint"],
        "opset": OPSET,
        "ir_version": IR_VERSION,
        "width": layout.width,
        "content_width": layout.sparse_width,
        "items": len(model.catalogue_),
        "score": score,
    }


def _featurizer(featurizer: Featurizer) -> dict[str, Any]:
    """Return names, kinds and constants of fitted features as JSON; `Featurizer.from_state` knows the same keys."""
    config, tensors = featurizer.to_state()
    blocks = [dict(block) for block in config["blocks"]]
    for name, values in tensors.items():
        place, constant = name.split(".", 1)
        blocks[int(place)][constant] = values.tolist()
    return {"spec": config["spec"], "names": featurizer.names(), "blocks": blocks}


def _write_graph(graph: ModelProto, path: Path, manifest: dict[str, Any]) -> None:
    import onnx

    for key in ("dualnet", "model", "fingerprint", "width", "content_width", "score"):
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, str(manifest[key])
    if sum(len(constant.raw_data) for constant in graph.graph.initializer) > LARGEST:
        onnx.save_model(graph, str(path), save_as_external_data=True, location=f"{path.name}.data")
    else:
        onnx.save_model(graph, str(path))
    onnx.checker.check_model(str(path))


def _check_target(target: Path, overwrite: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / MANIFEST).is_file():
        raise UsageError(f"{target} exists and was not written by dualnet export; choose another --out")
    if not overwrite:
        raise UsageError(f"{target} exists; replace it with --overwrite or choose another --out")
