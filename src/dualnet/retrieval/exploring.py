"""Exploration: some places of a list go to new items that are drawn, and every entry has the probability with which it was shown."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UsageError, shown
from ..rng import generator
from ..rules.rules import Rules, as_rules
from .questions import Answer, Question, RecommendQuestion
from .recommendations import Recommendations

AMONG = 10  # times the length of a list: so many of the best new items beyond it can be drawn
ROUNDING = 1e-9


def check_exploration(question: RecommendQuestion) -> None:
    """Refuse a share that is none, and one that contradicts the question; raises `UsageError`."""
    share = question.explore
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise UsageError(f"explore must be a number from 0 to 1, got {shown(share)}")
    if question.draw is not None and (isinstance(question.draw, bool) or not isinstance(question.draw, str | int)):
        raise UsageError(f"draw must be a text or a whole number, got {shown(question.draw)}")
    if share and question.page is not None:
        raise UsageError("explore draws anew for each list, so that pages could repeat an item; leave page out, or explore")
    if share and question.only == "known":
        raise UsageError("explore lists new items, and only='known' forbids them; leave one of them out")
    rules = as_rules(question.rules) if share else None
    for quota in () if rules is None else rules.quotas:
        if quota.at_most is not None or quota.kind != "new" or quota.items or quota.where is not None:
            raise UsageError(f"explore draws items that the rule '{quota}' would not count; leave the quota out, or explore")


def with_pools(questions: Sequence[Question]) -> tuple[list[Question], dict[int, int]]:
    """Return the questions to ask so that some can be explored: for each of those also one for the new items that can be drawn.

    Returns
    -------
    asked : list of Question
        The questions in their order, then those for new items.
    pools : dict of int to int
        The place of the second one of each question that explores.
    """
    asked, pools = list(questions), dict[int, int]()
    for place, question in enumerate(questions):
        if isinstance(question, RecommendQuestion) and question.explore:
            try:
                check_exploration(question)
            except UsageError:
                continue  # it is refused as it is
            if isinstance(question.k, bool) or not isinstance(question.k, int) or question.k < 1:
                continue  # likewise
            asked[place] = replace(question, explore=0.0)
            pools[place] = len(asked)
            rules = _of_the_pool(question)
            asked.append(replace(question, explore=0.0, only="new", new_share=None, k=(AMONG + 1) * question.k, rules=rules))
    return asked, pools


def _of_the_pool(question: RecommendQuestion) -> Rules | None:
    """Return the rules that hold for items that can be drawn: what is hidden or outside its window is not."""
    try:
        rules = as_rules(question.rules)
    except UsageError:
        return None  # the question itself is refused
    return None if rules is None else replace(rules, boost=(), pin=(), quotas=(), diversity=0.0) or None


def explored(
    questions: Sequence[Question], answers: Sequence[Answer | Exception], pools: dict[int, int]
) -> list[Answer | Exception]:
    """Return one answer for each question, given the answers to those of `with_pools`."""
    found = list(answers[: len(questions)])
    for place, second in pools.items():
        question, best, pool = questions[place], answers[place], answers[second]
        if isinstance(best, Recommendations):
            assert isinstance(question, RecommendQuestion)
            if isinstance(pool, Recommendations):
                found[place] = _explore(question, best, pool)
            else:
                assert isinstance(pool, Exception)
                found[place] = pool
    return found


def _explore(question: RecommendQuestion, best: Recommendations, pool: Recommendations) -> Recommendations:
    """Return a list whose last places, but for those of pins, are for drawn new items."""
    listed = set(best.ids)
    beyond = [place for place, key in enumerate(pool.ids) if key not in listed][: AMONG * question.k]
    places = _not_pinned(question, best)
    n, n_pool = len(places), len(beyond)
    chances = counts_of(question.explore, len(best), min(n_pool, n))
    draw = generator(_seed(question), "explore")
    weights = np.array(list(chances.values()))
    count = int(draw.choice(list(chances), p=weights / weights.sum()))
    drawn = np.sort(draw.choice(n_pool, count, replace=False)) if count else np.empty(0, np.int64)
    rows = [beyond[int(at)] for at in drawn]
    odds = [1.0] * len(best)
    for rank, place in enumerate(places, 1):
        odds[place] = sum(chance for number, chance in chances.items() if number <= n - rank)
    expected = sum(chance * number for number, chance in chances.items())
    given = places[n - count :]

    def put(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        found = list(old)
        for place, one in zip(given, new, strict=True):
            found[place] = one
        return found

    ruled = best.ruled
    if ruled is not None:
        ranks = [len(best) + 1 + int(at) for at in drawn]
        ruled = replace(ruled, by=put(ruled.by, [["explore"] for _ in rows]), score_ranks=put(ruled.score_ranks, ranks))
    return replace(
        best,
        ruled=ruled,
        ids=put(best.ids, [pool.ids[row] for row in rows]),
        scores=put(best.scores, [pool.scores[row] for row in rows]),
        titles=put(best.titles, [pool.titles[row] for row in rows]),
        paths=put(best.paths, [pool.paths[row] for row in rows]),
        probabilities=[min(float(one), 1.0) for one in put(odds, [expected / n_pool for _ in rows])],
    )


def _not_pinned(question: RecommendQuestion, best: Recommendations) -> list[int]:
    """Return the places of a list that no pin has."""
    rules = as_rules(question.rules)
    pins = {str(pin) for pin in rules.pin} if rules is not None else set()
    return [place for place, by in enumerate(best.rules) if not pins.intersection(by)]


def counts_of(share: float, n: int, n_pool: int) -> dict[int, float]:
    """Return with what probability so many places are for drawn items: the two whole numbers around share times n.

    Parameters
    ----------
    share : float
        Of the places.
    n : int
        Length of the list.
    n_pool : int
        Items that can be drawn; there are no more places for them than that.
    """
    low = math.floor(share * n + ROUNDING)
    more = max(share * n - low, 0.0)
    found: dict[int, float] = {}
    for count, chance in ((low, 1 - more), (low + 1, more)):
        if chance > ROUNDING:
            found[min(count, n_pool)] = found.get(min(count, n_pool), 0.0) + chance
    return found


def _seed(question: RecommendQuestion) -> int:
    """Return the seed that follows from the word and the user of a question; another one each time where it has no word."""
    draw = question.draw
    if draw is None:
        return secrets.randbits(62)
    return int.from_bytes(
        hashlib.sha256(f"{type(draw).__name__} {draw} {question.user!r}".encode("utf-8", "surrogatepass")).digest()[:7],
        "little",
    )
