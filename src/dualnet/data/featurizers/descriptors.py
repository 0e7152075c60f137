"""Descriptors of pictures: gradients and colours, or a pretrained network."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, ResourceError, UsageError, nearest, optional_package

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SIDE = 96  # pixels a side for gradients and colours
CELL = 16  # pixels a side of one histogram of gradients
DIRECTIONS = 9
HUES, SATURATIONS, VALUES = 8, 3, 3
COLOURS = HUES * SATURATIONS * VALUES
GRADIENTS = (SIDE // CELL - 1) ** 2 * 4 * DIRECTIONS


class Descriptor(Protocol):
    """Turns pictures into vectors of one length."""

    settings: str
    """Everything that decides the vector of a picture; a saved model and the cache go by it."""
    batch: int
    """Pictures described at a time."""

    @property
    def parts(self) -> dict[str, int]:
        """Lengths of the parts of a vector by name; each part counts alike."""

    def describe(self, pictures: list[Picture]) -> NDArray[np.float32]:
        """Return one vector for each picture, shape (len(pictures), sum of parts)."""


class GradientsAndColours:
    """Histograms of oriented gradients (Dalal & Triggs 2005), and of hue, saturation and value in each quarter.

    Shapes and lettering are in the gradients, mood is in the colours: what can be had without a trained network.
    """

    settings = f"hog {SIDE}/{CELL}/{DIRECTIONS}, hsv 2x2 {HUES}x{SATURATIONS}x{VALUES}"
    batch = 256

    @property
    def parts(self) -> dict[str, int]:
        """Lengths of both parts."""
        return {"gradient": GRADIENTS, "colour": 4 * COLOURS}

    def describe(self, pictures: list[Picture]) -> NDArray[np.float32]:
        """Return one vector for each picture.

        Parameters
        ----------
        pictures : list of PIL.Image.Image
            In RGB, of any size.

        Returns
        -------
        ndarray of float32, shape (len(pictures), 1188)

        Raises
        ------
        MissingExtraError
            Without scikit-image.
        """
        with optional_package("scikit-image", "images", "describing pictures", module="skimage"):
            from skimage.feature import hog
        out = np.empty((len(pictures), GRADIENTS + 4 * COLOURS), np.float32)
        for row, picture in enumerate(pictures):
            small = picture.resize((SIDE, SIDE), resample=2)  # bilinear
            grey = np.asarray(small.convert("L"), np.float64) / 255
            cells = {"pixels_per_cell": (CELL, CELL), "cells_per_block": (2, 2), "block_norm": "L2-Hys"}
            out[row, :GRADIENTS] = hog(grey, orientations=DIRECTIONS, **cells)
            out[row, GRADIENTS:] = colour_histograms(np.asarray(small.convert("HSV")))
        return out


def colour_histograms(hsv: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the square roots of the shares of each colour in each quarter of a picture.

    The root keeps one large plain background from being all that counts. Grey pixels have no hue: they count as the
    first.

    Parameters
    ----------
    hsv : ndarray of uint8, shape (height, width, 3)
        Hue, saturation and value from 0 to 255, even height and width.

    Returns
    -------
    ndarray of float64, shape (4 * COLOURS,)
    """
    hue, saturation, value = (hsv[..., channel].astype(np.int64) for channel in range(3))
    saturation, value = saturation * SATURATIONS // 256, value * VALUES // 256
    hue = np.where((saturation == 0) | (value == 0), 0, hue * HUES // 256)
    colour = (hue * SATURATIONS + saturation) * VALUES + value
    height, width = colour.shape
    quarters = colour.reshape(2, height // 2, 2, width // 2).transpose(0, 2, 1, 3).reshape(4, -1)
    places = quarters + COLOURS * np.arange(4)[:, None]
    return np.sqrt(np.bincount(places.ravel(), minlength=4 * COLOURS) / quarters.shape[1])


class PretrainedNetwork:
    """The last pooled layer of a `timm` network whose weights lie in a safetensors file.

    Parameters
    ----------
    model : str
        ``NAME:WEIGHTS``, such as ``resnet18:weights/resnet18.safetensors``.

    Raises
    ------
    UsageError
        If the text has another form.
    ResourceError
        If the file cannot be read.
    """

    batch = 64

    def __init__(self, model: str) -> None:
        self.name, _, path = model.partition(":")
        if not self.name or not path.endswith(".safetensors"):
            raise UsageError(
                f"image_model must be NAME:WEIGHTS with a .safetensors file, such as resnet18:resnet18.safetensors, got {model!r}"
            )
        self.path = Path(path)
        try:
            if not self.path.is_file():  # a pipe would hang, a device has no end
                raise FileNotFoundError(2, "there is no such file")
            with self.path.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            raise ResourceError(
                f"the weights {path} of image_model cannot be read ({error.strerror}); put the file there, nothing is downloaded"
            ) from error
        self.settings = f"timm {self.name} {digest}"

    @property
    def parts(self) -> dict[str, int]:
        """Length of the pooled layer."""
        network = load_network(self.name, self.path, self.settings)[0]
        return {"feature": int(getattr(network, "head_hidden_size", None) or network.num_features)}

    def describe(self, pictures: list[Picture]) -> NDArray[np.float32]:
        """Return one vector for each picture, prepared as the network's authors did.

        Parameters
        ----------
        pictures : list of PIL.Image.Image
            In RGB, of any size.

        Returns
        -------
        ndarray of float32, shape (len(pictures), width of the pooled layer)
        """
        import torch

        network, prepare, device = load_network(self.name, self.path, self.settings)
        with torch.inference_mode():
            batch = torch.stack([prepare(picture) for picture in pictures]).to(device)  # (pictures, 3, height, width)
            return network(batch).float().cpu().numpy()  # (pictures, width)


@lru_cache(maxsize=1)
def load_network(name: str, path: Path, settings: str) -> tuple[Any, Any, Any]:
    """Return a network without its classifier, what prepares a picture for it, and its device; the last one stays loaded.

    Parameters
    ----------
    name : str
        Of a `timm` network.
    path : Path
        Its weights (safetensors).
    settings : str
        With the SHA-256 of the weights, so that changed ones are loaded again.

    Raises
    ------
    MissingExtraError
        Without timm.
    ResourceError
        If timm does not start, which is so when torchvision was built for another torch.
    UsageError
        If timm has no such network.
    DataError
        If the file does not hold its weights.
    """
    try:
        with (
            optional_package("timm", "image-models", f"the network {name}"),
            optional_package("torch", "image-models", f"the network {name}"),
        ):
            import timm
            import timm.data
            import torch
            from safetensors.torch import load_file
    except RuntimeError as error:
        raise ResourceError(f"timm does not start: {error}; install the torchvision that belongs to your torch") from error
    if name not in timm.list_models():
        raise UsageError(f"timm has no network '{name}'.{nearest(name, timm.list_models())}")
    with torch.random.fork_rng(devices=[]):  # its random start is thrown away, and must not move anyone's generator
        network = timm.create_model(name, pretrained=False, num_classes=0)
    try:
        weights, wanted = load_file(path), network.state_dict()
        network.load_state_dict({key: value for key, value in weights.items() if key in wanted})  # not the classifier's
    except Exception as error:  # safetensors has errors of its own
        raise DataError(f"{path} does not hold the weights of {name}: {str(error).splitlines()[0]}") from error
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)
    return network.eval().to(device), prepare, device
