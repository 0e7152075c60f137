"""Names of tables and collections in stores that keep each in a folder of that name."""

from __future__ import annotations

import re

from ..errors import UsageError

_NAME = re.compile(r"[^\W_](?:[\w.-]{0,126}\w)?")


def check_store_name(name: str, option: str) -> None:
    """Refuse a name that would lead to another folder, or that the store could not make, before anything is written.

    Parameters
    ----------
    name : str
        Of a table or collection.
    option : str
        Where it was given, for the text.

    Raises
    ------
    UsageError
        If it is empty, longer than 128 characters, or holds anything but letters, digits, ``.``, ``-`` and ``_``.
    """
    if not _NAME.fullmatch(name) or ".." in name or len(name.encode("utf-8", "replace")) > 128:
        raise UsageError(
            f"{option} {name[:80]!r} is not a name; use letters, digits, '.', '-' and '_', at most 128, a letter or digit first"
        )
