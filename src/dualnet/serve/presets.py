"""Rules on lists that a server keeps under names, such as "home page", and questions that name them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ..errors import UnknownIdError, UsageError, nearest, shown
from ..retrieval.answering import Answering
from ..retrieval.questions import Question, RecommendQuestion, SimilarQuestion
from ..retrieval.ruled import Binder
from ..rules.rules import Rules
from .catalogue import LiveCatalogue
from .replies import ModelLabel, Reply
from .service_errors import ConflictError
from .writer import Change, Writer

MOST_PRESETS = 200
LONGEST_NAME = 100
LARGEST_K = 1_000  # of a list: whatever a preset calls for, a question may be long enough

Presets = Mapping[str, Mapping[str, Any]]
AnyQuestion = TypeVar("AnyQuestion", bound=Question)


def put_preset(
    view: LiveCatalogue, answering: Answering[LiveCatalogue], kept: Presets, name: str, rules: Mapping[str, Any]
) -> tuple[LiveCatalogue, list[dict[str, Any]], str]:
    """Keep rules under a name; return the view as it is, what the journal has to remember, and ``added`` or ``replaced``.

    Raises
    ------
    UsageError
        For a name that is too long, or rules that mean nothing or name a column that no item has.
    DataError
        For a value that does not fit its column.
    ConflictError
        If there are too many.
    """
    if len(name) > LONGEST_NAME:
        raise UsageError(f"the name of a preset has at most {LONGEST_NAME} characters, got {len(name):,}")
    if name not in kept and len(kept) >= MOST_PRESETS:
        raise ConflictError(f"{len(kept):,} presets are kept, which is the most; delete one first")
    read = Rules.from_json(rules)
    binder = Binder(answering.filters, view, None, lambda keys, what: view.rows([key for key in keys if view.find(key) >= 0]))
    binder.hidden(read)
    binder.bind(read, LARGEST_K, 0)
    return view, [{"preset": [name, read.to_json()]}], "replaced" if name in kept else "added"


def delete_preset(view: LiveCatalogue, kept: Presets, name: str) -> tuple[LiveCatalogue, list[dict[str, Any]], str]:
    """Keep rules no longer; raises `UnknownIdError` if there are none of this name."""
    find_preset(kept, name)
    return view, [{"preset": [name, None]}], "deleted"


def find_preset(kept: Presets, name: str) -> Mapping[str, Any]:
    """Return the rules of a name; raises `UnknownIdError` if there are none."""
    found = kept.get(name)
    if found is None:
        raise UnknownIdError(f"there is no preset {shown(name)}.{nearest(name[:LONGEST_NAME], list(kept)) if kept else ''}")
    return found


def with_presets(kept: Presets, asked: Sequence[Question]) -> list[Question | Exception]:
    """Return questions with the rules of the presets that they name; an exception for one that cannot be asked."""
    return [_with_preset(kept, question) for question in asked]


def _with_preset(kept: Presets, question: Question) -> Question | Exception:
    if not isinstance(question, RecommendQuestion | SimilarQuestion) or question.preset is None:
        return question
    try:
        rules = Rules.from_json(find_preset(kept, question.preset), f"preset {shown(question.preset)}")
        if question.rules is not None:
            own = question.rules if isinstance(question.rules, Rules) else Rules.from_json(question.rules)
            rules = rules.joined(own)
        return replace(question, rules=rules, preset=None)
    except (UnknownIdError, UsageError) as error:
        return error


def told_rules(question: Question | Exception, as_asked: Question) -> dict[str, Any]:
    """Return the rules of a question that named a preset, for the log of what is shown: a preset may be another one later."""
    named = isinstance(as_asked, RecommendQuestion | SimilarQuestion) and as_asked.preset is not None
    rules = getattr(question, "rules", None) if named else None
    return {"rules": rules.to_json()} if isinstance(rules, Rules) else {}


class KeepsPresets(ABC):
    """The part of a service that keeps rules under names."""

    _writer: Writer

    @property
    @abstractmethod
    def label(self) -> ModelLabel:
        """Name and version of the model that answers now."""

    @abstractmethod
    def _answering(self) -> Answering[LiveCatalogue]:
        """Return what answers questions now."""

    @abstractmethod
    def _view(self) -> LiveCatalogue:
        """Return what is asked now."""

    @abstractmethod
    async def _change(self, change: Change, by: str) -> tuple[LiveCatalogue, Any]:
        """Make a change, durably; return the view that has it and its outcome."""

    async def presets(self) -> Reply:
        """Return ``{"presets": [{"name", "rules"}]}`` of all rules that are kept, by name."""
        kept = self._writer.state.presets
        return Reply(self.label, {"presets": [{"name": name, "rules": rules} for name, rules in sorted(kept.items())]})

    async def preset(self, key: str) -> Reply:
        """Return ``{"name", "rules"}``; `UnknownIdError` if there are none of this name."""
        return Reply(self.label, {"name": key, "rules": find_preset(self._writer.state.presets, key)})

    async def put_preset(self, key: str, rules: Mapping[str, Any], by: str = "") -> Reply:
        """Keep rules under a name, durably; ``{"name", "state": "added" | "replaced"}``. Errors as in `presets.put_preset`."""

        def put_rules(view: LiveCatalogue) -> tuple[LiveCatalogue, list[dict[str, Any]], str]:
            return put_preset(view, self._answering(), self._writer.state.presets, key, rules)

        catalogue, outcome = await self._change(put_rules, by)
        return Reply(catalogue.label, {"name": key, "state": outcome})

    async def check_preset(self, key: str, rules: Mapping[str, Any]) -> None:
        """Refuse what `put_preset` would refuse, and keep nothing."""
        put_preset(self._view(), self._answering(), self._writer.state.presets, key, rules)

    async def delete_preset(self, key: str, by: str = "") -> Reply:
        """Keep rules no longer; ``{"name", "state": "deleted"}``; `UnknownIdError` if there are none of this name."""
        catalogue, outcome = await self._change(lambda view: delete_preset(view, self._writer.state.presets, key), by)
        return Reply(catalogue.label, {"name": key, "state": outcome})
