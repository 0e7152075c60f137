"""Parameters with which each model is fitted in a moment."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "dualnet": {"levels": (8, 4), "epochs": 1, "factors": 4, "trials": 2},
    "solved": {"factors": 4, "trials": 2},
    "cdl": {"levels": (8, 4), "alternations": 1, "epochs": 1},
    "wmf": {"factors": 4, "iterations": 2},
    "coupled": {"factors": 4, "iterations": 2},
    "bpr": {"factors": 4, "epochs": 1},
    "fusion": {"factors": 4, "iterations": 2},
    "content-factors": {"factors": 4, "iterations": 2},
    "lsa-profile": {"width": 4},
}
