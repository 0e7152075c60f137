"""The limits of parameters are declared once: the constructor's check, the command line, a search and the docs say the same."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest

from dualnet.cli import main
from dualnet.config import build_model
from dualnet.data.synthetic import blocks_world
from dualnet.errors import UsageError
from dualnet.models.limits import Limit
from dualnet.models.registry import MODELS, model_class

sys.path.append(str(Path(__file__).parents[2] / "docs" / "_ext"))
WORLD = blocks_world()
WITHOUT = {  # numbers with no limit, or with one that more than a number decides
    "random_state": "its own check", "zero_popularity": "any exponent", "dislike_weight": "known_zeros.check_dislike_weight",
    "regularization_power": "wmf.check_factors", "content_weight": "the table of Coupled",
}  # fmt: skip
CASES = [(name, parameter) for name in MODELS for parameter in model_class(name).limits]


def outside(limit: Limit) -> list[float]:
    """Return a value beyond each end, and the ends that do not belong to the range."""
    found: list[float] = [] if limit.above is None else [limit.above, limit.above - 1]
    found += [] if limit.at_least is None else [limit.at_least - 1]
    found += [] if limit.below is None else [limit.below, limit.below + 1]
    found += [] if limit.at_most is None else [limit.at_most + 1]
    return [*found, 2.5] if limit.whole else found


def inside(limit: Limit) -> list[float]:
    found = [] if limit.at_least is None else [limit.at_least]
    found += [] if limit.at_most is None else [limit.at_most]
    return found or [0.5]


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_a_value_outside_is_refused_wherever_it_is_written(name, parameter):
    model = model_class(name)
    limit = model.limits[parameter]
    for value in (number if limit.whole else float(number) for number in outside(limit)):
        with pytest.raises(UsageError) as at_fit:
            model(**{parameter: value}).fit(WORLD)
        assert f"{parameter}={value!r} must be {limit.text}" in str(at_fit.value)
        with pytest.raises(UsageError) as written:
            build_model(name, {parameter: value}, "dualnet.toml")
        told = str(written.value)
        assert told.startswith(f"dualnet.toml: {parameter} = {value!r} should be {limit.text}") or "a whole number" in told
    for value in inside(limit):
        build_model(name, {parameter: int(value) if limit.whole else float(value)}, "dualnet.toml")


@pytest.mark.parametrize("name", MODELS)
def test_every_number_has_a_limit(name):
    model = model_class(name)
    hints = get_type_hints(model.__init__)
    numbers = {
        p
        for p in model.parameter_names()
        if get_origin(hints[p]) is not Sequence and {int, float} & {hints[p], *get_args(hints[p])}
    }
    assert numbers - set(model.limits) <= set(WITHOUT)
    assert set(model.limits) <= set(model.parameter_names())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["fit", "demo", "--set", "noise=1.5"], "--set: noise = 1.5 should be at least 0 and below 1"),
     (["tune", "demo", "--grid", "noise=[0.3, 1.5]"], "--grid: noise = 1.5 should be at least 0 and below 1"),
     (["tune", "demo", "--grid", "noise={low = 0.1, high = 1}"], "--grid: noise = 1.0 should be at least 0 and below 1"),
     (["bench", "demo", "--models", "dualnet", "--set", "dualnet.epochs=0"], "epochs = 0 should be a whole number of at least 1")],
)  # fmt: skip
def test_the_command_line_refuses_before_it_reads_anything(tmp_path, monkeypatch, capsys, arguments, told):
    monkeypatch.setattr("dualnet.models.base.Recommender.fit", lambda *_, **__: pytest.fail("it fitted"))
    place = [] if arguments[0] == "bench" else ["--out", str(tmp_path / "run")]
    assert main([*arguments, *place]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", [name for name in MODELS if model_class(name).limits])
def test_the_documentation_lists_them(name):
    from parameter_limits import limit_lines

    model = model_class(name)
    text = "\n".join(limit_lines(model))
    for parameter, limit in model.limits.items():
        assert f"``{parameter}``: {limit.text}" in text
