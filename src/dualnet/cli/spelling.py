"""What a message proposes, in the spelling of the command line."""

from __future__ import annotations

import re

FLAGS = {
    "unknown": "--unknown",
    "missing_content": "--missing-content",
    "duplicates": "--duplicates",
    "layout": "--layout",
    "base": "--base",
}
ARGUMENT = re.compile(rf"\b({'|'.join(FLAGS)})='?([\w-]+)'?")


def as_options(text: str) -> str:
    """Return a text of the library with arguments such as ``base=1`` as options, ``--base 1``."""
    return ARGUMENT.sub(lambda found: f"{FLAGS[found[1]]} {found[2]}", text)
