"""The work that is done in parts: lists for every user, vectors of items or users, the ranking of an evaluation."""

from __future__ import annotations

import hashlib
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, Unpack

import numpy as np
from scipy.sparse import csr_array

from ..computed_once import computed_once
from ..data.content import Content
from ..data.interactions import Interactions
from ..data.tasks import RankingTask, Split
from ..data.trusted_paths import trusts_paths
from ..data.write_table import write_tables
from ..distributed.cluster import cluster
from ..errors import ArtifactError, UsageError
from ..evaluation import DEFAULT_CUTS, evaluate_ranked, weighed_history
from ..exports.parquet import vector_tables
from ..exports.source import BLOCK, VectorSource, items_of, users_of
from ..ids import Key
from ..models.artifact import read_manifest
from ..models.asking import Listed, part_of_many, users_together
from ..models.base import Recommender
from ..models.question_content import as_content
from ..models.registry import load
from ..ranking import RankedPart, Ranking
from ..report import Report
from ..retrieval.topk import block_rows
from ..rules.rules import Rules
from ..typed_values import path_of, plain
from .parts import Finished, Part, PartsFolder, file_digest, parts_of
from .ray_data import answers

What = Literal["items", "users"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Workers:
    """Who does a job: how many processes, on which cluster, whether what another job wrote is replaced, and who is told."""

    workers: int
    address: str | None
    overwrite: bool
    say: Say


class Written(NamedTuple):
    """What a job has written: its folder, the rows of its parts, how many parts, and how many of them an earlier run made."""

    folder: Path
    rows: int
    parts: int
    found: int


def recommend_all(
    model: Recommender | str | Path,
    out: str | Path,
    *,
    workers: int,
    address: str | None = None,
    users: Sequence[Key] | None = None,
    overwrite: bool = False,
    say: Say = lambda text: None,
    **wanted: Unpack[Listed],
) -> Written:
    """Recommend for every user seen in training in several processes, and write Parquet parts.

    The lists are those of `Recommender.recommend_all`, in the same order. A job that was killed goes on where it stopped when it
    is called again, with any number of workers.

    Parameters
    ----------
    model : Recommender, str or Path
        A fitted model, or the folder of a saved one, which every machine of a cluster can read.
    out : str or Path
        Folder of the parts (columns user, rank, item, score), which every machine can write.
    workers : int
        Processes.
    address : str, optional
        Of an existing Ray cluster; by default one of this machine is started and ended.
    users : sequence of str or int, optional
        Only these, in this order.
    overwrite : bool
        Replace the parts of another job.
    say : callable
        Told what is done, for people.
    **wanted
        Arguments of `Recommender.recommend` that are of lists, for everybody.

    Raises
    ------
    MissingExtraError
        Without Ray.
    UsageError
        If `out` holds something else, or the parts of another job.
    ResourceError
        If the cluster does not answer, or the parts cannot be written.

    Examples
    --------
    >>> import dualnet
    >>> import dualnet.batch
    >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
    >>> dualnet.batch.recommend_all(model, "lists", workers=2, k=3).rows  # doctest: +SKIP
    120
    """
    with _saved(model) as (fitted, saved):
        known = fitted.users_.keys if users is None else tuple(users)
        fitted.users_.rows(known, "user")
        if wanted.get("new_items") is not None:
            wanted["new_items"] = as_content(wanted["new_items"], fitted)
        job = _Lists(saved, str(path_of(out, "out").resolve()), None if users is None else known, {**wanted})
        told = {name: _described(value) for name, value in wanted.items() if value is not None}
        described = {"work": "recommend", "users": _digest(known), "wanted": told}
        parts = parts_of(len(known), users_together(len(fitted.catalogue_)))
        return _write_parts(job, described, parts, Workers(workers, address, overwrite, say))


def encode(
    model: Recommender | str | Path,
    out: str | Path,
    *,
    workers: int,
    address: str | None = None,
    what: What = "items",
    content: Content | None = None,
    histories: Interactions | None = None,
    overwrite: bool = False,
    say: Say = lambda text: None,
) -> Written:
    """Encode items or users in several processes, and write Parquet parts with the columns of `dualnet encode`.

    Parameters
    ----------
    model, out, workers, address, overwrite, say
        As in `recommend_all`.
    what : {"items", "users"}
        The catalogue, or the users seen in training.
    content : Content, optional
        Items to encode instead of the catalogue.
    histories : Interactions, optional
        Histories over the catalogue to encode instead of the users seen in training.

    Raises
    ------
    MissingExtraError, UsageError, ResourceError
        As `recommend_all`.

    Examples
    --------
    >>> import dualnet
    >>> import dualnet.batch
    >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
    >>> dualnet.batch.encode(model, "vectors", workers=2, what="users").rows  # doctest: +SKIP
    40
    """
    if what not in ("items", "users"):
        raise UsageError(f"what must be 'items' or 'users', got {what!r}")
    if (content is not None and what == "users") or (histories is not None and (what == "items" or content is not None)):
        raise UsageError("content is of items, and histories are of users; give one of them, with what='items' or what='users'")
    with _saved(model) as (fitted, saved):
        job = _Vectors(saved, str(path_of(out, "out").resolve()), what, content, histories)
        given = content.fingerprint() if content is not None else None if histories is None else _pairs_digest(histories)
        described = {"work": "encode", "what": what, "given": given}
        parts = parts_of(len(job.source_of(fitted)), BLOCK)
        return _write_parts(job, described, parts, Workers(workers, address, overwrite, say))


def evaluate(
    model: Recommender | str | Path,
    tasks: Split | RankingTask | Sequence[RankingTask],
    *,
    workers: int,
    address: str | None = None,
    at: Sequence[int] | int = DEFAULT_CUTS,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Report:
    """Evaluate as `dualnet.evaluate` does, with users ranked in several processes; the figures are the same.

    Parameters
    ----------
    model, workers, address
        As in `recommend_all`.
    tasks, at, bootstrap, seed
        As in `dualnet.evaluate`.

    Raises
    ------
    MissingExtraError, UsageError, ResourceError
        As `recommend_all`.

    Examples
    --------
    >>> import dualnet
    >>> import dualnet.batch
    >>> split = dualnet.splits.four_quadrants(dualnet.synthetic.blocks_world())
    >>> model = dualnet.Fusion(factors=4).fit(split.train)
    >>> report = dualnet.batch.evaluate(model, split, workers=2)  # doctest: +SKIP
    """
    purpose = "evaluate with several workers"
    with _saved(model) as (fitted, saved):

        def rank(ranked: Ranking) -> None:
            job = _Ranks(saved, ranked.task, ranked.cuts)
            parts = parts_of(ranked.n_users, block_rows(len(ranked.task.candidates)))
            for _, part in answers(job, parts, workers, None, purpose):
                ranked.take(part)

        with cluster(address, workers, purpose=purpose):  # one for all tasks
            return evaluate_ranked(fitted, tasks, rank, at=at, bootstrap=bootstrap, seed=seed)


@dataclass
class _OfModel:
    """A job on a saved model, which each process loads once and checks to be the same."""

    saved: _SavedModel

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # nothing that was computed

    @computed_once
    def model(self) -> Recommender:
        """The model."""
        folder = self.saved.folder
        if not Path(folder).is_dir():
            raise ArtifactError(
                f"a worker finds no folder {folder}; put the model where every machine of the cluster can read it"
            )
        if _fitted(folder) != self.saved.fitted:
            raise ArtifactError(f"the model in {folder} was replaced while it was used; run the same command again")
        loaded: Recommender = load(folder, trust_paths=self.saved.trusted)
        return loaded


@dataclass
class _FilesOfModel(_OfModel, ABC):
    """A job whose parts are files of one folder."""

    out: str

    def answer(self, part: Part) -> Finished:
        """Write a part, and return what to record."""
        path = Path(self.out) / part.name
        rows = self.write(part, path)
        return Finished(rows, file_digest(path))

    @abstractmethod
    def write(self, part: Part, path: Path) -> int:
        """Write the file of a part; return its rows."""


@dataclass
class _Lists(_FilesOfModel):
    users: Sequence[Key] | None
    wanted: Mapping[str, Any]

    def write(self, part: Part, path: Path) -> int:
        """Write the lists of some users."""
        everybody = self.model.users_.keys if self.users is None else self.users
        with part_of_many(len(everybody) > users_together(len(self.model.catalogue_))):
            written = self.model.recommend_all(path, users=everybody[part.start : part.stop], **self.wanted)
        return written if isinstance(written, int) else 0


@dataclass
class _Vectors(_FilesOfModel):
    what: What
    content: Content | None
    histories: Interactions | None

    def source_of(self, model: Recommender) -> VectorSource:
        """Return what is encoded."""
        return items_of(model, self.content) if self.what == "items" else users_of(model, self.histories)

    @computed_once
    def source(self) -> VectorSource:
        """What is encoded."""
        return self.source_of(self.model)

    def write(self, part: Part, path: Path) -> int:
        """Write the vectors of some rows."""
        return write_tables(vector_tables(self.source, part.start, part.stop), path)


@dataclass
class _Ranks(_OfModel):
    task: RankingTask
    cuts: list[int]

    @computed_once
    def ranking(self) -> tuple[Any, Any, Any]:
        """Items, their vectors, and which of the candidates can be scored."""
        space = self.model.space(self.task.items, self.task.content)
        scorable = self.model.scorable(space)[self.task.candidates]
        return space, self.model.encode_items(space, self.task.candidates), scorable

    def answer(self, part: Part) -> RankedPart:
        """Rank for the users of a part."""
        space, items, scorable = self.ranking
        ranked, rows = Ranking(self.task, self.cuts, None), slice(part.start, part.stop)
        ranked.start()
        users = ranked.user_rows[rows]
        columns = None if self.task.user_content is None else self.task.user_content.take(users)
        vectors = self.model.encode_users(csr_array(weighed_history(self.model, self.task)[users]), space, columns)
        return ranked.measure_some(vectors, items, rows, scorable).gathered(rows)


def _write_parts(job: _FilesOfModel, described: Mapping[str, Any], parts: Sequence[Part], run: Workers) -> Written:
    """Do what is left of a job, and record each part as it comes."""
    told = {**described, "model": job.saved.fitted}
    with PartsFolder.claimed(job.out, told, parts, overwrite=run.overwrite) as folder:
        found = len(folder.finished)
        if found:
            run.say(f"{found:,} of {len(parts):,} parts found in {folder.path}")
        for part, done in answers(job, folder.left, run.workers, run.address, f"{described['work']} with several workers"):
            folder.record(part.number, done)
            if len(folder.finished) % max(1, len(parts) // 20) == 0:
                run.say(f"{len(folder.finished):,} of {len(parts):,} parts, {folder.rows:,} rows")
        folder.tidy()
        return Written(folder.path, folder.rows, len(parts), found)


class _SavedModel(NamedTuple):
    """Where a model lies, what tells it from others, and whether paths that it names are followed."""

    folder: str
    fitted: str
    trusted: bool


@contextmanager
def _saved(model: Recommender | str | Path) -> Iterator[tuple[Recommender, _SavedModel]]:
    """Give a model with a folder that holds it: its own, or a new one for as long as it is needed."""
    trusted = trusts_paths(None)
    if isinstance(model, Recommender):
        with tempfile.TemporaryDirectory(prefix="dualnet-model-") as place:
            folder = str(Path(place) / "model")
            model.save(folder)
            yield model, _SavedModel(folder, _fitted(folder), trusted)
    else:
        loaded: Recommender = load(model)
        folder = str(path_of(model, "model").resolve())
        yield loaded, _SavedModel(folder, _fitted(folder), trusted)


def _fitted(folder: str) -> str:
    """Return what tells a saved model from others, whatever figures and versions are noted beside it."""
    return hashlib.sha256(json.dumps(read_manifest(Path(folder))["files"], sort_keys=True).encode()).hexdigest()


def _described(value: Any) -> Any:
    """Return what tells a value from others, as JSON."""
    if isinstance(value, Content):
        return value.fingerprint()
    value = value.to_json() if isinstance(value, Rules) else plain(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _digest(value) if len(value) > 20 else list(value)
    return value


def _digest(keys: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for key in keys:
        digest.update(json.dumps(plain(key), ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def _pairs_digest(histories: Interactions) -> str:
    pattern = histories.pattern()
    digest = hashlib.sha256(_digest(histories.users.keys).encode())
    for piece in (pattern.indptr, pattern.indices):
        digest.update(np.ascontiguousarray(piece, np.int64).tobytes())
    return digest.hexdigest()
