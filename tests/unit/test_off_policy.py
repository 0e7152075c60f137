"""Estimates from a log: the interval covers the truth of made logs, and logs that cannot be used are refused in one sentence."""

import json
import os
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Dataset, Popularity, evaluate_log
from dualnet.data.synthetic import blocks_world
from dualnet.errors import DataError
from dualnet.runs.off_policy import estimate
from dualnet.runs.shown_log import ShownList, ShownLog, read_log

N_ITEMS, K = 12, 3


def made(rng, n, *, people):
    """A log of random lists of known probabilities, the lists of another rule, and the truth of that rule."""
    liking = rng.beta(1, 4, N_ITEMS)
    taste = rng.normal(0, 0.05, (people, N_ITEMS))
    target = np.argsort(-liking + rng.normal(0, 0.1, N_ITEMS))[:K].tolist()
    odds = np.clip(rng.uniform(0.05, 1, N_ITEMS), 0.1, 1)
    shown, truth = [], 0.0
    for place in range(n):
        person = place % people
        chances = np.clip(liking + taste[person], 0, 1)
        truth += chances[target].sum() / n
        items = np.flatnonzero(rng.random(N_ITEMS) < odds).tolist()  # each with its own probability
        taken = {item: "like" for item in items if rng.random() < chances[item]}
        shown.append(ShownList(f"r{place}", f"p{person}", {}, items, odds[items].tolist(), "", taken))
    return shown, [target] * n, truth


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_covers_the_truth_of_made_logs(seed):
    rng = np.random.default_rng(seed)
    covered = {"inverse_propensity": 0, "self_normalised": 0}
    widths = {name: [] for name in covered}
    trials = 120
    for _ in range(trials):
        shown, lists, truth = made(rng, 400, people=100)
        found = estimate(shown, lists)
        for name in covered:
            told = getattr(found, name)
            covered[name] += told.low <= truth <= told.high
            widths[name].append(told.high - told.low)
            assert told.low <= told.mean <= told.high
    for name, count in covered.items():
        assert count >= 0.88 * trials, (name, count)  # 95 % of 120 is 114; 106 is 3.4 standard errors below
        assert np.mean(widths[name]) < 0.4


