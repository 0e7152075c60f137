"""For whom a command answers: a user seen in training, in the words of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UnknownIdError, UsageError, listing

if TYPE_CHECKING:
    from ..ids import Key
    from ..models.base import Recommender


def check_one_asker(given: dict[str, bool]) -> None:
    """Make sure that exactly one of several options says for whom.

    Parameters
    ----------
    given : dict of str to bool
        Each option, and whether it was given.

    Raises
    ------
    UsageError
        If none is given, or more than one.
    """
    *first, last = given
    if sum(given.values()) == 0:
        raise UsageError(f"say for whom: one of {', '.join(first)} or {last}")
    if sum(given.values()) > 1:
        raise UsageError(f"say for whom: only one of {', '.join(first)} and {last}")


def stored_user(model: Recommender, user: str) -> Key:
    """Return the id of a user seen in training.

    Raises
    ------
    UnknownIdError
        If there is none; the text names ``--history``.
    """
    key = model.users_.parse(user)
    if key not in model.users_:
        raise UnknownIdError(f"unknown user {listing([key])}; for someone new give --history ITEM,ITEM instead")
    return key
