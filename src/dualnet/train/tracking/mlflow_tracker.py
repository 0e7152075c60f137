"""Figures to an MLflow store: a server, or a database file."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from typing import Any

from ...errors import optional_package
from .tracker import Status, as_text

EXPERIMENT = "dualnet"
STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
LONGEST = 6000  # characters of a parameter that MLflow takes
DATABASE_RETRIES = 2  # ten by default, which take nearly two minutes
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the training waits meanwhile
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # figures go where the user said, and nothing anywhere else
}


class MlflowTracker:
    """One MLflow run a fit, in the experiment ``dualnet``.

    Parameters
    ----------
    uri : str
        Tracking URI, such as ``http://host:5000`` or ``sqlite:///mlflow.db``.
    name : str
        Name of the run.

    Raises
    ------
    MissingExtraError
        Without the package mlflow-skinny or, for a database, SQLAlchemy.
    """

    def __init__(self, uri: str, name: str) -> None:
        for variable, value in SETTINGS.items():
            os.environ.setdefault(variable, value)
        with (
            optional_package("mlflow", "track", "tracking with MLflow"),
            optional_package("alembic", "track", "tracking with MLflow"),
            optional_package("sqlalchemy", "track", "tracking with MLflow"),
        ):
            from mlflow import MlflowClient

            if "://" in uri and not uri.startswith(("http", "file")):
                import alembic  # noqa: F401
                import mlflow.store.db.utils as databases
                import sqlalchemy  # noqa: F401

                databases.MAX_RETRY_COUNT = DATABASE_RETRIES  # there is no setting for it
        logging.getLogger("mlflow").setLevel(logging.ERROR)  # it tells of every table it makes, and of every attempt to connect
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self._make, self.uri, self.name = MlflowClient, uri, name
        self._client: Any = None
        self.run_id = ""

    def __reduce__(self) -> tuple[type[MlflowTracker], tuple[str, str]]:
        """Return what makes the tracker anew in a worker, which needs the same settings before it imports MLflow."""
        return type(self), (self.uri, self.name)

    def start(self, parameters: Mapping[str, Any]) -> None:
        """Open a run and record its parameters."""
        self._client = self._make(tracking_uri=self.uri)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        number = self._client.create_experiment(EXPERIMENT) if experiment is None else experiment.experiment_id
        self.run_id = self._client.create_run(number, run_name=self.name).info.run_id
        for name, value in parameters.items():
            self._client.log_param(self.run_id, name, as_text(value)[:LONGEST])

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Record finite figures; MLflow's names have no ``@``, so ``recall@50`` is ``recall_at_50``."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name.replace("@", "_at_"), v, now, step) for name, v in figures.items() if math.isfinite(v)]
        self._client.log_batch(self.run_id, metrics=metrics)

    def finish(self, status: Status) -> None:
        """Close the run."""
        self._client.set_terminated(self.run_id, STATUS[status])
