"""The guide of `dualnet data check`: what the columns of tables seem to be, and the `fit` command that follows from it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from . import arguments as arg
from .given_options import flag_of

if TYPE_CHECKING:
    from ..data.column_guesses import Guesses
    from ..data.dataset import Dataset
    from ..data.read_table import LoadedTable

# options that are about files and not about columns
OF_FILES = ("items", "separator", "encoding", "comment", "decimal", "column_names", "item_column_names")
# options that name a column, and those that name several
ONE_COLUMN = ("user", "item", "rating", "event", "weight", "time", "picture", "link")
MANY_COLUMNS = ("text", "tags", "categories", "numbers", "vectors", "images")
# options of which one that is given keeps the guide from the others
TOGETHER = (
    ("rating", "threshold", "unrated", "event", "likes", "event_weights"), ("time", "time_format"),
    ("text", "tags", "categories", "numbers", "vectors", "images", "image_model"),
)  # fmt: skip
ENOUGH = (100, 1000)  # users and likes from which on a part is held out for figures


@dataclass(frozen=True)
class Guide:
    """What was found in tables.

    Parameters
    ----------
    tables : TableOptions
        How to read the tables: what was told and what was found, together.
    said : list of str
        What was found, a sentence each.
    """

    tables: arg.TableOptions
    said: list[str]

    def commands(self, data: str, loaded: Dataset) -> tuple[str, str | None]:
        """Return the command that fits these tables, to be pasted into a shell, and the one that holds a part of them out for figures.

        The latter is None where there is too little to hold out; its protocol is `measuring_protocol`.
        """
        from ..data.values import number_text

        hints = get_type_hints(arg.TableOptions, include_extras=True)
        words = ["dualnet", "fit", data]
        for field in fields(arg.TableOptions):
            value = getattr(self.tables, field.name)
            if value != field.default:
                words += [
                    flag_of(hints[field.name].__metadata__[0]),
                    number_text(value) if isinstance(value, float) else str(value),
                ]
        whole = shlex.join([*words, "--out", "run"])
        if loaded.interactions.n_users < ENOUGH[0] or loaded.interactions.n_pairs < ENOUGH[1]:
            return whole, None
        return whole, shlex.join([*words, "--protocol", measuring_protocol(loaded), "--out", "measured"])


def measuring_protocol(loaded: Dataset) -> str:
    """Return the protocol that a first figure is measured by."""
    return "citeulike2" if loaded.items is None else "four-quadrants"


def guide(data: str | None, tables: arg.TableOptions) -> Guide | None:
    """Look at the tables that a command names; None where it names something else, or they cannot be read.

    Parameters
    ----------
    data : str, optional
        The argument DATA.
    tables : TableOptions
        As told; the guide finds the rest.
    """
    from ..data.column_guesses import guess_columns
    from ..errors import DualNetError

    if data is None or arg.is_named(data) or not os.path.isfile(data):  # noqa: PTH113 - a Path raises for a name that is too long
        return None
    told = {field.name for field in fields(tables) if getattr(tables, field.name) != field.default}
    given = {field: getattr(tables, field) for field in told & set(ONE_COLUMN)}
    given |= {field: tuple(arg.words(getattr(tables, field))) for field in told & set(MANY_COLUMNS)}
    try:
        events = _read(data, tables, tables.column_names)
        try:
            items = None if tables.items is None else _read(tables.items, tables, tables.item_column_names)
        except DualNetError:
            items = None  # so that what is said then is about this table, and not about columns of the events
        found = guess_columns(events, items, given)
        if items is not None and not any(found.columns.get(kind) for kind in MANY_COLUMNS):
            found.leave_out_items(f"{items.name} has no column that tells its items apart, so it is left out")
    except DualNetError:
        return None  # reading the tables for good says what is wrong
    barred = {*told, *(name for group in TOGETHER if told & set(group) for name in group)} - set(OF_FILES)
    suggested = replace(tables, **_options(found, barred))
    said = [f"found: {sentence}" for sentence, names in found.said if not names or not set(names) <= barred]
    return Guide(suggested, said)


def _read(path: str | Path, tables: arg.TableOptions, names: str) -> LoadedTable:
    from ..data.delimited import TableForm
    from ..data.read_table import load_table

    return load_table(
        path, TableForm(tables.separator, tables.encoding, tables.comment, arg.words(names), decimal=tables.decimal)
    )


def _options(found: Guesses, barred: set[str]) -> dict[str, Any]:
    """Return what was found as values of options; names with a comma cannot be written, and are left out."""
    options: dict[str, Any] = {}
    for name, value in found.columns.items():
        if name in barred:
            continue
        if isinstance(value, tuple):
            value = ",".join(part for part in value if "," not in part and part == part.strip())
        options[name] = value
    return options
