"""Docstrings are written for people who read code: names that end in an underscore and formulas with bars are text, not markup."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

QUOTED = re.compile(r"(`+[^`]*`+)")
MARKUP = re.compile(r"(?<=\w)_(?!\w)|\|")


def escape(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Escape what would be markup, outside backticks."""
    for place, line in enumerate(lines):
        pieces = QUOTED.split(line)
        pieces[::2] = [MARKUP.sub(lambda found: "\\" + found.group(), piece) for piece in pieces[::2]]
        lines[place] = "".join(pieces)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, before the sections of docstrings are read."""
    app.connect("autodoc-process-docstring", escape, priority=400)
    return {"parallel_read_safe": True, "version": "1"}
