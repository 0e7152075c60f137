"""Versions of the served model: loaded aside, tried out, swapped in by one reference, kept for the way back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..data.kinds import comparable
from ..errors import ArtifactError, DualNetError
from ..models.artifact import MANIFEST, read_manifest
from ..models.base import Recommender
from ..models.registry import load
from ..retrieval.answering import Answering
from ..retrieval.filters import Filters
from ..retrieval.questions import Question, RecommendQuestion
from ..retrieval.recommendations import Recommendations
from .baselines import Baselines
from .cards import warm_up_item
from .catalogue import LiveCatalogue, open_catalogue
from .new_content import content_columns, new_rows
from .replies import ModelLabel
from .search import TitleSearch
from .service_errors import RefusedModelError
from .stored_users import StoredUsers

LOG = "log.jsonl"
MOST_ENTRIES = 500  # the last ones
EVENT = "event"  # field of an entry, a text
LARGEST = 4 * 2**20  # bytes of a log that is read
SAMPLE = 32  # stored histories that a new version must answer before it may answer anyone


@dataclass(frozen=True, eq=False)
class Version:
    """A loaded model and all that is kept of it.

    Parameters
    ----------
    model : Recommender
    label : ModelLabel
    manifest : dict
        Of the model folder.
    base : LiveCatalogue
        Its own catalogue, encoded.
    answering : Answering
    baselines : Baselines
    titles : TitleSearch
    saved : float
        When the folder was written, in seconds since 1970.
    training : list of dict
        The log of the run beside the folder, as far as there is one: an entry for each epoch or trial.
    """

    model: Recommender
    label: ModelLabel
    manifest: dict[str, Any]
    base: LiveCatalogue
    answering: Answering[LiveCatalogue]
    baselines: Baselines
    titles: TitleSearch
    saved: float = 0.0
    training: list[dict[str, Any]] = field(default_factory=list)


def load_version(folder: Path, before: Version | None = None) -> Version:
    """Load a model folder, verify every byte, encode its catalogue, and try it out.

    Parameters
    ----------
    folder : Path
    before : Version, optional
        The one whose place it is to take: callers go on with ids of its kind.

    Raises
    ------
    ArtifactError
        If the folder is damaged, or the model does not answer as a model should.
    RefusedModelError
        If its ids are of another kind than those of the version before.
    """
    digest, saved = _digest(folder), (folder / MANIFEST).stat().st_mtime
    manifest, model = read_manifest(folder), load(folder)
    if _digest(folder) != digest:
        raise ArtifactError(f"{folder} was replaced while it was read; load it again")
    label = ModelLabel(model.name, digest[:12])
    if before is not None and _kinds(model) != _kinds(before.model):
        raise RefusedModelError(
            f"version {label.version} has ids of another kind, text or whole numbers; start a new server for it"
        )
    base = open_catalogue(model, label)
    raw = model.catalogue_.content
    answering = Answering(Filters(None if raw is None else raw.table, content_columns(model), comparable), StoredUsers(model))
    version = Version(model, label, manifest, base, answering, Baselines(model), TitleSearch(), saved, training_log(folder))
    try_out(version, base)
    return version


def try_out(version: Version, catalogue: LiveCatalogue) -> None:
    """Ask a version what it will be asked: vectors and lists of stored histories, features of new content.

    Raises
    ------
    RefusedModelError
        If an answer is an error, empty or not finite; the text says which.
    """
    model, label = version.model, f"version {version.label.version}"
    rows = np.unique(np.linspace(0, len(model.users_) - 1, min(SAMPLE, len(model.users_))).astype(np.int64))
    users = [user for user in model.users_.take(rows) if user not in catalogue.forgotten]
    questions: list[Question] = [RecommendQuestion(user=user, k=10, keep_seen=True) for user in users]
    for user, answer in zip(users, version.answering(catalogue, questions), strict=True):
        if isinstance(answer, Exception):
            raise RefusedModelError(f"{label} cannot answer for the stored user {user!r}: {answer}") from answer
        assert isinstance(answer, Recommendations)
        if not answer.ids or not np.isfinite(answer.scores).all():
            raise RefusedModelError(
                f"{label} has {'no list' if not answer.ids else 'scores that are not finite'} for user {user!r}"
            )
    item = warm_up_item(catalogue)
    if model.capabilities.new_items and item is not None:
        try:
            fresh = model.encode_items(new_rows(model, [item]))
        except DualNetError as error:
            raise RefusedModelError(f"{label} cannot encode the content of one of its own items: {error}") from error
        if fresh.shape[0] != 1:
            raise RefusedModelError(f"{label} encodes one new item as {fresh.shape[0]}")


def _kinds(model: Recommender) -> tuple[bool, bool]:
    """Return whether the ids of items and of users are whole numbers."""
    return model.catalogue_.ids.is_integer, model.users_.is_integer


def _digest(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(f"{folder} is not a model folder: {MANIFEST} cannot be read ({error.strerror})") from error


def training_log(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of the log beside a model folder, numbers and short texts only; empty where there is none to read.

    What happened to workers is left out: it names machines and folders, and whoever may ask reads this.
    """
    path = folder.resolve().parent / LOG
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    entries: list[dict[str, Any]] = []
    for line in lines[-MOST_ENTRIES:]:
        with contextlib.suppress(
            ValueError, RecursionError
        ):  # no JSON, or too deep or long for one: the model does not need it
            entry = json.loads(line)
            if isinstance(entry, dict):
                entries.append({name: value for name, value in entry.items() if name != EVENT and _short(value)})
    return entries


def _short(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= 100)
