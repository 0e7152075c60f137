"""What is written to a configuration file is what is read from it."""

import numpy as np
import pytest

from dualnet.config import build_model, read_config, write_config
from dualnet.errors import UsageError

VALUES = {
    "count": 3, "rate": 1e-05, "large": 1e22, "of_numpy": np.float64(0.1), "yes": True, "widths": (200, 50), "none": [],
    "weights": {"title": 0.3, 'a "b".c': 1},
    "text": 'a "quoted" \\ line\nand\ttabs \x7f \x01 é',
}  # fmt: skip


def test_every_kind_of_value_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "new" / "config.toml"
    write_config(path, {"data": VALUES, "model": {"name": "wmf", "weight": None}}, ["two\nlines"])
    assert read_config(path) == {"data": {**VALUES, "widths": [200, 50]}, "model": {"name": "wmf"}}
    assert path.read_text(encoding="utf-8").startswith("# two lines\n\n[data]\n")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("value", [float("nan"), np.int64(3), {"a": None}, {1: 1}, [None]])
def test_what_has_no_form_is_refused_and_nothing_is_written(tmp_path, value):
    with pytest.raises(UsageError, match="cannot be written to a configuration file"):
        write_config(tmp_path / "config.toml", {"data": {"key": value}})
    assert not list(tmp_path.iterdir())


def test_a_number_or_a_table_of_numbers_is_one_parameter():
    assert build_model("coupled", {"content_weight": 1}, "--set").content_weight == 1.0
    assert build_model("coupled", {"content_weight": {"title": 1, "tags": 0.5}}, "--set").content_weight == {
        "title": 1.0,
        "tags": 0.5,
    }
    with pytest.raises(UsageError, match=r"--set: content_weight.tags = 'x' should be a number"):
        build_model("coupled", {"content_weight": {"tags": "x"}}, "--set")
    with pytest.raises(UsageError, match=r"content_weight = 'x' should be a number or a table such as \{title = 0.3\}"):
        build_model("coupled", {"content_weight": "x"}, "--set")
