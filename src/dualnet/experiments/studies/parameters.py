"""The one place where the parameters of a cell come from, apart from those that make its row what it is."""

from __future__ import annotations

from typing import Any

from ..presets import preset


def chosen_parameters(model: str, dataset: str, protocol: str) -> dict[str, Any]:
    """Return the constructor arguments of a model that were chosen on validation data: the preset in the package.

    Parameters
    ----------
    model : str
        Model name.
    dataset : str
        A named data set, or ``demo``.
    protocol : str
        Name of the protocol.
    """
    return preset(model, dataset, protocol)
