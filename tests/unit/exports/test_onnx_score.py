"""ONNX: the inner product of what the graphs return is the model's score, whatever the levels, contents and histories."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array, issparse

from dualnet import DualNet, Solved
from dualnet.data.content import Content
from dualnet.data.content_spec import ContentSpec
from dualnet.data.dataset import Dataset
from dualnet.data.interactions import Interactions
from dualnet.exports.onnx_graph import graph_layout, item_graph, user_graph
from dualnet.ids import IdMap
from dualnet.models.solved.joint import LONG_HISTORY
from dualnet.retrieval.topk import inner_products

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore:.*have no content at all")  # some are to have none

N_USERS, N_ITEMS, NEW = 40, LONG_HISTORY + 60, 3
ITEMS = IdMap([f"i{k}" for k in range(N_ITEMS)])
TASTES = {"age": ["young", "old"], "town": ["Ulm", "Kiel", "Jena"]}


def bags(width, each, share=1.0):
    """Counts of so many of the words in a share of the items, drawn."""
    rng = np.random.default_rng(width)
    dense = np.zeros((N_ITEMS, width), np.float32)
    for row in range(N_ITEMS):
        if rng.random() < share:
            dense[row, rng.choice(width, each, replace=False)] = rng.integers(1, 4, each)
    return csr_array(dense)


def content(kind):
    """Content of one kind: (matrix or tags) of so many features, read as it is, beside the factors, or along its axes."""
    rng = np.random.default_rng(3)
    matrix = {
        "dense few": lambda: rng.normal(size=(N_ITEMS, 6)).astype(np.float32),
        "dense wide": lambda: rng.normal(size=(N_ITEMS, 640)).astype(np.float32),
        "sparse few": lambda: bags(50, 5),
        "sparse wide": lambda: bags(700, 9, share=0.8),
        "sparse long": lambda: bags(700, 230),
    }
    if kind == "none":
        return None
    if kind == "tags":
        words = [["red", "blue"][: k % 3] + [f"t{k % 7}"] for k in range(N_ITEMS)]
        return Content(ITEMS, pa.table({"tags": words}), ContentSpec(tags=("tags",), min_df=1))
    if kind == "words and vectors":
        spec, matrices = (
            ContentSpec(bags=("x",), vectors=("y",), min_df=1),
            {"x": bags(2_300, 9, share=0.8), "y": rng.normal(size=(N_ITEMS, 5))},
        )
        return Content(ITEMS, pa.table({}), spec, {name: value.astype(np.float32) for name, value in matrices.items()})
    dense = kind.startswith("dense")
    spec = ContentSpec(vectors=("x",)) if dense else ContentSpec(bags=("x",), min_df=1)
    return Content(ITEMS, pa.table({}), spec, {"x": matrix[kind]()})


def world(kind, *, columns=False):
    """What some users took of all items but the last few."""
    rng = np.random.default_rng(1)
    taken = rng.random((N_USERS, N_ITEMS)) < 0.1
    taken[:, 0] = True
    taken[:, -NEW:] = False
    users = IdMap([f"u{k}" for k in range(N_USERS)])
    table = pa.table({name: [values[k % len(values)] for k in range(N_USERS)] for name, values in TASTES.items()})
    people = Content(users, table, ContentSpec(categories=tuple(TASTES), min_df=1)) if columns else None
    return Dataset(Interactions.from_rows(users, ITEMS, *np.nonzero(taken)), content(kind), people)


SOLVED = {"factors": 9, "factor_zero_weight": 0.05, "regularization": 1.0, "new_scale": 0.6, "unliked_scale": 0.8}
NETWORKS = {"levels": (8, 4), "epochs": 1, "user_batch": 20}
MODELS = {
    "solved": lambda: Solved(**SOLVED, relation=0.5, prior=np.inf, content_scale=0.7, content_weight=0.0),
    "solved factors": lambda: Solved(**SOLVED, relation=0.0, prior=2.0, content_scale=0.0, content_weight=0.0),
    "solved and cosine": lambda: Solved(**SOLVED, relation=0.0, prior=2.0, content_scale=1.5, content_weight=0.4),
    "all": lambda: DualNet(
        **SOLVED, **NETWORKS, relation=0.0, prior=np.inf, content_scale=0.7, content_weight=0.3, network_weight=0.6
    ),
    "networks": lambda: DualNet(**NETWORKS, factors=0, content_weight=0.5, new_scale=0.7, unliked_scale=1.0),
    "reference": lambda: DualNet(
        **NETWORKS, factors=0, content_weight=0.0, new_scale=1.0, unliked_scale=1.0, user_input="reference", item_residual=False
    ),
    "no weight": lambda: DualNet(
        **SOLVED, **NETWORKS, relation=0.0, prior=np.inf, content_scale=0.7, content_weight=0.0, network_weight=0.0
    ),
}


@cache
def encoder_of(side, model):
    """The item or user graph of a model, ready to run."""
    graph = {"item": item_graph, "user": user_graph}[side](model.levels_, model.catalogue_)
    onnx.checker.check_model(graph, full_check=True)
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


def run(side, model, **inputs):
    """The outputs of a graph, by name, for those of some inputs that it asks for."""
    encoder = encoder_of(side, model)
    found = encoder.run(None, {entry.name: inputs[entry.name] for entry in encoder.get_inputs()})
    return dict(zip((entry.name for entry in encoder.get_outputs()), found, strict=True))


def padded(histories):
    longest = max(map(len, histories), default=0)
    return np.array([history + [-1] * (longest - len(history)) for history in histories], np.int64).reshape(
        len(histories), longest
    )


def item_side(model, rows=None):
    """The outputs of the item graph for the catalogue, from rows and features, or for some rows instead."""
    space = model.catalogue_
    features = space.features.toarray() if issparse(space.features) else space.features
    at = np.arange(len(space)) if rows is None else rows
    return run("item", model, features=features, item_row=at)


def user_side(model, histories, columns=None):
    return run("user", model, item_rows=padded(histories), columns=columns)


def product(users, items):
    assert users.keys() == items.keys()
    return sum(users[name].astype(np.float64) @ items[name].T for name in users)


def own_scores(model, histories, columns=None):
    """The scores of the model itself."""
    distinct = [sorted(set(history)) for history in histories]
    indptr, taken = np.cumsum([0, *map(len, distinct)]), np.concatenate(distinct).astype(np.int64)
    matrix = csr_array((np.ones(len(taken), np.float32), taken, indptr), shape=(len(histories), len(model.catalogue_)))
    users = model.encode_users(matrix, model.catalogue_, columns)
    return inner_products(users, model.encode_items(model.catalogue_))


def agree(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


@cache
def fitted(name, kind, *, columns=False):
    """A model whose catalogue has items that nobody liked at the fit, and others that came later."""
    model = MODELS[name]()
    if kind == "words and vectors" and name != "networks":
        model.set_params(content_weight=0.0)  # each has a kernel of its own, and there is no cosine
    model.fit(world(kind, columns=columns))
    if kind != "none":
        late = content(kind).take(np.arange(N_ITEMS - NEW, N_ITEMS))
        model.add_items(Content(IdMap([f"new-{k}" for k in range(NEW)]), late.table, late.spec, late.matrices))
    return model


def drawn_histories(size):
    """None, one item, one repeated, all lengths up to the catalogue and beyond `LONG_HISTORY`, new items among others."""
    rng = np.random.default_rng(2)
    some = [rng.permutation(size)[:n].tolist() for n in (2, 9, LONG_HISTORY, LONG_HISTORY + 1, size)]
    return [[], [5], [5, 7, 5, 5], [size - 1], [size - 1, 3, size - 2], *some]


CONTENTS = ["none", "dense few", "dense wide", "sparse few", "sparse wide", "sparse long", "tags", "words and vectors"]


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("name", MODELS)
def test_the_graphs_give_the_whole_score(name, kind):
    model = fitted(name, kind)
    items = item_side(model)
    histories = drawn_histories(len(model.catalogue_))
    users, wanted = user_side(model, histories), own_scores(model, histories)
    agree(product(users, items), wanted)
    layout = graph_layout(model.levels_, model.catalogue_)
    widths = {"vectors": layout.width} | ({"content": layout.sparse_width} if layout.sparse_width else {})
    assert {part: array.shape[1] for part, array in users.items()} == widths
    for row, history in enumerate(histories):  # nobody's answer depends on who asks beside them
        for part, array in user_side(model, [history]).items():
            np.testing.assert_allclose(array[0], users[part][row], rtol=1e-5, atol=1e-6 * np.abs(users[part]).max())


@pytest.mark.parametrize("kind", ["none", "dense few", "sparse wide", "sparse long", "words and vectors"])
@pytest.mark.parametrize("name", ["solved and cosine", "all", "networks"])
def test_the_list_is_that_of_recommend(name, kind):
    model = fitted(name, kind)
    items, size = item_side(model), len(model.catalogue_)
    for history in drawn_histories(size)[1:-1]:
        scores = product(user_side(model, [history]), items)[0]
        scores[history] = -np.inf
        listed = model.catalogue_.ids.rows(model.recommend(history=[model.catalogue_.ids.key(row) for row in set(history)]).ids)
        agree(scores[listed], np.sort(scores)[::-1][: len(listed)])


@pytest.mark.parametrize("kind", ["none", "sparse wide"])
@pytest.mark.parametrize("name", ["all", "networks"])
def test_columns_of_users_count(name, kind):
    model = fitted(name, kind, columns=True)
    histories = drawn_histories(len(model.catalogue_))
    columns = np.asarray(model.user_features_.toarray() if issparse(model.user_features_) else model.user_features_)
    columns = columns[: len(histories)].astype(np.float32)
    items = item_side(model)
    found = product(user_side(model, histories, columns), items)
    agree(found, own_scores(model, histories, columns))
    nothing = product(user_side(model, histories, np.zeros_like(columns)), items)
    agree(nothing, own_scores(model, histories))
    assert np.abs(found - nothing).max() > 1e-3 * np.abs(found).max()


@pytest.mark.parametrize("kind", ["none", "sparse wide"])
def test_nobody_no_history_and_numbers_that_stand_for_no_item(kind):
    model = fitted("solved and cosine" if kind != "none" else "solved", kind)
    assert {len(part) for part in run("user", model, item_rows=np.empty((0, 4), np.int64)).values()} == {0}
    filled = run("user", model, item_rows=np.array([[3, -1, -2, -(2**63)]]))
    for part, array in run("user", model, item_rows=np.array([[3]])).items():
        np.testing.assert_array_equal(array, filled[part])
    empty = run("user", model, item_rows=np.empty((2, 0), np.int64))
    assert {part: np.abs(array).max() for part, array in empty.items()} == dict.fromkeys(empty, 0)
    with pytest.raises(Exception, match="out of data bounds|out of bounds|out-of-bounds"):
        run("user", model, item_rows=np.array([[len(model.catalogue_)]]))


@pytest.mark.parametrize("kind", ["dense few", "sparse wide", "sparse long", "words and vectors"])
@pytest.mark.parametrize("name", ["solved", "solved and cosine", "all", "networks"])
def test_an_item_without_a_row_is_a_new_one(name, kind):
    model = fitted(name, kind)
    space, histories = model.catalogue_, drawn_histories(len(model.catalogue_))
    strangers = item_side(model, np.full(len(space), -1))
    fresh = Content(IdMap([f"s{k}" for k in range(N_ITEMS)]), content(kind).table, content(kind).spec, content(kind).matrices)
    own = model.encode_items(model.space(fresh.ids, fresh))[: N_ITEMS - NEW]
    rows = np.array([space.ids.row(key) for key in ITEMS.keys[: N_ITEMS - NEW]])
    users, dense = user_side(model, histories), own.dense if hasattr(own, "dense") else own
    np.testing.assert_allclose(strangers["vectors"][rows], dense, rtol=1e-4, atol=1e-5 * np.abs(dense).max())
    if "content" in strangers:
        np.testing.assert_allclose(strangers["content"][rows], own.sparse.toarray(), rtol=1e-5, atol=1e-6)
    assert users.keys() == strangers.keys()


def test_a_stiff_system_is_solved_all_the_same():
    model = Solved(factors=30, factor_zero_weight=0.01, regularization=0.01, relation=0.0, prior=1.0, content_scale=1.0,
                   content_weight=0.0, new_scale=1.0, unliked_scale=1.0).fit(world("sparse wide"))  # fmt: skip
    histories = drawn_histories(len(model.catalogue_))
    agree(product(user_side(model, histories), item_side(model)), own_scores(model, histories))