def test_the_plain_mean_of_the_log_does_not_cover_it():
    """The test above can fail: what was shown says little of the other rule."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        shown, lists, truth = made(rng, 400, people=100)
        told = estimate(shown, lists).logged
        covered += told.low <= truth <= told.high
    assert covered < 45


def test_a_rule_that_is_the_one_of_the_log_is_what_the_log_says():
    shown = [ShownList(f"r{n}", f"p{n}", {}, [1, 2], [1.0, 1.0], "", {1: "like"} if n % 4 == 0 else {}) for n in range(40)]
    found = estimate(shown, [[1, 2]] * 40)
    assert found.logged == found.inverse_propensity
    assert found.self_normalised.mean == pytest.approx(found.logged.mean) == 0.25
    assert (found.shown_share, found.taken, found.users) == (1.0, 10, 40)
    assert found.effective == 80


def test_answers_of_one_person_are_one_observation():
    shown = [ShownList(f"r{n}", "p", {}, [1], [1.0], "", {1: "like"} if n % 2 else {}) for n in range(50)]
    many = [ShownList(f"r{n}", f"p{n}", {}, [1], [1.0], "", {1: "like"} if n % 2 else {}) for n in range(50)]
    alone, apart = estimate(shown, [[1]] * 50), estimate(many, [[1]] * 50)
    assert alone.users == 1
    assert apart.users == 50
    assert apart.logged.high > apart.logged.low


def test_only_what_was_liked_was_taken():
    kinds = {1: "like", 3: "seen", 4: "like", 5: "dislike", 6: "none"}
    shown = [ShownList(f"r{n}", "", {}, list(kinds), [1.0] * 5, "", dict(kinds)) for n in range(10)]
    assert estimate(shown, [[1]] * 10).taken == 20


@pytest.fixture(scope="module")
def model():
    return Popularity().fit(blocks_world())


@pytest.fixture
def log(model, tmp_path):
    """A log that a server wrote: two of three lists of stored users, others of histories."""
    path = tmp_path / "shown.jsonl"
    written = ShownLog.open(path)
    for n in range(30):
        user = model.users_.key(n) if n % 3 else None
        question = {"k": 4, "user": user} if n % 3 else {"k": 4, "history": ["i0-0"]}
        found = model.recommend(user, k=4) if n % 3 else model.recommend(history=["i0-0"], k=4)
        entries = [{"item": key, "probability": 0.5} if place == 3 else {"item": key} for place, key in enumerate(found.ids)]
        written.shown(f"r{n}", user, question, {"model": {"name": "m", "version": "v"}, "items": entries})
        written.taken(f"r{n}", found.ids[n % 4], "buy", "like")
        written.taken(f"r{n}", found.ids[n % 4], "view", "seen")  # what was liked stays liked
    written.close()
    return path


def test_a_log_of_a_server_is_joined_with_the_users_of_a_model(model, log):
    found = evaluate_log(model, log)
    assert (found.answers, found.left_out, found.taken, found.shown_share) == (30, 0, 30, 1.0)
    assert found.logged.mean == 1
    assert found.inverse_propensity.mean == pytest.approx(1 + 7 / 30)  # those at the fourth place count twice
    assert "self-normalised" in str(found)
    assert json.loads(json.dumps(found.to_json()))["answers"] == 30
    told = log.read_text()
    assert not any(f'"{user}"' in told for user in model.users_)


def test_a_log_goes_on_after_a_restart_and_an_unfinished_line_is_left_out(model, log):
    key = read_log(log).key
    again = ShownLog.open(log)
    again.taken("r0", "nothing", "like", "like")
    again.close()
    for cut in (b'{"shown":{"request":"x', b'{"ta', b"{"):  # the server was killed each time, and started again
        with log.open("ab") as handle:
            handle.write(cut)
        again = ShownLog.open(log)
        again.taken("r1", "nothing", "like", "like")
        again.close()
    with log.open("ab") as handle:
        handle.write(b'{"shown":{"request":"x')
    read = read_log(log)
    assert (read.key, len(read.lists), read.n_stray) == (key, 30, 4)
    assert evaluate_log(model, log).answers == 30


def test_a_full_disk_costs_lines_and_no_answer(model, log, monkeypatch):
    real, left = os.write, [10]  # bytes that still find room

    def write(descriptor, data):
        some = data[: left[0]]
        if not some:
            raise OSError(28, "No space left on device")
        left[0] -= len(some)
        return real(descriptor, some)

    before = len(read_log(log).lists)
    written = ShownLog.open(log)
    answer = {"model": {}, "items": [{"item": "i0-0"}]}
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        written.shown("lost", None, {}, answer)
        written.shown("lost too", None, {}, answer)
    written.shown("kept", None, {"history": ["i0-0"]}, answer)
    written.close()
    assert [one.request for one in read_log(log).lists[before:]] == ["kept"]


def test_two_servers_that_begin_a_log_at_once_have_one_key(tmp_path, monkeypatch):
    from dualnet.runs import shown_log

    path, real = tmp_path / "shown.jsonl", shown_log.new_key
    other = []

    def new_key():
        monkeypatch.setattr(shown_log, "new_key", real)
        other.append(ShownLog.open(path))  # just before the first line of this one
        return real()

    monkeypatch.setattr(shown_log, "new_key", new_key)
    logs = [ShownLog.open(path), *other]
    for log in logs:
        log.shown("r", "ann", {}, {"model": {}, "items": []})
        log.close()
    assert len({line.split(b'"user":')[1] for line in path.read_bytes().splitlines()[2:]}) == 1


def test_a_pipe_is_no_log(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is no file"):
        ShownLog.open(tmp_path / "pipe")


def test_a_window_is_looked_at_as_of_the_answer(tmp_path):
    items = pa.table(
        {"item_id": ["a", "b", "c"], "title": ["one", "two", "three"], "until": [datetime(2001, 1, 1, tzinfo=UTC), None, None]}
    )
    events = pa.table({"user_id": [f"u{n}" for n in range(12)] * 2, "item_id": ["a", "b", "c"] * 8})
    model = Popularity().fit(Dataset.from_tables(events, items, text="title"))
    path, question = tmp_path / "shown.jsonl", {"k": 3, "history": ["c"], "rules": {"window": {"until": "until"}}}
    lines = [{"format": 1, "key": "00"}]
    for n in range(12):
        told = {"request": f"r{n}", "time": 946_684_800, "question": question, "items": ["a", "b"], "probabilities": [1, 1]}
        lines.append({"shown": told})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert evaluate_log(model, path).shown_share == 1.0


def test_a_question_with_a_preset_is_not_asked_without_it(model, log):
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines[1:41]:
        if "shown" in line:
            line["shown"]["question"]["preset"] = "home"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert evaluate_log(model, log).left_out == 14


def without_probabilities(lines):
    return [{"shown": {name: value for name, value in line["shown"].items() if name != "probabilities"}} if "shown" in line else line for line in lines]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_probabilities, "has no probabilities, without which nothing can be said of another model"),
        (lambda lines: lines[1:], "no log of what a server showed"),
        (lambda lines: lines[:1], "no answers yet"),
        (lambda lines: lines[:9], "are the least"),
        (lambda lines: [{**lines[0], "format": 9}, *lines[1:]], "upgrade dualnet"),
        (lambda lines: [*lines, {"shown": {"request": "x"}}], "lacks what a log has"),
        (lambda lines: [*lines, {"shown": {"request": "x", "items": ["a"], "probabilities": [0]}}], "lacks what a log has"),
        (lambda lines: [*lines, "what"], "no line of a log"),
        (
            lambda lines: [*lines, {"taken": {"request": "r0", "item": lines[1]["shown"]["items"][0], "type": "buy"}}],
            "lacks what a log has",
        ),
        (lambda lines: [*lines, {"shown": {"request": "x", "items": [["a"]], "probabilities": [1]}}], "lacks what a log has"),
        (lambda lines: [{**lines[0], "key": "no hex"}, *lines[1:]], "has no key of its users"),
        (lambda lines: [{**lines[0], "key": ""}, *lines[1:]], "has no key of its users"),
        (lambda lines: [{**lines[0], "key": "00" * 65}, *lines[1:]], "has no key of its users"),
        (
            lambda lines: [{"shown": {**line["shown"], "user": "one"}} if "shown" in line else line for line in lines],
            "answers to .* people that this model",
        ),
    ],
)
def test_a_log_that_cannot_be_used_is_refused_in_one_sentence(model, log, change, says):
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps(line) + "\n" for line in change(lines)))
    with pytest.raises(DataError, match=says) as error:
        evaluate_log(model, log)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(model, tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        evaluate_log(model, tmp_path / "none.jsonl")
