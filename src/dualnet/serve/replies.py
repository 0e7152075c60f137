"""Replies of a server: a body, and the model that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_PAGE = 200  # entries of one page of items or users


@dataclass(frozen=True)
class ModelLabel:
    """Which model answered: its name and the first twelve digits of its manifest's SHA-256."""

    name: str
    version: str

    def to_json(self) -> dict[str, str]:
        """Return the ``model`` entry of every HTTP answer."""
        return {"name": self.name, "version": self.version}


@dataclass(frozen=True)
class Reply:
    """A body ready for JSON, and which model made it; never of two models.

    Parameters
    ----------
    model : ModelLabel
    body : dict
    variant : str
        Which of the variants of a server made it; empty where there is one model.
    told : mapping
        For the log of what is shown, not for the client: ``rules`` of a list whose question named a preset; ``means`` of events, what each
        is to the model (like, seen, dislike or none); ``models`` of the lists of several users, where not all are of one.
    """

    model: ModelLabel
    body: dict[str, Any]
    variant: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """The picture of an item.

    Parameters
    ----------
    data : bytes
        The file.
    media_type : str
        Such as ``image/png``.
    """

    data: bytes
    media_type: str
