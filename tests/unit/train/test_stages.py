"""Stages: planned as data, stacked without loss of what was learned, started from an encoder, resumed where they stopped."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.errors import UsageError
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train import stages
from dualnet.train.checkpoint import last_stop
from dualnet.train.inputs import DualInputs, InputSettings
from dualnet.train.objective import DualObjective, LossSettings
from dualnet.train.options import RunOptions
from dualnet.train.pretraining import PretrainedEncoder, PretrainingSettings, pretrain
from dualnet.train.stages import Stage, install_encoder, plan_stages, pretrained_encoder, stack

ITEMS, USERS, FEATURES, LEVELS = 40, 30, 12, (8, 6, 4)
INPUTS = InputSettings("none", 0.3, 0.0, 0.0, 0.0, 0)


def world():
    rng = np.random.default_rng(0)
    matrix = csr_array((rng.random((USERS, ITEMS)) < 0.2).astype(np.float32))
    return matrix, csr_array((rng.random((ITEMS, FEATURES)) < 0.3).astype(np.float32))


def make_network(depth, seed=0, **changes):
    shape = dict(
        n_items=ITEMS, n_features=FEATURES, n_user_features=0, levels=LEVELS[:depth], design="branching", activation="tanh",
        norm="batch", dropout=0.0, top_branch=False, user_input="shared", item_residual=True, output_scale=0.3,
    )  # fmt: skip
    return DualNetwork(DualShape(**{**shape, **changes}), torch.Generator().manual_seed(seed))


def refined(depth, **changes):
    """A network whose weights are none of the start's, calibrated."""
    network, noise = make_network(depth, seed=1, **changes), torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=noise) * 0.3)
    matrix, features = world()
    DualObjective(network, matrix, features, None, np.ones(1, np.float32), INPUTS, LossSettings(0.01)).calibrate()
    return network.eval()


def embeddings(network):
    """Return item and user embeddings of clean inputs."""
    inputs = DualInputs(network, *world(), None, INPUTS, torch.float32)
    users = inputs.users(np.arange(USERS), inputs.histories(np.arange(USERS), None), inputs.table(None))
    return network.encode_items(inputs.items(np.arange(ITEMS), None)), network.encode_users(users)


def test_stages_are_planned_in_order_and_the_optimisation_draws_as_alone():
    lengths = {"pretrain_epochs": 2, "refine_epochs": 3, "epochs": 4, "seed": 7}
    planned = plan_stages(("pretrain", "refine", "optimise"), 2, **lengths)
    assert [(stage.name, stage.depth, stage.epochs) for stage in planned] == [
        ("pretrain", 2, 2), ("refine-1", 1, 3), ("refine-2", 2, 3), ("optimise", 2, 4),
    ]  # fmt: skip
    assert len({stage.seed for stage in planned}) == 4
    assert plan_stages(("optimise",), 2, **lengths) == [planned[-1]] == [Stage("optimise", "optimise", 2, 4, 7)]


@pytest.mark.parametrize("design", ["branching", "multi-level"])
@pytest.mark.parametrize("top_branch", [False, True])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_stacked_network_matches_what_was_refined_and_a_new_level(design, top_branch, norm):
    """The embeddings of the lower levels are the same to the last bits, also that which had no branch."""
    changes = {"design": design, "top_branch": top_branch, "norm": norm}
    lower, network = refined(2, **changes), make_network(3, **changes).eval()
    stack(lower, network)
    for found, wanted in zip(embeddings(network), embeddings(lower), strict=True):
        assert found.shape[1] == sum(LEVELS)
        torch.testing.assert_close(found[:, : sum(LEVELS[:2])], wanted, rtol=1e-5, atol=1e-6)
    assert network.item_scale.tolist()[:2] == lower.item_scale.tolist()
    assert float(network.item_scale[2].detach()) == pytest.approx(0.3)
    new = make_network(3, **changes)
    assert torch.equal(network.item_tower.linears[1].weight, new.item_tower.linears[1].weight)
    assert torch.equal(network.user_tower.linears[1].weight, new.user_tower.linears[1].weight)


