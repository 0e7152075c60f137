"""What `evaluate` measures is what `recommend` gives: for every model, every task, with and without user columns."""

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, Dataset, evaluate, splits
from dualnet.data.content_spec import ContentSpec
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import MODELS, create

CUT = 5
ASKED = 12  # users of a task, at least: of many every so manieth is asked, each for a list of their own
CLOSE = 1e-4  # scores this near may stand either way round: the two sides encode in batches of other sizes
PLAIN = blocks_world(users=14, items=14)
USERS = PLAIN.interactions.users
GROUPS = Content(
    USERS,
    pa.table({"group": [str(key)[1] for key in USERS], "age": [20 + 3 * (row % 7) for row in range(len(USERS))]}),
    ContentSpec(categories=("group",), numbers=("age",)),
)
SMALL = {
    "dualnet": {"levels": (16, 8), "epochs": 6, "user_batch": 20},
    "cdl": {"levels": (16, 8)},
    "wmf": {"factors": 6},
    "bpr": {"factors": 6, "epochs": 5},
    "fusion": {"factors": 6},
    "content-factors": {"factors": 6},
    "lsa-profile": {"width": 5},
    "ease": {"regularization": 5.0},
}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


CASES = ["four-quadrants", "four-quadrants with columns", "out-matrix with columns", "unknown-users with columns", "citeulike1"]


@pytest.fixture(scope="module", params=CASES)
def split(request):
    protocol, _, columns = request.param.partition(" ")
    data = Dataset(PLAIN.interactions, PLAIN.items, GROUPS if columns else None, "world")
    return splits.make(protocol, data, seed=1)


@pytest.fixture(scope="module", params=sorted(MODELS))
def fitted(request, split):
    return create(request.param, **SMALL.get(request.param, {})).fit(split.train)


def taken(matrix, row):
    return matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]


def listed(model, task, row):
    """Return what is recommended for a user of a task: by id where the model has this history, else by history."""
    new = np.flatnonzero(model.catalogue_.ids.find(task.items.keys) < 0)
    wanted = {"k": len(task.items), "fallback": "error"}
    there = np.ones(len(task.items), bool)
    if model.capabilities.new_items:
        wanted["new_items"] = task.content.take(new) if len(new) else None
    else:
        there[new] = False  # such a model has no id for them
    history = taken(task.history, row)
    wanted["candidates"] = task.items.take(task.candidates[there[task.candidates]])
    wanted["seen"] = task.items.take(np.array([item for item in taken(task.seen, row) if there[item]], np.int64))
    user = task.users.key(row)
    if user in model.users_:
        stored = set(model.items_.take(taken(model.histories_, model.users_.row(user))))
        assert stored == set(task.items.take(history))
        return model.recommend(user, **wanted)
    if model.user_featurizer_ is not None:
        table = task.user_content.table
        wanted["user_columns"] = {name: table[name][row].as_py() for name in table.column_names}
    return model.recommend(
        history=[key for key, ok in zip(task.items.take(history), there[history], strict=True) if ok], **wanted
    )


def bounds(found, hidden):
    """Return the least and the largest recall that a list gives, whichever way round near scores stand."""
    scores = dict(found)
    least = most = 0
    for key in hidden:
        if key in scores:
            others = np.array([score for other, score in found if other != key])
            least += (others > scores[key] - CLOSE).sum() < CUT
            most += (others > scores[key] + CLOSE).sum() < CUT
    return least / len(hidden), most / len(hidden)


def test_the_figures_of_a_report_are_those_of_the_lists(fitted, split):
    tasks = [*split.tasks, *split.served]
    report = evaluate(fitted, tasks, at=[CUT], bootstrap=0)
    compared = tight = 0
    for task in tasks:
        result = next(one for one in report.results if (one.name, one.candidate_set) == (task.name, task.candidate_set))
        if result.reason is not None:
            continue
        figures = list(zip(result.user_ids, result.per_user[f"recall@{CUT}"], strict=True))
        for user, recall in figures[:: max(1, len(figures) // ASKED)]:
            row = task.users.row(user)
            hidden = [task.items.key(item) for item in taken(task.truth, row) if item in set(task.candidates.tolist())]
            least, most = bounds(listed(fitted, task, row), hidden)
            assert least - 1e-9 <= recall <= most + 1e-9, (task.name, user)
            compared += 1
            tight += least == most
    assert compared >= 10 or not fitted.capabilities.new_items  # out-matrix asks for new items alone
    assert tight >= 0.5 * compared or fitted.name in ("popularity", "item-knn")
