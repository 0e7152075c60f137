"""A fit on workers without a cluster: how it is asked for, what the asking process does with news, and what several processes agree on."""

import itertools
import json
import os
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest

from dualnet import WMF, DualNet, Interactions, Popularity, Solved, errors, splits
from dualnet.cli import main
from dualnet.cli.arguments import worker_choices
from dualnet.config import run_choices
from dualnet.data.synthetic import blocks_world
from dualnet.distributed import joined
from dualnet.distributed.collectives import Alone
from dualnet.errors import (
    DataError,
    DivergenceError,
    MissingExtraError,
    ResourceError,
    TrainingInterruptedError,
    UsageError,
)
from dualnet.train import checkpoint, progress
from dualnet.train.checkpoint import load_checkpoint, save_checkpoint, written_by_first
from dualnet.train.options import RunOptions
from dualnet.train.signals import StopRequest
from dualnet.train.workers import fit as fitting
from dualnet.train.workers.conductor import Conductor, Failure, News
from dualnet.train.workers.fit import STARTS, LostError, Watch
from dualnet.train.workers.worker import WorkerRelay, options_of_worker

SIZES = (1, 2, 3)


@pytest.mark.parametrize(("said", "wanted"), [("4", 4), ("2:8", (2, 8)), ("3:3", 3), (" 2 : 4 ", (2, 4))])
def test_numbers_of_workers(said, wanted):
    assert worker_choices(said, None) == {"workers": wanted}


@pytest.mark.parametrize("said", ["", ":", "2:", "many", "2:3:4", "-1", "2.5", "8:2", "0", "0:2", "1e3", "10001"])
def test_numbers_that_are_none(said):
    with pytest.raises(UsageError, match="--workers"):
        worker_choices(said, None)


@pytest.mark.parametrize("given", [True, 0, (8, 2), "4", (1, 2, 3), (), 2.0, (1, None), [0, 2], 10**6, -3])
def test_numbers_that_are_none_in_python(given):
    with pytest.raises(UsageError, match=r"workers"):
        RunOptions(workers=given)


def test_a_configuration_says_workers_too():
    assert run_choices({"workers": [2, 4], "address": "auto"}, "x.toml") == {"workers": (2, 4), "address": "auto"}
    with pytest.raises(UsageError, match=r"x\.toml: \[run\] workers = 0"):
        run_choices({"workers": 0}, "x.toml")
    with pytest.raises(UsageError, match="Did you mean 'workers'"):
        run_choices({"worker": 2}, "x.toml")


def test_an_address_alone_means_nothing():
    with pytest.raises(UsageError, match="how many"):
        RunOptions(address="10.0.0.5:6379")
    with pytest.raises(UsageError, match="--workers"):
        worker_choices(None, "10.0.0.5:6379")


@pytest.mark.parametrize(
    ("options", "clusters"),
    [({"workers": 1}, 0), ({"workers": (1, 1)}, 0), ({"workers": 1, "address": "auto"}, 1), ({"workers": (1, 2)}, 1)],
)
def test_one_worker_without_an_address_is_this_process(monkeypatch, options, clusters):
    started = []
    monkeypatch.setattr(fitting, "fit_on_workers", lambda *given: started.append(given) or {})
    data, settings = blocks_world(), {"levels": (8, 4), "epochs": 1, "random_state": 0}
    one = DualNet(**settings).fit(data, run=RunOptions(progress=False, threads=1, **options))
    assert len(started) == clusters
    if not clusters:
        alone = DualNet(**settings).fit(data, run=RunOptions(progress=False, threads=1))
        for (name, found), (_, wanted) in zip(
            sorted(one._get_state()[1].items()), sorted(alone._get_state()[1].items()), strict=True
        ):
            np.testing.assert_array_equal(found, wanted, err_msg=name)


def test_one_worker_is_no_sharing_for_models_and_updates_of_one_process():
    data, one = blocks_world(), RunOptions(progress=False, workers=1)
    model = WMF(factors=4, iterations=2).fit(data, run=one)
    assert model.update(Interactions.from_pairs(["ann"], ["i0-0"]), run=one).users_.row("ann") == 40
    with pytest.raises(UsageError, match="leave workers out"):
        Popularity().fit(data, run=RunOptions(workers=2))


