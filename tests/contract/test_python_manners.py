"""A model as a Python object: pickled, copied and cloned at any time, with any random state, checked before it trains."""

import copy
import multiprocessing
import pickle
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from dualnet import Content, Dataset, load
from dualnet.data.splits import four_quadrants
from dualnet.data.synthetic import blocks_world
from dualnet.errors import DualNetError, UsageError
from dualnet.models.registry import MODELS, create, model_class
from dualnet.train import device, forks
from dualnet.train.options import RunOptions
from tests.contract.small_models import SMALL

WORLD = blocks_world()
SEEDED = [name for name in MODELS if "random_state" in model_class(name).parameter_names()]
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def small(name, **more):
    return create(name, **{**SMALL.get(name, {}), **more})


def one_item(key):
    return Content.from_rows([key], {"title": [WORLD.items.title(0)]}, WORLD.items.spec)


def first(model):
    return model.recommend("u1-1", k=3).ids


def through_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


@pytest.fixture(scope="module", params=sorted(MODELS))
def name(request):
    return request.param


def test_a_model_is_pickled_and_copied_at_any_time(name, tmp_path):
    model = small(name)
    moments = [model, model.fit(WORLD)]
    for made in (pickle.loads(pickle.dumps(moments[0])), copy.deepcopy(moments[0])):
        assert first(made.fit(WORLD)) == first(model)
    steps = [lambda: model.recommend("u1-1", k=3), lambda: model.explain("i1-1", user="u1-1")]
    if model.capabilities.new_items:
        steps.append(lambda: model.add_items(one_item("n1")))
    if model.capabilities.updates:
        steps.append(lambda: model.update(WORLD.interactions, epochs=1))
    for step in steps:
        step()
        for other in (
            pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model), through_joblib(model, tmp_path),
        ):  # fmt: skip
            assert first(other) == first(model)
    read = load(model.save(tmp_path / "m"))
    assert first(pickle.loads(pickle.dumps(read))) == first(model)


def test_clone_and_set_params(name):
    model = small(name)
    assert clone(clone(model)).set_params(**model.get_params()).get_params() == model.get_params()
    assert not hasattr(clone(model.fit(WORLD)), "catalogue_")


@pytest.mark.parametrize("name", SEEDED)
def test_random_states(name, tmp_path):
    def fitted(state):
        return small(name, random_state=state).fit(WORLD)

    for make in (np.random.RandomState, np.random.default_rng):
        one, same, other = fitted(make(0)), fitted(make(0)), fitted(make(1))
        assert one.seed_ == same.seed_ != other.seed_
        assert first(one) == first(same)
        assert load(one.save(tmp_path / make.__name__)).random_state == one.seed_  # what was drawn is kept
        shared = make(0)
        assert fitted(shared).seed_ != fitted(shared).seed_
    fresh = fitted(None)
    assert fresh.random_state is None
    assert fresh.seed_ != fitted(None).seed_
    np.testing.assert_array_equal(fresh.score(["i1-1"], user="u1-1"), fitted(fresh.seed_).score(["i1-1"], user="u1-1"))
    assert fitted(np.int64(7)).seed_ == 7
    for wrong in ("abc", 1.0, True, -1, [0], 2**63):
        with pytest.raises(UsageError, match="random_state="):
            fitted(wrong)


def test_a_seed_changes_the_model():
    scores = [small("wmf", random_state=np.random.RandomState(seed)).fit(WORLD).score(["i1-1"], user="u1-1") for seed in (0, 1)]
    assert scores[0] != scores[1]


