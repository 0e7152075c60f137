"""Search spaces of parameters: lists and ranges, and a default space for each model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ..errors import UsageError, nearest


@dataclass(frozen=True)
class OneOf:
    """One of some values.

    Parameters
    ----------
    values : tuple
        Numbers, text, booleans or lists of them.
    """

    values: tuple[Any, ...]

    def points(self) -> tuple[Any, ...]:
        """Return the values that a grid tries."""
        return self.values


@dataclass(frozen=True)
class Between:
    """A number from `low` to `high`, both included; a whole number where both are.

    Parameters
    ----------
    low, high : int or float
        The ends.
    log : bool
        Whether factors count rather than differences, as for learning rates.
    grid : int
        How many values a grid tries.
    """

    low: float
    high: float
    log: bool = False
    grid: int = 5

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def points(self) -> tuple[Any, ...]:
        """Return `grid` values at equal distances (ratios under `log`); three digits are enough for a grid."""
        shares = [k / (self.grid - 1) for k in range(self.grid)]
        if self.log:
            spread = [self.low * (self.high / self.low) ** share for share in shares]
        else:
            spread = [self.low + (self.high - self.low) * share for share in shares]
        values = [round(value) if self.whole else float(f"{value:.3g}") for value in spread[1:-1]]
        return tuple(dict.fromkeys([self.low, *values, self.high]))


Space = Mapping[str, OneOf | Between]

_WEIGHTS: dict[str, OneOf | Between] = {
    "zero_weight": Between(0.003, 0.05, log=True, grid=3),
    "regularization": Between(0.1, 10.0, log=True, grid=3),
}

# wide enough to hold the optimum on every named data set that was tried; a grid over all of it is large: narrow it by --grid
SPACES: dict[str, Space] = {
    "item-knn": {"neighbours": OneOf((50, 100, 200, 500)), "shrinkage": OneOf((0.0, 5.0, 20.0, 50.0))},
    "ease": {"regularization": Between(50.0, 5000.0, log=True)},
    "lsa-profile": {"width": OneOf((100, 200, 400, 800))},
    "wmf": {"factors": OneOf((100, 200, 300, 450)), **_WEIGHTS},  # 300 and 450: section 5.2
    "content-factors": {"factors": OneOf((200, 300)), **_WEIGHTS, "ridge": Between(0.1, 30.0, log=True)},
    "solved": {"factors": OneOf((200, 300, 450)), "content_scale": OneOf((0.0, 0.5, 1.0, 1.5))},
    "coupled": {"factors": OneOf((200, 300)), **_WEIGHTS, "content_weight": Between(0.1, 1.0, log=True, grid=3)},
    "fusion": {"factors": OneOf((100, 200, 300, 450)), **_WEIGHTS},
    "bpr": {
        "factors": OneOf((100, 200, 300)),
        "learning_rate": Between(0.2, 1.6, log=True, grid=3),
        "regularization": Between(0.003, 0.03, log=True, grid=3),
        "negatives": OneOf((16, 64)),
    },
    "cdl": {
        "levels": OneOf(((200, 200), (1000, 200), (1000, 300))),  # section 5.2: 2000, 1000, 300
        "zero_weight": _WEIGHTS["zero_weight"],
        "user_penalty": Between(0.1, 10.0, log=True, grid=3),
        "content_weight": Between(0.1, 10.0, log=True, grid=3),  # section 5.2: 10, and 1,000 for the next
        "reconstruction_weight": Between(0.01, 1.0, log=True, grid=3),
    },
    "dualnet": {
        "levels": OneOf(((200, 200, 50), (300, 200, 50), (450, 200, 50))),  # the first: section 5.2
        "noise": OneOf((0.3, 0.5, 0.7)),
        "history_noise": OneOf((0.3, 0.5, 0.7)),
        "residual_dropout": OneOf((0.3, 0.5, 0.7)),
        "zero_weight": Between(0.003, 0.03, log=True, grid=3),
        "learning_rate": Between(0.003, 0.02, log=True, grid=3),
        "mask": OneOf(("none", "fold")),  # with the next: where histories are full
        "init": OneOf(("spectral", "random")),
    },
}


def default_space(model: str) -> Space:
    """Return the space that is searched where none is given.

    Raises
    ------
    UsageError
        If the model has none.
    """
    if model not in SPACES:
        raise UsageError(f"model '{model}' has no default space; say what to try, such as --grid NAME=[...]")
    return SPACES[model]


def read_space(settings: Mapping[str, Any]) -> Space:
    """Return a space from configured values: a list, or a table such as ``{low = 0.001, high = 0.1, log = true}``.

    Raises
    ------
    UsageError
        If a value is neither, or empty, or its ends are not numbers in order.
    """
    return {name: _read(name, value) for name, value in settings.items()}


def _read(name: str, value: Any) -> OneOf | Between:
    if isinstance(value, list) and value:
        return OneOf(tuple(value))
    if not isinstance(value, dict):
        raise UsageError(
            f"--grid {name}={value!r}: write a list such as [0.3, 0.5], or {{low = 0.001, high = 0.1, log = true}}"
        )
    known = ("low", "high", "log", "grid")
    for key in value:
        if key not in known:
            raise UsageError(f"--grid {name}: a range has no '{key}'.{nearest(key, known)}")
    low, high, log, grid = value.get("low"), value.get("high"), value.get("log", False), value.get("grid", 5)
    if not (_is_number(low) and _is_number(high)) or not low < high or (log and not low > 0):
        raise UsageError(f"--grid {name}: low={low!r} and high={high!r} must be numbers, low below high, above 0 with log")
    if not isinstance(log, bool) or type(grid) is not int or grid < 2:
        raise UsageError(f"--grid {name}: log={log!r} must be true or false, grid={grid!r} a whole number of at least 2")
    return Between(low, high, log, grid)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def size(space: Space) -> int:
    """Return how many combinations the grid of a space has."""
    return math.prod(len(choices.points()) for choices in space.values())


def combinations(space: Space) -> Iterator[dict[str, Any]]:
    """Yield every combination of the grid of a space; the last parameter changes fastest."""
    for values in itertools.product(*(choices.points() for choices in space.values())):
        yield dict(zip(space, values, strict=True))