@pytest.mark.parametrize("name", ["item-knn", "bpr", "popularity", "wmf"])
def test_models_of_one_process_refuse_workers(name, capsys, tmp_path):
    assert main(["fit", "demo", "--model", name, "--workers", "2", "--out", str(tmp_path / "x")]) == 2
    assert f"--workers means nothing for model '{name}'" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "error",
    [
        DataError("row 3 is bad"), DivergenceError("it diverges"), UsageError("levels=-1"), ResourceError("the disk is full"),
        TrainingInterruptedError(15, "run/checkpoints"), MissingExtraError("torch", "train", "fitting"), KeyError("x"), ValueError("a", 3),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_error_of_a_worker_is_the_same_error(error):
    back = Failure.of(error).error()
    assert type(back) is type(error)
    assert getattr(back, "exit_code", None) == getattr(error, "exit_code", None)
    assert str(error) in str(back) or str(back) in str(error)


def test_of_several_errors_the_first_of_ours_is_told():
    conductor = Conductor([], 60)
    for error in (KeyError("a defect"), DataError("the cause"), UsageError("what followed")):
        conductor.fail(Failure.of(error))
    with pytest.raises(DataError, match="the cause"):
        watch().take(conductor.look())


def watch(**options):
    return Watch(RunOptions(progress=False, **options), StopRequest(enabled=False))


def epochs(phase, *numbers):
    return [(phase, {"epoch": number}) for number in numbers]


def test_epochs_are_told_once_though_workers_go_back(tmp_path):
    told = []
    seen = watch(after_epoch=lambda figures: told.append(figures["epoch"]), log=tmp_path / "log.jsonl")
    seen.take(News(attempt=1, figures=epochs("train", 1, 2)))
    with pytest.warns(errors.DualNetWarning, match="2 go on from the last checkpoint"):
        seen.take(News(attempt=2, size=2, figures=epochs("train", 2, 3)))
    assert told == [1, 2, 3]
    assert "go on from the last checkpoint" in json.loads((tmp_path / "log.jsonl").read_text())["event"]


def test_epochs_of_each_phase_are_told():
    told = []
    conductor = Conductor([], 60)
    relay = WorkerRelay(SimpleNamespace(epoch=SimpleNamespace(remote=conductor.epoch)), Alone())
    for phase, number in (("choose", 1), ("choose", 2), ("final", 1)):
        relay.step(phase, 10, number, "a step")
        relay.epoch({"epoch": number})
    watch(after_epoch=lambda figures: told.append(figures["epoch"])).take(conductor.look())
    assert told == [1, 2, 1]


def test_what_after_epoch_raises_ends_the_fit():
    def enough(figures):
        raise StopIteration("enough")

    with pytest.raises(StopIteration, match="enough"):
        watch(after_epoch=enough).take(News(attempt=1, figures=epochs("train", 1)))


def test_losses_without_a_new_step_come_to_an_end():
    seen = watch(checkpoint="folder")
    for _ in range(2):
        for _ in range(STARTS - 1):
            with pytest.warns(errors.DualNetWarning, match="started again"):
                seen.lost("a worker was lost")
        seen.take(News(attempt=1, progress=("train", 10, 1, "")))  # a new step only the first time: the count begins again
    with pytest.raises(ResourceError, match=rf"{STARTS} times without a new step: a worker was lost.*folder"):
        seen.lost("a worker was lost")


class Clock:
    """Time that passes as somebody waits."""

    now = 0.0

    def monotonic(self):
        return self.now

    def wait(self, things, timeout):
        Clock.now += timeout
        return ([], things) if timeout else (things, [])  # the training goes on, news are there


class FakeRay:
    """What `_wait` asks of Ray, with news that are written down before."""

    def __init__(self, clock, news):
        self.wait, self.news = clock.wait, iter(news)
        self.stopped = []

    def get(self, asked, timeout=None):
        return next(self.news)

    def cluster_resources(self):
        return {"CPU": 1.0}

    def __getattr__(self, name):
        return self

    def remote(self, *given):
        self.stopped += given


def waited(monkeypatch, news, seen, run=None):
    clock = Clock()
    Clock.now = 0.0
    monkeypatch.setattr(fitting, "time", clock)
    ray = FakeRay(clock, news)
    fitting._wait(ray, ray, "training", run or RunOptions(workers=2), seen)


def test_workers_that_do_nothing_are_ended(monkeypatch):
    idle = [News(attempt=1, size=2, moves=min(second, 3), words=second) for second in range(200)]
    with pytest.raises(LostError, match="no step for 61 s"):
        waited(monkeypatch, [News()] * 100 + idle, watch())  # the time before they are there does not count
    assert 160 <= Clock.now <= 170


def test_nobody_has_to_wonder_about_workers_that_do_nothing(monkeypatch):
    told, seen = [], watch()
    monkeypatch.setattr(seen, "_show", lambda *said: told.append((Clock.now, said)))
    gone = [News(attempt=1, size=2, moves=3, words=3, progress=("train", 10, 4, "epoch 1"))] + [News(attempt=1, moves=3)] * 300
    with pytest.raises(LostError):
        waited(monkeypatch, gone, seen)
    times = [now for now, _ in told]
    assert max(after - before for before, after in itertools.pairwise([*times, Clock.now])) <= fitting.QUIET + 1
    assert told[-1][1] == ("train", 10, 4, f"no step for {Clock.now - 1:.0f} s; waiting for the workers")


def test_another_phase_does_not_put_off_the_next_line(monkeypatch, capsys):
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: Clock.now))
    Clock.now = 0.0
    seen = Watch(RunOptions(workers=2), StopRequest(enabled=False), _said=0.0)
    for Clock.now in range(0, 100, 10):
        seen.take(News(attempt=1, progress=(f"phase {Clock.now // 20}", 10, 1, "")))
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["phase 1", "phase 3", "phase 4"]


