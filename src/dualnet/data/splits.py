"""Evaluation protocols: functions that divide a data set into a training set and ranking tasks (`dualnet.data.protocols`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..errors import UsageError, nearest
from .dataset import Dataset
from .protocols.files import from_files
from .protocols.in_matrix import citeulike1, citeulike2
from .protocols.new_items import out_matrix
from .protocols.new_users import unknown_users
from .protocols.published import read_files
from .protocols.quadrants import four_quadrants, temporal
from .protocols.serving import validation
from .tasks import RankingTask, Split, Validation

__all__ = [
    "ASKS",
    "PROTOCOLS",
    "RankingTask",
    "Split",
    "Validation",
    "citeulike1",
    "citeulike2",
    "four_quadrants",
    "from_files",
    "make",
    "out_matrix",
    "read_files",
    "temporal",
    "unknown_users",
    "validation",
]

PROTOCOLS: dict[str, Callable[..., Split]] = {
    "citeulike1": citeulike1,
    "citeulike2": citeulike2,
    "out-matrix": out_matrix,
    "unknown-users": unknown_users,
    "four-quadrants": four_quadrants,
    "temporal": temporal,
    "files": read_files,
}


ASKS = {
    "citeulike1": "ten likes of each user train, the others are to be found",
    "citeulike2": "a fifth of all likes, drawn, is to be found; every item has likes that train",
    "out-matrix": "items none of whose likes train are to be found",
    "unknown-users": "a tenth of the users do not train and are asked with likes that they show",
    "four-quadrants": "known and new users are asked for known and new items",
    "temporal": "what trains comes before what is to be found",
    "files": "a division that somebody else made",
}
"""What a protocol asks, half a line to be printed beside its name."""


def make(protocol: str, data: Dataset, **options: Any) -> Split:
    """Divide data by a protocol given by name.

    Parameters
    ----------
    protocol : str
        A key of `PROTOCOLS`.
    data : Dataset
        Everything.
    **options
        Arguments of the protocol's function; those that are None are left to their defaults.

    Returns
    -------
    Split

    Raises
    ------
    UsageError
        If there is no such protocol or option; the text names the nearest.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.make("out-matrix", dualnet.synthetic.blocks_world(), cold=0.25)
    >>> split.options["cold"]
    0.25
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"there is no protocol '{protocol}'.{nearest(protocol, PROTOCOLS)}")
    function = PROTOCOLS[protocol]
    known = [name for name in inspect.signature(function).parameters if name != "data"]
    given = {name: value for name, value in options.items() if value is not None}
    if protocol in ("temporal", "files"):
        given.pop("seed", None)  # nothing is drawn
    for name in given:
        if name not in known:
            raise UsageError(f"protocol '{protocol}' has no option '{name}'.{nearest(name, known)}")
    return function(data, **given)
