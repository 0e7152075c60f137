"""Tokenizers: one rule for text in every script, and rules that the user chooses."""

from __future__ import annotations

import html
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from ...computed_once import computed_once
from ...errors import DataError, UsageError, listing, nearest
from ...typed_values import path_of
from .stop_words import BY_LANGUAGE

Split: TypeAlias = Callable[[str], list[str]]

LONGEST_PATTERN = 200
OLD = "classic"  # of models that were saved before there was a choice

_ASCII_WORD = re.compile(r"\w\w+|[a-z](?:\+\+|#(?!\w))")  # C++, C# and F# are words too
_CLASSIC_WORD = re.compile(r"\b\w\w+\b")
_TAGS = (
    "a|abbr|article|audio|b|big|blockquote|body|br|button|caption|center|cite|code|dd|del|div|dl|dt|em|embed|figure|font|footer|"
    "form|script|style|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|mark|meta|nav|object|ol|option|p|pre|q|s|section|"
    "select|small|source|span|strike|strong|sub|sup|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|tt|u|ul|video|wbr"
)
_HIDING = re.compile(r"<(?:(script)|(style))\b|<!--", re.IGNORECASE)
_SHOWING = {
    "script": re.compile(r"</script\b(\s*>)?", re.IGNORECASE),
    "style": re.compile(r"</style\b(\s*>)?", re.IGNORECASE),
    "comment": re.compile("-->()"),
}
_MARKUP = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>|<!doctype[^<>]*>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_ADDRESS = re.compile(r"\b(?:https?://|www\.)+", re.IGNORECASE)
IGNORABLE = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]+")  # fmt: skip
# Han, kana, Bopomofo, Thai, Lao, Myanmar, Khmer and the scripts of their neighbours: no blanks between words
NO_BLANKS = (
    "\u3005-\u3007\u3021-\u302f\u3031-\u3035\u303b\u3041-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U000323af\u0e01-\u0e7f\u0e81-\u0eff\u1000-\u109f\ua9e0-\ua9fe\uaa60-\uaa7f"
    "\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad\uaa80-\uaadf"
)
_UNSPACED = re.compile(f"[{NO_BLANKS}]")
_SEGMENT = re.compile(rf"([{NO_BLANKS}]+)|[^{NO_BLANKS}]+")
_SHORT = r"(?<!\w)[a-z](?:\+\+|#(?!\w))"
_NO_MARKS = re.compile(rf"{_SHORT}|\w+")
_MAY_BE_MARK = re.compile(r"[^\x00-\u02ff\w\u2000-\u20cf\u2100-\u2fff\u3000-\u3029\uff00-\uffff]")  # marks are not \w
_HANGUL = re.compile("[\uac00-\ud7a3]")
_TOKENIZERS: dict[str, Split] = {}


def plain_text(text: str) -> str:
    """Return a text without HTML: tags and comments become blanks, entities (also those written twice) characters.

    Only names of HTML elements are tags, so that ``vector<int>`` and ``3 < 5`` stay as they are.
    """
    for _ in range(2):
        if "<" in text:
            text = _MARKUP.sub(" ", _without_hidden(text))
        if "&" not in text or not _ENTITY.search(text):
            break
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    return _MARKUP.sub(" ", text) if "<" in text else text


def _without_hidden(text: str) -> str:
    """Return a text with a blank for each script, style sheet and comment, in time that grows with its length alone."""
    kept, copied, place = [], 0, 0
    ends: dict[str, re.Match[str] | None] = {}  # the next end of each kind: one search for all beginnings before it
    while found := _HIDING.search(text, place):
        place = found.end()
        kind = "script" if found[1] else "style" if found[2] else "comment"
        end = ends.get(kind)
        if kind not in ends or (end is not None and end.start() < place):
            end = ends[kind] = _SHOWING[kind].search(text, place)
        if end is not None and end[1] is not None:
            kept += [text[copied : found.start()], " "]
            copied = place = end.end()
    return "".join([*kept, text[copied:]])


