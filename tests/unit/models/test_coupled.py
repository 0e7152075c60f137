"""Coupled: one objective over who took what and what things are; new items by one half-step from their content."""

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, ContentSpec, Dataset, IdMap, Interactions, evaluate, splits
from dualnet.data.synthetic import blocks_world
from dualnet.errors import UsageError
from dualnet.models.coupled import Coupled

N_ITEMS, N_USERS = 24, 30
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def world(*, pictures=True):
    """Items with words, labels and a vector of three numbers; users of two kinds."""
    rng = np.random.default_rng(0)
    kinds = np.arange(N_ITEMS) % 2
    pairs = [
        (f"u{u}", f"i{i}") for u in range(N_USERS) for i in range(N_ITEMS) if rng.random() < (0.5 if kinds[i] == u % 2 else 0.1)
    ]
    users, items = zip(*pairs, strict=True)
    interactions = Interactions.from_pairs(list(users), list(items))
    return Dataset(interactions, contents(list(interactions.items), pictures=pictures))


def contents(keys, *, pictures=True):
    rng = np.random.default_rng(1)
    kinds = [int(str(key)[1:]) % 2 for key in keys]
    table = pa.table(
        {
            "title": [
                " ".join(rng.choice(["red", "round", "tall"] if kind else ["blue", "flat", "short"], 2)) for kind in kinds
            ],
            "tags": [["a"] if kind else ["b", "c"] for kind in kinds],
        }
    )
    vectors = rng.normal(size=(len(keys), 3)).astype(np.float32) + np.array(kinds, np.float32)[:, None]
    spec = ContentSpec(text=("title",), tags=("tags",), vectors=("shape",) if pictures else (), min_df=1)
    return Content(IdMap(list(keys)), table, spec, {"shape": vectors} if pictures else {})


def objective(model, data, owners, words, measured, items):
    """The slow twin: every cell of every row, users, words and measured features, with its weight."""
    n, b, v = len(items), model.zero_weight, model.regularization_power

    def penalty(total, zeros):
        return model.regularization * (total + b * zeros) ** v

    features = np.asarray(csr_dense(model.featurizer_.transform(data.items)))
    kind = model.is_measured_
    has = np.where(features[:, ~kind] != 0, model.feature_weights_[~kind], 0)
    took = data.interactions.matrix.toarray()
    weights = np.concatenate([took, has.T])
    rows = np.concatenate([owners, words])
    error = (np.where(weights > 0, weights, b) * ((weights > 0) - rows @ items.T) ** 2).sum()
    error += (model.feature_weights_[kind] * (features[:, kind] - items @ measured.T) ** 2).sum()
    error += (penalty(weights.sum(axis=1), n) * (rows**2).sum(axis=1)).sum()
    error += (penalty(weights.sum(axis=0), len(rows) + kind.sum()) * (items**2).sum(axis=1)).sum()
    return error + (penalty(model.feature_weights_[kind] * n, 0) * (measured**2).sum(axis=1)).sum()


def csr_dense(matrix):
    return matrix.toarray() if hasattr(matrix, "toarray") else matrix


