"""One list of all items, as it is served: what evaluation says of it, and what the protocols' own tasks cannot see."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.data import splits
from dualnet.data.content import Content
from dualnet.data.content_spec import ContentSpec
from dualnet.data.dataset import Dataset
from dualnet.data.interactions import Interactions
from dualnet.data.space import ItemSpace
from dualnet.data.tasks import ItemKind, RankingTask
from dualnet.evaluation import evaluate
from dualnet.ids import IdMap

GROUPS, LIKED, SILENT = 3, 20, 30


class Groups:
    """People like the items of their group; items that nobody likes get `push` more than any liked one."""

    def __init__(self, push):
        self.push, self.encoded = push, 0

    def space(self, ids, content):
        return ItemSpace(ids, np.arange(len(ids)))

    def scorable(self, space):
        return np.ones(len(space), bool)

    def encode_items(self, space, rows=None):
        self.encoded += 1
        keys = list(space.ids)
        vectors = np.zeros((len(keys), GROUPS + 1), np.float32)
        for row, key in enumerate(keys):
            group, number = key.split("-")
            vectors[row, GROUPS if group == "s" else int(group)] = 1 + int(number) / 100
        return vectors if rows is None else vectors[rows]

    def encode_users(self, history, space, user_content=None):
        groups = np.array([-1 if key.startswith("s") else int(key[0]) for key in space.ids])
        vectors = np.zeros((history.shape[0], GROUPS + 1), np.float32)
        for user in range(history.shape[0]):
            vectors[user, groups[history.indices[history.indptr[user]]]] = 1
        vectors[:, GROUPS] = self.push
        return vectors


@pytest.fixture(scope="module")
def world():
    ids = IdMap([f"{g}-{k:02}" for g in range(GROUPS) for k in range(LIKED)] + [f"s-{k:02}" for k in range(SILENT)])
    rng = np.random.default_rng(0)
    users, items = [], []
    for user in range(60):
        users += [user] * 15
        items += (user % GROUPS * LIKED + rng.choice(LIKED, 15, replace=False)).tolist()
    found = Interactions.from_rows(IdMap([f"u{k:02}" for k in range(60)]), ids, np.array(users), np.array(items))
    content = Content.from_rows(ids, {"title": [f"thing {key}" for key in ids]}, ContentSpec(text=("title",), min_df=1))
    return Dataset(found, content)


def test_only_the_served_list_sees_that_items_which_nobody_likes_are_on_top(world):
    split = splits.citeulike2(world, seed=0)
    honest, pusher = (evaluate(Groups(push), split, at=(5, 10), bootstrap=0) for push in (-1.0, 3.0))
    for metric in ("recall@10", "precision@10", "ndcg@10"):  # by the protocol's own task both are as good
        assert honest["known-known"].mean(metric) == pusher["known-known"].mean(metric) > 0.2
    assert honest["known-all"].mean("precision@10") > 0.2
    assert honest["known-all"].mean("unliked_share@10") == 0
    assert pusher["known-all"].mean("precision@10") == pusher["known-all"].mean("recall@10") == 0
    assert pusher["known-all"].mean("unliked_share@10") == pusher["known-all"].mean("new_share@10") == 1
    assert "100.0 % one that nobody likes in the whole data" in str(pusher)
    # and validation shows it to whoever chooses
    (choosing,) = split.validation.served
    good, bad = (evaluate(Groups(push), choosing, at=(10,), bootstrap=0)["known-all"].mean("recall@10") for push in (-1.0, 3.0))
    assert good > 0.3
    assert bad == 0
    (choosing,) = splits.validation(world).served
    good, bad = (evaluate(Groups(push), choosing, at=(10,), bootstrap=0)["known-all"].mean("recall@10") for push in (-1.0, 3.0))
    assert good > 0.3
    assert bad == 0


def test_what_lists_are_made_of_is_counted_by_hand():
    # items: 0 to 3 known, 4 and 5 new, 6 and 7 liked by nobody; scores fall from left to right for user 0, rise for user 1
    kinds = np.array([0, 0, 0, 0, 1, 1, 2, 2], np.int8)
    truth = np.array([[0, 1, 0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0]], np.float32)
    history = np.array([[1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0]], np.float32)
    task = RankingTask(
        "known-all", IdMap(["a", "b"]), IdMap([f"i{k}" for k in range(8)]), csr_array(history), csr_array(history), np.arange(8),
        csr_array(truth), candidate_set="all", kinds=kinds,
    )  # fmt: skip
    result = evaluate(Line(), task, at=(2, 4), bootstrap=50)["known-all"]
    # the lists: user 0 gets 1 2 3 4 5 6 7, user 1 gets 7 6 5 4 3
    assert result.per_user["new_share@2"].tolist() == [0, 1]
    assert result.per_user["new_share@4"].tolist() == [0.25, 1]
    assert result.per_user["unliked_share@4"].tolist() == [0, 0.5]
    assert result.per_user["unliked_share@10"].tolist() == [2 / 7, 2 / 5]
    assert result.overall["known_recall@2"] == pytest.approx((1 + 0) / 2)
    assert result.overall["known_recall@10"] == 1
    assert result.overall["new_recall@2"] == 0  # of user 0 alone, who has a new item to find
    assert result.overall["new_recall@4"] == 1
    assert result.mean("precision@10") == pytest.approx((0.2 + 0.1) / 2)
    assert set(result.metrics()["new_share@4"]) == {"mean", "ci95"}
    assert [(row["bin"], row["n"]) for row in result.first_ten] == [("1-10", 2)]
    assert result.first_ten[0]["unliked_share"] == pytest.approx((2 / 7 + 2 / 5) / 2)
    assert result.to_json()["first_ten"] == result.first_ten
    assert result.new_to_find == pytest.approx(1 / 3)  # of three held-out pairs one is of item 4
    assert "% an item that nobody liked in training (of the held-out likes 33.3 % are)" in result.first_places()[1]
    assert result.by_length() == ""  # one length is no comparison
    long = replace(result, first_ten=[*result.first_ten, {"bin": "11-50", "n": 1, "precision": 0.5, "new_share": 0.25}])
    assert long.by_length() == "known-all, precision@10 by likes shown: 1-10 0.150 (69 % new), 11-50 0.500 (25 % new)"


class Line(Groups):
    def __init__(self):
        super().__init__(0)

    def encode_items(self, space, rows=None):
        return np.arange(len(space), dtype=np.float32)[:, None]

    def encode_users(self, history, space, user_content=None):
        return np.array([[-1], [1]], np.float32)


def test_a_list_that_is_the_protocols_own_is_ranked_once(world):
    liked = world.select(items=world.known_items())
    split = splits.citeulike2(liked, seed=0)
    model = Groups(0)
    report = evaluate(model, split, at=(10, 20), bootstrap=0)
    assert model.encoded == 1
    assert report["known-all"].metrics() == report["known-known"].metrics()
    assert (report["known-all"].candidate_set, report["known-known"].candidate_set) == ("all", "task")
    assert report["known-all"].first_ten
    evaluate(model, split, at=(20,), bootstrap=0)  # the first ten were not measured with the other
    assert model.encoded == 3
    other = replace(split.served[0], truth=split.served[0].seen - split.served[0].history)
    asked = (split.tasks[0], replace(other, seen=other.history))
    evaluate(model, asked, at=(10,), bootstrap=0)
    assert model.encoded == 5


def test_kinds_are_those_of_the_items():
    with pytest.raises(Exception, match=r"kinds has shape \(1,\), expected \(2,\)"):
        RankingTask(
            "known-all", IdMap(["a"]), IdMap(["x", "y"]), csr_array((1, 2)), csr_array((1, 2)), np.arange(2), csr_array((1, 2)),
            kinds=np.array([ItemKind.NEW], np.int8),
        )  # fmt: skip
