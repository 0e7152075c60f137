"""What an update is worth beside a fit of everything: recall of known and new users and items, and seconds.

A tenth of the pairs, a twentieth of the items and of the users are hidden from a first fit. Three fifths of what was hidden are
then given to the update, or to a fit of everything; a fifth is asked for; the rest was for choosing epochs and rate. "merged" is
the old model with the new histories and catalogue, without a step of learning.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from dualnet import RunOptions, evaluate
from dualnet.data import sources
from dualnet.data.dataset import Dataset
from dualnet.data.synthetic import library
from dualnet.data.tasks import RankingTask
from dualnet.models.registry import create

from . import record

LIBRARIES = (10, 11, 12, 13)  # seeds that nothing was chosen on
EPOCHS = 10
HIDDEN_PAIRS, HIDDEN_ITEMS, HIDDEN_USERS = 0.10, 0.05, 0.05
FOR_CHOOSING, ASKED = 0.2, 0.4  # of what was hidden: below the first for choosing, from it to the second asked for
FEW = 300  # candidates; of fewer, the first 20 are looked at instead of 50
SHARES = ("known users, known items", "known users, new items", "new users, known items")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Night:
    """A world before and after.

    Parameters
    ----------
    before, new, after : Dataset
        Of the first fit, of the update, and both together.
    tasks : dict of str to RankingTask
        What is asked, by share.
    """

    before: Dataset
    new: Dataset
    after: Dataset
    tasks: dict[str, RankingTask]


def run() -> None:
    """Measure on one thread and write results/nightly.jsonl."""
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1):
        for model in ("dualnet", "wmf"):
            rows += _measured("citeulike-a, title", model, [_night(sources.load("citeulike-a").with_content(["title"]))])
            if model == "dualnet":
                rows += _measured("library, mean of 4", model, [_night(library(seed=seed)) for seed in LIBRARIES])
    record.write("nightly", rows)


def _night(data: Dataset) -> Night:
    rng = np.random.default_rng(0)
    users, items = data.interactions.pairs()
    is_new_item = rng.random(data.interactions.n_items) < HIDDEN_ITEMS
    is_new_user = rng.random(data.interactions.n_users) < HIDDEN_USERS
    hidden = (rng.random(len(users)) < HIDDEN_PAIRS) | is_new_item[items] | is_new_user[users]
    draw = rng.random(len(users))
    given, asked = hidden & (draw >= ASKED), hidden & (draw >= FOR_CHOOSING) & (draw < ASKED)
    after = data.only(~hidden | given)
    by_share = (~is_new_user[users] & ~is_new_item[items], ~is_new_user[users] & is_new_item[items],
                is_new_user[users] & ~is_new_item[items])  # fmt: skip
    there = after.interactions
    rows = there.users.find(data.interactions.users.keys)
    columns = there.items.find(data.interactions.items.keys)
    new_column = np.zeros(len(there.items), bool)
    new_column[columns[is_new_item & (columns >= 0)]] = True

    def matrix(kept: Mask) -> csr_array:
        kept = kept & (rows[users] >= 0) & (columns[items] >= 0)
        pairs = (rows[users[kept]], columns[items[kept]])
        made = csr_array((np.ones(int(kept.sum()), np.float32), pairs), shape=(len(there.users), len(there.items)))
        made.sort_indices()
        return made

    known = matrix(~hidden | given)
    tasks = {
        share: RankingTask(
            "known-known", there.users, there.items, known, known, np.flatnonzero(new_column if "new items" in share else ~new_column),
            matrix(asked & kept), content=after.items,
        )
        for share, kept in zip(SHARES, by_share, strict=True)
    }  # fmt: skip
    return Night(data.only(~hidden), data.only(given), after, tasks)


def _measured(world: str, name: str, nights: list[Night]) -> list[dict[str, Any]]:
    """Return a row for each way to learn what is new, the mean over worlds of a kind."""
    found = [list(_ways(name, night)) for night in nights]
    rows = []
    for same in zip(*found, strict=True):
        figures = {key: float(np.mean([figures[key] for _, figures in same])) for key in same[0][1]}
        rows.append({"world": world, "model": name, "what": same[0][0], **figures})
    return rows


def _ways(name: str, night: Night) -> Iterator[tuple[str, dict[str, float]]]:
    # the paper's levels: what an update is worth beside a fit, in half the time of the default's
    settings = {"levels": (200, 200, 50), "residual_dropout": 0.5, "epochs": EPOCHS} if name == "dualnet" else {}
    quiet = RunOptions(progress=False, threads=1)

    def timed(what: str, make: Callable[[], Any]) -> tuple[str, dict[str, float]]:
        started = time.perf_counter()
        model = make()
        seconds = time.perf_counter() - started
        return what, {**{share: _recall(model, task) for share, task in night.tasks.items()}, "seconds": seconds}

    def updated(**how: Any) -> Callable[[], Any]:
        model = create(name, **settings).fit(night.before, run=quiet)
        return lambda: model.update(night.new, run=quiet, **how)

    if name == "dualnet":
        yield timed("merged", updated(epochs=0))
    yield timed("updated", updated())
    yield timed("fitted anew", lambda: create(name, **settings).fit(night.after, run=quiet))


def _recall(model: Any, task: RankingTask) -> float:
    cut = 20 if len(task.candidates) < FEW else 50
    return float(evaluate(model, [task], at=(cut,))["known-known"].mean(f"recall@{cut}"))


if __name__ == "__main__":
    run()
