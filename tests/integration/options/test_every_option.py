"""Every option of every command changes something, or is refused in a sentence; one that is added tomorrow needs its entry here."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from tests.integration.options.commands import ENTRIES, USUAL, words
from tests.integration.options.outcomes import Player, Refused, Shown, Spared, walk

TREE = dict(walk())
CASES = [(command, option) for command, options in TREE.items() for option in options if option in ENTRIES.get(command, {})]


@pytest.mark.parametrize("command", TREE)
def test_every_option_has_an_entry(command: str) -> None:
    assert set(TREE[command]) == set(ENTRIES.get(command, {}))


@pytest.mark.parametrize(("command", "option"), CASES, ids=[f"{command} {option}".strip() for command, option in CASES])
def test_it_changes_something_or_is_refused(
    command: str, option: str, player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = ENTRIES[command][option]
    if isinstance(entry, Spared):
        pytest.skip(entry.why)
    beside = entry.beside if entry.beside is not None else USUAL.get(command, "")
    assert {option, option.replace("--", "--no-", 1)} & set(entry.given.split())
    if isinstance(entry, Refused):
        refused = player.play(words(command, f"{beside} {entry.given}"), capsys)
        assert refused.code == entry.code, refused
        assert re.search(entry.says, refused.err), refused.err
        assert refused.err.splitlines()[-1].startswith("dualnet: ")
        assert not refused.files
        assert not refused.kept
        return
    assert isinstance(entry, Shown)
    if entry.needs is not None and find_spec(entry.needs) is None:
        pytest.skip(f"{entry.needs} is not installed")
    given = player.play(words(command, f"{beside} {entry.given}"), capsys, entry.before)
    assert given.code == 0, given.err
    without = player.play(words(command, f"{beside} {entry.instead}"), capsys, entry.before)
    if entry.alone is None:
        assert without.code == 0, without
        assert given.kept != without.kept if entry.kept else given != without
    else:
        assert without.code != 0
        assert re.search(entry.alone, without.out + without.err), without
