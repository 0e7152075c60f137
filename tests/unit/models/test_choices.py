"""Every choice on validation: ties at their expected value, no profit from the order of rows, one rule for equals, new items count."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet import Validation, splits, synthetic
from dualnet.data.space import ItemSpace
from dualnet.data.tasks import RankingTask
from dualnet.evaluation import evaluate
from dualnet.experiments.search import measure_on_validation
from dualnet.experiments.trials import best_trial
from dualnet.ids import IdMap
from dualnet.models.cdl import best_round
from dualnet.models.choosing import Scorer, ValidationTasks, auto_cut, mean_recalls
from dualnet.models.fusion import LEAST, WEIGHTS, Fusion, best_content_weight
from dualnet.models.level_choice import NETWORK, STANDING, Question, choose_standing, choose_weights
from dualnet.models.levels import Levels, LevelWeights
from dualnet.models.solved.choice import recall_of
from dualnet.train.best_figure import NOISE, above, at_least, best_place, last_best

USERS, ITEMS = 40, 60


def task_of(truth, seen=None, name="known-known"):
    truth = csr_array(np.asarray(truth, np.float32))
    seen = csr_array(truth.shape, dtype=np.float32) if seen is None else csr_array(np.asarray(seen, np.float32))
    users, items = (IdMap([f"{what}{k}" for k in range(n)]) for what, n in zip("ui", truth.shape, strict=True))
    return RankingTask(name, users, items, csr_array(truth.shape, dtype=np.float32), seen, np.arange(len(items)), truth)


@dataclass(eq=False)
class Given:
    """A model whose scores are given: one matrix for each task, asked in their order."""

    scores: list
    name: str = "given"

    def __post_init__(self):
        self.asked = iter(self.scores * 2)

    def space(self, items, content):
        return ItemSpace(items, np.arange(len(items)), None)

    def scorable(self, space):
        return np.ones(len(space), bool)

    def encode_users(self, history, space, user_content=None):
        return np.asarray(next(self.asked), np.float32)

    def encode_items(self, space, rows=None):
        eye = np.eye(len(space), dtype=np.float32)
        return eye if rows is None else eye[rows]


@dataclass(frozen=True, eq=False)
class Fixed:
    """Stands for solved levels or networks whose scores are given."""

    given: np.ndarray
    levels: tuple = (0,)

    def user_vectors(self, history, *_):
        return self.given

    def item_vectors(self, one, other):
        return np.eye(self.given.shape[1], dtype=np.float32)[other if isinstance(one, ItemSpace) else slice(None)]

    def table(self, space):
        return np.zeros((len(space), 0), np.float32)

    def history_table(self, features, known):
        return np.zeros((len(known), 0), np.float32)


def scorer(scores):
    return Scorer(np.asarray(scores, np.float32), np.eye(np.shape(scores)[1], dtype=np.float32))


def of_weights(tasks, scores):
    return mean_recalls(tasks, [(scorer(s),) for s in scores], lambda parts: parts, 1)[0]


def of_epochs(tasks, scores):
    return ValidationTasks(Given(scores), tasks, users=10_000, seed=0).figures()["recall@auto"]


def of_trials(tasks, scores):
    return measure_on_validation(Given(scores), Validation(None, tuple(tasks)), None)["recall@auto"]


def of_solved(tasks, scores):
    spaces = [ItemSpace(task.items, np.arange(len(task.items)), None) for task in tasks]
    levels = iter(scores)

    class Levels:
        def user_vectors(self, history, space):
            return np.asarray(next(levels), np.float32)

        def item_vectors(self, space, rows):
            return np.eye(len(space), dtype=np.float32)[rows]

    return recall_of(Levels(), list(zip(tasks, spaces, strict=True)))


FIGURES = {"weights": of_weights, "epochs": of_epochs, "trials": of_trials, "solved levels": of_solved}
SEVERAL_CUTS = ("weights", "solved levels")


def expected_by_chance(task, name):
    auto = auto_cut(task)
    cuts = [max(1, cut) for cut in (auto // 2, auto, 2 * auto)] if name in SEVERAL_CUTS else [auto]
    free = len(task.candidates) - np.diff(task.seen.indptr)
    return np.mean([np.minimum(cut / free, 1).mean() for cut in cuts])


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    truth = rng.random((USERS, ITEMS)) < 0.1
    truth[np.arange(USERS), rng.integers(0, ITEMS, USERS)] = True
    seen = (rng.random(truth.shape) < 0.2) & ~truth
    return truth, seen, rng.integers(0, 3, truth.shape) + truth * rng.integers(0, 2, truth.shape)


@pytest.mark.parametrize("first", [True, False], ids=["truth first", "truth last"])
@pytest.mark.parametrize("name", FIGURES)
def test_constant_scores_get_their_expected_recall_wherever_the_truth_stands(name, first):
    truth, seen = np.zeros((USERS, ITEMS), bool), np.zeros((USERS, ITEMS), bool)
    truth[:, slice(2) if first else slice(-2, None)] = True
    seen[:, 20:30] = True
    task = task_of(truth, seen)
    for constant in (0.0, 3.0, -1.0):
        assert FIGURES[name]([task], [np.full(truth.shape, constant)]) == pytest.approx(expected_by_chance(task, name))


@pytest.mark.parametrize("name", FIGURES)
def test_the_order_of_users_and_items_changes_no_figure(name, world):
    truth, seen, scores = world
    whole = FIGURES[name]([task_of(truth, seen)], [scores])
    for seed in range(3):
        rng = np.random.default_rng(seed)
        users, items = rng.permutation(USERS), rng.permutation(ITEMS)
        part = np.ix_(users, items)
        assert abs(FIGURES[name]([task_of(truth[part], seen[part])], [scores[part]]) - whole) < NOISE


@pytest.mark.parametrize("name", FIGURES)
def test_new_items_count_as_much_as_known_ones(name, world):
    truth, seen, scores = world
    tasks = [task_of(truth, seen), task_of(truth, seen, "known-new")]
    figure = FIGURES[name](tasks, [scores, np.zeros(truth.shape)])
    chance = expected_by_chance(tasks[1], name)
    assert figure == pytest.approx((FIGURES[name](tasks[:1], [scores]) + chance) / 2)


def levels_of(solved, network=None, unliked=()):
    made = [None if given is None else Fixed(np.asarray(given, np.float32)) for given in (solved, network)]
    return Levels(*made, LevelWeights(), IdMap(list(unliked)))


def question(task, features=None, known=None):
    rows = np.arange(len(task.items))
    known = len(rows) if known is None else known
    return Question(task, ItemSpace(task.items, np.where(rows < known, rows, -1), features), None)


def content_weight(truth, seen, factors, content):
    """Choose where the content gives these scores: each user has an item of the history that says which."""
    task = task_of(truth, seen)
    items = truth.shape[1]
    features = csr_array(np.hstack([content.T, np.ones((items, 1))]).astype(np.float32))
    space = ItemSpace(task.items, np.arange(items), features)
    return best_content_weight([task], lambda asked: (space, factors.astype(np.float32), np.eye(items, dtype="f4")), 0)


def network_weight(truth, seen, solved, network):
    asked = [question(task_of(truth, seen))]
    return choose_weights(levels_of(solved, network), asked, network=None, content=None, reads_content=False)[0].network


def standing(truth, seen, scores, _):
    asked = [question(task_of(truth, seen, "known-all"), known=40)]
    return choose_standing(levels_of(scores), asked, new=None, unliked=None).new


CHOICES = {"content weight": (content_weight, 0.5), "network weight": (network_weight, 0.0), "standing": (standing, 1.0)}


@pytest.mark.parametrize("name", CHOICES)
def test_of_equal_weights_the_stated_one_is_chosen(name, world):
    truth, seen, _ = world
    choose, stated = CHOICES[name]
    nothing = np.zeros(truth.shape)
    assert choose(truth, seen, nothing, nothing) == stated
    every = {"content weight": WEIGHTS, "network weight": NETWORK, "standing": STANDING}[name]
    assert stated in every


@pytest.mark.parametrize("name", ["network weight", "standing"])
def test_the_order_of_rows_changes_no_choice(name, world):
    truth, seen, scores = world
    other = np.random.default_rng(5).integers(0, 2, truth.shape) + 0.4 * truth
    if name == "standing":  # the last 20 stay the new ones
        scores = scores + 0.5 * (np.arange(ITEMS) >= 40)
    chosen = CHOICES[name][0](truth, seen, scores, other)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        items = np.concatenate([rng.permutation(40), 40 + rng.permutation(20)])
        part = np.ix_(rng.permutation(USERS), items)
        assert CHOICES[name][0](truth[part], seen[part], scores[part], other[part]) == chosen


def test_a_level_of_equal_scores_wins_nothing_by_standing_first(world):
    """The truth is at the head of the catalogue, where ties broken by rows would give everything to what knows nothing."""
    rng = np.random.default_rng(1)
    truth = np.zeros((USERS, ITEMS), bool)
    truth[:, :3] = True
    knows = truth + rng.normal(0, 1.2, truth.shape)
    assert network_weight(truth, ~truth & False, np.zeros(truth.shape), knows) > 0
    assert network_weight(truth, ~truth & False, knows, np.zeros(truth.shape)) == 0


def test_one_rule_for_equal_figures():
    assert best_place([0.1, 0.3, 0.3 + 1e-12, 0.2]) == 1
    assert best_place([0.3, 0.1, 0.3], [2, 0, 1]) == 2
    assert last_best([0.1, 0.3, 0.3 - 1e-12, 0.2]) == 2
    assert best_round([0.1, 0.3, 0.3, 0.2]) == 3
    assert at_least(0.3 - 1e-12, 0.3)
    assert not at_least(0.29, 0.3)
    assert above(0.31, 0.3)
    assert not above(0.3 + 1e-12, 0.3)


def trial(value, tasks=None, state="complete"):
    return {"state": state, "value": value, **({} if tasks is None else {"tasks": tasks})}


def test_a_trial_that_serves_fewer_tasks_does_not_win_by_them():
    found = [trial(0.2, 2), trial(0.5, 1), trial(0.3, 2), trial(0.3, 2), trial(None, 0, "failed")]
    assert best_trial(found) is found[2]
    assert best_trial([trial(0.2), trial(0.4)])["value"] == 0.4  # trials of earlier versions do not say
    assert best_trial([trial(0.2), trial(0.4), trial(0.3, 2)])["value"] == 0.4  # also where a search went on with this one
    assert best_trial([trial(None, 0, "failed")]) is None


WORLD = synthetic.library(n_readers=150, n_papers=200, seed=3)


def test_fusion_ranks_new_items_also_where_known_ones_want_no_content(monkeypatch):
    """A weight of 0, the best for known items, would leave all new items equal: chance on what nobody asked while choosing."""
    quadrants = splits.four_quadrants(WORLD, seed=0)
    warm = replace(
        quadrants.validation, tasks=tuple(t for t in quadrants.validation.tasks if t.name.endswith("-known")), served=()
    )
    monkeypatch.setattr("dualnet.models.fusion.best_place", lambda figures, rank: 0)  # the least weight is the best
    model = Fusion(factors=8).fit(quadrants.train, warm)
    assert model.weight_ == LEAST
    task = quadrants.task("known-new")
    found = evaluate(model, task, at=(10,), bootstrap=0)[task.name].mean("recall@10")
    plain = evaluate(Fusion(factors=8, weight=1.0).fit(quadrants.train), task, at=(10,), bootstrap=0)[task.name].mean(
        "recall@10"
    )
    assert found == pytest.approx(plain, abs=0.02)
    assert found > 1.5 * 10 / len(task.candidates)


def test_items_that_a_model_cannot_score_come_last_while_choosing_as_in_the_test():
    from dualnet.models.wmf import WMF

    split = splits.out_matrix(WORLD, cold=0.3, candidates="all")
    model = WMF(factors=6).fit(split.train)
    task = split.tasks[0]
    mixed = replace(task, truth=csr_array(task.truth + _some_known(task)), history=csr_array(task.history - _some_known(task)))
    mixed = replace(mixed, seen=mixed.history)
    figure = ValidationTasks(model, [mixed], users=10_000, seed=0).figures()["recall@100"]
    assert figure == pytest.approx(evaluate(model, mixed, at=(100,), bootstrap=0)[mixed.name].mean("recall@100"))


def _some_known(task):
    """Return the first pair of each history, as a matrix."""
    first = task.history.indptr[:-1][np.diff(task.history.indptr) > 1]
    users = np.flatnonzero(np.diff(task.history.indptr) > 1)
    return csr_array((np.ones(len(users), np.float32), (users, task.history.indices[first])), shape=task.history.shape)


@pytest.mark.parametrize(("figures", "place"), [([0.1, np.nan, 0.3], 2), ([np.nan, np.nan], 0), ([-np.inf, -np.inf], 0)])
def test_what_is_no_number_is_never_the_best(figures, place):
    assert best_place(figures) == place
