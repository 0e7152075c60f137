"""Model folders that version 0.1 wrote load, and answer as they did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dualnet import load

FOLDERS = Path(__file__).parent / "saved_by_0_1"
NAMES = sorted(path.stem for path in FOLDERS.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_the_lists_are_the_same(name):
    before = json.loads((FOLDERS / f"{name}.json").read_text(encoding="utf-8"))
    model = load(FOLDERS / name)
    for asker, answer in before["lists"].items():
        now = model.recommend(history=before["history"], k=5) if asker == "history" else model.recommend(asker, k=5)
        listed = now.to_json()
        assert [entry["item"] for entry in listed["items"]] == [entry["item"] for entry in answer["items"]]
        for entry, old in zip(listed["items"], answer["items"], strict=True):
            assert entry["title"] == old["title"]
            assert entry["score"] == pytest.approx(old["score"], rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_saved_and_loaded_once_more(name, tmp_path):
    model = load(FOLDERS / name)
    again = load(model.save(tmp_path / "model"))
    assert again.get_params() == model.get_params()
    assert again.recommend("r01", k=5).to_json() == model.recommend("r01", k=5).to_json()


def test_there_are_folders_to_load():
    assert {"dualnet", "dualnet-logistic", "solved", "cdl", "fusion"} <= set(NAMES)
