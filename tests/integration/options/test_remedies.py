"""A remedy that a message names works: the same command with it is done."""

from __future__ import annotations

import re

import pytest

from tests.integration.options.outcomes import Player
from tests.integration.options.remedies import AFTER, OF_RUNS, OF_TABLES

CASES = [(None, *case) for case in (*OF_TABLES, *OF_RUNS)] + AFTER


@pytest.mark.parametrize(("before", "wrong", "says", "right"), CASES, ids=[f"{wrong} | {says}" for _, wrong, says, _ in CASES])
def test_the_remedy_of_a_message_works(
    before: str | None, wrong: str, says: str, right: str, player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = player.play(wrong, capsys, before)
    assert refused.code in (2, 3, 4, 5, 6), refused
    found = re.search(says, refused.err)
    assert found, refused.err
    for place, part in enumerate(found.groups()):
        right = right.replace(f"{{{place}}}", part or "")
    mended = player.play(right, capsys, before)
    assert mended.code == 0, (refused.err, right, mended.err)
