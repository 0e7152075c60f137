"""Trackers: what was written is read back with the packages' own readers; a failing one loses nothing."""

import builtins
import os
import pickle
from pathlib import Path

import pytest

from dualnet import DualNet
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table
from dualnet.errors import DualNetWarning, MissingExtraError, TrainingInterruptedError, UsageError
from dualnet.models.registry import create
from dualnet.train.options import RunOptions
from dualnet.train.tracking.by_name import make_tracker
from dualnet.train.tracking.mlflow_tracker import SETTINGS

WORLD = blocks_world(groups=2)
TINY = {"levels": (8,), "epochs": 3, "user_batch": 20}


class Recorder:
    """Keeps what it is told; fails from a given call on."""

    def __init__(self, fails_at=None):
        self.calls, self.fails_at = [], fails_at

    def _note(self, *call):
        self.calls.append(call)
        if self.fails_at is not None and len(self.calls) >= self.fails_at:
            raise ConnectionError("no route to the server")

    def start(self, parameters):
        self._note("start", dict(parameters))

    def log(self, figures, step):
        self._note("log", dict(figures), step)

    def finish(self, status):
        self._note("finish", status)


def fit(tracker, **run):
    return DualNet(**TINY).fit(WORLD, run=RunOptions(trackers=(tracker,), **run))


def test_a_tracker_hears_of_the_whole_fit():
    heard = Recorder()
    model = fit(heard)
    assert {call[0] for call in heard.calls[1:-1]} == {"log"}
    epochs = [call for call in heard.calls[1:-1] if "train/optimise/loss" in call[1]]
    solved = {name.split("/")[0] for call in heard.calls[1:-1] for name in call[1]} - {"train"}
    assert solved == {"choose-solved", "train-solved"}
    assert heard.calls[0][0] == "start"
    assert heard.calls[0][1]["model"] == "dualnet"
    assert heard.calls[0][1]["fingerprint"] == model.info_["fingerprint"] == WORLD.fingerprint()
    assert heard.calls[0][1]["epochs"] == 3
    losses = [call[1]["train/optimise/loss"] for call in epochs]
    assert losses == [entry["loss"] for entry in model.training_.history]
    assert [call[2] for call in epochs] == [1, 2, 3]
    assert heard.calls[-1] == ("finish", "finished")


@pytest.mark.parametrize("fails_at", [1, 2, 5])
def test_a_failing_tracker_is_left_out_with_one_warning(fails_at):
    heard = Recorder(fails_at)
    with pytest.warns(DualNetWarning, match="Recorder failed and is left out.*no route") as said:
        model = fit(heard)
    assert len([warning for warning in said if "left out" in str(warning.message)]) == 1
    assert len(heard.calls) == fails_at
    assert model.training_.epoch == 3


def test_a_warning_repeats_no_password():
    class Talkative(Recorder):
        def start(self, parameters):
            raise ConnectionError("request to http://bob:s3c/r3t@tracking.example:5000/api failed")

    with pytest.warns(DualNetWarning) as said:
        fit(Talkative())
    text = " ".join(str(warning.message) for warning in said)
    assert "http://***@tracking.example:5000/api failed" in text
    assert "s3c" not in text
    assert "bob" not in text


def test_a_database_that_is_down_is_not_asked_ten_times():
    pytest.importorskip("mlflow")
    import mlflow.store.db.utils

    make_tracker("mlflow", "sqlite:///nothing.db", Path("run"))
    assert mlflow.store.db.utils.MAX_RETRY_COUNT == 2


@pytest.mark.parametrize(("error", "status"), [(ValueError("x"), "failed"), (TrainingInterruptedError(15, "x"), "interrupted")])
def test_how_it_ended_is_told(error, status):
    heard = Recorder()

    def stop(figures):
        raise error

    with pytest.raises(type(error)):
        fit(heard, after_epoch=stop)
    assert heard.calls[-1] == ("finish", status)


