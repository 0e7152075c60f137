"""The served model beside simple ones, for one asker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..errors import UsageError
from ..retrieval.questions import Asker, RecommendQuestion
from ..retrieval.recommendations import Recommendations
from .catalogue import LiveCatalogue
from .versions import Version


def compare(version: Version, catalogue: LiveCatalogue, asker: Asker, k: int) -> dict[str, Any]:
    """Return ``{"models": [{"name", "items"}], "pending": [names]}``, the served model first.

    Raises
    ------
    DualNetError
        If the served model cannot answer; a baseline that cannot is listed with the reason as ``error``.
    """
    if asker.new_items:
        raise UsageError("new_items cannot be compared: some of the simple models know nothing of content")
    question = RecommendQuestion(user=asker.user, history=asker.history, user_columns=asker.user_columns, seen=asker.seen, k=k)
    plain = replace(question, user_columns=None, history=question.history if asker.user is not None else question.history or [])
    views, pending = version.baselines.views(catalogue)
    models: list[dict[str, Any]] = []
    for name, view in [(version.model.name, catalogue), *views.items()]:
        answer = version.answering(view, [question if view is catalogue else plain])[0]
        if isinstance(answer, Exception):
            if view is catalogue:
                raise answer
            models.append({"name": name, "items": [], "error": str(answer)})
        else:
            assert isinstance(answer, Recommendations)
            models.append({"name": name, "items": answer.to_json()["items"]})
    return {"models": models, "pending": pending}
