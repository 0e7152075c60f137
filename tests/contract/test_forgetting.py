"""Whoever is forgotten by a model is unknown, in no file of it, and a stranger when coming back; all others stay as they were."""

import json

import numpy as np
import pytest

from dualnet import Dataset, load
from dualnet.data.interactions import Interactions
from dualnet.data.other_events import OtherEvents
from dualnet.data.synthetic import blocks_world
from dualnet.errors import UnknownIdError, UsageError
from dualnet.models.registry import MODELS, create
from tests.contract.small_models import SMALL

PLAIN = blocks_world()
GONE = ["u0-0", "u3-2"]
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def world():
    """A world in which a user who goes and one who stays also saw and disliked something, and pairs have weights."""
    old = PLAIN.interactions
    rows = old.users.find(["u0-0", "u0-0", "u1-1"])
    columns = np.array(
        [np.setdiff1d(np.arange(old.n_items), old.matrix[[row]].indices)[-place] for place, row in enumerate(rows, 1)]
    )
    others = OtherEvents.from_rows(old.matrix.shape, rows, columns, np.array([1, 2, 2], np.uint8), None)
    matrix = old.matrix.copy()
    matrix.data = np.where(matrix.indices % 2 == 0, 1.0, 2.0).astype(np.float32)
    return Dataset(Interactions(old.users, old.items, matrix, None, others), PLAIN.items, name="blocks")


WORLD = world()


def bytes_of(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", sorted(MODELS))
def test_who_is_forgotten_is_unknown_and_in_no_file(name, tmp_path):
    model = create(name, **SMALL.get(name, {})).fit(WORLD)
    lists = {user: model.recommend(user, k=5).to_json() for user in model.users_ if user not in GONE}
    histories = {user: model.histories_[[model.users_.row(user)]].indices.tolist() for user in lists}
    assert model.forget_users(GONE) is model
    assert not hasattr(model, "manifest_")
    for found in (model, load(model.save(tmp_path / "model"))):
        assert len(found.users_) == len(WORLD.interactions.users) - 2 == found.info_["users"]
        assert found.info_["forgotten"] == 2
        assert found.histories_.nnz == found.info_["pairs"] == found.popularity_.sum()
        for user in GONE:
            with pytest.raises(UnknownIdError):
                found.recommend(user)
            with pytest.raises(UnknownIdError):
                found.recommend_users(WORLD.interactions.items.key(0), candidates=[user], unknown="error")
        assert not set(GONE) & set(found.recommend_users(WORLD.interactions.items.key(0), k=100, filter_seen=False).ids)
        for user, ids in histories.items():
            assert found.histories_[[found.users_.row(user)]].indices.tolist() == ids
            if name != "popularity":  # which counts events, fewer of them now
                assert found.recommend(user, k=5).to_json() == lists[user]
        assert len(found.seen_.data) == 1
    assert not any(json.dumps(user).encode() in bytes_of(tmp_path) for user in GONE)
    with pytest.raises(UnknownIdError):
        model.forget_users(GONE)


@pytest.mark.parametrize("name", ["wmf", "dualnet"])
def test_who_comes_back_is_a_new_person(name):
    model = create(name, **SMALL[name]).fit(WORLD).forget_users(GONE)
    item = WORLD.interactions.items.key(3)
    model.update(Interactions.from_pairs(["u0-0"], [item]), epochs=0)
    assert model.items_.take(model.histories_[[model.users_.row("u0-0")]].indices) == [item]
    assert len(model.users_) == len(WORLD.interactions.users) - 1


def test_what_cannot_be_forgotten_changes_nothing():
    model = create("wmf", **SMALL["wmf"]).fit(WORLD)
    before = model.recommend("u0-0", k=5).to_json()
    for users, error in (
        (["u0-0", "nobody"], UnknownIdError), ("u0-0", UsageError), (7, UsageError), ([None], UsageError),
        (list(model.users_), UsageError),
    ):  # fmt: skip
        with pytest.raises(error):
            model.forget_users(users)
        assert model.recommend("u0-0", k=5).to_json() == before
    with pytest.raises(UsageError):
        model.forget_users(["u0-0"], unknown="drop")
    assert len(model.forget_users(["nobody"], unknown="ignore").users_) == len(WORLD.interactions.users)
    assert len(model.forget_users(["u0-0", "u0-0", "nobody"], unknown="ignore").users_) == len(WORLD.interactions.users) - 1
    assert len(model.forget_users([]).users_) == len(WORLD.interactions.users) - 1
