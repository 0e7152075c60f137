"""Picture features: descriptors that are standardised on the fitted rows, as rows of unit length."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...ids import Rows
from ..cache import cache_key
from ..content import Content
from ..picture_files import picture_bytes
from ..trusted_paths import refuse_path
from .base import column_values
from .cached import vectors_of
from .descriptors import Descriptor, GradientsAndColours, PretrainedNetwork
from .numeric import CLIP
from .pictures import decode_picture


class ImageBlock:
    """One picture for each row as a dense vector of unit length.

    Each number of the descriptor is standardised on the fitted rows and clipped, each part of it scaled to the same
    length. A row without a picture is zero.

    Parameters
    ----------
    column : str
        Name of the column: paths of files, or their bytes.
    model : str, optional
        ``NAME:WEIGHTS`` of a pretrained network; see `ContentSpec.image_model`.
    settings : str
        Of the descriptor at fit time; another one cannot be applied.
    parts : dict of str to int
        Lengths of the descriptor's parts.
    mean, deviation : ndarray of float32, shape (width,)
        Of the fitted rows.

    Attributes
    ----------
    follow : bool
        Whether the file of weights that `model` names may be opened: the caller named it, or trusts who did.
    """

    kind: ClassVar[str] = "images"
    follow: bool = True

    def __init__(
        self,
        column: str,
        model: str | None,
        settings: str,
        parts: dict[str, int],
        mean: NDArray[np.float32],
        deviation: NDArray[np.float32],
    ) -> None:
        self.column, self.model, self.settings, self.parts = column, model, settings, parts
        self.mean, self.deviation = mean, deviation

    @classmethod
    def fit(cls, content: Content, column: str, rows: Rows | None, *, model: str | None) -> ImageBlock:
        """Describe the pictures of some rows (all by default) and measure mean and deviation.

        Raises
        ------
        DataError
            If a picture cannot be read, or no row has one.
        MissingExtraError
            Without Pillow and scikit-image (or timm).
        """
        descriptor = _descriptor(model)
        width = sum(descriptor.parts.values())
        raw, present = _describe(content if rows is None else content.take(rows), column, descriptor, width)
        if not present.any():
            raise DataError(f"content column '{column}' has no picture in any row")
        mean, deviation = raw[present].mean(axis=0, dtype=np.float64), raw[present].std(axis=0, dtype=np.float64)
        deviation[deviation < 1e-6] = 1.0  # what never varies says nothing
        return cls(column, model, descriptor.settings, descriptor.parts, mean.astype(np.float32), deviation.astype(np.float32))

    def transform(self, content: Content) -> NDArray[np.float32]:
        """Return rows of unit length, shape (len(content), width).

        Raises
        ------
        DataError
            If a picture cannot be read, or the network's weights are not those of the fit.
        UsageError
            If the weights may not be opened.
        """
        if self.model is not None and not self.follow:
            raise refuse_path(f"the network for pictures of '{self.column}'", self.model)
        descriptor = _descriptor(self.model)
        if descriptor.settings != self.settings:
            raise DataError(
                f"pictures of '{self.column}' were described by '{self.settings}' when the model was fitted, now it would be"
                f" '{descriptor.settings}'; put the same weights back, or fit again"
            )
        raw, present = _describe(content, self.column, descriptor, sum(self.parts.values()))
        values = np.clip((raw - self.mean) / self.deviation, -CLIP, CLIP)
        start = 0
        for width in self.parts.values():
            part = values[:, start : start + width]
            norms = np.linalg.norm(part, axis=1, keepdims=True)
            part /= np.where(norms > 0, norms, 1) * np.sqrt(len(self.parts))
            start += width
        values[~present] = 0
        return values

    def names(self) -> list[str]:
        """Return ``column[part k]`` for each number."""
        return [f"{self.column}[{part} {place}]" for part, width in self.parts.items() for place in range(width)]

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return description and arrays; `from_state` reads them."""
        parts = [[name, width] for name, width in self.parts.items()]  # a list keeps its order in any JSON
        config = {"kind": self.kind, "column": self.column, "model": self.model, "settings": self.settings, "parts": parts}
        return config, {"mean": self.mean, "deviation": self.deviation}

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> ImageBlock:
        """Rebuild from `to_state`."""
        described = (config["column"], config["model"], config["settings"], dict(config["parts"]))
        return cls(*described, tensors["mean"], tensors["deviation"])


def _descriptor(model: str | None) -> Descriptor:
    return GradientsAndColours() if model is None else PretrainedNetwork(model)


def _describe(
    content: Content, column: str, descriptor: Descriptor, width: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return raw descriptors, shape (len(content), width), and which rows have a picture."""
    cells = column_values(content, column)

    def where(row: int) -> str:
        path = f" ({cells[row]})" if isinstance(cells[row], str) else ""
        return f"column '{column}' of item {content.ids.key(row)!r}{path}"

    keys: list[bytes | None] = []
    for row, cell in enumerate(cells):
        data = picture_bytes(cell, where(row))
        keys.append(None if data is None else cache_key(descriptor.settings, data))

    def describe(rows: list[int]) -> NDArray[np.float32]:
        files = [(picture_bytes(cells[row], where(row)) or b"", where(row)) for row in rows]
        vectors = descriptor.describe([decode_picture(data, place) for data, place in files])
        if not np.isfinite(vectors).all():
            bad = rows[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
            raise DataError(f"{where(bad)} is described by NaN or infinite numbers; use other weights, or leave the cell empty")
        return vectors

    present = np.array([key is not None for key in keys], bool)
    return vectors_of(keys, width, describe, batch=descriptor.batch, label=f"pictures of '{column}'"), present
