"""Pretraining: stages in order, error below the start, sparse equals dense, the same bits for the same seed."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.errors import TrainingError, UsageError
from dualnet.train.denoising import DenoisingRows
from dualnet.train.pretraining import PretrainingSettings, pretrain, reconstruction_of, train_autoencoder

SETTINGS = PretrainingSettings(epochs=15, joint_epochs=10, batch=32, learning_rate=0.01)


def world(kind: str) -> csr_array | np.ndarray:
    """Rows of few causes and many features, so that what is hidden can be told from what is shown."""
    rng = np.random.default_rng(0)
    causes = rng.random((4, 40)) < 0.3
    group = rng.integers(4, size=120)
    shown = causes[group] & (rng.random((120, 40)) < 0.8)
    if kind == "binary":
        return csr_array(shown.astype(np.float32))
    if kind == "bag":
        return csr_array((shown * rng.uniform(0.2, 0.6, (120, 40))).astype(np.float32))
    return (causes[group] + 0.1 * rng.normal(size=(120, 40))).astype(np.float32)


def test_each_kind_of_input_has_its_error():
    assert reconstruction_of(world("binary")) == reconstruction_of(world("binary").toarray()) == "cross-entropy"
    assert reconstruction_of(world("bag")) == reconstruction_of(world("real")) == "squares"


@pytest.mark.parametrize("kind", ["binary", "bag", "real"])
def test_denoising_lowers_the_error_in_every_stage(kind):
    history = pretrain(world(kind), (12, 5), "tanh", SETTINGS).history
    assert [(h["stage"], h["epoch"]) for h in history] == [
        *((1, e) for e in range(1, 16)), *((2, e) for e in range(1, 16)), *((3, e) for e in range(1, 11)),
    ]  # fmt: skip
    errors = {stage: [h["error"] for h in history if h["stage"] == stage] for stage in (1, 2, 3)}
    assert errors[1][-1] < 0.8 * errors[1][0]
    assert errors[2][-1] < 0.8 * errors[2][0]
    assert errors[3][-1] < errors[3][0]


def test_noisy_rows_are_restored_better_than_by_their_mean_and_better_than_they_are():
    x = world("real")
    network, _ = train_autoencoder(x, (12, 5), SETTINGS, activation="tanh", top="tanh", kind="squares")
    batch = next(DenoisingRows(x, noise=0.3, batch=120, seed=9, stream="test").epoch(0))
    with torch.no_grad():
        restored = network.code_error(network.encode(batch.noisy), batch.clean).item()
    assert restored < 0.5 * ((x - x.mean(axis=0)) ** 2).sum()
    assert restored < 0.5 * (batch.masked - batch.clean).square().sum().item()


def test_a_greedy_stage_moves_its_own_layer_only():
    generous, none = (PretrainingSettings(epochs=e, joint_epochs=0, batch=32) for e in (2, 0))
    x = world("bag")
    start, trained = (pretrain(x, (12, 5), "tanh", settings) for settings in (none, generous))
    assert start.history == []
    assert all(not torch.equal(a, b) for a, b in zip(start.weights, trained.weights, strict=True))
    shallow = pretrain(x, (12,), "tanh", generous)
    assert torch.equal(shallow.weights[0], trained.weights[0])  # the second stage left the first layer alone


@pytest.mark.parametrize("kind", ["binary", "bag"])
def test_sparse_and_dense_rows_train_alike(kind):
    x = world(kind)
    quiet = PretrainingSettings(noise=0.0, epochs=3, joint_epochs=3, batch=32)
    sparse, dense = (pretrain(rows, (12, 5), "tanh", quiet) for rows in (x, x.toarray()))
    for left, right in zip(sparse.weights + sparse.biases, dense.weights + dense.biases, strict=True):
        torch.testing.assert_close(left, right, atol=2e-4, rtol=1e-3)


def test_sparse_rows_are_dense_in_batches_at_most(monkeypatch):
    taken = []
    whole = DenoisingRows.take
    monkeypatch.setattr(DenoisingRows, "take", lambda self, rows: taken.append(len(rows)) or whole(self, rows))
    x = world("bag")
    monkeypatch.setattr(csr_array, "toarray", lambda *_: pytest.fail("the matrix was made dense"))
    monkeypatch.setattr(csr_array, "todense", lambda *_: pytest.fail("the matrix was made dense"))
    pretrain(x, (12,), "tanh", PretrainingSettings(epochs=1, joint_epochs=1, batch=32))
    assert max(taken) == 32


def test_the_same_seed_gives_the_same_bits_and_torchs_own_generator_is_left_alone():
    before = torch.get_rng_state()
    first, second = (pretrain(world("bag"), (8, 4), "relu", SETTINGS) for _ in range(2))
    assert first.history == second.history
    assert all(torch.equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))
    other = pretrain(world("bag"), (8, 4), "relu", PretrainingSettings(epochs=1, joint_epochs=0, seed=1))
    assert not torch.equal(first.weights[0], other.weights[0])
    assert torch.equal(before, torch.get_rng_state())


def test_shapes_and_noise():
    encoder = pretrain(world("bag"), (8, 4, 2), "sigmoid", PretrainingSettings(epochs=1, joint_epochs=1))
    assert [tuple(w.shape) for w in encoder.weights] == [(40, 8), (8, 4), (4, 2)]
    assert [tuple(b.shape) for b in encoder.biases] == [(8,), (4,), (2,)]
    assert not any(part.requires_grad for part in encoder.weights + encoder.biases)
    rows = DenoisingRows(np.ones((200, 50), np.float32), noise=0.3, batch=64, seed=0, stream="test")
    batches = list(rows.epoch(0))
    assert sorted(np.concatenate([batch.rows for batch in batches])) == list(range(200))
    masked = torch.cat([batch.masked for batch in batches])
    assert masked.mean().item() == pytest.approx(0.7, abs=0.02)
    torch.testing.assert_close(masked / 0.7, torch.cat([batch.noisy for batch in batches]))
    assert not torch.equal(masked, torch.cat([batch.masked for batch in rows.epoch(1)]))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"noise": 1.0}, "pretraining noise=1.0 must be"),
        ({"dropout": -0.1}, "pretraining dropout=-0.1"),
        ({"epochs": 1.5}, "pretraining epochs=1.5"),
        ({"batch": 0}, "pretraining batch=0"),
        ({"learning_rate": 0}, "pretraining learning_rate=0"),
    ],
)
def test_bad_settings(changes, text):
    with pytest.raises(UsageError, match=text):
        PretrainingSettings(**changes)


def test_bad_input():
    with pytest.raises(UsageError, match="needs rows, features and widths; got 120 x 40 and widths"):
        pretrain(world("bag"), (), "tanh", SETTINGS)
    x = world("real")
    x[3, 4] = np.inf
    with pytest.raises(TrainingError, match="pretraining stage 1 is (inf|nan)"):
        pretrain(x, (4,), "tanh", PretrainingSettings(noise=0.0))