@pytest.mark.parametrize(
    ("name", "given", "plain"),
    [
        (
            "dualnet",
            {"levels": np.array([8, 4]), "epochs": np.int64(1), "noise": np.float32(0.5)},
            {"levels": (8, 4), "epochs": 1},
        ),
        ("dualnet", {"levels": (np.int32(8), np.int64(4)), "item_residual": np.bool_(False)}, {"item_residual": False}),
        ("wmf", {"factors": np.uint8(4), "regularization": np.float64(1)}, {"factors": 4}),
        ("item-knn", {"neighbours": np.array(5)}, {"neighbours": 5}),
        ("coupled", {"content_weight": {"title": np.float64(0.3)}}, {"content_weight": {"title": 0.3}}),
    ],
)
def test_numpy_scalars_are_numbers(name, given, plain, tmp_path):
    model = small(name, **given).fit(WORLD)
    assert {key: model.get_params()[key] for key in plain} == plain
    assert all(type(model.get_params()[key]).__module__ == "builtins" for key in given)
    assert first(load(model.save(tmp_path / "m"))) == first(model)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dualnet", {"levels": 64}), ("dualnet", {"levels": "64"}), ("dualnet", {"levels": None}), ("dualnet", {"levels": (8.5,)}),
        ("dualnet", {"levels": {8}}), ("dualnet", {"epochs": "3"}), ("dualnet", {"epochs": np.float64(3)}),
        ("dualnet", {"stages": 5}), ("dualnet", {"design": 3}), ("dualnet", {"item_residual": "no"}),
        ("dualnet", {"learning_rate": float("inf")}), ("dualnet", {"learning_rate": "fast"}), ("dualnet", {"noise": None}),
        ("dualnet", {"user_batch": 2.5}), ("dualnet", {"clip": float("nan")}),
        ("cdl", {"levels": 8}), ("bpr", {"factors": None}), ("wmf", {"factors": [4]}), ("wmf", {"zero_weight": 1.5}),
        ("coupled", {"iterations": 0}), ("fusion", {"weight": -1}), ("fusion", {"factors": 0}), ("ease", {"regularization": "x"}),
        ("item-knn", {"neighbours": 0}), ("lsa-profile", {"width": 0}), ("content-factors", {"ridge": 0}), ("solved", {"factors": True}),
    ],
)  # fmt: skip
def test_parameters_are_checked_before_anything_is_read(name, given, monkeypatch):
    model = create(name, **given)
    monkeypatch.setattr(type(model), "_prepare", lambda *_: pytest.fail("it began to fit"))
    with pytest.raises(UsageError, match=next(iter(given))):
        model.fit(WORLD)


def test_infinity_where_it_means_something():
    assert small("solved", prior=float("inf")).fit(WORLD).prior == float("inf")


FRAME = pd.DataFrame({"user_id": ["a"], "item_id": ["x"]})
SPLIT = four_quadrants(WORLD, seed=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((FRAME,), "fit learns from a Dataset, got a DataFrame; make one with Dataset.from_tables"),
        ((np.eye(3),), "Dataset.from_tables"),
        ((WORLD.interactions.matrix,), "Interactions.from_pairs"),
        ((WORLD.interactions,), "write Dataset(interactions)"),
        (("events.csv",), "got a str; make one with Dataset.from_tables"),
        ((None,), "got None"),
        ((SPLIT,), "split.train"),
        ((WORLD, SPLIT), "fit chooses on a Validation, got a Split; give its validation, split.validation"),
        ((WORLD, FRAME), "got a DataFrame"),
    ],
)
def test_wrong_objects_are_told_in_a_sentence(arguments, words):
    with pytest.raises(UsageError) as raised:
        create("popularity").fit(*arguments)
    assert words in str(raised.value)


def test_run_options_are_run_options():
    with pytest.raises(UsageError, match="run must be RunOptions, got a dict"):
        create("popularity").fit(WORLD, run={"threads": 2})
    create("popularity").fit(Dataset(WORLD.interactions), run=RunOptions())  # what a message proposes works
    create("popularity").fit(SPLIT.train, SPLIT.validation)


@pytest.mark.parametrize("name", ["content-profile", "solved"])
def test_items_that_several_threads_add_are_all_there(name):
    model = small(name).fit(WORLD)
    failed = []

    def write(who):
        try:
            for number in range(8):
                model.add_items(one_item(f"w{who}-{number}"))
                assert len(model.recommend("u1-1", k=2)) == 2
                pickle.dumps(model)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    if model.capabilities.updates:
        threads.append(threading.Thread(target=lambda: model.update(WORLD.interactions, epochs=0)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sum(str(key).startswith("w") for key in model.catalogue_.ids) == 32
    assert set(model.recommend("u1-1", k=32, only="new").ids) == {f"w{who}-{n}" for who in range(4) for n in range(8)}


def fit_and_answer(model, results):
    try:
        results.put(first(model.fit(WORLD)))
    except DualNetError as error:
        results.put(str(error))


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_a_fit_in_another_process_ends(how, monkeypatch):
    model = small("dualnet")
    expected = first(model.fit(WORLD))
    context = multiprocessing.get_context(how)
    results = context.Queue()
    child = context.Process(target=fit_and_answer, args=(model, results))
    child.start()
    assert results.get(timeout=600) == expected
    child.join(600)
    assert child.exitcode == 0


def test_a_forked_process_trains_in_one_thread(monkeypatch):
    import torch

    from dualnet.errors import DualNetWarning

    monkeypatch.setattr(forks, "_forked", [True])
    monkeypatch.setattr(device, "threadpool_limits", lambda **_: multiprocessing.get_context("spawn").Lock())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    chosen = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    with pytest.warns(DualNetWarning, match="trains in one thread"), device.threads(None):
        pass
    assert chosen == [1, 1]
