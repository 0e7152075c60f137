"""Trackers by name, imported only when asked for."""

from __future__ import annotations

from pathlib import Path

from ...errors import UsageError
from .tracker import Tracker

TRACKERS = ("mlflow", "tensorboard")


def make_tracker(name: str, place: str | None, run: Path, called: str | None = None) -> Tracker:
    """Return a tracker by name.

    Parameters
    ----------
    name : {"mlflow", "tensorboard"}
        Which.
    place : str, optional
        URI of an MLflow store, or a folder for TensorBoard; by default within `run`.
    run : Path
        Folder of the run.
    called : str, optional
        Name of the run; by default that of its folder.

    Raises
    ------
    UsageError
        If there is no such tracker.
    MissingExtraError
        Without its package.
    """
    if name == "mlflow":
        from .mlflow_tracker import MlflowTracker

        return MlflowTracker(place or f"sqlite:///{run.resolve() / 'mlflow.db'}", called or run.resolve().name)
    if name == "tensorboard":
        from .tensorboard_tracker import TensorBoardTracker

        return TensorBoardTracker(run / "tensorboard" if place is None else Path(place) / (called or run.resolve().name))
    raise UsageError(f"there is no tracker '{name}'; known: {', '.join(TRACKERS)}")
