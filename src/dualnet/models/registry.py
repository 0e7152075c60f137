"""The registry of models by name; a model is imported when it is first asked for."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import UsageError, nearest
from ..typed_values import named, path_of
from .artifact import MANIFEST, read_model
from .base import Recommender

MODELS: dict[str, tuple[str, str]] = {
    "popularity": ("popularity", "Popularity"),
    "item-knn": ("neighbours", "ItemKNN"),
    "content-profile": ("profile", "ContentProfile"),
    "lsa-profile": ("profile", "LsaProfile"),
    "wmf": ("wmf", "WMF"),
    "bpr": ("bpr", "BPR"),
    "ease": ("ease", "EASE"),
    "cdl": ("cdl", "CDL"),
    "content-factors": ("content_factors", "ContentFactors"),
    "coupled": ("coupled", "Coupled"),
    "fusion": ("fusion", "Fusion"),
    "solved": ("solved.model", "Solved"),
    "dualnet": ("dualnet", "DualNet"),
}


def model_class(name: str) -> type[Recommender]:
    """Return the class of a model name.

    Raises
    ------
    UsageError
        If there is no such model; the text names the nearest.
    """
    if name not in MODELS:
        raise UsageError(f"there is no model '{name}'.{nearest(name, MODELS)}")
    module, attribute = MODELS[name]
    found: type[Recommender] = getattr(import_module(f".{module}", __package__), attribute)
    return found


def create(name: str, **parameters: Any) -> Recommender:
    """Return an unfitted model by name.

    Parameters
    ----------
    name : str
        ``dualnet``, ``solved``, ``wmf``, ``cdl``, ``bpr``, ``fusion``, ``content-factors``, ``coupled``, ``ease``, ``item-knn``,
        ``content-profile``, ``lsa-profile`` or ``popularity``.
    **parameters
        Constructor arguments.

    Raises
    ------
    UsageError
        If the model or a parameter does not exist; the text names the nearest.

    Examples
    --------
    >>> import dualnet
    >>> dualnet.create("wmf", factors=20)
    WMF(factors=20)
    """
    cls = model_class(name)
    cls.check_names(parameters)
    return cls(**parameters)


@named
def load(folder: str | Path, *, trust_paths: bool | None = None) -> Recommender:
    """Load any saved model, after checking every byte of it.

    Parameters
    ----------
    folder : str or Path
        From `Recommender.save`, or a run of the command line with such a folder ``model`` in it.
    trust_paths : bool, optional
        Follow paths that the folder names, of a sentence model or of the weights of a network for pictures. By default what
        the environment variable ``DUALNET_TRUST_PATHS`` says (``1``), else no.

    Returns
    -------
    Recommender
        Ready to answer; no torch is needed.

    Raises
    ------
    ArtifactError
        If the folder is not a model, is damaged or altered, or was written by a newer version.

    Examples
    --------
    >>> import dualnet
    >>> folder = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world()).save("model")
    >>> dualnet.load(folder)
    WMF(factors=4)
    """
    place = path_of(folder, "folder")
    inside = place / "model"
    # a Path raises for a name that is too long; reading it says so in a sentence
    is_run = not os.path.exists(place / MANIFEST) and os.path.isfile(inside / MANIFEST)  # noqa: PTH110, PTH113
    return read_model(inside if is_run else place, model_class, trust_paths=trust_paths)
