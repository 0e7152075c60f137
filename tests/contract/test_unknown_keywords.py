"""A keyword that there is not is told with the nearest name, by an error that is both the library's and Python's."""

import inspect
import pickle

import pytest

import dualnet
from dualnet import ContentSpec, Dataset, DualNetError, Interactions, ParameterError, RunOptions, splits, synthetic
from dualnet.models.registry import MODELS, model_class

DATA = synthetic.blocks_world()
CALLS = {
    "ContentSpec": (lambda: ContentSpec(txt=("a",)), "text"),
    "RunOptions": (lambda: RunOptions(thread=2), "threads"),
    "Dataset": (lambda: Dataset(DATA.interactions, item=DATA.items), "items"),
    "Dataset.from_tables": (lambda: Dataset.from_tables("no.csv", ratin="r"), "rating"),
    "Dataset.from_sql": (lambda: Dataset.from_sql("sqlite:///x", "SELECT 1", usr="u"), "user"),
    "Dataset.open": (lambda: Dataset.open(".", usr="u"), "user"),
    "Interactions.from_pairs": (lambda: Interactions.from_pairs(["a"], ["b"], weight=[1]), "weights"),
    "citeulike2": (lambda: splits.citeulike2(DATA, sed=1), "seed"),
    "four_quadrants": (lambda: splits.four_quadrants(DATA, sed=1), "seed"),
    "evaluate": (lambda: dualnet.evaluate(None, [], bootstrp=3), "bootstrap"),
    "load": (lambda: dualnet.load("no", trust_path=True), "trust_paths"),
    "create": (lambda: dualnet.create("wmf", factor=3), "factors"),
}


@pytest.mark.parametrize("called", CALLS)
def test_the_nearest_name_is_told(called):
    call, nearest = CALLS[called]
    with pytest.raises(ParameterError, match=f"Did you mean '{nearest}'\\?") as told:
        call()
    assert isinstance(told.value, TypeError)
    assert isinstance(told.value, DualNetError)
    assert str(told.value).startswith(f"{called} has no argument" if called != "create" else "model 'wmf' has no parameter")


@pytest.mark.parametrize("name", MODELS)
def test_every_model_tells_the_nearest_parameter(name):
    kind = model_class(name)
    known = kind.parameter_names()
    wrong = f"{known[0]}x" if known else "x"
    with pytest.raises(
        ParameterError, match=f"model '{name}' has no parameter '{wrong}'. {'Did you mean' if known else 'It has'}"
    ):
        kind(**{wrong: 1})


def test_right_names_and_signatures_are_as_before():
    assert "rating" in inspect.signature(Dataset.from_tables).parameters
    assert next(iter(inspect.signature(ContentSpec).parameters)) == "text"
    assert pickle.loads(pickle.dumps(RunOptions(threads=1))) == RunOptions(threads=1)
    with pytest.raises(TypeError):
        RunOptions(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