@pytest.mark.parametrize("power", [0.0, 0.5])
@pytest.mark.parametrize("pictures", [False, True])
def test_a_fit_is_a_minimum_of_one_objective_over_all_rows(power, pictures):
    data = world(pictures=pictures)
    model = Coupled(
        factors=4, regularization=0.3, regularization_power=power, iterations=60, content_weight={"title": 0.4, "tags": 0.7, **({"shape": 0.2} if pictures else {})}
    ).fit(data)  # fmt: skip
    items, words, measured = (x.astype(float) for x in (model.item_factors_, model.word_factors_, model.measured_factors_))
    users = model.encode_users(model.histories_, model.catalogue_).astype(float)
    best = objective(model, data, users, words, measured, items)
    rng = np.random.default_rng(0)
    for place, moved in enumerate((users, words, measured, items)):
        for _ in range(20 if len(moved) else 0):
            parts = [users, words, measured, items]
            parts[place] = moved + 0.02 * rng.normal(size=moved.shape)
            assert objective(model, data, *parts) > best, ["users", "words", "measured", "items"][place]


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_factors_of_a_new_item_are_those_of_its_content_alone(power):
    model = Coupled(factors=4, regularization=0.3, regularization_power=power, content_weight=0.6).fit(world())
    new = contents(["n1", "n2", "n3"])
    space = model.space(new.ids, new)
    features = np.asarray(csr_dense(space.features)).astype(float)
    words, measured = model.word_factors_.astype(float), model.measured_factors_.astype(float)
    values, has = features[:, model.is_measured_], features[:, ~model.is_measured_] != 0
    assert values.shape == (3, 3)
    for row, found in enumerate(model.encode_items(space)):
        weight = np.where(has[row], 0.6, 0.01)
        penalty = 0.3 * (0.6 * has[row].sum() + 0.01 * len(model.is_measured_)) ** power
        left = words.T @ (weight[:, None] * words) + 0.6 * measured.T @ measured + penalty * np.eye(4)
        expected = np.linalg.solve(left, 0.6 * (has[row] @ words + values[row] @ measured))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_new_item_is_explained_by_its_words_and_its_vector():
    model = Coupled(factors=4, regularization_power=0.5, regularization=0.2).fit(world())
    new = contents(["n1", "n2"])
    told = model.explain("n1", history=["i1", "i3", "n2"], new_items=new)
    listed = model.recommend(history=["i1", "i3", "n2"], k=N_ITEMS, new_items=new)
    assert told.score == pytest.approx(dict(listed)["n1"], abs=1e-5)
    assert sum(part.score for part in told.history.parts) == pytest.approx(told.score, abs=1e-5)
    assert sum(part.score for part in told.content.parts) == pytest.approx(told.score, abs=1e-5)
    assert {part.column for part in told.content.parts} == {"title", "tags", "shape"}
    assert told.content.base == 0


def test_columns_without_weight_are_left_out():
    data = world()
    alone = Coupled(factors=4, content_weight={"tags": 0.5}).fit(data)
    zero = Coupled(factors=4, content_weight={"tags": 0.5, "title": 0, "shape": 0.0}).fit(data)
    np.testing.assert_array_equal(alone.item_factors_, zero.item_factors_)
    assert not alone.measured_factors_.size
    names = np.array(alone.featurizer_.names())
    assert set(names[alone.feature_weights_ > 0]) == {"a", "b", "c"}
    by_kind = Coupled(factors=4, content_weight={"text": 0.3, "tags": 0.6, "title": 0.4, "images": 1}).fit(data)
    weights = dict(zip(names, by_kind.feature_weights_, strict=True))
    assert {float(weights[name]) for name in ("red", "blue")} == {np.float32(0.4)}
    assert float(weights["a"]) == np.float32(0.6)
    assert not by_kind.measured_factors_.size
    everything = Coupled(factors=4, content_weight=0.5).fit(data)
    assert np.abs(everything.item_factors_ - alone.item_factors_).max() > 0.01


@pytest.mark.parametrize("weight", [0.5, {"title": 0.5}])
def test_all_quadrants_are_served_and_a_saved_model_is_the_same(tmp_path, weight):
    blocks = blocks_world()
    split = splits.four_quadrants(blocks, seed=1)
    model = Coupled(factors=8, content_weight=weight).fit(split.train, split.validation)
    report = evaluate(model, split.tasks, at=(10,), bootstrap=0)
    assert len(report.results) == 4
    assert min(result.mean("recall@10") for result in report.results) > 0.7
    again = Coupled.load(model.save(tmp_path / "model"))
    assert again.get_params() == model.get_params()
    task = split.tasks[1]
    assert again.score(["i0-1"], history=["i0-2"]) == pytest.approx(model.score(["i0-1"], history=["i0-2"]))
    for fitted in (model, again):
        space = fitted.space(task.items, task.content)
        np.testing.assert_array_equal(fitted.encode_items(space), model.encode_items(model.space(task.items, task.content)))


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        ({"titel": 0.5}, "names 'titel', which is no content column and no kind of one"),
        ({"title": -0.5}, "content_weight=-0.5 of 'title' must be a number of at least 0"),
        ("much", "content_weight='much' must be a number or a table"),
        (True, "content_weight=True must be a number or a table"),
        (0.005, "zero_weight=0.01 must be above 0 and below the lightest positive"),
    ],
)
def test_bad_weights(weight, text):
    with pytest.raises(UsageError, match=text):
        Coupled(factors=4, content_weight=weight).fit(world())
