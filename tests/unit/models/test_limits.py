"""Limits of parameters: a value that no float can hold is refused in a sentence, as any other."""

import pytest

from dualnet import EASE, WMF, UsageError, synthetic
from dualnet.config import build_model
from dualnet.models.limits import COUNT, POSITIVE, SHARE, Limit

HUGE = 10**400
LONGEST = 10**5000  # more digits than Python writes


@pytest.mark.parametrize(
    ("limit", "value", "held"),
    [(POSITIVE, HUGE, True), (POSITIVE, -HUGE, False), (COUNT, HUGE, True), (COUNT, -HUGE, False), (SHARE, HUGE, False),
     (Limit(at_most=1), -HUGE, True), (Limit(at_least=0, at_most=9, whole=True), HUGE, False)],
    ids=range(7),
)  # fmt: skip
def test_a_whole_number_beyond_all_floats_has_a_place_in_a_range(limit, value, held):
    assert limit.holds(value) is held


@pytest.mark.parametrize("value", [HUGE, -HUGE, LONGEST, -LONGEST], ids=["huge", "-huge", "longest", "-longest"])
@pytest.mark.parametrize(("model", "name"), [(EASE, "regularization"), (WMF, "zero_weight"), (WMF, "regularization_power")])
def test_a_model_refuses_a_number_that_is_too_large(model, name, value):
    with pytest.raises(UsageError, match=name):
        model(**{name: value}).fit(synthetic.blocks_world())
    with pytest.raises(UsageError, match=name):
        build_model(model.name, {name: value}, "--set")