def test_workers_that_are_replaced_are_waited_for_longer(monkeypatch):
    gone = [News(attempt=1, size=2, moves=3, words=3)] * 100
    back = [News(attempt=2, size=2, moves=3, words=3)] * 1000
    with (
        pytest.warns(errors.DualNetWarning, match="go on from the last"),
        pytest.raises(LostError, match=f"no step for {fitting.RESTART_WITHIN + 1:.0f} s"),
    ):
        waited(monkeypatch, gone + back, watch())
    assert Clock.now >= 100 + fitting.RESTART_WITHIN


def test_workers_that_find_no_room_are_waited_for_within_reason(monkeypatch):
    with pytest.raises(ResourceError, match="no room for 2 to 8 workers in 600 s: it has 1 processor;"):
        waited(monkeypatch, [News()] * 1000, watch(), RunOptions(workers=(2, 8)))


def test_workers_that_do_not_stop_when_asked_are_not_waited_for(monkeypatch):
    seen = watch(checkpoint="folder")
    seen.stop.signal = signal.SIGTERM
    with pytest.raises(TrainingInterruptedError) as raised:
        waited(monkeypatch, (News(attempt=1, moves=moves) for moves in range(1000)), seen)
    assert raised.value.exit_code == 143
    assert 60 <= Clock.now <= 63


def test_the_first_worker_alone_writes(tmp_path):
    class Second(Alone):
        rank, size = 1, 2

    run = RunOptions(log=tmp_path / "log.jsonl", checkpoint=tmp_path / "c", workers=2, address="auto", after_epoch=print)
    one = options_of_worker(run, Second())
    assert (one.log, one.progress, one.after_epoch, one.workers, one.address) == (None, False, None, None, None)
    assert one.checkpoint == run.checkpoint
    first = options_of_worker(run, Alone())
    assert first.log == run.log
    assert first.after_epoch is print


