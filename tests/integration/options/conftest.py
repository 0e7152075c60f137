"""A tiny world of tables, made once, and what plays commands in it."""

from __future__ import annotations

import pytest

from dualnet.cli import main
from dualnet.train.options import RunOptions
from tests.integration.options.outcomes import Player
from tests.integration.options.stand_ins import stand_ins
from tests.integration.options.world import DATABASE, make_models, make_tables

MADE = RunOptions.__post_init__


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Player:
    folder = tmp_path_factory.mktemp("options")
    (folder / "world").mkdir()
    (folder / "outcomes").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "world")
        make_tables(folder / "world")
        make_models(main)
    return Player(folder / "world", folder / "outcomes")


@pytest.fixture(autouse=True)
def in_the_world(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where the tables and models are; where the work itself would take long, note what it is told."""
    told = player.told

    def options_made(options: RunOptions) -> None:
        MADE(options)
        told.append(("threads", options.threads))

    monkeypatch.setattr(RunOptions, "__post_init__", options_made)
    monkeypatch.setenv(DATABASE, "sqlite:///events.db")
    monkeypatch.chdir(player.world)
    for where, stand_in in stand_ins(told).items():
        monkeypatch.setattr(where, stand_in)
