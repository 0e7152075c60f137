"""Tags of new items are divided at what divided them when the model was fitted, whichever way they come in."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dualnet import Content, ContentProfile, Dataset, DualNetWarning, load
from dualnet.cli.app import app
from dualnet.models.catalogue import catalogue_of
from dualnet.retrieval.questions import NewItem
from dualnet.serve.catalogue import open_catalogue
from dualnet.serve.changes import put
from dualnet.serve.replies import ModelLabel

TAGS = [["Drama, US", "War"], ["War"], ["Sea"], ["Drama, US", "Sea"]]
N = 12
EVENTS = {"user_id": [f"u{k % 5}" for k in range(30)], "item_id": [f"i{k * 7 % N}" for k in range(30)]}
MARKS = {"bar": "|", "semicolon": ";", "lines": "\n", "wide bar": "｜", "blank after": " ; "}


def items(mark: str) -> dict[str, list[str]]:
    return {"item_id": [f"i{k}" for k in range(N)], "tags": [mark.join(TAGS[k % 4]) for k in range(N)]}


def fitted(mark: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DualNetWarning)
        return ContentProfile().fit(Dataset.from_tables(EVENTS, items(mark), tags="tags"))


def features(model: Any, tags: object) -> list[float]:
    new = Content.from_rows(["one"], {"tags": [tags]}, model.featurizer_.spec)
    return model.featurizer_.transform(new, quiet=True).toarray()[0].tolist()


def added(model: Any, new: dict[str, Any], folder: Path) -> Any:
    return model.add_items(pd.DataFrame(new)).catalogue_.features[-1:].toarray()


def loaded_and_added(model: Any, new: dict[str, Any], folder: Path) -> Any:
    model.save(folder / "m")
    return added(load(folder / "m"), new, folder)


def updated(model: Any, new: dict[str, Any], folder: Path) -> Any:
    model.save(folder / "m")
    pd.DataFrame(new).to_csv(folder / "new.csv", index=False)
    call = ["update", str(folder / "m"), "--items", str(folder / "new.csv"), "--out", str(folder / "after")]
    found = CliRunner().invoke(app, call)
    assert found.exit_code == 0, found.output
    return load(folder / "after" / "model").catalogue_.features[-1:].toarray()


def put_one(model: Any, new: dict[str, Any], folder: Path) -> Any:
    live = open_catalogue(model, ModelLabel("content-profile", "0" * 12))
    view = put(live, [NewItem("new", {"tags": new["tags"][0]})])[0]
    return view.vectors[-1:].toarray()


def brought(model: Any, new: dict[str, Any], folder: Path) -> Any:
    return catalogue_of(model).bring(pd.DataFrame(new)).vectors.toarray()


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("way", [added, loaded_and_added, updated, brought, put_one])
def test_one_tag_with_a_comma_stays_one(mark: str, way: Callable[..., Any], tmp_path: Path) -> None:
    model = fitted(MARKS[mark])
    # alone, the table of new items would be divided at its commas
    found = way(model, {"item_id": ["new"], "tags": ["Drama, UK"]}, tmp_path)
    assert not found.any()
    model = fitted(MARKS[mark])
    for name in ("m", "after"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    both = way(model, {"item_id": ["new"], "tags": [MARKS[mark].join(["War", "Drama, UK"])]}, tmp_path)
    named = dict(zip(model.featurizer_.names(), both[0], strict=True))
    assert {name for name, value in named.items() if value} == {"War"}


def test_lists_and_single_labels_do_not_say_what_divides() -> None:
    data = Dataset.from_tables(
        EVENTS, {"item_id": [f"i{k}" for k in range(N)], "tags": [TAGS[k % 4] for k in range(N)]}, tags="tags"
    )
    model = ContentProfile().fit(data)
    assert model.featurizer_.known_tags["tags"].separators == ""
    new = model.add_items({"item_id": ["a"], "tags": ["War|Sea"]}).catalogue_.features[-1:].toarray()
    assert (new > 0).sum() == 2


def test_another_separator_is_told() -> None:
    model = fitted("|")
    with pytest.warns(DualNetWarning, match=r"divided at '\|' as when the model was fitted, and the new ones have ';' instead"):
        model.add_items({"item_id": ["a"], "tags": ["War;Sea"]})


def test_models_of_before_have_no_separator(tmp_path: Path) -> None:
    model = fitted("|")
    config, arrays = model.featurizer_.to_state()
    assert config["blocks"][0].pop("separators").startswith("|")
    old = type(model.featurizer_).from_state(config, arrays)
    content = Content.from_rows(["a"], {"tags": ["War|Sea"]}, model.featurizer_.spec)
    assert np.array_equal(old.transform(content).toarray(), model.featurizer_.transform(content).toarray())
    assert json.dumps(old.to_state()[0]) == json.dumps(config)
