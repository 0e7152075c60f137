"""Limits of a model's parameters, declared once: what the constructor's check, the command line, a search and the docs read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, cast

from ..errors import UsageError, shown
from ..typed_values import Form, as_float


@dataclass(frozen=True)
class Limit:
    """Range of a number.

    Parameters
    ----------
    above, at_least : float, optional
        Lower end, without and with the end itself.
    below, at_most : float, optional
        Upper end, likewise.
    whole : bool
        Whether it is a whole number.
    number : bool
        Whether the text says that a number is wanted, also to somebody who gives text.
    remedy : str
        Follows the sentence that refuses a value, with its punctuation.
    """

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    whole: bool = False
    number: bool = False
    remedy: str = ""

    @property
    def text(self) -> str:
        """The range in words, such as ``"at least 0 and below 1"``.

        Examples
        --------
        >>> Limit(at_least=0, below=1).text
        'at least 0 and below 1'
        >>> Limit(at_least=1, whole=True).text
        'a whole number of at least 1'
        """
        named = {"above": self.above, "at least": self.at_least, "below": self.below, "at most": self.at_most}
        ends = [f"{word} {end:,g}" if end < 10_000 else f"{word} {end:,.0f}" for word, end in named.items() if end is not None]
        kind = "a whole number of " if self.whole else "a number of " if self.number else ""
        return kind + " and ".join(ends)

    def holds(self, value: Any) -> bool:
        """Whether a value is within the range; what is no number is left to the check of types."""
        if value is None:
            return True
        if self.whole and (isinstance(value, bool) or not isinstance(value, int)):
            return False
        if isinstance(value, bool) or not isinstance(value, Real):
            return not self.number
        number = as_float(cast(float, value))
        return (
            not math.isnan(number)
            and (self.above is None or number > self.above)
            and (self.at_least is None or number >= self.at_least)
            and (self.below is None or number < self.below)
            and (self.at_most is None or number <= self.at_most)
        )


COUNT = Limit(at_least=1, whole=True)
POSITIVE = Limit(above=0)
NOT_NEGATIVE = Limit(at_least=0)
SHARE = Limit(at_least=0, below=1)
ZERO_WEIGHT = Limit(above=0, remedy=" and below the lightest positive: zeros cannot be as sure as positives")


def check_limits(limits: Mapping[str, Limit], values: Mapping[str, Any], place: str, form: Form) -> None:
    """Refuse the first value that is outside its limit.

    Parameters
    ----------
    limits : mapping of str to Limit
        By name of the parameter.
    values : mapping
        Some parameters.
    place : str
        Where they came from, such as ``"dualnet.toml: "``, for the text.
    form : Form
        How the text puts a name and its value.

    Raises
    ------
    UsageError
        Naming the value, what it may be, and a remedy where there is one.
    """
    for name, limit in limits.items():
        if name in values and not limit.holds(values[name]):
            value = shown(values[name])
            raise UsageError(f"{place}{name}{form.equals}{value} {form.verb} be {limit.text}{limit.remedy}")
