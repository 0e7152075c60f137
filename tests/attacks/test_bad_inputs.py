"""The table of bad inputs: each by library, command line and server, in a process of its own with bounds."""

import shutil

import pytest
from campaign.bad_cases import ALL
from campaign.bad_cases.doors import faults, make_model, warm_up
from campaign.bounded import bounded

MOST_MEGABYTES = 200


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    warm_up()
    return make_model(tmp_path_factory.mktemp("small") / "model")


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_one_sentence_an_exit_code_and_nothing_left(case, small_model, tmp_path):
    outcome = bounded(lambda: faults(case, tmp_path, small_model))
    shutil.rmtree(tmp_path)  # some of these files are large
    assert not outcome.fault
    assert not outcome.result
    assert case.policy != "refused" or outcome.megabytes < MOST_MEGABYTES


def test_every_row_has_a_case():
    assert {case.row for case in ALL} == set(range(1, 85))


def test_names_are_distinct():
    assert len({case.name for case in ALL}) == len(ALL)
