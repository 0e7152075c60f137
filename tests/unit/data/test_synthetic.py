"""Synthetic worlds: reproducible, of the asked size, with the structure they claim."""

import numpy as np
import pytest

from dualnet.data.synthetic import blocks_world, library
from dualnet.errors import UsageError


def test_same_seed_same_world():
    first, again, other = (library(n_readers=50, n_papers=60, seed=seed) for seed in (1, 1, 2))
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_popularity_is_skewed_and_times_follow_publication():
    world = library(n_readers=500, n_papers=400)
    counts = np.sort(np.bincount(world.interactions.matrix.indices, minlength=400))[::-1]
    assert counts[:40].sum() > 0.2 * counts.sum()  # a tenth of the papers
    assert (world.interactions.times > 1_577_836_800).all()


def test_large_worlds_are_made_without_loops_over_pairs():
    world = library(n_readers=20_000, n_papers=5_000, text=False)
    assert world.interactions.n_pairs > 200_000
    assert world.items.spec.categories == ("topic",)


def test_blocks_world_has_no_pair_across_groups():
    world = blocks_world(groups=3)
    users, items = world.interactions.pairs()
    assert all(
        str(world.interactions.users.key(u))[1] == str(world.interactions.items.key(i))[1]
        for u, i in zip(users, items, strict=True)
    )


def test_bad_sizes():
    with pytest.raises(UsageError, match="n_papers must be at least 1, got 0"):
        library(n_papers=0)
