"""The model: what it is, exchange it, go back."""

from __future__ import annotations

from typing import Any

from . import answer_schemas as answers
from . import request_schemas as asked
from .route_table import RouteTable
from .routes_recommend import labelled


def add_routes(table: RouteTable) -> None:
    """Add the routes of this theme."""
    service = table.service

    async def show_model() -> dict[str, Any]:
        """Show what the model is: parameters, figures, catalogue, columns, ids."""
        return labelled(await service.model_summary())

    async def reload_model(body: asked.ReloadRequest) -> dict[str, Any]:
        """Load the model folder anew, check it aside and swap it in, or go back to the version before."""
        return labelled(await (service.rollback() if body.rollback else service.reload()))

    table.add("GET", "/v1/model", show_model, tag="model", answer=answers.ModelAnswer)
    table.add(
        "POST",
        "/v1/model:reload",
        reload_model,
        tag="model",
        body=asked.ReloadRequest,
        answer=answers.ReloadAnswer,
        statuses=(403, 409),
        example={},
    )
