"""Choose on validation, then refit: which data each fit sees, and what it is told of the one before."""

import numpy as np
import pytest

from dualnet import RunOptions, Validation, splits
from dualnet.data.synthetic import blocks_world
from dualnet.evaluation import evaluate
from dualnet.models.choosing import ValidationTasks, auto_cut, choose_then_refit, sample_users
from dualnet.models.popularity import Popularity
from dualnet.models.wmf import WMF
from dualnet.train.options import FIGURES

WORLD = blocks_world()
RUN = RunOptions()
QUADRANTS, SAME = splits.four_quadrants(WORLD, seed=0), splits.citeulike2(WORLD, seed=0)


def fits_of(train, validation):
    """Return every fit that is asked for: model, pairs, name, tasks, what was chosen before; and what is returned."""
    model, fits = Popularity(), []

    def learn(fitted, known, phase):
        assert phase.run is RUN
        assert known.data.interactions.users == fitted.users_
        fits.append((fitted, known.data.interactions.n_pairs, phase.name, phase.tasks, phase.chosen))
        return f"choice of {phase.name}"

    chosen = choose_then_refit(model, model._prepare(train), validation, RUN, learn)
    return model, fits, chosen


def test_without_a_validation_one_fit_has_nothing_to_choose_on():
    model, fits, chosen = fits_of(WORLD, None)
    assert fits == [(model, WORLD.interactions.n_pairs, "train", (), None)]
    assert chosen == "choice of train"


def test_a_validation_that_took_no_training_pair_needs_one_fit():
    model, fits, chosen = fits_of(SAME.train, SAME.validation)
    assert fits == [(model, SAME.train.interactions.n_pairs, "train", SAME.validation.tasks, None)]
    assert chosen == "choice of train"


def test_a_twin_chooses_on_less_and_the_model_takes_what_it_chose():
    model, (first, second), chosen = fits_of(QUADRANTS.train, QUADRANTS.validation)
    twin, n_pairs, *asked = first
    assert twin is not model
    assert type(twin) is type(model)
    assert n_pairs == QUADRANTS.validation.train.interactions.n_pairs < QUADRANTS.train.interactions.n_pairs
    assert asked == ["choose", QUADRANTS.validation.tasks, None]
    assert second == (model, QUADRANTS.train.interactions.n_pairs, "final", (), "choice of choose")
    assert chosen == "choice of choose"
    assert model.users_ == QUADRANTS.train.interactions.users  # not those of the twin


def test_figures_are_those_of_evaluate():
    model = WMF(factors=6).fit(QUADRANTS.validation.train)
    tasks = [task for task in QUADRANTS.validation.tasks if task.name.endswith("-known")]
    figures = ValidationTasks(model, tasks, users=10_000, seed=0).figures()
    for name in FIGURES:
        means = []
        for task in tasks:
            cut = auto_cut(task) if name == "recall@auto" else int(name.removeprefix("recall@"))
            means.append(evaluate(model, task, at=(cut,), bootstrap=0)[task.name].mean(f"recall@{cut}"))
        assert figures[name] == pytest.approx(np.mean(means), abs=1e-12)
    assert 0 < figures["half-width"] < 0.5


def test_vectors_of_the_moment_may_be_given():
    model = WMF(factors=6).fit(QUADRANTS.validation.train)
    asked = ValidationTasks(model, QUADRANTS.validation.tasks[:1], users=10_000, seed=0)

    def backwards(task, space, columns):
        assert columns is None
        return -model.encode_users(task.history, space), model.encode_items(space)

    assert asked.figures(backwards)["recall@auto"] < 0.2 < asked.figures()["recall@auto"]


def test_users_are_drawn_once_and_only_those_with_something_to_find():
    task = SAME.validation.tasks[0]
    few = sample_users(task, 7, seed=3)
    assert len(few.users) == 7
    assert (np.diff(few.truth.indptr) > 0).all()
    assert few.users == sample_users(task, 7, seed=3).users != sample_users(task, 7, seed=4).users
    with_truth = np.flatnonzero(np.diff(task.truth.indptr))
    assert sample_users(task, 10_000, seed=3).users == task.users.subset(with_truth)
    for row, key in enumerate(few.users):
        at = task.users.row(key)
        np.testing.assert_array_equal(few.history[[row]].toarray(), task.history[[at]].toarray())


def test_a_model_that_has_nothing_open_is_fitted_once(monkeypatch):
    from dualnet.models import fusion

    fits = []
    monkeypatch.setattr(
        fusion, "factorise", lambda model, matrix, threads: fits.append(matrix.nnz) or np.ones((matrix.shape[1], 2), "f4")
    )
    validation = Validation(QUADRANTS.validation.train, QUADRANTS.validation.tasks)
    assert fusion.Fusion(weight=0.7).fit(QUADRANTS.train, validation).weight_ == 0.7
    assert fits == [QUADRANTS.train.interactions.n_pairs]
    fusion.Fusion().fit(QUADRANTS.train, validation)
    assert fits[1:] == [QUADRANTS.validation.train.interactions.n_pairs, QUADRANTS.train.interactions.n_pairs]
