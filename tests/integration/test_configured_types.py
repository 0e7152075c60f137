"""Every value of a configuration file and of a division is of its type, or one sentence names it in our words, never in Python's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet import Dataset, DualNetError, UsageError
from dualnet.cli import main
from dualnet.cli.arguments import TableOptions
from dualnet.config import write_config
from dualnet.data import splits, synthetic
from dualnet.models.registry import MODELS, model_class

PYTHON = re.compile(
    r"not supported between|unexpected keyword|<class|NoneType|TypeError|object is not|has no attribute|should not have"
)
WRONG: dict[str, Any] = {
    "text": "a", "list": [1, [2]], "flag": True, "table": {"a": 1}, "number": 5, "decimal": 2.5, "negative": -1, "empty": "",
    "huge": 10**18, "nested": [[]],
}  # fmt: skip
OPTIONS = [
    (protocol, name)
    for protocol, function in splits.PROTOCOLS.items()
    for name in splits.inspect.signature(function).parameters
    if name != "data"
]


def refusal(call: Callable[[], Any]) -> str:
    """Return what is said where something is refused; only our own errors refuse."""
    try:
        call()
    except DualNetError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def data() -> Dataset:
    return synthetic.library()


@pytest.mark.parametrize(("protocol", "name"), OPTIONS)
def test_options_of_protocols(data: Dataset, protocol: str, name: str) -> None:
    for value in WRONG.values():
        files = {"train": "none.csv", "test": "none.csv"} if protocol == "files" else {}
        assert not PYTHON.search(refusal(partial(splits.make, protocol, data, **{**files, name: value})))


@pytest.mark.parametrize(
    ("protocol", "options", "told"),
    [
        ("out-matrix", {"cold": "a"}, "cold='a' must be a number"),
        ("out-matrix", {"folds": 2.5}, "folds=2.5 must be a whole number"),
        ("unknown-users", {"trained": 1}, "trained=1 must be true or false"),
        ("files", {"train": 5, "test": 6}, "train=5 must be text or the path of a file"),
        ("files", {"train": "a", "test": "b", "base": 2}, "base=2 is not known. Known: 0, 1."),
        ("citeulike2", {"fit_on": "trian"}, "fit_on must be"),
    ],
)
def test_what_is_said(data: Dataset, protocol: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        splits.make(protocol, data, **options)
    with pytest.raises(UsageError, match="data='books' must be a Dataset"):
        splits.temporal("books")  # type: ignore[arg-type]
    made = splits.out_matrix(data, cold=np.float32(0.25), seed=np.int64(3))  # NumPy's own numbers are numbers
    assert len(made.tasks) == 1


def configured() -> Iterator[tuple[str, str]]:
    for field in fields(TableOptions):
        yield "data", field.name
    for name in ("source", "content"):
        yield "data", name
    for name in ("protocol", "seed", "cold", "folds", "fold", "candidates"):
        yield "split", name
    for name in ("name", "levels", "epochs", "seed", "random_state", "unknown"):
        yield "model", name


@pytest.mark.parametrize(("section", "name"), list(configured()))
def test_values_of_a_configuration_file(section: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind, value in WRONG.items():
        told: dict[str, dict[str, Any]] = {"data": {"source": "none.csv"}, "model": {"name": "popularity"}}
        if section == "split":
            (tmp_path / "e.csv").write_text("user_id,item_id\n" + "".join(f"u{k % 4},i{k // 4}\n" for k in range(20)))
            told |= {"data": {"source": "e.csv"}, "split": {"protocol": "out-matrix"}}
        told.setdefault(section, {})[name] = value
        write_config(tmp_path / "c.toml", told)
        code = main(["fit", str(tmp_path / "c.toml"), "--out", str(tmp_path / f"{kind}-{name}")])
        said = capsys.readouterr().err
        assert code in (0, 2, 3), (kind, said)
        assert not PYTHON.search(said), said


@pytest.mark.parametrize("model", MODELS)
def test_parameters_of_every_model(model: str) -> None:
    cls = model_class(model)
    for name in cls.parameter_names():
        for value in WRONG.values():
            assert not PYTHON.search(refusal(partial(cls.check_types, {name: value})))
