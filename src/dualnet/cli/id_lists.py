"""Lists of items in one argument, as CSV has them: by id or by title, quoted where one has a comma or outer blanks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..computed_once import computed_once
from ..errors import UnknownIdError, UsageError
from ..tabular import cut_cell
from .output import note

if TYPE_CHECKING:
    from ..data.content import Content
    from ..data.title_names import TitleNames
    from ..ids import IdMap, Key
    from ..models.base import Recommender

MOST_COMMAS = 5  # in a title without quotes, such as Good, the Bad and the Ugly, The


class NamedItems:
    """Items of a model as a person names them: by id, or by title where there is no such id.

    Parameters
    ----------
    model : Recommender
    ids : IdMap
        Of its catalogue and of the new items.
    fresh : Content, optional
        New items.
    """

    def __init__(self, model: Recommender, ids: IdMap, fresh: Content | None = None) -> None:
        self._model, self._ids, self._fresh = model, ids, fresh

    def __len__(self) -> int:
        return len(self._ids)

    @computed_once
    def _names(self) -> TitleNames | None:
        from ..models.item_names import item_names

        return item_names(self._model, self._fresh)

    def parse(self, text: str) -> Key:
        """Return the id that a text is or whose title it is, which is said; the text as an id where there is none.

        Raises
        ------
        UnknownIdError
            If several items have this title.
        """
        key = self._ids.parse(text)
        if key in self._ids or self._names is None:
            return key
        found = self._names.find(text)
        if found is None:
            return key
        title = self._names.titles[self._names.ids.row(found)]
        note(f"{text!r} is item {found}: {cut_cell(title)}")
        return found

    def require(self, key: Key) -> Key:
        """Return an id that there is; of others the nearest titles are told, with `UnknownIdError`."""
        near = "" if key in self._ids or self._names is None else self._names.nearest(str(key))
        if near:
            raise UnknownIdError(f"there is no item with the id or title {key!r}.{near}")
        return key

    def together(self, parts: list[str]) -> int:
        """Return how many of the first parts between commas are one title, such as ``Matrix, The``."""
        if len(parts) > 1 and self._ids.parse(parts[0]) not in self._ids and self._names is not None:
            for several in range(min(len(parts), MOST_COMMAS + 1), 1, -1):
                if self._names.find(", ".join(parts[:several]), mended=False) is not None:
                    return several
        return 1


def id_list(text: str, ids: IdMap | NamedItems, option: str) -> list[Key]:
    """Return the ids of an argument such as ``p1,"Dune, Part Two"``.

    Parameters
    ----------
    text : str
        The argument; blanks around what is not quoted do not count.
    ids : IdMap or NamedItems
        Of which kind they are, or which titles stand for them.
    option : str
        Its name, for the text.

    Raises
    ------
    UsageError
        If a quote is not closed.
    UnknownIdError
        If several items have a title.
    """
    keys: list[Key] = []
    plain: list[str] = []  # parts without quotes since the last one with them

    def read() -> None:
        while plain:
            several = ids.together(plain) if isinstance(ids, NamedItems) else 1
            keys.append(ids.parse(", ".join(plain[:several])))
            del plain[:several]

    rest = text.strip()
    while rest:
        if rest.startswith('"'):
            part, rest = _quoted(rest, text, option)
            read()
            keys += [ids.parse(part)] if part else []
        else:
            part, _, rest = rest.partition(",")
            rest = rest.strip()
            plain += [part.strip()] if part.strip() else []
    read()
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