@pytest.mark.parametrize(
    ("told", "wanted"),
    [({}, 1), ({"RANK": "1"}, 1), ({"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "h", "MASTER_PORT": "1"}, 3)],
)
def test_the_group_that_torchrun_prepares_is_seen(monkeypatch, told, wanted):
    for name in joined.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert joined.joined_size() == wanted
    assert joined.joined_rank() == (1 if wanted == 3 else 0)


@pytest.mark.parametrize(("rank", "size"), [("3", "3"), ("x", "2"), ("0", ""), ("-1", "2"), ("1", "two")])
def test_a_group_that_cannot_be_is_refused(monkeypatch, rank, size):
    for name, value in zip(joined.VARIABLES, (rank, size, "h", "1"), strict=True):
        monkeypatch.setenv(name, value)
    if not size:
        assert joined.joined_size() == 1
        return
    with pytest.raises(UsageError, match="WORLD_SIZE"):
        joined.joined_size()


def test_another_number_than_torchrun_started_is_refused(monkeypatch):
    for name, value in zip(joined.VARIABLES, ("0", "3", "h", "1"), strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="workers=2, but this process is one of 3"):
        joined.joined_group(2)


def stopped(group, by, number):
    """Return what each rank hears when some of them got a signal."""
    with StopRequest(enabled=True, group=group) as stop:
        if group.rank in by:
            os.kill(os.getpid(), number)
        return stop.asked()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("by", [(), (0,), (1,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_all_stop_by_the_signal_of_one(world, size, by, number):
    heard = number if set(by) & set(range(size)) else None
    assert world.run(stopped, by, number, size=size) == [heard] * size


def written(group, folder, step, damage):
    """Write a checkpoint by the first of the group, and load it in all."""
    written_by_first(group, lambda: save_checkpoint(folder, step, {"rows": np.arange(step)}, {"step": step}))
    written_by_first(group, lambda: save_checkpoint(folder, step + 1, {"rows": np.arange(step + 1)}, {"step": step + 1}))
    if damage and group.rank == 0:
        newest = folder / f"step-{step + 1:010d}" / "tensors.safetensors"
        newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    group.barrier()
    if damage and group.rank == 0:
        with pytest.warns(errors.DualNetWarning, match="damaged"):
            tensors, state = load_checkpoint(folder, group)
    else:
        tensors, state = load_checkpoint(folder, group)
    return len(tensors["rows"]), state["step"]


@pytest.mark.parametrize("damage", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_all_load_the_newest_checkpoint_that_the_first_has_verified(world, tmp_path, size, damage):
    wanted = 5 if damage else 6
    assert world.run(written, tmp_path, 5, damage, size=size) == [(wanted, wanted)] * size


def patiently(group):
    """Let the first write until the others have asked three times whether it is done; return how often they have asked."""
    calls = lambda: sum(traffic.calls for traffic in list(group.traffic.values()))  # noqa: E731
    before = calls()

    def write():
        while calls() < before + 6:  # an answer is two calls
            time.sleep(0.01)

    written_by_first(group, write)
    return calls() - before >= 6


def test_while_the_first_writes_the_others_ask_and_no_call_takes_long(world):
    assert world.run(patiently, size=2) == [True, True]


def failing(group):
    """Return what each rank meets when the first cannot write."""

    def full():
        raise ResourceError("the disk is full")

    try:
        written_by_first(group, full)
    except ResourceError as error:
        return str(error)
    return None


def test_the_error_of_a_writer_is_the_first_ones(world):
    assert world.run(failing, size=2) == ["the disk is full", None]


def test_a_former_worker_is_waited_for(tmp_path, monkeypatch):
    class Pair(Alone):
        rank, size = 0, 2

    monkeypatch.setattr(checkpoint, "WAIT_FOR_FORMER", 0.3)
    with checkpoint.sole_writer(tmp_path):
        with pytest.raises(ResourceError, match="another run"), checkpoint.sole_writer(tmp_path, Pair()):
            pass
        Pair.rank = 1
        with checkpoint.sole_writer(tmp_path, Pair()):  # others than the first hold nothing
            pass


def drawn(group, random_state):
    """Return the seed of each rank, and what was solved with it."""
    state = np.random.default_rng(group.rank) if random_state == "generator" else random_state
    model = Solved(factors=4, trials=0, random_state=state)
    model.fit(blocks_world(), run=RunOptions(progress=False, collectives=group))
    return model.seed_, model.levels_.solved.items.items.tobytes()


@pytest.mark.parametrize("random_state", [None, "generator", 3])
def test_processes_that_share_a_fit_have_one_seed(world, random_state):
    found = world.run(drawn, random_state, size=2)
    assert found[0] == found[1]


def different(group, what):
    """Return what each rank says where the last one was given something else than the first."""
    other = what if group.rank == group.size - 1 else None
    data = blocks_world(seed=1) if other == "data" else blocks_world()
    validation = None
    if what == "validation":
        split = splits.out_matrix(data, seed=1 if other else 0)
        data, validation = blocks_world(), split.validation
    model = Solved(factors=5 if other == "factors" else 4, trials=0)
    try:
        model.fit(data, validation, run=RunOptions(progress=False, collectives=group))
    except UsageError as error:
        return str(error)
    return None


@pytest.mark.parametrize("what", ["data", "factors", "validation"])
@pytest.mark.parametrize("size", [2, 3])
def test_processes_that_were_given_something_else_refuse_all(world, what, size):
    found = world.run(different, what, size=size)
    assert len(set(found)) == 1
    assert found[0].startswith(f"{what}: not the same in all {size} processes")


def test_a_model_of_one_process_says_how_it_is_alone():
    class Pair(Alone):
        rank, size = 0, 2

    with pytest.raises(UsageError, match="leave workers out"):
        Popularity().fit(blocks_world(), run=RunOptions(workers=2))
    with pytest.raises(UsageError, match="shares the fit with 1 other process; start it alone, without torchrun"):
        Popularity().fit(blocks_world(), run=RunOptions(collectives=Pair()))


def test_an_update_refuses_workers_that_it_would_not_use():
    data = blocks_world()
    model = WMF(factors=4, iterations=1).fit(data)
    with pytest.raises(UsageError, match="an update runs in one process; leave workers out"):
        model.update(data, run=RunOptions(workers=2))
