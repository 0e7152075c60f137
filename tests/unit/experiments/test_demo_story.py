"""The demo in words: the right people and items, their reasons, and nothing where the data have no such thing."""

import numpy as np
import pytest

from dualnet import Dataset
from dualnet.data.splits import citeulike2, four_quadrants
from dualnet.data.synthetic import blocks_world, library
from dualnet.evaluation import evaluate
from dualnet.experiments.demo import DemoResult
from dualnet.experiments.demo_story import known_user, new_item, new_user, nouns_of, page_of
from dualnet.models.registry import create


@pytest.fixture(scope="module")
def told():
    """A content profile of a world with four groups, its new items added; titles and ids name the group."""
    split = four_quadrants(blocks_world(users=20, items=16), seed=0)
    model = create("content-profile").fit(split.train)
    task = split.task("known-new")
    fresh = np.sort(np.setdiff1d(task.candidates, task.items.find(model.items_)))
    model.add_items(task.content.take(fresh))
    return model, split, list(task.items.take(fresh))


def test_a_known_user_gets_items_of_the_own_group_each_with_a_reason(told):
    model, split, _ = told
    user = next(key for key in split.train.interactions.users if key.startswith("u2"))
    story = known_user(model, split, user)
    assert {key[:2] for key in story.found.ids[:4]} == {"i2"}
    text = story.to_text()
    assert text.startswith(f"A user whom the model knows: {user}, with ")
    assert text.count('because of "') == 5
    assert text.endswith(f"\nOn the page: http://127.0.0.1:8080/#/recommendations?user={user}")
    assert story.to_json()["id"] == user


def test_a_new_user_is_one_whom_the_model_never_saw(told):
    model, split, _ = told
    story = new_user(model, split)
    assert story.subject not in model.users_
    assert {key[1] for key in story.found.ids[:4]} == {story.subject[1]}
    assert "who is not in the training data" in story.heading
    history = story.page.partition("http://127.0.0.1:8080/#/recommendations?history=")[2].split(",")
    assert (
        model.recommend(history=history, k=10).ids == story.found.ids
    )  # nobody finds this person by id: the link has what they took


def test_an_address_of_the_page_takes_any_id():
    assert page_of("history", ["a,b", 7, "ü/&"]).endswith("?history=a%2Cb,7,%C3%BC%2F%26")


def test_a_new_item_finds_the_people_of_its_group(told):
    model, split, fresh = told
    story = new_item(model, split, fresh)
    assert story.subject == fresh[0]
    assert {user[1] for user in story.found.ids} == {fresh[0][1]}
    assert all(reason.startswith('has taken "') for _, reason in story.lines)


def test_what_the_data_do_not_have_is_not_told():
    split = citeulike2(blocks_world(), seed=0)  # neither new users nor new items
    model = create("content-profile").fit(split.train)
    assert new_user(model, split) is None
    assert new_item(model, split, []) is None


def test_the_latest_items_come_first_and_the_rest_is_counted():
    world = library(n_readers=60, n_papers=120, pairs_per_reader=30)
    split = citeulike2(world, seed=0)
    train = split.train.interactions
    row = int(np.argmax(np.diff(train.matrix.indptr)))
    story = known_user(create("content-profile").fit(split.train), split, train.users.key(row))
    at = slice(train.matrix.indptr[row], train.matrix.indptr[row + 1])
    latest = train.matrix.indices[at][np.argmax(train.times[at])]
    assert story.given[0] == world.items.title(int(world.interactions.items.row(train.items.key(int(latest)))))
    assert len(story.given) == 6
    assert story.heading.endswith(f"with {at.stop - at.start} papers read. The last 6:")


@pytest.mark.parametrize(
    ("name", "words"),
    [("library", "reader paper read read read"), ("movielens-latest-small", "viewer film liked liked like"), ("citeulike-a", "reader paper saved saved save"), ("shop.csv", "user item taken took take")],
)  # fmt: skip
def test_words_fit_the_data(name, words):
    nouns = nouns_of(name)
    assert f"{nouns.user} {nouns.item} {nouns.taken} {nouns.did} {nouns.do}" == words


@pytest.mark.parametrize(
    ("name", "users", "items"),
    [("library", "readers", "papers"), ("movielens-100k", "viewers", "films"), ("mine", "users", "items")],
)
def test_tables_are_headed_in_the_words_of_the_data(name, users, items):
    world = blocks_world()
    split = four_quadrants(Dataset(world.interactions, world.items, name=name), seed=0)
    measured = evaluate(create("popularity").fit(split.train), split, at=(10,), bootstrap=0)
    result = DemoResult(split, {}, {"dualnet": measured}, "u0-0", None, ())
    assert result.headings()[:2] == [f"known {users}, known {items}", f"known {users}, new {items}"]
    assert f"these {items}; lists mark them with (nobody took it yet)." in result.summary()
    assert all(line.partition(": ")[2] for line in result.legend(20))
    assert result.legend(20)[-1].endswith(f" {measured['known-all'].new_to_find:.3f} are")
    assert 0 < measured["known-all"].new_to_find < 1
