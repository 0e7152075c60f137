"""Words as a text itself writes them: a folded word is found again where it stands first, with its capitals and its own letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from .words import IGNORABLE, NO_BLANKS, Words, plain_text

_UNSPACED = re.compile(f"[{NO_BLANKS}]")
_RUN = re.compile(r"\S+")
_EDGE = re.compile(r"^[\W_]+|[\W_]+$")
_JAMO = re.compile("[\u1160-\u11ff]")  # vowels and final consonants, which join the letter before

MOST_RUNS = 2_000  # of a text, that a tokenizer of one's own is asked for again


class WrittenWords:
    """The words of one text as it writes them.

    Parameters
    ----------
    text : str
        As it is stored, with capitals and perhaps with HTML.
    words : Words
        How it becomes words.
    """

    def __init__(self, text: str, words: Words) -> None:
        self._words = words
        self._text = unicodedata.normalize("NFC", plain_text(text))
        self._folded, self._starts = _aligned(self._text, words.fold)
        self._runs: dict[str, str] | None = None

    def __call__(self, word: str) -> str:
        """Return a word as the text writes it first; the word itself where the text does not have it."""
        places = self._places(word)
        found = next((place for place in places if self._stands_alone(place, place + len(word))), None)
        if found is None and not self._words.are_pieces and (run := self._by_run().get(word)) is not None:
            return run
        if found is None:  # a piece of a longer word
            found = next(iter(places), None)
        return word if found is None else self._piece(found, found + len(word)) or word

    def _places(self, word: str) -> list[int]:
        return [found.start() for found in re.finditer(re.escape(word), self._folded)] if word else []

    def _stands_alone(self, start: int, stop: int) -> bool:
        """Whether no word goes on over either end; scripts without blanks have no such ends."""
        folded = self._folded
        return not (start > 0 and _joined(folded[start - 1], folded[start])) and not (
            stop < len(folded) and _joined(folded[stop - 1], folded[stop])
        )

    def _piece(self, start: int, stop: int) -> str:
        """Return what of the text became a piece of its folded form: whole characters, without those that nobody sees."""
        last, after = self._starts[stop - 1], stop
        while after < len(self._starts) and self._starts[after] == last:
            after += 1
        end = self._starts[after] if after < len(self._starts) else len(self._text)
        return IGNORABLE.sub("", self._text[self._starts[start] : end])

    def _by_run(self) -> dict[str, str]:
        """Return what stands between blanks, by the one word that the tokenizer makes of it, such as one without its ending."""
        if self._runs is None:
            self._runs = {}
            for run in list(dict.fromkeys(_RUN.findall(self._text)))[:MOST_RUNS]:
                if len(words := self._words(run)) == 1:
                    self._runs.setdefault(words[0], _EDGE.sub("", run) or run)
        return self._runs


def _joined(before: str, after: str) -> bool:
    """Whether two characters side by side are of one word."""
    return _of_word(before) and _of_word(after) and not (_UNSPACED.match(before) or _UNSPACED.match(after))


def _of_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def _aligned(text: str, fold: Callable[[str], str]) -> tuple[str, list[int]]:
    """Return the folded text, and for each of its characters where in the text the character begins that it came from."""
    if text.isascii():
        return fold(text), list(range(len(text)))
    pieces, starts, begun = [], [], 0
    for at in range(1, len(text) + 1):
        if at < len(text) and _goes_on(text[at]):
            continue
        pieces.append(fold(text[begun:at]))
        starts += [begun] * len(pieces[-1])
        begun = at
    whole = fold(text)
    return (whole if len(whole) == len(starts) else "".join(pieces)), starts  # a last sigma depends on what is around it


def _goes_on(character: str) -> bool:
    """Whether a character is drawn together with the one before."""
    first = unicodedata.normalize("NFKC", character)[:1]
    return unicodedata.category(first)[0] == "M" or _JAMO.match(first) is not None
