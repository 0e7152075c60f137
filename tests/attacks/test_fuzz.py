"""Altered bytes for every parser: the short form of `python -m campaign fuzz`, the corpus again, and its negative controls."""

import gzip
import os
import signal
import sys
from contextlib import nullcontext

import pytest

from campaign import guided
from campaign.bad_cases.doors import warm_up
from campaign.bounded import bounded
from campaign.fuzz import CORPUS, MOST_MEGABYTES, corpus_of, one_round, tried
from campaign.fuzz_targets import TARGETS, Target
from campaign.mutations import TOKENS

EXAMPLES = 25


@pytest.fixture(scope="module", autouse=True)
def _imported():
    warm_up()


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_takes_or_refuses_whatever_comes(name, tmp_path):
    outcome = one_round(TARGETS[name], 0, tmp_path, EXAMPLES)
    assert not outcome.fault
    assert outcome.result["tried"] >= EXAMPLES
    assert outcome.result["faults"] == {}
    assert outcome.megabytes < MOST_MEGABYTES


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir()))
def test_what_once_found_a_fault_finds_none(name, tmp_path):
    def work():
        TARGETS[name].seeds(tmp_path)
        for data in corpus_of(name):
            tried(TARGETS[name], data, tmp_path)

    assert not bounded(work).fault


def _unpacked_by_gzip_alone(data, path):
    return gzip.decompress(data), ".csv"


def _unbounded(*given):
    return nullcontext()


PUT_BACK = {
    "table.parquet": ("dualnet.data.arrow_files.reading", _unbounded),
    "table.feather": ("dualnet.data.arrow_files.reading", _unbounded),
    "table.csv.gz": ("dualnet.data.read_table.unpacked", _unpacked_by_gzip_alone),
    "table.jsonl": ("dualnet.data.read_table.decoded", lambda data, path, form=None: data.decode()),
    "configuration": ("dualnet.config.reading", _unbounded),
    "model-ids.json": ("dualnet.models.artifact.reading", _unbounded),
    "model-manifest.json": ("dualnet.models.artifact.reading", _unbounded),
    "http-recommend": ("dualnet.serve.http.json_route.decode", None),
    "http-query": ("dualnet.serve.http.json_route.parse_qsl", None),
}


def _broken(*given, **more):
    raise KeyError("put back")


@pytest.mark.parametrize("name", PUT_BACK)
def test_a_fault_that_is_put_back_is_found(monkeypatch, tmp_path, name):
    place, fault = PUT_BACK[name]
    monkeypatch.setattr(place, fault or _broken)
    outcome = one_round(TARGETS[name], 0, tmp_path, 120)
    assert outcome.fault or outcome.result["faults"]


@pytest.mark.parametrize(("fault", "seen"), [("death", "died"), ("memory", "megabytes"), ("recursion", "RecursionError")])
def test_deaths_growth_and_depth_are_found(tmp_path, fault, seen):
    kept = []

    def ask(data, place):
        if fault == "memory":
            kept.append(b"x" * 2**24)
        elif b"[" * 300 in data:
            if fault == "death":
                os.kill(os.getpid(), signal.SIGSEGV)
            raise RecursionError

    outcome = one_round(Target("own", lambda _: [b"0123456789"], ask), 0, tmp_path, 200)
    if fault == "death":
        assert outcome.died
        assert b"[" * 300 in (tmp_path / "last").read_bytes()
    elif fault == "memory":
        assert outcome.megabytes > MOST_MEGABYTES
    else:
        assert any(seen in where for where in outcome.result["faults"])


def test_what_the_guided_fuzzer_needs_is_said(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "atheris", None)
    with pytest.raises(SystemExit):
        guided.run(["--seconds", "1"])
    assert "it needs Atheris, on Linux: pip install -e '.[fuzz]'" in capsys.readouterr().err


def test_what_kills_the_guided_fuzzer_is_kept_and_counted(monkeypatch, tmp_path):
    kept = []
    monkeypatch.setattr(guided, "keep", lambda name, data: kept.append(data) or tmp_path / "kept")

    def died(name, seconds, folder, found):
        (found.parent / "died-crash-1").write_bytes(b"crash")
        (found.parent / "died-slow-unit-1").write_bytes(b"slow")
        found.write_text('{"KeyError at a.py:1": "6b6579"}')
        os.write(2, b"#9 cov: 7 ft: 9 corp: 1\nstat::number_of_executed_units: 9\n")

    monkeypatch.setattr(guided, "_try", died)
    row = guided.one_parser("table.csv", 30, tmp_path / "inputs")
    assert (row["deaths"], row["tried"], row["places reached"]) == (guided.MOST_DEATHS, 9 * guided.MOST_DEATHS, 7)
    assert set(kept) == {b"key", b"crash"}
    assert row["faults"] == 2


def test_the_draws_are_the_same_each_time(tmp_path):
    seen = []
    for _ in range(2):
        target = Target("own", lambda _: [b"0123456789"], lambda data, place: (place / "all").open("ab").write(data))
        (tmp_path / "all").unlink(missing_ok=True)
        one_round(target, 3, tmp_path, 20)
        seen.append((tmp_path / "all").read_bytes())
    assert seen[0] == seen[1]
    assert len(set(TOKENS)) == len(TOKENS)
