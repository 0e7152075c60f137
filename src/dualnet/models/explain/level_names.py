"""Names of the levels of a score: those that models give them, and plain words for people."""

from __future__ import annotations

import re
from collections.abc import Sequence

FACTORS = "what others took"
CONTENT = "what it is about"
NETWORK = "what the network adds"
PLAIN = {"factors": FACTORS, "content": CONTENT, "neighbours": "similar items of the history"}

_OF_NETWORK = re.compile(r"level \d+")


def in_plain_words(levels: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return levels by what a person would call them; those with the same name are one, their sum, and those that add nothing none.

    Parameters
    ----------
    levels : sequence of (str, float)
        As in `Explanation.levels`.
    """
    sums: dict[str, float] = {}
    for name, score in levels:
        plain = NETWORK if _OF_NETWORK.fullmatch(name) else PLAIN.get(name, name)
        sums[plain] = sums.get(plain, 0.0) + score
    adding = [(name, score) for name, score in sums.items() if score]
    return adding or list(sums.items())[:1]
