"""The tables of an update: several at once, of which each reads what is said about it and takes the rest as a hint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .arguments import words
from .new_tables import OF_FORM, FormOptions, form_of
from .run_folder import EventColumns

if TYPE_CHECKING:
    from ..data.content import Content
    from ..data.delimited import TableForm
    from ..data.interactions import Interactions
    from ..models.base import Recommender


@dataclass(frozen=True)
class NewTables:
    """What an update reads.

    Parameters
    ----------
    events, items, users : Path, optional
        Tables.
    """

    events: Path | None
    items: Path | None
    users: Path | None

    def read_items(self, model: Recommender, columns: EventColumns, given: FormOptions) -> Content | None:
        """Return the new items; without a table of them none."""
        from ..models.question_content import as_content

        if self.items is None:
            return None
        form = self._form(self.items, replace(form_of(columns, given), columns=()))
        named = self.events is None and given.item_column is not None
        return as_content(self.items, model, columns.item, form, named=named)

    def read_users(self, model: Recommender, columns: EventColumns, given: FormOptions) -> Content | None:
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
            raise UsageError(f"model '{model.name}' was fitted without user columns, so --users has nothing to add")
        form = self._form(self.users, replace(form_of(columns, given), columns=()))
        return read_new_users(self.users, model.users_, model.user_featurizer_.spec, user=columns.user, form=form)

    def read_pairs(
        self, model: Recommender, columns: EventColumns, given: FormOptions, weight: str | None
    ) -> Interactions | None:
        """Return the new events; without a table of them none."""
        from ..models.new_tables import read_new_pairs

        if self.events is None:
            return None
        form = form_of(columns, given, of_events=True)
        if given.column_names is None:
            # names that the fit was given are a hint; names that are given here are about this table alone
            form = self._form(self.events, form if _has_fields(self.events) else replace(form, columns=()))
        reading = {name: value for name, value in asdict(columns).items() if name not in (*OF_FORM, "likes")}
        return read_new_pairs(
            self.events, model.users_, model.catalogue_.ids, **reading, likes=words(columns.likes), weight=weight, form=form
        )

    def _form(self, path: Path, form: TableForm) -> TableForm:
        """Return a form for one of the tables: where it is about another one, it is a hint for this one."""
        others = any(_has_fields(table) for table in (self.events, self.items, self.users) if table is not None)
        return replace(form, hinted=True) if others and not _has_fields(path) else form


def _has_fields(path: Path) -> bool:
    """Return whether a file has fields with separators, as far as its name tells."""
    from ..data.json_lines import SUFFIXES as JSON_SUFFIXES
    from ..data.packed import format_of
    from ..data.read_table import FEATHER, PARQUET

    return format_of(path) not in (*FEATHER, *PARQUET, *JSON_SUFFIXES)
