"""Lists of ids in one argument, as CSV has them: separated by commas, quoted where an id has a comma or outer blanks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..ids import IdMap, Key


def id_list(text: str, ids: IdMap, option: str) -> list[Key]:
    """Return the ids of an argument such as ``p1,"Dune, Part Two"``.

    Parameters
    ----------
    text : str
        The argument; blanks around what is not quoted do not count.
    ids : IdMap
        Of which kind they are.
    option : str
        Its name, for the text.

    Raises
    ------
    UsageError
        If a quote is not closed.
    """
    keys = []
    rest = text.strip()
    while rest:
        if rest.startswith('"'):
            part, rest = _quoted(rest, text, option)
        else:
            part, _, rest = rest.partition(",")
            part, rest = part.strip(), rest.strip()
        if part:
            keys.append(ids.parse(part))
    return keys


def _quoted(rest: str, text: str, option: str) -> tuple[str, str]:
    """Return the id of the quotes that a text begins with, and what follows the comma behind them."""
    end = 1
    while True:
        end = rest.find('"', end)
        if end < 0:
            break
        if rest[end : end + 2] != '""':
            behind = rest[end + 1 :].strip()
            if behind and not behind.startswith(","):
                break
            return rest[1:end].replace('""', '"'), behind[1:].strip()
        end += 2
    raise UsageError(f'{option}: the quotes of {text[:80]!r} do not match; write an id with a comma as "Dune, Part Two"')
