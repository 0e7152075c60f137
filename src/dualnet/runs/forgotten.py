"""Users that an update forgets: ids, files with one id a line, or tables with the column of users."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import DataError
from ..retrieval.unknown_ids import check_list
from .forgotten_record import ForgottenRecord

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..data.interactions import Interactions
    from ..ids import IdMap, Key
    from ..models.base import Recommender

    Named = Sequence[Key | Path]
    Forget = Named | Callable[[IdMap], Named]

LARGEST = 2**28  # bytes of a file of ids


@dataclass(frozen=True)
class ForgottenUsers:
    """The users whom an update forgets.

    Parameters
    ----------
    keys : list of str or int
        Distinct ids, of the kind of the model's where they can be.
    records : sequence of ForgottenRecord
        Signed records of servers, which name users by their hashes.
    """

    keys: list[Key]
    records: Sequence[ForgottenRecord] = ()

    @property
    def n_named(self) -> int:
        """Number of users that ids, files and records name."""
        return len(self.keys) + sum(len({entry.user for entry in record.entries}) for record in self.records)

    @classmethod
    def read(cls, named: Forget, users: IdMap, column: str) -> ForgottenUsers:
        """Return the users that ids and files name.

        Parameters
        ----------
        named : sequence of str, int or Path, or callable
            Ids, and files of ids; or a function from the ids of the model's users to these.
        users : IdMap
            Of the model or the data, for the kind of the ids.
        column : str
            Of the user ids in a table.

        Raises
        ------
        DataError
            If a file cannot be read, or holds no id.
        UsageError
            If the function returns anything but a list of ids and files.
        """
        keys: list[Key] = []
        records: list[ForgottenRecord] = []
        names = checked_names(named(users)) if callable(named) else named
        for name in cast("Named", names or ()):
            # an id of another kind would be one that nobody has, and nobody would be forgotten
            if isinstance(name, Path) and ForgottenRecord.is_one(name):
                records.append(ForgottenRecord.read(name))
                continue
            keys += _from_file(name, users, column) if isinstance(name, Path) else [users.parse(str(name))]
        return cls(list(dict.fromkeys(keys)), tuple(records))

    def among(self, users: IdMap) -> list[Key]:
        """Return the ids that are to be forgotten, those of records as far as they are among some users."""
        return list(dict.fromkeys([*self.keys, *(user for record in self.records for user in record.users_of(users))]))

    def apply(self, model: Recommender) -> int:
        """Take the users out of a model; return how many it knew."""
        before = len(model.users_)
        model.forget_users(self.among(model.users_), unknown="ignore")
        return before - len(model.users_)

    def left_out_of(self, pairs: Interactions) -> tuple[Interactions, int]:
        """Return new pairs without those of the users, and how many users had some."""
        import numpy as np

        there = pairs.users.find(self.among(pairs.users))
        kept = np.setdiff1d(np.arange(pairs.n_users), there)
        return (pairs, 0) if len(kept) == pairs.n_users else (pairs.select(users=kept), pairs.n_users - len(kept))


def without_forgotten(data: Dataset, path: Path, column: str) -> Dataset:
    """Return data without the users that a file names: a record of a server, a list of ids, or a table with the column of users.

    Raises
    ------
    DataError
        If the file cannot be read, or nobody is left.
    """
    import numpy as np

    gone = ForgottenUsers.read([path], data.interactions.users, column).among(data.interactions.users)
    there = data.interactions.users.find(gone)
    kept = np.setdiff1d(np.arange(data.interactions.n_users), there)
    if not len(kept):
        raise DataError(f"{path} names every user of the data, so nobody is left to learn from")
    return data if len(kept) == data.interactions.n_users else data.select(users=kept)


def checked_names(forget: Any) -> Forget | None:
    """Return the users to forget as a list of ids and files, or as the function that gives them.

    Raises
    ------
    UsageError
        If it is neither, such as one text, which would be read letter by letter.
    """
    if forget is None or callable(forget):
        return cast("Forget | None", forget)
    if isinstance(forget, Path):
        return [forget]
    names = forget if isinstance(forget, str | bytes | Mapping) or not isinstance(forget, Iterable) else list(forget)
    check_list([name for name in names if not isinstance(name, Path)] if isinstance(names, list) else names, "forget")
    return cast("Forget", names)


def _from_file(path: Path, users: IdMap, column: str) -> list[Key]:
    from ..data.compression import format_of, unpacked
    from ..data.id_columns import ids_of
    from ..data.open_input import read_regular, reading
    from ..data.read_table import FORMATS, load_source
    from ..ids import clean_id

    if format_of(path) in FORMATS:
        loaded = load_source(path, "the list of users to forget")
        if column not in loaded.table.column_names:
            raise DataError(
                f"{path} has no user column '{column}'; found {', '.join(loaded.table.column_names)[:200]}. Name it with"
                " user=, or write a .txt file with one id a line"
            )
        return [users.parse(str(key)) for key in dict.fromkeys(ids_of(loaded, column, "user").tolist())]
    with reading(path, DataError, "write it as UTF-8 text with one id a line"):
        text = unpacked(read_regular(path, LARGEST), path)[0].decode("utf-8-sig")
    lines = list(filter(None, map(clean_id, text.split("\n"))))
    several = next(
        (line for line in lines if line not in users and any(part.strip() in users for part in line.split(","))), None
    )
    if several is not None:  # it would be taken for one id that nobody has, and nobody would be forgotten
        raise DataError(f"{path}: the line {several[:80]!r} holds several ids; write one id a line")
    keys = [users.parse(line) for line in lines]
    if not keys:
        raise DataError(f"{path} holds no id; write one id a line")
    return keys
