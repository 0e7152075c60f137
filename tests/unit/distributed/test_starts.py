"""Spectral start and pretraining in several processes: the weights of one process, however rows are divided."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.train.item_factors import item_factors
from dualnet.train.pretraining import PretrainingSettings, train_autoencoder

ROWS, FEATURES = 43, 12


def content(kind):
    rng = np.random.default_rng(4)
    dense = rng.random((ROWS, FEATURES)).astype(np.float32)
    if kind == "dense":
        return dense
    sparse = csr_array(np.where(dense < 0.3, dense if kind == "sparse" else 1, 0).astype(np.float32))
    sparse.data[sparse.indptr[3] : sparse.indptr[4]] *= 0  # a row without content
    return sparse


def factors(group, kind):
    """Return a linear model of some data, free of the signs of its directions."""
    matrix = csr_array((np.random.default_rng(5).random((31, ROWS)) < 0.2).astype(np.float32))
    found = item_factors(matrix, kind and content(kind), 6, torch.Generator().manual_seed(0), group)
    signs = torch.sign(found.items[found.items.abs().argmax(0), range(found.items.shape[1])])
    return (found.items * signs).numpy(), None if found.content is None else (found.content * signs).numpy()


@pytest.mark.parametrize("kind", [None, "dense", "sparse"])
def test_a_linear_model_is_that_of_one_process(world, kind):
    alone = world.run(factors, kind, size=1)[0]
    for size in (2, 4):
        for found in world.run(factors, kind, size=size):
            for mine, expected in zip(found, alone, strict=True):
                assert (mine is None) == (expected is None)
                if mine is not None:
                    np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def pretrained(group, kind, batch):
    """Return weights and errors of an autoencoder, with noise and dropout."""
    settings = PretrainingSettings(noise=0.3, dropout=0.2, epochs=2, joint_epochs=2, batch=batch, seed=3)
    network, history = train_autoencoder(
        content(kind), (7, 4, 3), settings, activation="tanh", top="tanh", kind="cross-entropy" if kind == "bag" else "squares",
        group=group,
    )  # fmt: skip
    return [parameter.detach().numpy() for parameter in network.parameters()], [entry["error"] for entry in history]


@pytest.mark.parametrize(("kind", "batch"), [("dense", 16), ("sparse", 16), ("sparse", 3), ("bag", 20)])
def test_an_autoencoder_is_that_of_one_process(world, kind, batch):
    weights, errors = world.run(pretrained, kind, batch, size=1)[0]
    for size in (2, 4):
        ranks = world.run(pretrained, kind, batch, size=size)
        for found, mine in ranks:
            np.testing.assert_allclose(mine, errors, rtol=1e-5)
            for value, first, expected in zip(found, ranks[0][0], weights, strict=True):
                np.testing.assert_array_equal(value, first)
                np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5 * max(1, np.abs(expected).max()))
