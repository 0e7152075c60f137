"""Two servers on one PostgreSQL that are killed while the database goes away, in a short form; the whole is `make test-scale`."""

import pytest

from benchmarks import replicas, shared_state
from tests.conftest import server_programs

pytestmark = pytest.mark.skipif(server_programs() is None, reason="no PostgreSQL server programs here; run .ci/services")


def check(row):
    assert row["faults"] == 0, row["told"]
    assert row["of them failed"] == 0


def test_nothing_confirmed_is_lost_and_both_agree():
    row = shared_state.play(60, 1, (2.0,))
    check(row)
    assert row["changes confirmed"] >= 60
    assert row["refused meanwhile (503)"] > 0


@pytest.mark.scale
def test_ten_thousand_changes():
    row = shared_state.play(10_000, 20, shared_state.AWAY)
    check(row)
    assert row["visible p99 (s)"] < 1.0


@pytest.mark.scale
def test_replicas_of_ray_serve_while_one_is_killed():
    pytest.importorskip("ray", reason="without the extra 'ray'")
    row = replicas.play(6_000)
    assert row["wrong"] == 0
    assert row["share failed"] < 0.001, row["told"]
    assert row["versions that answered"] == 2
