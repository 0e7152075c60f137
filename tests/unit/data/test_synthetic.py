"""Synthetic worlds: reproducible, of the asked size, with the structure they claim."""

import re

import numpy as np
import pytest

from dualnet.data.research_fields import FIELDS, METHODS
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


def test_every_pattern_reads_well_in_every_field():
    for field in FIELDS:
        assert (len(field.themes), len(set(field.methods))) == (4, 5), field.name
        assert all(len(set(theme.subjects)) == 6 for theme in field.themes), field.name
        assert all(
            re.match("(in|on|at|for|with|under|across|over|near|by|during|since|among|from) ", place) for place in field.places
        )
        assert set(field.methods) <= set(METHODS)


def test_titles_differ_and_texts_are_whole_sentences_without_gaps():
    table = library(n_readers=30, n_papers=1_800).items.table
    titles = table["title"].to_pylist()
    assert len(set(titles)) == len(titles)
    for title, abstract in zip(titles, table["abstract"].to_pylist(), strict=True):
        assert title[0].isupper()
        assert not set("{}") & set(title + abstract)
        assert len(re.findall(r"[.?](?= [A-Z]|$)", abstract)) == 4, abstract


@pytest.mark.parametrize("mark", ["line", "method", "kind"])
def test_tastes_have_several_levels(mark):
    """Shares of a line's, a method's or a kind's papers differ between readers by more than chance."""
    world = library(n_readers=400, n_papers=1_800, seed=2)
    words = {"line": "memory", "method": "Bayesian", "kind": "review"}[mark]
    texts = [f"{paper['title']} {paper['abstract']}" for paper in world.items.table.to_pylist()]
    marked = np.array([words in text for text in texts])
    rows = world.interactions.matrix
    shares = np.array([marked[rows[[user]].indices].mean() for user in range(400)])
    mean, counts = marked[rows.indices].mean(), np.diff(rows.indptr)
    assert np.mean((shares - mean) ** 2 * counts) / (mean * (1 - mean)) > 1.2  # 1, give or take 0.07, where nobody has a taste


def test_columns_for_display_are_not_read():
    world = library(n_readers=20, n_papers=30, pairs_per_reader=5)
    assert world.items.spec.columns == ("title", "abstract")
    assert set(world.items.table.column_names) == {"title", "abstract", "field", "year"}
    assert set(world.items.table["year"].to_pylist()) <= {2020, 2021, 2022}
