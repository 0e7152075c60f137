"""CDL: equation 5 to the letter, half-steps that never raise it, new items from content, served without torch."""

import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dualnet import Content, evaluate, splits
from dualnet.data.synthetic import blocks_world
from dualnet.errors import ArtifactError, UsageError
from dualnet.models.als import half_step
from dualnet.models.cdl import CDL, best_round
from dualnet.models.cdl_training import _Alternation, exported_encoder
from dualnet.models.content_encoder import ContentEncoder
from dualnet.nn.sdae import Autoencoder

WORLD = blocks_world()
SMALL = {"levels": (16, 6), "batch": 16}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@given(
    seed=st.integers(0, 999), rows=st.integers(1, 9), columns=st.integers(1, 30), width=st.integers(1, 12),
    density=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
)  # fmt: skip
def test_half_step_with_a_prior_is_the_textbook_formula(seed, rows, columns, width, density):
    """(V'CV + l I)^-1 (V'C r + l p), for rows with few positives, many, and none."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((rows, columns)) < density) * rng.uniform(0.5, 3, (rows, columns))
    v, prior = rng.normal(size=(columns, width)), rng.normal(size=(rows, width))
    matrix = csr_array(dense.astype(np.float32))
    found = half_step(v.astype(np.float32), matrix, 0.05, 0.3, prior=prior.astype(np.float32))
    for row in range(rows):
        weight = np.where(dense[row] > 0, dense[row], 0.05)
        left = v.T @ (weight[:, None] * v) + 0.3 * np.eye(width)
        expected = np.linalg.solve(left, v.T @ (weight * (dense[row] > 0)) + 0.3 * prior[row])
        np.testing.assert_allclose(found[row], expected, rtol=5e-3, atol=2e-3)


def alternation(model):
    known = model._prepare(WORLD)
    return _Alternation(model._settings(), known.data.interactions.matrix, known.content("cdl"), torch.device("cpu"))


def dense_objective(model, state, users, items):
    """Equation 5 over every cell, with clean content."""
    network = state.network
    r = WORLD.interactions.pattern().toarray()
    x = torch.from_numpy(model.catalogue_.features.toarray())
    with torch.no_grad():
        code = network.encode(x)
        hidden = code
        for place in range(len(network.weights) - 1, 0, -1):
            hidden = torch.tanh(hidden @ network.decoders[place].T + network.decoder_biases[place])
        restored = hidden @ network.decoders[0].T + network.decoder_biases[0]
    matching = (np.where(r > 0, 1, model.zero_weight) * (r - users @ items.T) ** 2).sum()
    return (
        matching
        + model.content_weight * ((items - code.numpy()) ** 2).sum()
        + model.reconstruction_weight * ((x - restored) ** 2).sum().item()
        + model.user_penalty * (users**2).sum()
        + model.weight_penalty * sum((value**2).sum().item() for value in network.parameters())
    )


def test_the_objective_is_equation_5():
    model = CDL(**SMALL, user_penalty=0.7, content_weight=3.0, reconstruction_weight=5.0, weight_penalty=0.1)
    state = alternation(model)
    for number in (1, 2):
        state.round(number)
        dense = dense_objective(model, state, state.users, state.items)
        assert state.lines[-1] == {"round": number, "step": "items", "objective": pytest.approx(dense, rel=1e-4)}


def test_every_exact_half_step_lowers_the_objective():
    lines = CDL(**SMALL, alternations=6, reconstruction_weight=1.0).fit(WORLD).objective_
    assert [line["step"] for line in lines[:6]] == ["start", "users", "items", "encoder", "users", "items"]
    exact = [(a["objective"], b["objective"]) for a, b in pairwise(lines) if b["step"] != "encoder"]
    assert len(exact) == 12
    assert all(after <= before * (1 + 1e-6) for before, after in exact)
    assert sum(after < before for before, after in exact) >= 10
    assert lines[-1]["objective"] < 0.8 * lines[0]["objective"]


def test_the_encoder_step_draws_codes_to_factors_where_that_weighs_more():
    gaps = []
    for content_weight, reconstruction_weight in ((100.0, 0.01), (0.01, 100.0)):
        model = CDL(**SMALL, content_weight=content_weight, reconstruction_weight=reconstruction_weight)
        state = alternation(model)
        state.items = np.ones_like(state.items)
        before = np.square(state.codes - 1).sum()
        for epoch in range(40):
            state._descend(epoch)
        gaps.append(np.square(state._encoded()[1] - 1).sum() / before)
    assert gaps[0] < 0.5 < gaps[1]


@pytest.mark.parametrize("reconstruct", ["clean", "noisy"])
def test_all_quadrants_are_served(reconstruct):
    split = splits.four_quadrants(WORLD, seed=1)
    model = CDL(**SMALL, reconstruct=reconstruct, alternations=15, learning_rate=0.01).fit(split.train, split.validation)
    report = evaluate(model, split, at=(10,), bootstrap=0)
    assert min(result.mean("recall@10") for result in report.results) > 0.7


def test_reconstruct_changes_the_encoder_only_through_its_target():
    clean, noisy, same = (
        CDL(**SMALL, reconstruct=target, noise=noise).fit(WORLD).encoder_.weights[0]
        for target, noise in (("clean", 0.3), ("noisy", 0.3), ("noisy", 0.0))
    )
    assert not np.array_equal(clean, noisy)
    np.testing.assert_array_equal(same, CDL(**SMALL, noise=0.0).fit(WORLD).encoder_.weights[0])


def test_new_items_are_their_codes_and_known_ones_their_factors():
    model = CDL(**SMALL).fit(WORLD)
    twin = Content.from_rows(["fresh"], {"title": [WORLD.items.title(0)]}, WORLD.items.spec)
    model.add_items(twin)
    vectors = model.encode_items(model.catalogue_)
    np.testing.assert_array_equal(vectors[:-1], model.item_factors_)
    np.testing.assert_array_equal(vectors[-1:], model.encoder_.encode(model.catalogue_.features[-1:]))
    found = model.encode_users(model.histories_[:3], model.space(model.items_))
    np.testing.assert_allclose(found, half_step(model.item_factors_, model.histories_[:3], 0.01, 1.0), atol=1e-6)


def test_the_best_round_on_validation_is_kept():
    split = splits.citeulike2(WORLD, seed=0)
    chosen = CDL(**SMALL, alternations=6).fit(split.train, split.validation)
    assert len(chosen.figures_) == 6
    assert best_round([0.1, 0.3, 0.3, 0.2]) == 3
    same = CDL(**SMALL, alternations=best_round(chosen.figures_)).fit(split.train)
    np.testing.assert_array_equal(chosen.item_factors_, same.item_factors_)
    assert same.figures_ == []


def test_a_refit_runs_for_the_chosen_rounds():
    split = splits.four_quadrants(WORLD, seed=1)
    model = CDL(**SMALL, alternations=4).fit(split.train, split.validation)
    assert len(model.figures_) == 4
    assert model.objective_[-1]["round"] == best_round(model.figures_)


def test_the_encoder_in_numpy_is_that_in_torch():
    network = Autoencoder(
        30, (8, 5, 3), activation="sigmoid", top="identity", dropout_rate=0.0, kind="squares",
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    x = np.random.default_rng(0).random((7, 30), dtype=np.float32)
    encoder = exported_encoder(network)
    expected = network.encode(torch.from_numpy(x)).detach()
    np.testing.assert_allclose(encoder.encode(x), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(csr_array(x)), expected, atol=1e-5)
    with pytest.raises(ArtifactError, match="encoder layer 1 does not fit"):
        ContentEncoder("tanh", encoder.weights[:1] + encoder.weights[2:], encoder.biases[:2])


def test_a_saved_model_serves_new_items_without_torch(tmp_path):
    folder = CDL(**SMALL).fit(WORLD).save(tmp_path / "model")
    code = (
        "import sys, dualnet; m = dualnet.load(sys.argv[1])\n"
        "import pyarrow as pa\n"
        "m.add_items(pa.table({'item_id': ['fresh'], 'title': [m.catalogue_.content.title(0)]}))\n"
        "print(m.recommend(history=['i0-0', 'fresh'], k=3).ids[0])\n"
        "bad = {'torch', 'sklearn'} & set(sys.modules); assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("i0-")


def test_the_papers_preset():
    model = CDL.paper(noise=0.2)
    assert (model.levels, model.noise, model.dropout, model.zero_weight) == ((2000, 1000, 300), 0.2, 0.1, 0.01)
    assert (model.user_penalty, model.content_weight, model.reconstruction_weight, model.weight_penalty) == (
        1,
        10,
        1000,
        0.0005,
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"levels": ()}, "levels=(): give one or more"),
        ({"levels": (8, 0)}, "levels=(8, 0): give"),
        ({"activation": "tan"}, "activation='tan' is not known. Did you mean 'tanh'"),
        ({"reconstruct": "dirty"}, "reconstruct='dirty' is not known"),
        ({"alternations": 0}, "alternations=0 must be a whole number"),
        ({"content_weight": 0}, "content_weight=0 must be above 0"),
        ({"weight_penalty": -1}, "weight_penalty=-1 must be at least 0"),
        ({"zero_weight": 1.0}, "zero_weight=1.0 must be above 0 and below the lightest positive"),
        ({"noise": 1.0}, "noise=1.0 must be at least 0 and below 1"),
    ],
)
def test_bad_parameters(changes, text):
    with pytest.raises(UsageError, match=re.escape(text)):
        CDL(**{**SMALL, **changes}).fit(WORLD)


def test_each_round_is_logged(tmp_path):
    import json

    from dualnet import splits
    from dualnet.data.synthetic import blocks_world
    from dualnet.models.registry import create
    from dualnet.train.options import RunOptions

    parts = splits.out_matrix(blocks_world(), cold=0.2)
    log = tmp_path / "log.jsonl"
    model = create("cdl", levels=(8, 4), alternations=3, epochs=1).fit(parts.train, parts.validation, run=RunOptions(log=log))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    chosen = [line for line in lines if line["phase"] == "choose"]
    final = [line for line in lines if line["phase"] == "final"]
    assert [line["epoch"] for line in chosen] == [1, 2, 3]
    assert [line["recall@auto"] for line in chosen] == model.figures_
    assert all(line["seconds"] >= 0 for line in lines)
    ends = [line["objective"] for line in model.objective_ if line["step"] == "items"]
    assert [line["objective"] for line in final] == ends
