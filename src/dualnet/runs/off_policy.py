"""An estimate, from the log of a server, of what another model would have done: inverse propensity, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError
from ..models.catalogue import catalogue_of
from ..retrieval.questions import RecommendQuestion
from ..retrieval.recommendations import Recommendations
from ..rules.rules import Rules
from ..typed_values import path_of
from .forgotten_record import found_among
from .shown_log import Log, ShownList, read_log

if TYPE_CHECKING:
    from ..ids import Key
    from ..models.base import Recommender

LEAST = 10  # people: of fewer an interval says nothing
NORMAL = 1.959964  # of a 95 % interval
TOGETHER = 512  # questions at a time


@dataclass(frozen=True)
class Estimate:
    """A mean number of taken items an answer, with its 95 % interval.

    Parameters
    ----------
    mean, low, high : float
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} ({self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class LogEstimate:
    """Taken items an answer: as it was, and as it would have been with another model.

    Parameters
    ----------
    answers, users : int
        Answers of the log that count, and the different people who asked.
    left_out : int
        Answers that the model cannot be asked for: of users or items that it does not know, or with new items or columns.
    taken : int
        Entries that were taken.
    logged : Estimate
        What was shown.
    inverse_propensity : Estimate
        The model: each entry that was taken counts one over the probability with which it was shown, if the model lists it.
    self_normalised : Estimate
        The same over the sum of these weights, times the length of the model's lists: less noise, and right also where the log could not
        show some of the model's entries, if those are taken as often as the others.
    shown_share : float
        Share of the model's entries that were shown.
    effective : float
        Size of a sample of equal weights that says as much.

    Examples
    --------
    >>> from dualnet.runs.off_policy import estimate
    >>> from dualnet.runs.shown_log import ShownList
    >>> shown = [ShownList(f"r{n}", f"u{n}", {}, ["tea", "jam"], [1.0, 0.5], "", {"jam": "like"}) for n in range(10)]
    >>> found = estimate(shown, [["jam"]] * 10)
    >>> found.logged.mean, found.inverse_propensity.mean, found.self_normalised.mean
    (1.0, 2.0, 1.0)
    """

    answers: int
    users: int
    left_out: int
    taken: int
    logged: Estimate
    inverse_propensity: Estimate
    self_normalised: Estimate
    shown_share: float
    effective: float

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary.

        Examples
        --------
        >>> from dualnet.runs.off_policy import estimate
        >>> from dualnet.runs.shown_log import ShownList
        >>> shown = [ShownList(f"r{n}", f"u{n}", {}, ["tea"], [1.0], "", {"tea": "like"}) for n in range(10)]
        >>> estimate(shown, [["tea"]] * 10).to_json()["logged"]
        {'mean': 1.0, 'low': 1.0, 'high': 1.0}
        """
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.answers:,} answers to {self.users:,} people, {self.taken:,} entries taken ({self.left_out:,} answers left out)",
                f"taken an answer, as it was shown   {self.logged}",
                f"with this model, inverse propensity {self.inverse_propensity}",
                f"with this model, self-normalised    {self.self_normalised}",
                f"the log shows {100 * self.shown_share:.1f} % of what this model would list; it says as much as {self.effective:,.0f}"
                " entries of equal weight",
            ]
        )


def evaluate_log(model: Recommender, log: str | Path) -> LogEstimate:
    """Estimate what a model would have done, from the log of a server (`dualnet serve --shown-log`).

    The model is asked each question of the log. What it lists and the server showed counts one over the probability with which it was
    shown. Answers of one person depend on each other, so intervals are over people.

    Parameters
    ----------
    model : Recommender
        Fitted, on data from before the log.
    log : str or Path
        The file.

    Returns
    -------
    LogEstimate

    Raises
    ------
    DataError
        For a log without probabilities or with answers to too few people, or a file that is none.

    Examples
    --------
    >>> import dualnet
    >>> import json
    >>> from pathlib import Path
    >>> model = dualnet.Popularity().fit(dualnet.synthetic.blocks_world())
    >>> lines = [{"format": 1, "key": "00"}]
    >>> for n in range(20):
    ...     items = model.recommend(history=["i0-0"], k=2).ids
    ...     shown = {"request": f"r{n}", "question": {"history": ["i0-0"], "k": 2}, "items": items, "probabilities": [1, 1]}
    ...     lines += [{"shown": shown}, {"taken": {"request": f"r{n}", "item": items[n % 2], "type": "like"}}]
    >>> _ = Path("shown.jsonl").write_text("".join(json.dumps(line) + chr(10) for line in lines))
    >>> dualnet.evaluate_log(model, "shown.jsonl").self_normalised.mean
    1.0
    """
    model._require_fitted()
    read = read_log(path_of(log, "log"))
    bare = next((one.request for one in read.lists if one.probabilities is None), None)
    if bare is not None:
        raise DataError(
            f"{log}: answer {bare} has no probabilities, without which nothing can be said of another model; log with"
            " dualnet serve --shown-log"
        )
    asked = [pair for pair in zip(read.lists, _questions(model, read), strict=True) if pair[1] is not None]
    lists: list[list[Key]] = []
    counted: list[ShownList] = []
    for start in range(0, len(asked), TOGETHER):
        some = asked[start : start + TOGETHER]
        answers = model._answering()(catalogue_of(model), [question for _, question in some])
        for (one, _), answer in zip(some, answers, strict=True):
            if isinstance(answer, Recommendations):
                counted.append(one)
                lists.append(answer.ids)
    people = len({_person(one) for one in counted})
    if people < LEAST:
        raise DataError(
            f"{log} has answers to {people:,} people that this model can be asked for, and {LEAST} are the least, as the intervals are"
            " over people; log more"
        )
    return estimate(counted, lists, left_out=len(read.lists) - len(counted))


def estimate(shown: Sequence[ShownList], lists: Sequence[Sequence[Key]], *, left_out: int = 0) -> LogEstimate:
    """Return the estimate of lists in place of those that were shown.

    Parameters
    ----------
    shown : sequence of ShownList
        With probabilities.
    lists : sequence of sequence of str or int
        What another model lists for each.
    left_out : int
        Answers that do not count.
    """
    rewards, weighted, inverse, lengths, matches, squares = (np.zeros(len(shown)) for _ in range(6))
    for place, (one, listed) in enumerate(zip(shown, lists, strict=True)):
        wanted = set(listed)
        liked = {item for item, kind in one.taken.items() if kind == "like"}
        lengths[place], rewards[place] = len(wanted), len(liked)
        for item, odds in zip(one.items, one.probabilities or (), strict=True):
            if item in wanted:
                matches[place] += 1
                inverse[place] += 1 / odds
                squares[place] += odds**-2
                weighted[place] += (item in liked) / odds
    people = np.unique([_person(one) for one in shown], return_inverse=True)[1]
    length = float(lengths.mean())
    total = float(inverse.sum())
    ratio = float(weighted.sum()) / total if total else 0.0
    of_ratio = (weighted - ratio * inverse) / (inverse.mean() if total else 1.0)
    normalised = _interval(ratio * length, of_ratio * length + ratio * (lengths - length), people)
    return LogEstimate(
        answers=len(shown),
        users=int(people.max(initial=-1)) + 1,
        left_out=left_out,
        taken=int(rewards.sum()),
        logged=_interval(float(rewards.mean()), rewards - rewards.mean(), people),
        inverse_propensity=_interval(float(weighted.mean()), weighted - weighted.mean(), people),
        self_normalised=normalised,
        shown_share=float(matches.sum() / max(lengths.sum(), 1)),
        effective=float(total**2 / squares.sum()) if total else 0.0,
    )


def _interval(mean: float, parts: NDArray[np.float64], people: NDArray[np.int64]) -> Estimate:
    """Return a mean with the interval that the deviations of answers give, those of one person together."""
    sums = np.bincount(people, weights=parts)
    n = len(sums)
    spread = float(np.sqrt((sums**2).sum() * n / max(n - 1, 1))) / len(parts)
    return Estimate(mean, mean - NORMAL * spread, mean + NORMAL * spread)


def _person(one: ShownList) -> str:
    """Return who was answered; each history without a user is somebody else."""
    return one.user or f"request {one.request}"


def _questions(model: Recommender, log: Log) -> list[Any]:
    """Return the question of each answer for a model, None where it cannot be asked."""
    known = found_among(model.users_, log.key, {one.user for one in log.lists if one.user})
    names = set(RecommendQuestion.__dataclass_fields__) - {"explore", "draw", "user", "new_items", "user_columns"}
    found: list[Any] = []
    for one in log.lists:
        told = {name: value for name, value in one.question.items() if name in names and value is not None}
        user = known.get(one.user)
        if (user is None) == (told.get("history") is None):
            found.append(None)
            continue
        try:
            if "rules" in told:
                told["rules"] = _as_of(Rules.from_json(told["rules"]), one.time)
            found.append(RecommendQuestion(**{**told, "user": user, "unknown": "ignore", "fallback": "popularity"}))
        except (TypeError, UsageError):
            found.append(None)
    return found


def _as_of(rules: Rules, time: int) -> Rules:
    """Return rules whose window looks at the moment of the answer, not at that of the estimate."""
    if rules.window is None or rules.window.now is not None:
        return rules
    return replace(rules, window=replace(rules.window, now=datetime.fromtimestamp(time, UTC).isoformat()))
