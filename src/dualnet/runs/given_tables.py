"""Tables of new rows that a command is given: read as the fit read its own, unless something else is said of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, UnknownIdError, UsageError
from .folder import OF_FORM, EventColumns, NewColumns, read_event_columns

if TYPE_CHECKING:
    from ..data.content import Content
    from ..data.delimited import TableForm
    from ..data.interactions import Interactions
    from ..models.base import Recommender


def form_of(columns: EventColumns, given: NewColumns, *, of_events: bool = False) -> TableForm:
    """Return how a text table is written.

    Parameters
    ----------
    columns : EventColumns
        Of the run, with what was given.
    given : NewColumns
        What is said of the table: what is not said is a hint from another table.
    of_events : bool
        Whether names of columns that the fit was given are those of this table too.
    """
    from ..data.delimited import TableForm

    names = columns.column_names if of_events or given.column_names is not None else ()
    said = any(getattr(given, name) is not None for name in OF_FORM)
    return TableForm(columns.separator, columns.encoding, columns.comment, names, hinted=not said, decimal=columns.decimal)


def read_items(path: Path, model: Recommender, run: Path, given: NewColumns) -> Content:
    """Return a table of new items as content for a model.

    Parameters
    ----------
    path : Path
        The table.
    model : Recommender
        Fitted.
    run : Path
        Whose events tell how tables are read.
    given : NewColumns
        What is said of the table.
    """
    from ..models.question_content import as_content

    columns = read_event_columns(run).overridden(given)
    return as_content(path, model, columns.item, form_of(columns, given), named=given.item is not None)


def read_histories(path: Path, model: Recommender, run: Path, given: NewColumns) -> Interactions:
    """Return a table of histories, whose users the model need not know, over the catalogue of a model.

    Parameters
    ----------
    path, model, run, given
        As in `read_items`.

    Raises
    ------
    DataError
        If a column is not there, or the model does not know an item.
    """
    from ..data.dependent_arguments import refuse_unread
    from ..data.id_columns import ids_of
    from ..data.interactions import Interactions
    from ..data.read_table import load_source

    columns = read_event_columns(run).overridden(given)
    form = form_of(columns, given)
    loaded = load_source(path, "the histories", form)
    refuse_unread(form, loaded)
    found = loaded.table.column_names
    # those of the fit are a hint, those that are given are not
    user = columns.user if columns.user in found or given.user is not None else "user_id"
    item = columns.item if columns.item in found or given.item is not None else "item_id"
    for name, argument in ((user, "user="), (item, "item=")):
        if name not in found:
            raise DataError(f"{path} has no column '{name}'; found {', '.join(found)}. Say which it is with {argument}")
    keys = [model.catalogue_.ids.parse(str(key)) for key in ids_of(loaded, item, "item").tolist()]
    users = [str(key) for key in ids_of(loaded, user, "user").tolist()]
    try:
        return Interactions.from_pairs(users, keys, item_ids=model.catalogue_.ids)
    except UnknownIdError as error:
        raise UnknownIdError(f"{path}: {error}; leave out its rows, or update the model with it first") from None


@dataclass(frozen=True)
class NewTables:
    """The tables of an update. What is said about one of them is a hint for the others.

    Parameters
    ----------
    events, items, users : Path, optional
        Tables.
    columns : EventColumns
        Of the run, with what was given.
    given : NewColumns
        What is said of these tables.
    """

    events: Path | None
    items: Path | None
    users: Path | None
    columns: EventColumns
    given: NewColumns

    def read_items(self, model: Recommender) -> Content | None:
        """Return the new items; without a table of them none."""
        from ..models.question_content import as_content

        if self.items is None:
            return None
        form = self._form(self.items, replace(form_of(self.columns, self.given), columns=()))
        named = self.events is None and self.given.item is not None
        return as_content(self.items, model, self.columns.item, form, named=named)

    def read_users(self, model: Recommender) -> Content | None:
        """Return the new rows of users; without a table of them none.

        Raises
        ------
        UsageError
            If the model reads no columns of users.
        """
        from ..models.new_tables import read_new_users

        if self.users is None:
            return None
        if model.user_featurizer_ is None:
            raise UsageError(f"model '{model.name}' was fitted without user columns, so users= has nothing to add")
        form = self._form(self.users, replace(form_of(self.columns, self.given), columns=()))
        return read_new_users(self.users, model.users_, model.user_featurizer_.spec, user=self.columns.user, form=form)

    def read_pairs(self, model: Recommender, weight: str | None) -> Interactions | None:
        """Return the new events, with the weights of a column; without a table of them none."""
        from ..models.new_tables import read_new_pairs

        if self.events is None:
            return None
        form = form_of(self.columns, self.given, of_events=True)
        if self.given.column_names is None:
            # names that the fit was given are a hint; names that are given here are about this table alone
            form = self._form(self.events, form if _has_fields(self.events) else replace(form, columns=()))
        reading = {name: value for name, value in asdict(self.columns).items() if name not in OF_FORM}
        if model.half_life_ is None:
            if self.given.time is not None or self.given.time_format is not None:
                raise UsageError("time= means nothing to a model that was fitted without half_life=; leave it out")
            del reading["time"], reading["time_format"]
        return read_new_pairs(self.events, model.users_, model.catalogue_.ids, **reading, weight=weight, form=form)

    def _form(self, path: Path, form: TableForm) -> TableForm:
        """Return a form for one of the tables: where it is about another one, it is a hint for this one."""
        others = any(_has_fields(table) for table in (self.events, self.items, self.users) if table is not None)
        return replace(form, hinted=True) if others and not _has_fields(path) else form


def _has_fields(path: Path) -> bool:
    """Return whether a file has fields with separators, as far as its name tells."""
    from ..data.compression import format_of
    from ..data.json_lines import SUFFIXES as JSON_SUFFIXES
    from ..data.read_table import FEATHER, PARQUET

    return format_of(path) not in (*FEATHER, *PARQUET, *JSON_SUFFIXES)
