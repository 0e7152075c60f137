"""The vector cache: same bits back, never a wrong vector, never in the way."""

import sqlite3

import numpy as np
import pytest

from dualnet.data.cache import VectorCache, cache_key
from dualnet.data.featurizers.cached import progress_bar, vectors_of
from dualnet.errors import DualNetWarning

KEYS = [cache_key("settings", bytes([place])) for place in range(5)]
VECTORS = {key: np.linspace(0, place / 7, 3, dtype=np.float32) for place, key in enumerate(KEYS)}


def test_what_was_put_comes_back_bit_by_bit(tmp_path):
    VectorCache(tmp_path / "new" / "v.sqlite").put(VECTORS)
    found = VectorCache(tmp_path / "new" / "v.sqlite").get([*KEYS, cache_key("other settings", b"\0")], 3)
    assert set(found) == set(KEYS)
    for key in KEYS:
        np.testing.assert_array_equal(found[key].view(np.uint32), VECTORS[key].view(np.uint32))


def test_altered_entries_are_left_out_with_a_warning(tmp_path):
    cache = VectorCache(tmp_path / "v.sqlite")
    cache.put(VECTORS)
    with sqlite3.connect(cache.path) as connection:
        whole = connection.execute("SELECT value FROM vectors WHERE key = ?", [KEYS[0]]).fetchone()[0]
        connection.execute("UPDATE vectors SET value = ? WHERE key = ?", [whole[:-1] + bytes([whole[-1] ^ 1]), KEYS[0]])
        connection.execute("UPDATE vectors SET value = ? WHERE key = ?", [whole, KEYS[1]])  # right, but for another key
        connection.execute("UPDATE vectors SET value = x'00' WHERE key = ?", [KEYS[2]])
    with pytest.warns(DualNetWarning, match="3 damaged entries"):
        assert set(cache.get(KEYS, 3)) == set(KEYS[3:])


def test_a_file_that_is_no_database_is_started_afresh(tmp_path):
    (tmp_path / "v.sqlite").write_bytes(b"not a database" * 500)
    cache = VectorCache(tmp_path / "v.sqlite")
    with pytest.warns(DualNetWarning, match="is damaged .* started afresh"):
        cache.put(VECTORS)
    assert set(cache.get(KEYS, 3)) == set(KEYS)


def test_without_a_place_to_write_vectors_are_still_computed(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(DualNetWarning, match="cannot be used") as caught:
        got = vectors_of([KEYS[0], None, KEYS[0]], 2, lambda rows: np.ones((len(rows), 2), np.float32), batch=1, label="")
    assert len(caught) == 1
    assert got.tolist() == [[1, 1], [0, 0], [1, 1]]


def test_the_oldest_make_room(tmp_path):
    cache = VectorCache(tmp_path / "v.sqlite", largest=100_000)
    keys = [cache_key("s", str(place).encode()) for place in range(100)]
    for key in keys:
        cache.put({key: np.ones(2000, np.float32)})
    kept = [place for place, key in enumerate(keys) if key in cache.get([key], 2000)]
    assert kept == list(range(100 - len(kept), 100))
    assert 5 < len(kept) <= 13
    assert cache.path.stat().st_size < 200_000


def test_each_key_is_computed_once_and_in_batches(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def describe(rows):
        asked.append(rows)
        return np.array([[row + 1] for row in rows], np.float32)

    keys = [KEYS[0], KEYS[1], None, KEYS[0], KEYS[2]]
    assert vectors_of(keys, 1, describe, batch=2, label="").ravel().tolist() == [1, 2, 0, 1, 5]
    assert asked == [[0, 1], [4]]
    vectors_of([KEYS[2], KEYS[3]], 1, describe, batch=2, label="")
    assert asked[2:] == [[1]]


def test_a_bar_is_shown_on_a_terminal_alone(capsys):
    for show, shown in ((None, False), (True, True)):
        with progress_bar("pictures", 2, show) as advance:
            advance(2)
        assert ("pictures" in capsys.readouterr().err) == shown
