"""Two options at once: the second changes what the first alone leads to, or one sentence refuses the pair."""

from __future__ import annotations

import re

import pytest

from tests.integration.options.outcomes import Player
from tests.integration.options.pairs import CHANGES, REFUSED


@pytest.mark.parametrize(("command", "option"), CHANGES, ids=[f"{command} + {option}" for command, option in CHANGES])
def test_the_second_changes_something(command: str, option: str, player: Player, capsys: pytest.CaptureFixture[str]) -> None:
    both, first = (player.play(words, capsys) for words in (f"{command} {option}", command))
    assert (both.code, first.code) == (0, 0), (both, first)
    assert both != first


@pytest.mark.parametrize(("words", "says"), REFUSED, ids=[words for words, _ in REFUSED])
def test_it_is_refused(words: str, says: str, player: Player, capsys: pytest.CaptureFixture[str]) -> None:
    found = player.play(words, capsys)
    assert (found.code, found.out, found.files) == (2, "", {}), found
    assert re.search(says, found.err.splitlines()[-1]), found.err
    assert found.err.splitlines()[-1].startswith("dualnet: ")
