"""Measurements that read a folder: one that is not there is refused, not left out."""

import sys

import pytest

from benchmarks import rules, serving_rules


@pytest.mark.parametrize(
    ("module", "words", "says"),
    [
        (serving_rules, ["nowhere"], "'nowhere' is no checkout of dualnet"),
        (serving_rules, ["one", "two"], "one checkout can be compared, got 2"),
        (rules, ["nowhere"], "'nowhere' has no ratings.csv"),
    ],
)
def test_a_folder_that_is_not_there_is_refused(monkeypatch, module, words, says):
    monkeypatch.setattr(sys, "argv", ["python -m benchmarks", *words])
    with pytest.raises(SystemExit, match=says):
        module.run()
