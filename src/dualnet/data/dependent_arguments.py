"""Arguments that have a meaning only beside other arguments: they are refused without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from .delimited import TableForm
    from .read_table import LoadedTable

# argument: its default, and the arguments of which one has to be there
PARTNERS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "time_format": ("auto", ("time",)),
    "missing_content": ("error", ("items", "users")),
    "image_model": (None, ("images",)),
    "text_encoder": ("tfidf", ("items",)),
    "tokenizer": ("unicode", ("items",)),
    "stop_words": ("english", ("items",)),
    "token_pattern": (None, ("items",)),
    "title": (None, ("items",)),
    "picture": (None, ("items",)),
    "link": (None, ("items",)),
    "item_column_names": ((), ("items",)),
    "user_categories": ((), ("users",)),
    "user_numbers": ((), ("users",)),
    "user_column_names": ((), ("users",)),
}


def refuse_alone(arguments: Mapping[str, Any], partners: Mapping[str, tuple[Any, tuple[str, ...]]] = PARTNERS) -> None:
    """Refuse arguments of `Dataset.from_tables` without what they are about.

    Parameters
    ----------
    arguments : mapping
        By name, as given.
    partners : mapping
        The default of each, and the arguments of which one has to be there.

    Raises
    ------
    UsageError
        If one is not at its default and none of its partners is there.
    """
    for name, (default, needed) in partners.items():
        if not _same(arguments.get(name, default), default) and not any(_is_there(arguments.get(other)) for other in needed):
            wanted = " or ".join(f"{other}=" for other in needed)
            raise UsageError(f"{name}= means nothing without {wanted}, which it is about; give {wanted} too, or leave it out")


def refuse_form(form: Mapping[str, str | None], tables: Sequence[LoadedTable]) -> None:
    """Refuse what says how text tables are written where there is none of the kind.

    Parameters
    ----------
    form : mapping of str to str or None
        ``separator``, ``comment``, ``encoding`` and ``decimal``, as given.
    tables : sequence of LoadedTable
        All that were read.

    Raises
    ------
    UsageError
        If one is given and none of the tables has lines (`encoding`) or fields (the others) to find with it.
    """
    for name, value in form.items():
        if value is not None and not any(table.is_text if name == "encoding" else table.is_delimited for table in tables):
            read = ", ".join(table.name for table in tables)
            raise UsageError(f"{name}= says how text tables are written, and none was read ({read}); leave it out")


def refuse_unread(form: TableForm, table: LoadedTable) -> None:
    """Refuse how a text table is written where the only table is none, unless that was a hint; raises as `refuse_form`."""
    if not form.hinted:
        refuse_form(
            {"separator": form.separator, "comment": form.comment, "encoding": form.encoding, "decimal": form.decimal}, [table]
        )


def _same(value: Any, default: Any) -> bool:
    if not default:  # None, or no names
        return value is None or (isinstance(value, str | tuple | list) and not value)
    return isinstance(value, str) and value == default


def _is_there(value: Any) -> bool:
    return value is not None and not (isinstance(value, str | tuple | list | dict) and not value)
