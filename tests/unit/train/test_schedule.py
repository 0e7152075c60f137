"""Schedules start, peak and end where they say."""

import pytest

from dualnet.train.trainer import SCHEDULES, WARM_UP


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_rate_stays_within_bounds_and_falls_at_the_end(name):
    rates = [SCHEDULES[name](done / 100) for done in range(101)]
    assert max(rates) == pytest.approx(1.0, abs=1e-3)
    assert min(rates) >= 0
    assert rates[-1] == (1.0 if name == "constant" else pytest.approx(0.0, abs=1e-3))


def test_one_cycle_rises_then_falls():
    rise = [SCHEDULES["one-cycle"](WARM_UP * k / 10) for k in range(11)]
    fall = [SCHEDULES["one-cycle"](WARM_UP + (1 - WARM_UP) * k / 10) for k in range(11)]
    assert rise == sorted(rise)
    assert fall == sorted(fall, reverse=True)