def test_under_the_basic_design_the_new_top_is_matched_at_its_initial_scale():
    lower, network = refined(2, design="basic"), make_network(3, design="basic")
    stack(lower, network)
    assert network.item_scale.tolist() == pytest.approx([0.3])
    assert torch.equal(network.item_tower.linears[0].weight, lower.item_tower.linears[0].weight)


@pytest.mark.parametrize("design", ["basic", "branching"])
def test_between_networks_of_the_same_depth_everything_is_kept(design):
    lower, network = refined(3, design=design), make_network(3, design=design)
    stack(lower, network)
    for name, value in lower.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name


def encoder_of(depth=3):
    rng = np.random.default_rng(5)
    sizes = (FEATURES, *LEVELS[:depth])
    weights = [torch.from_numpy(rng.normal(size=size).astype(np.float32) * 0.4) for size in pairwise(sizes)]
    biases = [torch.from_numpy(rng.normal(size=width).astype(np.float32)) for width in LEVELS[:depth]]
    return PretrainedEncoder(weights, biases, [])


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_the_item_network_starts_as_the_encoder(norm):
    encoder, network = encoder_of(), make_network(3, design="multi-level", norm=norm, item_residual=False)
    user_before = [value.clone() for value in network.user_tower.parameters()]
    install_encoder(encoder, DualInputs(network, *world(), None, INPUTS, torch.float32))
    below, expected = torch.from_numpy(world()[1].toarray()), []
    for weight, bias in zip(encoder.weights, encoder.biases, strict=True):
        below = torch.tanh(below @ weight + bias)
        expected.append(below)
    found = embeddings(network.eval())[0] / 0.3
    torch.testing.assert_close(found, torch.cat(expected, dim=1), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(*pair) for pair in zip(user_before, network.user_tower.parameters(), strict=True))


def test_levels_stacked_later_start_from_the_encoder_and_refined_ones_stay():
    encoder, lower, network = encoder_of(), refined(1), make_network(2)
    stack(lower, network)
    install_encoder(encoder, DualInputs(network, *world(), None, INPUTS, torch.float32), since=1)
    assert torch.equal(network.item_weight, lower.item_weight)
    assert torch.equal(network.item_tower.norms[0].scale, lower.item_tower.norms[0].scale)
    assert torch.equal(network.item_tower.linears[0].weight, encoder.weights[1].T)


def test_pretraining_is_kept_logged_and_not_repeated(tmp_path, monkeypatch):
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        return pretrain(*args, **kwargs)

    monkeypatch.setattr(stages, "pretrain", counted)

    def run(*, resume, seed=0):
        options = RunOptions(progress=False, log=tmp_path / "log.jsonl", checkpoint=tmp_path / "c", resume=resume)
        return pretrained_encoder(
            world()[1], LEVELS, "tanh", PretrainingSettings(epochs=2, joint_epochs=1, batch=16, seed=seed),
            run=options, phase="train/pretrain", identity={"seed": seed}, device=torch.device("cpu"),
        )  # fmt: skip

    first = run(resume=False)
    assert last_stop(tmp_path / "c") == "train/pretrain, done"
    again = run(resume=True)
    assert len(calls) == 1
    for left, right in zip([*first.weights, *first.biases], [*again.weights, *again.biases], strict=True):
        assert torch.equal(left, right)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["phase"], line["epoch"], line["layer"]) for line in lines] == [
        ("train/pretrain", epoch, layer) for epoch, layer in enumerate((1, 1, 2, 2, 3, 3, 4), 1)
    ]
    with pytest.raises(UsageError, match="seed: 0 then, 1 now"):
        run(resume=True, seed=1)
    run(resume=False)
    assert len(calls) == 2