def folded(text: str) -> str:
    """Return a text as it is compared: NFKC, case folded, without characters that nobody sees.

    ``ＡＢＣ`` is ``abc``, ``Straße`` is ``strasse``, ``İstanbul`` is ``istanbul``; accents stay, in one form.
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", IGNORABLE.sub("", text.replace("\u200b", " "))).casefold()
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return text.replace("i\u0307", "i")


def search_words(text: str) -> list[tuple[str, bool]]:
    """Return the words of a title or a query in order, and whether a word may begin anywhere: its script has no blanks.

    Markup is left out, unless the text is nothing else.
    """
    plain = plain_text(text)
    text = folded(plain if plain.strip() else text)
    return [(word, False) for word in re.findall(r"\w+", text)] if text.isascii() else list(_parts(text))


def register_tokenizer(name: str, split: Callable[[str], Sequence[str]]) -> str:
    """Register a tokenizer under a name, for `ContentSpec.tokenizer` and for models that were fitted with it.

    A model folder holds the name alone and never runs code: register the same function before you load such a model.

    Parameters
    ----------
    name : str
        Such as ``"jieba"``; letters, digits, ``.``, ``_`` and ``-``.
    split : callable
        From a text (NFKC, without HTML) to its words, such as ``jieba.lcut``.

    Returns
    -------
    str
        The name.

    Raises
    ------
    UsageError
        If the name is one of the library's own or not well formed, or `split` cannot be called.

    Examples
    --------
    >>> import dualnet
    >>> dualnet.register_tokenizer("halves", lambda text: text.split("-"))
    'halves'
    >>> dualnet.ContentSpec(text=("title",), tokenizer="halves").tokenizer
    'halves'
    """
    if not callable(split):
        raise UsageError(f"tokenizer '{name}' must be a function from a text to its words, got {type(split).__name__}")
    if name in _BUILT_IN or not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name):
        raise UsageError(f"a tokenizer cannot be called {name!r}; choose a name of letters, digits, '.', '_' and '-'")

    def checked(text: str) -> list[str]:
        given = split(text)
        found = [] if given is None or isinstance(given, str) else list(given)
        if given is None or isinstance(given, str) or not all(isinstance(word, str) for word in found):
            raise DataError(f"tokenizer '{name}' must return a list of words, got {repr(given)[:80]}")
        return [word for word in map(str.strip, found) if word]

    _TOKENIZERS[name] = checked
    return name


def tokenizer_name(tokenizer: str | Callable[[str], Sequence[str]]) -> str:
    """Return the name of a tokenizer; a function is registered under its own."""
    if isinstance(tokenizer, str):
        return tokenizer
    name = f"{getattr(tokenizer, '__module__', None) or ''}.{getattr(tokenizer, '__qualname__', '')}".strip(".")
    if "<" in name or not name:
        raise UsageError(
            "this tokenizer has no name of its own; call dualnet.register_tokenizer('a-name', function) and pass it"
        )
    return register_tokenizer(name, tokenizer)


@dataclass(frozen=True)
class Words:
    """Settings that split the text of a column into words.

    Parameters
    ----------
    tokenizer : str
        ``"unicode"``: text is brought to one form (NFKC, case folding, without HTML); a word is at least two letters, digits
        and the marks on them; scripts without blanks (Han, kana, Thai, Lao, Khmer, Myanmar) become pairs of neighbouring
        characters. ``"whitespace"``: what blanks separate, for text that was cut into words before. ``"characters"``: pairs
        of characters in every script. ``"classic"``: that of models before there was a choice. Or a name of
        `register_tokenizer`.
    stop_words : str or tuple of str
        Words that do not count: languages separated by commas (``"english"``, ``"english,german"``), ``"none"``, or the
        words themselves.
    token_pattern : str, optional
        A regular expression that finds the words in the text of one form, instead of a tokenizer; with a group, the group.

    Raises
    ------
    UsageError
        For a tokenizer, language or pattern that cannot be used.
    """

    tokenizer: str = "unicode"
    stop_words: str | tuple[str, ...] = "english"
    token_pattern: str | None = None

    def __post_init__(self) -> None:
        if self.tokenizer not in _BUILT_IN and self.tokenizer not in _TOKENIZERS:
            raise UsageError(
                f"there is no tokenizer '{self.tokenizer}'.{nearest(self.tokenizer, [*_BUILT_IN, *_TOKENIZERS])} One of your own"
                f" is made known with dualnet.register_tokenizer('{self.tokenizer}', function), also before a model is loaded"
            )
        if self.token_pattern is not None:
            if self.tokenizer != "unicode":
                raise UsageError("give either tokenizer or token_pattern: both say what a word is")
            _compiled(self.token_pattern)
        _ = self._stop  # a language that is not known is told now

    def __call__(self, text: str) -> list[str]:
        """Return the words of a text, in order."""
        stop = self._stop
        return [word for word in self._split(text) if word not in stop]

    def fold(self, text: str) -> str:
        """Return a text in the form in which its words are compared."""
        return text.lower() if self.tokenizer == OLD else folded(text)

    @property
    def are_pieces(self) -> bool:
        """Whether each word is a piece of the folded text; a tokenizer of one's own may cut endings, for example."""
        return self.token_pattern is not None or self.tokenizer in _BUILT_IN

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; `from_json` reads it back."""
        words = self.stop_words if isinstance(self.stop_words, str) else list(self.stop_words)
        return {"tokenizer": self.tokenizer, "stop_words": words, "token_pattern": self.token_pattern}

    @classmethod
    def from_json(cls, state: Mapping[str, Any] | None) -> Words:
        """Rebuild from `to_json`; None is what models were fitted with before there was a choice."""
        if state is None:
            return cls(OLD)
        stop = state["stop_words"]
        return cls(state["tokenizer"], stop if isinstance(stop, str) else tuple(stop), state["token_pattern"])

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone: what is made of them is made anew."""
        return {"tokenizer": self.tokenizer, "stop_words": self.stop_words, "token_pattern": self.token_pattern}

    @computed_once
    def _stop(self) -> frozenset[str]:
        if not isinstance(self.stop_words, str):
            return frozenset(folded(word.strip()) for word in self.stop_words)
        languages = [name.strip().lower() for name in self.stop_words.split(",") if name.strip()]
        for name in languages:
            if name != "none" and name not in BY_LANGUAGE:
                raise UsageError(
                    f"there are no stop words for '{name}'.{nearest(name, [*BY_LANGUAGE, 'none'])} Words of your own are given as"
                    " a list (on the command line in a text file, one a line: --stop-words words.txt)"
                )
        return frozenset().union(*(BY_LANGUAGE[name] for name in languages if name != "none"))

    @computed_once
    def _split(self) -> Split:
        if self.token_pattern is not None:
            pattern = _compiled(self.token_pattern)
            return lambda text: [word for word in pattern.findall(folded(plain_text(text))) if word]
        if self.tokenizer in _BUILT_IN:
            return _BUILT_IN[self.tokenizer]
        split = _TOKENIZERS[self.tokenizer]
        return lambda text: [folded(word) for word in split(unicodedata.normalize("NFKC", plain_text(text)))]


