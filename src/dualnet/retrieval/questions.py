"""Questions to a model and their answers, as frozen records with external ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..ids import Key
from ..rules.rules import Rules
from .recommendations import ItemPath, Recommendations, UserPath
from .unknown_ids import Unknown

Columns: TypeAlias = Mapping[str, Any]  # content of one item: column -> JSON value
ItemKind: TypeAlias = Literal["known", "new"]
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
    """The user of a question: exactly one of `user` and `history` (or columns alone), and items for this question only.

    Parameters
    ----------
    user : str or int, optional
        Short for that user's stored history and columns.
    history : sequence of str or int, optional
        Items of the catalogue or of `new_items`.
    seen : sequence of str or int
        Items that are never listed and are not part of the history: dismissed, or seen and not liked.
    user_columns : object, optional
        Columns of the user, in place of stored ones: a mapping of column to value, or a row of features.
    new_items : sized collection
        Can be recommended and be part of the history. What may stand here is for the catalogue to say: a sequence of
        `NewItem`, or a table of content.
    times : sequence of int, optional
        When each item of the history happened, in seconds since 1970; for models that were fitted with a half-life.
    unknown : {"error", "ignore"}, optional
        What becomes of ids that are not in the catalogue: by default those of a history are refused, all others are left
        out and told as `ignored`.
    """

    user: Key | None = None
    history: Sequence[Key] | None = None
    new_items: Any = ()
    seen: Sequence[Key] = ()
    user_columns: Any = None
    unknown: Unknown | None = None
    times: Sequence[int] | None = None


@dataclass(frozen=True, kw_only=True)
class ListQuestion:
    """The length of a list of items, and what may be on it.

    Parameters
    ----------
    k : int
        Length of the list.
    exclude : sequence of str or int
        Items not to list.
    candidates : sequence of str or int, optional
        List only these.
    filter : mapping, optional
        Conditions on item columns (`retrieval.filters`).
    only : {"known", "new"}, optional
        List only items that the model was trained on, or only items that it was not trained on.
    new_share : float, optional
        Share of the k places for the best new items, from 0 to 1, rounded half up; the others are for the best known ones.
        Where one kind runs out, the other fills the list. The order is by score. Not together with `only`.
    unknown : {"error", "ignore"}, optional
        What becomes of ids that are not in the catalogue; by default they are left out and told as `ignored`.
    rules : Rules or mapping, optional
        Rules on the list, as such or in the form that `Rules.from_json` reads.
    preset : str, optional
        Name of rules that a server keeps; the server puts them in front of `rules`.
    page : str, optional
        Empty for the first page of a list; for the next one what the answer before has as `next_page`.
    """

    k: int = 10
    exclude: Sequence[Key] = ()
    candidates: Sequence[Key] | None = None
    filter: Filter | None = None
    only: ItemKind | None = None
    new_share: float | None = None
    unknown: Unknown | None = None
    rules: Rules | Mapping[str, Any] | None = None
    preset: str | None = None
    page: str | None = None


@dataclass(frozen=True, kw_only=True)
class RecommendQuestion(ListQuestion, Asker):
    """The best items for someone; answered by `Recommendations`. Arguments as in `Recommender.recommend`.

    Parameters
    ----------
    explore : float
        Share of the places for new items that are drawn (`retrieval.exploring`).
    draw : str or int, optional
        The draw follows from it: the same word draws the same.
    """

    keep_seen: bool = False
    popularity: float = 1.0
    fallback: Literal["popularity", "error"] = "popularity"
    explore: float = 0.0
    draw: str | int | None = None


@dataclass(frozen=True, kw_only=True)
class ScoreQuestion(Asker):
    """The scores of given items for someone; answered by `Scores`."""

    items: Sequence[Key]


@dataclass(frozen=True, kw_only=True)
class SimilarQuestion(ListQuestion):
    """The items most similar to one item, as `Recommender.similar_items` says; answered by `Recommendations`."""

    item: Key


@dataclass(frozen=True, kw_only=True)
class UsersQuestion:
    """The stored users who would want an item most; answered by `Recommendations` of users.

    Exactly one of `item` and `content` (of an item that nobody has seen yet). `exclude` and `candidates` name users.
    """

    item: Key | None = None
    content: Columns | None = None
    k: int = 10
    keep_seen: bool = False
    exclude: Sequence[Key] = ()
    candidates: Sequence[Key] | None = None
    unknown: Unknown | None = None


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
        ``known``, ``history`` or ``columns``.
    ignored : list
        History entries the model could not take account of, and ids that are not in the catalogue.
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
        History entries the model could not take account of, and ids that are not in the catalogue.
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
