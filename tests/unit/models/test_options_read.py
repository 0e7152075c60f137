"""Each model says which options of a run its fit reads; commands refuse the others, so what it says must be right."""

import sys

import pytest

from dualnet import splits
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import MODELS, model_class
from dualnet.train.options import CHOICES, RunOptions

SMALL = {
    "epochs": 1, "pretraining_epochs": 1, "alternations": 1, "iterations": 1, "factors": 4, "levels": (8, 4), "trials": 0,
}  # fmt: skip


class Watched(RunOptions):
    """Options that note which of them are read elsewhere than where options are checked and copied."""

    read: set[str] = set()

    def __getattribute__(self, name):
        if name in CHOICES and not sys._getframe(1).f_code.co_filename.endswith(("dataclasses.py", "options.py")):
            Watched.read.add(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_reads_the_options_of_a_run_that_it_says(name):
    if name in ("cdl", "dualnet"):
        pytest.importorskip("torch")
    kind = model_class(name)
    model = kind(**{key: value for key, value in SMALL.items() if key in kind.parameter_names()})
    split = splits.four_quadrants(blocks_world())
    Watched.read.clear()
    model.fit(split.train, split.validation, run=Watched(progress=False, device="cpu"))
    assert Watched.read == set(kind.options_read)
