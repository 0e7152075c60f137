"""Recommend anything to anyone, the first time you see either: collaborative deep embedding via dual networks.

Two tables are enough: who took what, and what the things are.

- `Dataset.from_tables` reads them: data frames of pandas, Polars or Arrow, or files.
- `DualNet` learns from them; `Solved` takes a third of the time and needs no networks. Simpler models: `Popularity`, `ItemKNN`, `EASE`,
  `ContentProfile`, `WMF`.
- A fitted model answers: `recommend` (for a known user, or for the `history` of anybody), `similar_items`, `recommend_users`, `explain`,
  `add_items`, `save`; `dualnet.load` reads it again.
- `splits` divides the data, `evaluate` measures models on a division.

Examples
--------
>>> import dualnet
>>> import pyarrow
>>> events = {"user_id": ["ann", "ann", "bob", "bob", "eve"], "item_id": ["tea", "jam", "tea", "bun", "jam"]}
>>> data = dualnet.Dataset.from_tables(pyarrow.table(events))
>>> model = dualnet.ItemKNN().fit(data)
>>> model.recommend(history=["tea"], k=1).ids
['bun']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "ArtifactError": "errors",
    "BPR": "models.bpr",
    "Boost": "rules.parts",
    "CDL": "models.cdl",
    "Capabilities": "models.base",
    "CapabilityError": "errors",
    "Content": "data.content",
    "ContentFactors": "models.content_factors",
    "ContentProfile": "models.profile",
    "ContentSpec": "data.content_spec",
    "Coupled": "models.coupled",
    "DataError": "errors",
    "Dataset": "data.dataset",
    "DualNet": "models.dualnet",
    "DualNetError": "errors",
    "DualNetWarning": "errors",
    "EASE": "models.ease",
    "Explanation": "models.explain.explanation",
    "Fusion": "models.fusion",
    "IdMap": "ids",
    "Interactions": "data.interactions",
    "ItemKNN": "models.neighbours",
    "LogEstimate": "runs.off_policy",
    "LsaProfile": "models.profile",
    "MissingExtraError": "errors",
    "NewColumns": "runs.folder",
    "NotFittedError": "errors",
    "ParameterError": "errors",
    "Pin": "rules.parts",
    "Popularity": "models.popularity",
    "Quota": "rules.parts",
    "RankingTask": "data.tasks",
    "RecommendationLists": "retrieval.recommendations",
    "Recommendations": "retrieval.recommendations",
    "Recommender": "models.base",
    "Report": "report",
    "ResourceError": "errors",
    "Rules": "rules.rules",
    "RunOptions": "train.options",
    "RunUpdate": "runs.update",
    "Scorer": "scorer",
    "Solved": "models.solved.model",
    "Split": "data.tasks",
    "DivergenceError": "errors",
    "TrainingError": "errors",
    "TrainingInterruptedError": "errors",
    "UnknownIdError": "errors",
    "UsageError": "errors",
    "Validation": "data.tasks",
    "WMF": "models.wmf",
    "Which": "rules.parts",
    "Window": "rules.parts",
    "create": "models.registry",
    "evaluate": "evaluation",
    "evaluate_log": "runs.off_policy",
    "load": "models.registry",
    "register_tokenizer": "data.featurizers.words",
    "update_run": "runs.update",
}

_MODULES = {"splits": "data.splits", "sources": "data.sources", "synthetic": "data.synthetic"}

__all__ = [
    "BPR",
    "CDL",
    "EASE",
    "WMF",
    "ArtifactError",
    "Boost",
    "Capabilities",
    "CapabilityError",
    "Content",
    "ContentFactors",
    "ContentProfile",
    "ContentSpec",
    "Coupled",
    "DataError",
    "Dataset",
    "DivergenceError",
    "DualNet",
    "DualNetError",
    "DualNetWarning",
    "Explanation",
    "Fusion",
    "IdMap",
    "Interactions",
    "ItemKNN",
    "LogEstimate",
    "LsaProfile",
    "MissingExtraError",
    "NewColumns",
    "NotFittedError",
    "ParameterError",
    "Pin",
    "Popularity",
    "Quota",
    "RankingTask",
    "RecommendationLists",
    "Recommendations",
    "Recommender",
    "Report",
    "ResourceError",
    "Rules",
    "RunOptions",
    "RunUpdate",
    "Scorer",
    "Solved",
    "Split",
    "TrainingError",
    "TrainingInterruptedError",
    "UnknownIdError",
    "UsageError",
    "Validation",
    "Which",
    "Window",
    "__version__",
    "create",
    "evaluate",
    "evaluate_log",
    "load",
    "register_tokenizer",
    "sources",
    "splits",
    "synthetic",
    "update_run",
]

if TYPE_CHECKING:
    from .data import sources, splits, synthetic
    from .data.content import Content
    from .data.content_spec import ContentSpec
    from .data.dataset import Dataset
    from .data.featurizers.words import register_tokenizer
    from .data.interactions import Interactions
    from .data.tasks import RankingTask, Split, Validation
    from .errors import (
        ArtifactError,
        CapabilityError,
        DataError,
        DivergenceError,
        DualNetError,
        DualNetWarning,
        MissingExtraError,
        NotFittedError,
        ParameterError,
        ResourceError,
        TrainingError,
        TrainingInterruptedError,
        UnknownIdError,
        UsageError,
    )
    from .evaluation import evaluate
    from .ids import IdMap
    from .models.base import Capabilities, Recommender
    from .models.bpr import BPR
    from .models.cdl import CDL
    from .models.content_factors import ContentFactors
    from .models.coupled import Coupled
    from .models.dualnet import DualNet
    from .models.ease import EASE
    from .models.explain.explanation import Explanation
    from .models.fusion import Fusion
    from .models.neighbours import ItemKNN
    from .models.popularity import Popularity
    from .models.profile import ContentProfile, LsaProfile
    from .models.registry import create, load
    from .models.solved.model import Solved
    from .models.wmf import WMF
    from .report import Report
    from .retrieval.recommendations import RecommendationLists, Recommendations
    from .rules.parts import Boost, Pin, Quota, Which, Window
    from .rules.rules import Rules
    from .runs.folder import NewColumns
    from .runs.off_policy import LogEstimate, evaluate_log
    from .runs.update import RunUpdate, update_run
    from .scorer import Scorer
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
