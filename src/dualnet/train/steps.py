"""The steps of a fit in plain words: which one runs, and of how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def in_words(seconds: float) -> str:
    """Return a span of time for people, such as ``"about 40 s"`` or ``"about 3 min"``."""
    if seconds < 90:
        return f"about {max(1, round(seconds)) if seconds < 20 else 5 * round(seconds / 5)} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


@dataclass
class FitSteps:
    """Steps of a fit, which the model that is fitted plans; a command may have more behind them.

    Parameters
    ----------
    announced : bool
        Whether each step is told when it begins, also where a short one shows nothing else: in a log.
    later : int
        Steps of the command behind the fit.
    words : dict of str to str
        What each phase does, by the name that the log has for it, in their order.
    """

    announced: bool = False
    later: int = 0
    words: dict[str, str] = field(default_factory=dict)

    def plan(self, words: Mapping[str, str]) -> None:
        """Take the phases of a fit that begins."""
        self.words = dict(words)

    def title(self, phase: str) -> str:
        """Return what a phase is, and which of how many: ``"Step 2 of 4: training the networks"``; of others their name."""
        return self._title(list(self.words).index(phase), self.words[phase]) if phase in self.words else phase

    def later_title(self, number: int, words: str) -> str:
        """Return the title of a step behind the fit, counted from 1."""
        return self._title(len(self.words) + number - 1, words) if self.words else f"{words[:1].upper()}{words[1:]}"

    def _title(self, place: int, words: str) -> str:
        count = len(self.words) + self.later
        return f"Step {place + 1} of {count}: {words}" if count > 1 else f"{words[:1].upper()}{words[1:]}"
