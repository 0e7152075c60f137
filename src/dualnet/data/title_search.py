"""Finding titles by words as a person types them: case, accents and one typo in a word are forgiven."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .featurizers.words import search_words

SHORTEST_MENDED, LONGEST_MENDED = 4, 24  # letters of a word in which a typo is forgiven
MOST_MENDED = 6  # words of a query in which typos are looked for
OPEN_END = r"\w*"

_ACCENTS = re.compile("[\u0300-\u036f]")  # of Latin, Greek and Cyrillic; vowel signs of other scripts are letters of their own
_PLAIN_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


@dataclass(frozen=True)
class FoundTitles:
    """Rows of titles that fit a query.

    Parameters
    ----------
    rows : list of int
        In the order of the titles.
    mended : bool
        Whether nothing fitted as it was written, so that a typo was forgiven.
    """

    rows: list[int]
    mended: bool


class TitleIndex:
    """Titles as words, in the order of their rows; it grows and never shrinks.

    All words of a query must be in a title; the last may be the beginning of one, and words of a script without blanks
    (Chinese, Japanese, Thai) may begin anywhere. Where no title fits, each word of four letters or more may have one typo:
    a letter too many, too few, another one, or two neighbours exchanged.

    Parameters
    ----------
    titles : sequence of str
        One for each row.
    """

    def __init__(self, titles: Sequence[str] = ()) -> None:
        self._titles: list[str] = []
        self._vocabulary: set[str] = set()
        self._joined = (0, "")  # how many words of the vocabulary, and these, one in each line
        self.extend(titles)

    def __len__(self) -> int:
        return len(self._titles)

    def extend(self, titles: Iterable[str]) -> None:
        """Add titles behind those that are there."""
        for title in titles:
            words = [word for word, _ in title_words(title)]
            self._titles.append(f" {' '.join(words)} ")
            self._vocabulary.update(words)

    def find(self, query: str, size: int | None = None) -> FoundTitles:
        """Return the rows that fit among the first `size`; an empty query finds everything."""
        words = title_words(query)
        rows = range(len(self) if size is None else size)
        found = self._fitting(
            rows, [[_wanted(word, anywhere, place == len(words))] for place, (word, anywhere) in enumerate(words, 1)]
        )
        if found or not 0 < len(words) <= MOST_MENDED:
            return FoundTitles(found, False)
        spelt = [self._near(word, anywhere, place == len(words)) for place, (word, anywhere) in enumerate(words, 1)]
        return FoundTitles(self._fitting(rows, spelt), True)

    def _fitting(self, rows: Iterable[int], spelt: list[list[str]]) -> list[int]:
        """Return the rows whose titles hold one of the spellings of each word."""
        titles, left = self._titles, list(rows)
        for spellings in spelt:
            left = [row for row in left if any(spelling in titles[row] for spelling in spellings)]
        return left

    def _near(self, word: str, anywhere: bool, last: bool) -> list[str]:
        """Return what to look for in titles for a word that may have a typo, the word as it is included."""
        wanted = [_wanted(word, anywhere, last)]
        if anywhere or not SHORTEST_MENDED <= len(word) <= LONGEST_MENDED:
            return wanted
        size, joined = self._joined
        if size != len(self._vocabulary):  # another thread may add words meanwhile: they come with the next question
            known = self._vocabulary.copy()
            joined = "\n".join(sorted(known))
            self._joined = (len(known), joined)
        pattern = re.compile(f"^(?:{'|'.join(_one_edit(word))}){OPEN_END if last else ''}$", re.MULTILINE)
        return wanted + [f" {near} " for near in pattern.findall(joined)]


def title_words(text: str) -> list[tuple[str, bool]]:
    """Return the words of a title or a query as `search_words` does, without accents."""
    return [(_without_accents(word), anywhere) for word, anywhere in search_words(text)]


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", word))
    return unicodedata.normalize("NFC", bare).translate(_PLAIN_LETTERS)


def _wanted(word: str, anywhere: bool, last: bool) -> str:
    return word if anywhere else f" {word}" if last else f" {word} "


def _one_edit(word: str) -> list[str]:
    """Return expressions of all words that are one typo away; the first letter may be wrong too."""
    around = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    escaped = re.escape
    inserted = [f"{escaped(left)}\\w{escaped(right)}" for left, right in around]
    changed = [f"{escaped(left)}\\w{escaped(right[1:])}" for left, right in around if right]
    dropped = [escaped(left + right[1:]) for left, right in around if right]
    exchanged = [escaped(left + right[1] + right[0] + right[2:]) for left, right in around if len(right) > 1]
    return [*inserted, *changed, *dropped, *exchanged]
