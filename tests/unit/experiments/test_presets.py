"""Presets: every file names things that exist and makes its models; protocols override what all share."""

import tomllib
from importlib.resources import files

import pytest

from dualnet.config import build_model
from dualnet.data import sources
from dualnet.data.splits import PROTOCOLS
from dualnet.errors import UsageError
from dualnet.experiments import presets as module
from dualnet.experiments.presets import preset, preset_names
from dualnet.models.registry import MODELS


@pytest.mark.parametrize("dataset", preset_names())
def test_every_preset_makes_its_model(dataset):
    assert dataset in sources.known()
    text = (files("dualnet") / "presets" / f"{dataset}.toml").read_text()
    for model, table in tomllib.loads(text).items():
        assert model in MODELS
        assert {name for name, value in table.items() if isinstance(value, dict)} <= set(PROTOCOLS)
        for protocol in PROTOCOLS:
            built = build_model(model, preset(model, dataset, protocol), f"preset for {dataset}")
            assert type(built).name == model


def test_every_table_says_what_it_was_chosen_on():
    for dataset in preset_names():
        lines = (files("dualnet") / "presets" / f"{dataset}.toml").read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("["):
                assert lines[number - 1].startswith("# "), f"{dataset}.toml: {line} has no figures above it"


def test_protocols_override_and_unknown_names_have_none(tmp_path, monkeypatch):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "shop.toml").write_text(
        "[wmf]\nfactors = 7\niterations = 2\n[wmf.out-matrix]\nfactors = 9\nfactor = 1\n"
    )
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    assert preset_names() == ["shop"]
    assert preset("wmf", "shop", "citeulike2") == {"factors": 7, "iterations": 2}
    assert preset("wmf", "shop", "out-matrix") == {"factors": 9, "iterations": 2, "factor": 1}
    assert preset("ease", "shop", "citeulike2") == preset("wmf", "other", "citeulike2") == {}
    with pytest.raises(UsageError, match="no parameter 'factor'. Did you mean 'factors'?"):
        build_model("wmf", preset("wmf", "shop", "out-matrix"), "preset")
