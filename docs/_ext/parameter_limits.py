"""Limits of the parameters under the documentation of each model, from the table that the model is checked with."""

from __future__ import annotations

from typing import Any

from dualnet.models.parameters import Parameters


def limit_lines(model: type[Parameters]) -> list[str]:
    """Return the limits of a model's parameters as lines of reStructuredText."""
    if not model.limits:
        return []
    listed = [f"* ``{name}``: {limit.text}{limit.remedy}" for name, limit in model.limits.items()]
    return ["", "Limits of the numbers:", "", *listed, ""]


def add_limits(app: Any, what: str, name: str, documented: Any, options: Any, lines: list[str]) -> None:
    """Add the limits to the docstring of a model."""
    if what == "class" and isinstance(documented, type) and issubclass(documented, Parameters):
        lines.extend(limit_lines(documented))


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", add_limits)
    return {"parallel_read_safe": True}
