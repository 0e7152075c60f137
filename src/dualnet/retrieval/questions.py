"""What can be asked of a model, and what comes back: frozen records with external ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..ids import Key
from .recommendations import ItemPath, Recommendations, UserPath

Columns: TypeAlias = Mapping[str, Any]  # content of one item: column -> JSON value
Filter: TypeAlias = Mapping[str, Mapping[str, Any]]  # column -> {"is"|"any"|"min"|"max"|"contains": value}


@dataclass(frozen=True)
class NewItem:
    """An item that comes with a question or a change.

    Parameters
    ----------
    id : str or int
    content : mapping
        Column to value.
    """

    id: Key
    content: Columns


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks: exactly one of `user` and `history`, and items for this question only.

    Parameters
    ----------
    user : str or int, optional
        Short for that user's stored history.
    history : sequence of str or int, optional
        Items of the catalogue or of `new_items`.
    new_items : sized collection
        Can be recommended and be part of the history. What may stand here is for the catalogue to say: a sequence of
        `NewItem`, or a table of content.
    """

    user: Key | None = None
    history: Sequence[Key] | None = None
    new_items: Any = ()


@dataclass(frozen=True, kw_only=True)
class RecommendQuestion(Asker):
    """The best items for someone; answered by `Recommendations`. Arguments as in `Recommender.recommend`."""

    k: int = 10
    exclude: Sequence[Key] = ()
    candidates: Sequence[Key] | None = None
    filter: Filter | None = None
    keep_seen: bool = False
    fallback: Literal["popularity", "error"] = "popularity"


@dataclass(frozen=True, kw_only=True)
class ScoreQuestion(Asker):
    """The scores of given items for someone; answered by `Scores`."""

    items: Sequence[Key]


@dataclass(frozen=True, kw_only=True)
class SimilarQuestion:
    """The items nearest to one item by cosine; answered by `Recommendations`."""

    item: Key
    k: int = 10


@dataclass(frozen=True, kw_only=True)
class UsersQuestion:
    """The stored users who would want an item most; answered by `Recommendations` of users.

    Exactly one of `item` and `content` (of an item that nobody has seen yet).
    """

    item: Key | None = None
    content: Columns | None = None
    k: int = 10
    keep_seen: bool = False


@dataclass(frozen=True, kw_only=True)
class EncodeUserQuestion(Asker):
    """The vector of someone; answered by `Encoded`."""


@dataclass(frozen=True, kw_only=True)
class EncodeItemQuestion:
    """The vector of an item of the catalogue, or of content; answered by `Encoded`."""

    item: Key | None = None
    content: Columns | None = None


Question: TypeAlias = (
    RecommendQuestion | ScoreQuestion | SimilarQuestion | UsersQuestion | EncodeUserQuestion | EncodeItemQuestion
)


@dataclass(frozen=True)
class Scores:
    """Scores of given items, in the order asked.

    Parameters
    ----------
    resolved : str
        ``known`` or ``history``.
    ignored : list
        History entries the model could not take account of.
    items, scores, paths : list
        Row by row.
    """

    resolved: UserPath
    ignored: list[Key]
    items: list[Key]
    scores: list[float]
    paths: list[ItemPath]

    def to_json(self) -> dict[str, Any]:
        """Return the body of an HTTP answer."""
        rows = zip(self.items, self.scores, self.paths, strict=True)
        return {
            "resolved": self.resolved,
            "ignored": self.ignored,
            "scores": [{"item": item, "score": score, "path": path} for item, score, path in rows],
        }


@dataclass(frozen=True)
class Encoded:
    """One vector, the score is the inner product of two.

    Parameters
    ----------
    of : {"user", "item"}
    how : str
        How it was resolved: ``known``, ``history``, ``content``.
    vector : list of float
        The dense numbers; empty for a model whose vectors are sparse alone.
    content_index, content_value : list, optional
        The sparse part, where content is matched as it is.
    ignored : list
        History entries the model could not take account of.
    """

    of: Literal["user", "item"]
    how: str
    vector: list[float]
    content_index: list[int] | None = None
    content_value: list[float] | None = None
    ignored: list[Key] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the body of an HTTP answer."""
        body: dict[str, Any] = {"resolved" if self.of == "user" else "path": self.how, "vector": self.vector}
        if self.content_index is not None:
            body |= {"content_index": self.content_index, "content_value": self.content_value}
        if self.of == "user":
            body["ignored"] = self.ignored or []
        return body


Answer: TypeAlias = Recommendations | Scores | Encoded
