"""Writer of the world of `scale` as a folder of Parquet parts, a block of users at a time: larger than memory if need be."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .world import content_of_items, topics_of, user_blocks

VALIDATION_USERS = 2000
ITEMS_AT_ONCE = 100_000


def write(folder: Path, users: int, items: int, pairs_per_user: int, words: int, vocabulary: int, seed: int = 0) -> None:
    """Write events/, items/ (without words there are none) and held_out.parquet, further pairs of the first users.

    Parameters
    ----------
    folder : Path
        Where.
    users, items, pairs_per_user : int
        Sizes.
    words, vocabulary : int
        Words of an item, out of how many; 0 for items without content.
    seed : int
        Seed.
    """
    rng = np.random.default_rng(seed)
    (folder / "events").mkdir(parents=True, exist_ok=True)
    for number, (start, drawn) in enumerate(user_blocks(rng, users, items, pairs_per_user, 25_000)):
        who = np.repeat(np.arange(start, start + len(drawn)), pairs_per_user)
        table = pa.table({"user_id": who, "item_id": drawn[:, :pairs_per_user].reshape(-1).astype(np.int64)})
        pq.write_table(table, folder / "events" / f"part-{number:05d}.parquet")
        if start == 0:
            held = drawn[:VALIDATION_USERS, pairs_per_user:]
            who = np.repeat(np.arange(len(held)), held.shape[1])
            pq.write_table(
                pa.table({"user_id": who, "item_id": held.reshape(-1).astype(np.int64)}), folder / "held_out.parquet"
            )
    if words:
        _write_items(folder / "items", rng, items, words, vocabulary)


def _write_items(folder: Path, rng: np.random.Generator, items: int, words: int, vocabulary: int) -> None:
    folder.mkdir(exist_ok=True)
    topics = topics_of(items)
    content = content_of_items(rng, items, items // topics, topics, words, vocabulary)
    names = np.char.add("w", np.arange(vocabulary).astype(str)).astype(object)
    for number, start in enumerate(range(0, items, ITEMS_AT_ONCE)):
        rows = content.indices.reshape(items, -1)[start : start + ITEMS_AT_ONCE]
        texts = [" ".join(row) for row in names[rows]]
        pq.write_table(
            pa.table({"item_id": np.arange(start, start + len(rows)), "text": texts}), folder / f"part-{number:05d}.parquet"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--pairs-per-user", type=int, default=100)
    parser.add_argument("--words", type=int, default=0)
    parser.add_argument("--vocabulary", type=int, default=2000)
    given = parser.parse_args()
    write(given.folder, given.users, given.items, given.pairs_per_user, given.words, given.vocabulary)
