"""A whole fit of the networks in several processes: the weights of one process, checkpoints that any number goes on from."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet import DualNet, RunOptions, splits
from dualnet.data.synthetic import library
from dualnet.errors import TrainingInterruptedError
from dualnet.retrieval.topk import inner_products
from tests.unit.train.test_trainer import make_trainer

CLOSE = 1e-5  # of the length of all weights


class Stop:
    """What tells a worker to stop after some steps."""

    def __init__(self, steps):
        self.left = steps

    def step(self, label, total, done, text):
        self.left -= 1

    def stop_asked(self):
        return 15 if self.left <= 0 else None


def weights(trainer):
    return {name: value.detach().numpy() for name, value in trainer.objective.network.state_dict().items()}


def fit(group, changes):
    """Return weights, figures and a digest of weights, optimiser and figures on each rank."""
    trainer = make_trainer(group=group, **changes)
    history = trainer.fit().history
    return weights(trainer), history, trainer.digest()


def stop_after(group, changes, steps):
    trainer = make_trainer(group=group, **changes)
    object.__setattr__(trainer.run, "relay", Stop(steps if group.rank == 0 else 10**6))  # one rank hears of it
    try:
        trainer.fit()
    except TrainingInterruptedError as stopped:
        return stopped.exit_code, trainer.state.epoch, trainer.state.step
    return None


def farthest(found, wanted):
    """Return the length of the difference of all weights, relative to their length."""
    apart = sum(np.square(found[name] - value, dtype=float).sum() for name, value in wanted.items())
    return (apart / sum(np.square(value, dtype=float).sum() for value in wanted.values())) ** 0.5


CHANGES = [
    {"optimizer": "sgd", "clip": 0.1, "rate": 0.1},
    {"optimizer": "adam"},
    {"optimizer": "adam", "form": "estimated", "clip": 0.5},
]


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_a_fit_has_the_weights_of_one_process(world, changes, size):
    changes = {**changes, "epochs": 1}
    alone = make_trainer(**changes)
    history = alone.fit().history
    found = world.run(fit, changes, size=size)
    for ranked, told, digest in found:
        assert farthest(ranked, weights(alone)) < CLOSE
        assert digest == found[0][2]  # the same bits in all processes
        assert told[0]["loss"] == pytest.approx(history[0]["loss"], rel=1e-5)


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3), (3, 1), (1, 2)], ids=str)
def test_a_checkpoint_of_any_number_is_gone_on_from_by_any_other(world, tmp_path, sizes):
    """The same number ends with the same bits as a whole run, another with the same weights but for rounding."""
    first, then = sizes
    changes = {"epochs": 2, "optimizer": "sgd", "rate": 0.1, "folder": tmp_path / "parts"}
    stopped = world.run(stop_after, changes, 8, size=first)
    assert stopped == [(143, 1, 2)] * first
    found = world.run(fit, {**changes, "resume": True}, size=then)
    whole = world.run(fit, {**changes, "folder": tmp_path / "whole"}, size=then)
    assert len({digest for *_, digest in found}) == 1
    if first == then:
        assert found[0][2] == whole[0][2]
    assert farthest(found[0][0], whole[0][0]) < CLOSE


def held(group):
    """Return the shapes of tables, gradients and moments in the middle of a fit, and after it."""
    trainer, seen = make_trainer(group=group, epochs=1), []
    table = trainer.objective.network.item_residual
    backward = trainer.objective.backward

    def watched(batch):
        error = backward(batch)
        moments = trainer.optimizer.state.get(table, {})
        seen.append([tuple(value.shape) for value in (table, table.grad, *moments.values()) if torch.is_tensor(value)])
        return error

    trainer.objective.backward = watched
    trainer.fit()
    return seen[-1], tuple(table.shape)


def test_each_process_holds_its_rows_of_tables_gradients_and_moments(world):
    found = world.run(held, size=3)
    for rows, (within, after) in zip((14, 13, 13), found, strict=True):
        assert set(within) - {()} == {(rows, 8)}
        assert len(within) == 5
        assert after == (40, 8)


def fit_model(group, changes):
    """Return the scores of a model that was fitted with validation, stage by stage, and the epoch that was best.

    Not its weights: rounding decides which way an axis of the spectral start points, and both ways give the same scores.
    """
    data = library(n_readers=60, n_papers=90)
    split = splits.citeulike2(data, seed=0)
    model = DualNet(levels=(12, 6), factors=0, random_state=0, **changes)
    model.fit(split.train, split.validation, run=RunOptions(progress=False, collectives=group))
    known = model.histories_  # of the items that come first in the catalogue
    histories = csr_array((known.data, known.indices, known.indptr), shape=(known.shape[0], len(model.catalogue_)))
    users, items = model.encode_users(histories, model.catalogue_), model.encode_items(model.catalogue_)
    return inner_products(users, items), model.training_.best_epoch


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 2},
        {"epochs": 1, "stages": ("pretrain", "refine", "optimise"), "init": "random", "pretrain_epochs": 1, "refine_epochs": 1},
    ],
    ids=["spectral", "stages"],
)
def test_a_model_is_fitted_stage_by_stage_in_several_processes(world, changes):
    wanted, best = fit_model(None, changes)
    for found, told in world.run(fit_model, changes, size=2):
        assert np.linalg.norm(found - wanted) < 1e-3 * np.linalg.norm(
            wanted
        )  # several epochs of small blocks, each of which rounds
        assert told == best
