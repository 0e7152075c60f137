"""Models among the tools of scikit-learn: searches, cross-validations, divisions, pictures; every model, one or several processes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

import dualnet
from dualnet import DataError, Scorer, UsageError
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import MODELS, create
from tests.contract.small_models import SMALL

WORLD = blocks_world()
RECALL = Scorer("recall@10")
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_is_cross_validated(name):
    figures = cross_val_score(create(name, **SMALL.get(name, {})), WORLD, scoring=RECALL, cv=2, error_score="raise")
    assert ((figures > 0) & (figures <= 1)).all()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_finds_what_is_better_and_fits_it_to_all_pairs(n_jobs):
    grid = {"factors": [1, 8], "zero_weight": [0.01, 0.1]}
    search = GridSearchCV(dualnet.WMF(iterations=5), grid, scoring=RECALL, cv=3, n_jobs=n_jobs, error_score="raise").fit(WORLD)
    assert search.best_params_["factors"] == 8
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert search.best_estimator_.histories_.nnz == WORLD.interactions.n_pairs
    assert len(search.best_estimator_.recommend("u0-0", k=3)) == 3
    assert not hasattr(search.estimator, "catalogue_")


def test_other_tools_of_model_selection():
    model, several = dualnet.WMF(factors=4, iterations=5), {"recall": RECALL, "ndcg": Scorer("ndcg@5")}
    random = RandomizedSearchCV(model, {"factors": [2, 4]}, n_iter=1, scoring=RECALL, cv=2, random_state=0, error_score="raise")
    assert random.fit(WORLD).best_params_["factors"] in (2, 4)
    found = cross_validate(model, WORLD, scoring=several, cv=KFold(3, shuffle=True, random_state=0), error_score="raise")
    assert set(found) >= {"test_recall", "test_ndcg"}
    sizes, _, figures = learning_curve(model, WORLD, None, scoring=RECALL, cv=2, train_sizes=[0.5, 1.0], error_score="raise")
    assert (len(sizes), figures.shape) == (2, (2, 2))
    train, test = train_test_split(WORLD, test_size=0.25, random_state=0)
    assert train.interactions.n_pairs + test.interactions.n_pairs == WORLD.interactions.n_pairs
    assert not train.interactions.matrix.multiply(test.interactions.matrix).nnz


def test_a_score_is_what_evaluate_says_of_the_same_pairs():
    train, test = WORLD[:250], WORLD[250:]
    model = dualnet.WMF(factors=4, iterations=5).fit(train)
    expected, rows = [], test.interactions.pairs()
    for user in np.unique(rows[0]):
        key = test.interactions.users.key(int(user))
        wanted = {test.interactions.items.key(int(item)) for item in rows[1][rows[0] == user]} & set(model.items_.keys)
        if key in model.users_ and wanted:
            expected.append(len(wanted & set(model.recommend(key, k=10).ids)) / len(wanted))
    assert RECALL(model, test) == pytest.approx(np.mean(expected), abs=1e-6)


def test_pictures_and_checks():
    model = dualnet.WMF(factors=4)
    assert "WMF" in estimator_html_repr(model)
    assert "not fitted" in estimator_html_repr(model).lower()
    with pytest.raises(Exception, match="not fitted yet"):
        check_is_fitted(model)
    check_is_fitted(model.fit(WORLD))
    check_is_fitted(make_pipeline(clone(model)).fit(WORLD)[-1])


def test_a_fold_of_neighbouring_rows_leaves_pairs_of_everybody():
    assert WORLD.shape == (328, 2)
    rest = WORLD[np.arange(100, 328)]
    assert rest.interactions.users == WORLD.interactions.users
    assert (np.diff(rest.interactions.matrix.indptr) > 0).all()
    both = WORLD[:100].interactions.n_pairs, WORLD[np.arange(328) < 100].interactions.n_pairs
    assert both == (100, 100)
    assert WORLD[:100].fingerprint() == WORLD[np.arange(100)[::-1], ...].fingerprint()


@pytest.mark.parametrize("rows", [[0.5], "x", [999], [True], None, [[1], [2]]], ids=repr)
def test_what_are_no_rows_is_told(rows):
    with pytest.raises(UsageError, match="rows"):
        WORLD[rows]


@pytest.mark.parametrize("figure", ["recal@5", "recall", "recall@", "recall@0", "recall@x", "@5", 5, None], ids=repr)
def test_what_is_no_figure_is_told(figure):
    with pytest.raises(UsageError, match="such as 'recall@20'"):
        Scorer(figure)


def test_what_cannot_be_scored_is_told():
    model = dualnet.Popularity().fit(WORLD)
    with pytest.raises(UsageError, match=r"dualnet\.Scorer\('recall@20'\) as the scoring"):
        model.score(WORLD)
    assert np.isnan(RECALL(model, WORLD))  # all of it was trained on
    block = np.array([key.startswith("u0") for key in WORLD.interactions.users])[WORLD.interactions.pairs()[0]]
    with pytest.raises(DataError, match="divide pairs, not users"):
        RECALL(dualnet.Popularity().fit(WORLD.keep(block)), WORLD.keep(~block))
