"""Recommend anything to anyone, the first time you see either: collaborative deep embedding via dual networks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "Content": "data.content",
    "ContentProfile": "models.profile",
    "ContentSpec": "data.content",
    "Dataset": "data.dataset",
    "DualNet": "models.dualnet",
    "DualNetError": "errors",
    "Explanation": "models.explanation",
    "IdMap": "ids",
    "Interactions": "data.interactions",
    "ItemKNN": "models.neighbours",
    "LsaProfile": "models.profile",
    "Popularity": "models.popularity",
    "RankingTask": "data.tasks",
    "Recommendations": "retrieval.recommendations",
    "Recommender": "models.base",
    "Report": "report",
    "RunOptions": "train.options",
    "Split": "data.tasks",
    "evaluate": "evaluation",
    "load": "models.artifact",
}

_MODULES = {"splits": "data.splits", "sources": "data.sources", "synthetic": "data.synthetic"}

__all__ = [
    "Content",
    "ContentProfile",
    "ContentSpec",
    "Dataset",
    "DualNet",
    "DualNetError",
    "Explanation",
    "IdMap",
    "Interactions",
    "ItemKNN",
    "LsaProfile",
    "Popularity",
    "RankingTask",
    "Recommendations",
    "Recommender",
    "Report",
    "RunOptions",
    "Split",
    "__version__",
    "evaluate",
    "load",
    "sources",
    "splits",
    "synthetic",
]

if TYPE_CHECKING:
    from .data import sources, splits, synthetic
    from .data.content import Content, ContentSpec
    from .data.dataset import Dataset
    from .data.interactions import Interactions
    from .data.tasks import RankingTask, Split
    from .errors import DualNetError
    from .evaluation import evaluate
    from .ids import IdMap
    from .models.artifact import load
    from .models.base import Recommender
    from .models.dualnet import DualNet
    from .models.explanation import Explanation
    from .models.neighbours import ItemKNN
    from .models.popularity import Popularity
    from .models.profile import ContentProfile, LsaProfile
    from .report import Report
    from .retrieval.recommendations import Recommendations
    from .train.options import RunOptions


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import dualnet`` stays light."""
    if name in _MODULES:
        value: Any = import_module(f".{_MODULES[name]}", __name__)
    elif name in _PUBLIC:
        value = getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    else:
        raise AttributeError(f"module 'dualnet' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
