"""A large synthetic world with something to learn: topics decide what users take and which words items have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

TOPICS_PER_USER = 3
OWN_WORDS = 0.6  # share of an item's words from its topic's vocabulary
HELD_OUT = 5


@dataclass(frozen=True)
class World:
    """Users x items with content.

    Parameters
    ----------
    matrix : csr_array of float32, shape (n_users, n_items)
        Training pairs.
    content : csr_array of float32, shape (n_items, n_words)
        Word counts.
    held_out : csr_array of float32, shape (n_validation, n_items)
        Further pairs of the first users: the validation sample.
    """

    matrix: csr_array
    content: csr_array
    held_out: csr_array


def make_world(
    n_users: int, n_items: int, pairs_per_user: int, *, words: int, vocabulary: int, n_validation: int = 2000, seed: int = 0
) -> World:
    """Draw a world of the given size in memory of its own size.

    Parameters
    ----------
    n_users, n_items : int
        Sizes.
    pairs_per_user : int
        Training pairs of each user (a few less where draws coincide are filled up from the spare ones).
    words, vocabulary : int
        Words of an item, out of how many.
    n_validation : int
        Users with held-out pairs.
    seed : int
        Seed.
    """
    rng = np.random.default_rng(seed)
    topics = topics_of(n_items)
    matrix_rows, held_rows = [], []
    for start, drawn in user_blocks(rng, n_users, n_items, pairs_per_user):
        matrix_rows.append(np.sort(drawn[:, :pairs_per_user], axis=1))
        if start < n_validation:
            held_rows.append(np.sort(drawn[: n_validation - start, pairs_per_user:], axis=1))
    return World(
        _csr(np.concatenate(matrix_rows), n_items),
        content_of_items(rng, n_items, n_items // topics, topics, words, vocabulary),
        _csr(np.concatenate(held_rows), n_items),
    )


def topics_of(n_items: int) -> int:
    """Return the number of topics of a world of so many items."""
    return max(4, min(200, n_items // 100))


def user_blocks(
    rng: np.random.Generator, n_users: int, n_items: int, pairs_per_user: int, at_once: int = 50_000
) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Yield the first user of each block, and the items of its users, in random order: those to train on, then `HELD_OUT`."""
    topics = topics_of(n_items)
    per_topic = n_items // topics
    for start in range(0, n_users, at_once):
        count = min(at_once, n_users - start)
        own = rng.integers(topics, size=(count, TOPICS_PER_USER), dtype=np.int32)
        yield start, _distinct(_picks(rng, own, per_topic, n_items, 3 * pairs_per_user), rng, pairs_per_user + HELD_OUT)


def _picks(rng: np.random.Generator, own: NDArray[np.int32], per_topic: int, n_items: int, count: int) -> NDArray[np.int32]:
    topic = np.take_along_axis(own, rng.integers(TOPICS_PER_USER, size=(len(own), count)), axis=1)
    place = (per_topic * rng.random((len(own), count), np.float32) ** 2).astype(np.int32)  # popular ones first
    anything = rng.integers(n_items, size=(len(own), count), dtype=np.int32)
    return np.where(rng.random((len(own), count), np.float32) < 0.8, topic * per_topic + place, anything)


def _distinct(picks: NDArray[np.int32], rng: np.random.Generator, wanted: int) -> NDArray[np.int32]:
    """Return the first `wanted` distinct picks of each row, in random order."""
    order = np.argsort(picks, axis=1, kind="stable")
    ordered = np.take_along_axis(picks, order, axis=1)
    repeated = np.zeros_like(ordered, bool)
    repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    chance = rng.random(ordered.shape, np.float32) + repeated
    return np.take_along_axis(ordered, np.argpartition(chance, wanted - 1, axis=1)[:, :wanted], axis=1)


def content_of_items(
    rng: np.random.Generator, n_items: int, per_topic: int, topics: int, words: int, vocabulary: int
) -> csr_array:
    """Return word counts of items, shape (n_items, vocabulary): most words are those of an item's topic."""
    own = vocabulary // topics
    topic = np.minimum(np.arange(n_items) // per_topic, topics - 1)[:, None]
    mine = topic * own + (own * rng.random((n_items, 3 * words)) ** 1.5).astype(np.int64)
    other = (vocabulary * rng.random((n_items, 3 * words)) ** 1.5).astype(np.int64)
    drawn = np.where(rng.random((n_items, 3 * words)) < OWN_WORDS, mine, other).astype(np.int32)
    return _csr(np.sort(_distinct(drawn, rng, words), axis=1), vocabulary)


def _csr(rows: NDArray[np.int32], width: int) -> csr_array:
    indptr = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return csr_array((np.ones(rows.size, np.float32), rows.reshape(-1), indptr), shape=(len(rows), width))
