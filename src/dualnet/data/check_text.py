"""What `data check` says of the text of items: its words, its scripts, and markup that stands in it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from .content import Content
from .featurizers.words import plain_text

RARE_SHARE = 0.9  # of the words in one row only, from which a text says little about what things share
MOST_SCRIPTS = 6


@dataclass(frozen=True)
class TextReport:
    """What the text of one column is made of.

    Parameters
    ----------
    n_words, n_rare : int
        Distinct words, and how many of them stand in one row only.
    scripts : dict of str to float
        Share of the letters by script, the largest first.
    n_markup : int
        Rows that hold HTML.
    """

    n_words: int
    n_rare: int
    scripts: dict[str, float] = field(default_factory=dict)
    n_markup: int = 0

    @property
    def rare_share(self) -> float:
        """Share of the distinct words that stand in one row only."""
        return self.n_rare / max(self.n_words, 1)

    def in_words(self) -> str:
        """Return one line for a person."""
        scripts = ", ".join(f"{name} {share:.1%}" for name, share in list(self.scripts.items())[:MOST_SCRIPTS])
        return f"{self.n_words:,}, of them {self.rare_share:.1%} in one item only; scripts: {scripts or 'none'}"


def report_text(content: Content, column: str) -> TextReport:
    """Return what a text column of some content is made of, by the words that its spec asks for."""
    rows, letters = Counter[str](), Counter[str]()
    markup = 0
    words = content.spec.words
    for value in content.table.column(column).to_pylist():
        if not isinstance(value, str):
            continue
        plain = plain_text(value)
        markup += plain != value
        rows.update(set(words(value)))
        letters.update(plain)
    scripts = Counter[str]()
    for letter, count in letters.items():
        if letter.isalpha():
            scripts[script_of(letter)] += count
    total = max(sum(scripts.values()), 1)
    shares = {name: count / total for name, count in scripts.most_common()}
    return TextReport(len(rows), sum(count == 1 for count in rows.values()), shares, markup)


def script_of(letter: str) -> str:
    """Return the script of a letter, such as ``Latin``, ``Han`` or ``Devanagari``."""
    first = unicodedata.name(letter, "OTHER").split()[0].removesuffix("-HIRAGANA")
    first = {"CJK": "HAN", "KATAKANA-HIRAGANA": "KATAKANA", "FULLWIDTH": "LATIN", "HALFWIDTH": "KATAKANA"}.get(first, first)
    return first.capitalize()
