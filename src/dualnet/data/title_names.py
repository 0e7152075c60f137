"""Titles as names of items: the item that somebody means who writes a title where an id is expected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..errors import UnknownIdError
from ..ids import IdMap, Key
from ..tabular import cut_cell
from .title_search import SHORTEST_MENDED, TitleIndex, title_words

NEAREST = 5  # titles that an error offers

_ARTICLES = "the|a|an|le|la|les|un|une|der|die|das|ein|eine|el|los|las|il|lo|gli"
_BEHIND = re.compile(rf"^\s*(.*\S)\s*,\s*({_ARTICLES}|l['\u2019])\s*$", re.IGNORECASE | re.DOTALL)
_BEFORE = re.compile(rf"^\s*(?:(?:{_ARTICLES})\s+|l['\u2019]\s*)(?=\S)", re.IGNORECASE)
_YEAR = re.compile(r"(?<=\S)\s+(?:\(((?:1[89]|20)\d\d)\)|\[((?:1[89]|20)\d\d)\]|((?:1[89]|20)\d\d))\s*$")
_ASIDE = re.compile(r"\(([^()]*)\)")
_ALSO = re.compile(r"^\s*a\.?k\.?a\.?\s+", re.IGNORECASE)
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=\w)")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class TitleNames:
    """Titles of items as names by which they are called, beside their ids.

    Parameters
    ----------
    ids : IdMap
        Of the items.
    titles : sequence of str
        One for each id.
    popularity : sequence of float
        One for each id; of several titles the popular ones are offered first.
    """

    ids: IdMap
    titles: Sequence[str]
    popularity: Sequence[float]
    _whole: dict[str, list[int]] = field(default_factory=dict, init=False, repr=False)
    _short: dict[str, list[int]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for row, (key, title) in enumerate(zip(self.ids, self.titles, strict=True)):
            if title == str(key):  # an item without a title
                continue
            for name in _whole_names(title):
                self._whole.setdefault(name, []).append(row)
            for name in _short_names(title):
                self._short.setdefault(name, []).append(row)

    def find(self, name: str, *, mended: bool = True) -> Key | None:
        """Return the id of the one item that is called so; None if there is none.

        Case, accents, the place of an article ("Matrix, The"), a year and what stands in brackets do not count unless they
        tell two items apart; if no title fits then, one typo that is not in a number is forgiven.

        Parameters
        ----------
        name : str
            A title.
        mended : bool
            Whether a typo is forgiven.

        Raises
        ------
        UnknownIdError
            If several items are called so; the text lists them.
        """
        rows = self._called(name)
        if not rows and mended:
            rows = self._misspelt(name)
        if len(rows) > 1:
            raise UnknownIdError(f"several items are called {name[:80]!r}: {self._listed(rows)}; give the id of one of them")
        return self.ids.key(rows[0]) if rows else None

    def nearest(self, name: str) -> str:
        """Return a sentence with the titles that are nearest to a name, with a blank before it; empty if none is near."""
        if len(_words(name)) < SHORTEST_MENDED - 1:
            return ""
        rows = TitleIndex(self.titles).find(name).rows
        if not rows:
            close = difflib.get_close_matches(_words(name), self._short, n=NEAREST, cutoff=0.7)
            rows = list(dict.fromkeys(row for near in close for row in self._short[near]))
        are = "title is" if len(rows) == 1 else "titles are"
        return f" The nearest {are} {self._listed(rows)}." if rows else ""

    def _called(self, name: str) -> list[int]:
        for spelling in _whole_names(name):
            if rows := self._whole.get(spelling):
                return rows
        return next((rows for spelling in _spellings(name) if (rows := self._short.get(spelling))), [])

    def _misspelt(self, name: str) -> list[int]:
        """Return the rows of titles that are one typo away; those of the spelling with its article before others."""
        for written in _spellings(name):
            if len(written) >= SHORTEST_MENDED:
                near = [known for known in self._short if _one_typo(known, written)]
                if near:
                    return sorted({row for known in near for row in self._short[known]})
        return []

    def _listed(self, rows: Sequence[int]) -> str:
        first = sorted(rows, key=lambda row: -self.popularity[row])[:NEAREST]
        named = ", ".join(f"{cut_cell(self.titles[row])!r} ({self.ids.key(row)})" for row in first)
        return f"{named} and {len(rows) - len(first):,} more" if len(rows) > len(first) else named


def _whole_names(title: str) -> list[str]:
    """Return the words of a title with all that it has, as written and with its article first."""
    bare, year = _without_year(title)
    ordered = _words(f"{_article_first(_ASIDE.sub(' ', bare))} {year}")
    return [name for name in dict.fromkeys((_words(title), ordered)) if name]


def _short_names(title: str) -> list[str]:
    """Return the names of an item without its year or its article, and what else it is called in brackets."""
    bare, year = _without_year(title)
    parts = [_ASIDE.sub(" ", bare), *(_ALSO.sub("", aside) for aside in _ASIDE.findall(bare))]
    names = [f"{spelling} {ending}" for part in parts for spelling in _with_and_without_article(part) for ending in (year, "")]
    return [name for name in dict.fromkeys(map(_words, names)) if name]


def _spellings(name: str) -> Iterator[str]:
    """Yield the words of a name as somebody writes it: with its article, then without; its year stays."""
    bare, year = _without_year(name)
    yield from dict.fromkeys(words for part in _with_and_without_article(bare) if (words := _words(f"{part} {year}")))


def _without_year(title: str) -> tuple[str, str]:
    found = _YEAR.search(title)
    return (title, "") if found is None else (title[: found.start()], found[1] or found[2] or found[3])


def _article_first(text: str) -> str:
    found = _BEHIND.match(text)
    return text if found is None else f"{found[2]} {found[1]}"


def _with_and_without_article(text: str) -> tuple[str, str]:
    ordered = _article_first(text)
    return ordered, _BEFORE.sub("", ordered)


def _words(text: str) -> str:
    return " ".join(word for word, _ in title_words(_APOSTROPHE.sub("", text.replace("&", " and "))))


def _one_typo(first: str, second: str) -> bool:
    """Return whether one letter too many, another one, or two neighbours exchanged make one text the other."""
    if abs(len(first) - len(second)) > 1 or _DIGITS.findall(first) != _DIGITS.findall(second):
        return False
    shorter = min(len(first), len(second))
    start = next((at for at in range(shorter) if first[at] != second[at]), shorter)
    one, other = first[start:], second[start:]
    return one[1:] == other[1:] or one == other[1:] or one[1:] == other or (one[:2] == other[:2][::-1] and one[2:] == other[2:])
