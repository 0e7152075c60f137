"""What is served: the body of ``GET /v1/model``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .catalogue import LiveCatalogue
from .new_content import content_columns, user_columns
from .versions import Version


def model_summary(version: Version, catalogue: LiveCatalogue, previous: Version | None) -> dict[str, Any]:
    """Return name, parameters, figures, sizes, columns and abilities of the served model as JSON."""
    model, manifest = version.model, version.manifest
    return {
        "name": version.label.name,
        "version": version.label.version,
        "previous": None if previous is None else previous.label.to_json(),
        "parameters": manifest["parameters"],
        "info": manifest["info"],
        "metrics": manifest.get("metrics", {}),
        "versions": manifest.get("versions", {}),
        "items": catalogue.n_items,
        "items_trained": len(model.items_),
        "items_hidden": len(catalogue.hidden),
        "users": catalogue.n_users,
        "users_trained": len(model.users_),
        "columns": content_columns(model),
        "user_columns": user_columns(model),
        "ids": {
            "items": "integer" if model.catalogue_.ids.is_integer else "string",
            "users": "integer" if model.users_.is_integer else "string",
        },
        "capabilities": asdict(model.capabilities) | {"explain": True},
    }
