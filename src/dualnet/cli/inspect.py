"""`dualnet inspect`: the contents of a model folder, of which nothing is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import counted
from ..runs.folder import model_folder
from .output import JsonFlag, print_json, print_table


def inspect(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    as_json: JsonFlag = False,
) -> None:
    """Verify a model folder and show its manifest.

    Every file is checked against its SHA-256, and nothing in it is ever executed. Exit code 5: the folder is damaged,
    altered, or of a newer format.

    Examples
    --------
      dualnet inspect run
      dualnet inspect run/model --json
    """
    from ..models.artifact import read_manifest
    from ..models.registry import load

    folder = model_folder(run)
    manifest = read_manifest(folder)
    model = load(folder)
    summary = {**manifest, "verified": True, "numbers": model.n_parameters, "catalogue": len(model.catalogue_)}
    if as_json:
        print_json(summary)
        return
    rows = [
        ["model", manifest["model"]],
        ["verified", "every file matches its SHA-256"],
        [
            "trained on",
            f"{manifest['info']['data']}: {counted(manifest['info']['pairs'], '{like|likes}')} of"
            f" {counted(manifest['info']['users'], '{user|users}')} for {counted(manifest['info']['items'], '{item|items}')}",
        ],
        ["can list", counted(len(model.catalogue_), "{item|items}")],
        ["learned numbers", f"{model.n_parameters:,}"],
        [
            "size",
            f"{sum(entry['bytes'] for entry in manifest['files'].values()) / 1e6:.1f} MB in {len(manifest['files'])} files",
        ],
        ["content", ", ".join(model.featurizer_.spec.columns) if model.featurizer_ is not None else "not used"],
        ["written by", ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())],
        *[[f"  {name}", str(value)] for name, value in manifest["parameters"].items()],
    ]
    print_table(["", str(folder)], rows)
