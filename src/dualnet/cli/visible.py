"""Text of others on a terminal: control characters, and those that change the reading order, are shown as escapes."""

from __future__ import annotations

import re

# control characters but line feed and tab, marks of direction, invisible blanks; joiners stay, as scripts and emoji need them
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)


def visible(text: str) -> str:
    r"""Return a text that a terminal shows as it is.

    Parameters
    ----------
    text : str
        Ids, titles, names of files, messages.

    Returns
    -------
    str
        With escapes such as ``\x1b`` and ``\u202e``.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