def stop_words_of(given: str | Path | Sequence[str]) -> str | tuple[str, ...]:
    """Return stop words as `Words` holds them: languages as they are, words as a tuple, the lines of a text file as words.

    Raises
    ------
    UsageError
        If the file cannot be read.
    """
    if isinstance(given, os.PathLike) or (isinstance(given, str) and given.endswith(".txt")):
        try:
            return tuple(
                line.strip() for line in path_of(given, "stop_words").read_text("utf-8-sig").split("\n") if line.strip()
            )
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the stop words in {given} cannot be read as UTF-8 text: {error}") from None
    if isinstance(given, str):
        return given
    odd = [word for word in given if not isinstance(word, str)]
    if odd:
        raise UsageError(f"stop words must be text, got {listing(odd)}")
    return tuple(given)


def _classic(text: str) -> list[str]:
    return _CLASSIC_WORD.findall(text.lower())


def _unicode(text: str) -> list[str]:
    text = folded(_ADDRESS.sub(" ", plain_text(text)))
    if text.isascii():
        return _ASCII_WORD.findall(text)
    found: list[str] = []
    for part, unspaced in _parts(text):
        if unspaced:
            found += _pairs(part)
        elif len(part) > 1 or _HANGUL.match(part):
            found.append(part)
    return found


def _whitespace(text: str) -> list[str]:
    return folded(plain_text(text)).split()


def _characters(text: str) -> list[str]:
    return [pair for part, _ in _parts(folded(plain_text(text))) for pair in _pairs(part)]


def _pairs(part: str) -> list[str]:
    letters = _letters(part)
    return [a + b for a, b in pairwise(letters)] or letters


_BUILT_IN: dict[str, Split] = {"unicode": _unicode, "whitespace": _whitespace, "characters": _characters, OLD: _classic}


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield runs of letters, digits and the marks on them; a script without blanks apart from others, and said."""
    words = _with_marks() if _MAY_BE_MARK.search(text) else _NO_MARKS
    for run in words.findall(text):
        if run.isascii() or not _UNSPACED.search(run):
            yield run, False
        else:
            for part in _SEGMENT.finditer(run):
                yield part[0], part[1] is not None


def _letters(text: str) -> list[str]:
    """Return characters with the marks on them."""
    if text.isalnum():  # no marks
        return list(text)
    starts = [at for at, character in enumerate(text) if at == 0 or unicodedata.category(character)[0] != "M"]
    return [text[start:stop] for start, stop in pairwise([*starts, len(text)])]


@cache
def _marks() -> str:
    points = [*range(0x20000), *range(0xE0100, 0xE01F0)]
    return "".join(chr(point) for point in points if unicodedata.category(chr(point))[0] == "M")


@cache
def _with_marks() -> re.Pattern[str]:
    return re.compile(rf"{_SHORT}|\w[\w{_marks()}]*")


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        made = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"token_pattern {pattern!r} is no regular expression: {error}") from None
    if len(pattern) > LONGEST_PATTERN or made.groups > 1 or made.match(""):
        raise UsageError(
            f"token_pattern {pattern[:40]!r} must find words: at most {LONGEST_PATTERN} characters, one group, no empty match"
        )
    return made
