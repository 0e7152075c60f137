"""Titles as a person reads them: without the braces of BibTeX and the entities of HTML that exports of catalogues leave in them."""

from __future__ import annotations

import html
import re
from html.entities import html5

_BRACED = re.compile(r"\{\s*((?:[A-Z]|[^\W\d_a-z]|[^\x00-\x7f])[^{}]*)\}")  # from a capital or a letter with an accent on
_ESCAPED = re.compile(r"\\([&%$#_])")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")


def readable(title: str) -> str:
    r"""Return a title to show. What a model reads is not changed by it.

    BibTeX keeps capitals by braces, around a letter, a word or the whole title; braces around anything else stay, as in ``Hello {name}``.

    Examples
    --------
    >>> from dualnet.data.readable_titles import readable
    >>> readable("{P}ic{H}unter: the {B}ayesian way"), readable("{Exploring R\\&amp;D of m{RNA}s}")
    ('PicHunter: the Bayesian way', 'Exploring R&D of mRNAs')
    """
    if "&" in title:
        title = _ENTITY.sub(_character, title)
    if "{" in title:
        title = _whole(title)
        for _ in range(3):  # braces within braces
            title, found = _BRACED.subn(r"\1", title)
            if not found:
                break
    return _ESCAPED.sub(r"\1", title) if "\\" in title else title


def _character(entity: re.Match[str]) -> str:
    """Return the character that an entity stands for, a blank for any space; one that cannot be printed stays as it is written."""
    text = entity[0]
    found = html.unescape(text) if text[1] == "#" else html5.get(text[1:], text)
    return " " if found.isspace() else found if found and found.isprintable() else text


def _whole(title: str) -> str:
    """Return what one pair of braces holds, where it holds the whole title."""
    text = title.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return title
    depth = 0
    for place, mark in enumerate(text):
        depth += (mark == "{") - (mark == "}")
        if depth == 0 and place < len(text) - 1:
            return title
    return text[1:-1] if depth == 0 else title