def test_choosing_is_part_of_the_same_run():
    from dualnet import splits

    parts = splits.out_matrix(blocks_world(), cold=0.2)
    heard = Recorder()
    DualNet(**TINY).fit(parts.train, parts.validation, run=RunOptions(trackers=(heard,)))
    assert [call[0] for call in heard.calls].count("start") == 1
    phases = {name.split("/")[0] for call in heard.calls if call[0] == "log" for name in call[1]}
    assert phases == {"choose", "choose-solved", "final", "final-solved"}


def test_mlflow_reads_back(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'store.db'}"
    model = fit(make_tracker("mlflow", uri, tmp_path / "monday"))
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("dualnet")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "monday"
    assert run.info.status == "FINISHED"
    assert run.data.params["levels"] == "[8]"
    history = client.get_metric_history(run.info.run_id, "train/optimise/loss")
    assert [metric.step for metric in history] == [1, 2, 3]
    assert [metric.value for metric in history] == [entry["loss"] for entry in model.training_.history]


def test_mlflow_takes_the_names_of_figures(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'store.db'}"
    tracker = make_tracker("mlflow", uri, tmp_path / "run")
    tracker.start({"a": None})
    tracker.log({"choose/recall@50": 0.25, "choose/loss": float("nan")}, 7)
    tracker.finish("interrupted")
    run = mlflow.MlflowClient(tracking_uri=uri).get_run(tracker.run_id)
    assert run.data.metrics == {"choose/recall_at_50": 0.25}
    assert run.info.status == "KILLED"


def test_tensorboard_reads_back(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    create("bpr", factors=4, epochs=2).fit(
        WORLD, run=RunOptions(trackers=(make_tracker("tensorboard", str(tmp_path), tmp_path / "r"),))
    )
    read = EventAccumulator(str(tmp_path / "r"))
    read.Reload()
    losses = read.Scalars("train/loss")
    assert [event.step for event in losses] == [1, 2]
    text = read.Tensors("parameters")[0].tensor_proto.string_val[0].decode()
    assert "| factors | 4 |" in text
    assert read.Tensors("status")[0].tensor_proto.string_val[0] == b"finished"


@pytest.mark.parametrize(("name", "package"), [("mlflow", "mlflow"), ("tensorboard", "tensorboard")])
def test_a_missing_package_is_named(name, package, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(wanted, *rest, **more):
        if wanted.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)
        return real(wanted, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=rf"'{package}'.*dualnet\[track\]"):
        make_tracker(name, None, tmp_path)


def test_the_command_line_tracks(tmp_path, capsys):
    pytest.importorskip("tensorboard")
    events = tmp_path / "events.csv"
    write_table(dataset_tables(WORLD)["events"].drop_columns(["weight"]), events)
    out = tmp_path / "run"
    arguments = ["fit", str(events), "--model", "bpr", "--set", "factors=4", "--set", "epochs=2", "--out", str(out)]
    assert main([*arguments, "--track", "tensorboard"]) == 0
    assert list((out / "tensorboard").glob("events.*"))
    assert main([*arguments, "--overwrite", "--track", "wandb"]) == 2
    assert "there is no tracker 'wandb'; known: mlflow, tensorboard" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--track-to", "x"]) == 2


@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
def test_a_tracker_in_a_worker_has_the_settings_and_the_place_of_the_first_process(name, tmp_path, monkeypatch):
    """A worker has another environment and another working folder; without the settings MLflow would report its use."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(make_tracker(name, None, Path("run")))
    monkeypatch.chdir(tmp_path / "elsewhere")
    for variable in SETTINGS:
        monkeypatch.delenv(variable, raising=False)
    there = pickle.loads(sent)
    if name == "mlflow":
        assert (there.uri, there.name) == (f"sqlite:///{tmp_path / 'run' / 'mlflow.db'}", "run")
        assert {variable: os.environ[variable] for variable in SETTINGS} == SETTINGS
    else:
        assert there.folder == tmp_path / "run" / "tensorboard"


def test_an_unknown_tracker_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no tracker 'x'"):
        make_tracker("x", None, tmp_path)
