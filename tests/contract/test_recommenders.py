"""Every model, found by walking subclasses, keeps every promise of the contract on a world whose answer is known."""

import copy
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import clone

from dualnet import Content, Dataset, Interactions, Recommender, evaluate, load, splits
from dualnet.data.synthetic import blocks_world
from dualnet.errors import (
    ArtifactError,
    CapabilityError,
    DataError,
    DualNetWarning,
    NotFittedError,
    ResourceError,
    UnknownIdError,
    UsageError,
)
from dualnet.models.registry import MODELS, create, model_class
from dualnet.retrieval.vectors import to_dense

SMALL = {
    "dualnet": {"levels": (16, 8), "epochs": 25, "user_batch": 20, "noise": 0.1, "history_noise": 0.2},
    "lsa-profile": {"width": 5},
    "wmf": {"factors": 6},
    "bpr": {"factors": 6, "batch": 16, "negatives": 8, "epochs": 40},
    "ease": {"regularization": 5.0},
    "cdl": {"levels": (16, 8)},
    "content-factors": {"factors": 6},
    "coupled": {"factors": 6},
    "solved": {"factors": 6},
    "fusion": {"factors": 6},
}
WORLD = blocks_world()
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def subclasses(cls):
    for child in cls.__subclasses__():
        yield child
        yield from subclasses(child)


NAMES = sorted(MODELS)


def make(name):
    return create(name, **SMALL.get(name, {}))


@pytest.fixture(scope="module", params=NAMES)
def fitted(request):
    return make(request.param).fit(WORLD)


def test_no_model_is_forgotten():
    registered = {model_class(name) for name in NAMES}
    ours = {cls for cls in subclasses(Recommender) if cls.__module__.startswith("dualnet.") and "name" in vars(cls)}
    assert ours == registered
    assert all(model_class(name).name == name for name in NAMES)


def test_constructor_only_stores(fitted):
    model = make(fitted.name)
    assert set(vars(model)) == set(model.get_params())
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.recommend(history=["i0-0"])


def test_parameters_are_read_set_and_cloned_as_in_scikit_learn(fitted):
    twin = clone(fitted)
    assert type(twin) is type(fitted)
    assert not hasattr(twin, "catalogue_")
    assert twin.get_params() == fitted.get_params() == fitted.get_params(deep=False)
    assert twin.set_params(**twin.get_params()) is twin
    for name, value in SMALL.get(fitted.name, {}).items():
        assert type(twin)().set_params(**{name: value}).get_params()[name] == value
    before = twin.get_params()
    with pytest.raises(UsageError, match=rf"model '{fitted.name}' has no parameter 'zero_wieght'\.( Did| Known| It)"):
        twin.set_params(**{**before, "zero_wieght": 1})
    assert vars(twin) == before


COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model))}


@pytest.mark.parametrize("way", COPIES)
def test_copies_answer_alike_and_live_apart(fitted, way):
    unfitted = COPIES[way](make(fitted.name))
    assert unfitted.get_params() == fitted.get_params()
    first = fitted.recommend("u0-0", k=4)  # caches are filled
    fitted.similar_items("i1-2", k=2)
    other = COPIES[way](fitted)
    again = other.recommend("u0-0", k=4)
    assert (again.ids, again.scores) == (first.ids, first.scores)
    assert other.similar_items("i1-2", k=4).ids == fitted.similar_items("i1-2", k=4).ids
    other.set_params(**unfitted.get_params()).fit(shuffled_world())
    assert fitted.recommend("u0-0", k=4).scores == first.scores


def shuffled_world():
    """The same items and users, with each user's history given to another."""
    matrix = WORLD.interactions.matrix[::-1]
    return Dataset(Interactions(WORLD.interactions.users, WORLD.interactions.items, matrix), WORLD.items, name="shuffled")


def test_recommendations_find_the_own_group(fitted):
    if fitted.name == "popularity":
        pytest.skip("popularity knows no groups")
    right = total = 0
    for user in list(WORLD.interactions.users)[::5]:
        found = fitted.recommend(user, k=2)
        total += len(found)
        right += sum(str(key)[1] == str(user)[1] for key in found.ids)
    assert right / total > 0.9


def test_seen_items_are_never_listed_and_lengths_are_exact(fitted):
    for user in list(WORLD.interactions.users)[::7]:
        row = WORLD.interactions.users.row(user)
        seen = set(WORLD.interactions.items.take(WORLD.interactions.matrix[[row]].indices))
        found = fitted.recommend(user, k=5)
        assert len(found) == 5 == len(set(found.ids))
        assert not seen & set(found.ids)
        assert found.scores == sorted(found.scores, reverse=True)


def test_a_known_user_is_short_for_the_stored_history(fitted):
    user = "u2-3"
    row = WORLD.interactions.users.row(user)
    history = WORLD.interactions.items.take(WORLD.interactions.matrix[[row]].indices)
    known, shown = fitted.recommend(user, k=8), fitted.recommend(history=history[::-1], k=8)
    assert (known.resolved, shown.resolved) == ("known", "history")
    assert known.ids == shown.ids
    np.testing.assert_allclose(known.scores, shown.scores, atol=1e-6)
    np.testing.assert_allclose(fitted.score(known.ids, user=user), known.scores, atol=1e-5)


def test_vectors_of_a_batch_equal_vectors_one_by_one(fitted):
    space = fitted.catalogue_
    history = fitted.histories_[:6]
    together = to_dense(fitted.encode_users(history, space))
    apart = np.concatenate([to_dense(fitted.encode_users(history[[row]], space)) for row in range(6)])
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_bad_questions(fitted):
    with pytest.raises(UnknownIdError, match="unknown user 'nobody'; for someone new pass history="):
        fitted.recommend("nobody")
    with pytest.raises(UnknownIdError, match="unknown item in the history 'nothing'"):
        fitted.recommend(history=["nothing"])
    for k in (0, -1, 1.5, True, "3"):
        with pytest.raises(UsageError, match="k must be a whole number of at least 1"):
            fitted.recommend("u0-0", k=k)
    with pytest.raises(UsageError, match="either user="):
        fitted.recommend()
    with pytest.raises(UsageError, match="list of ids, got the text"):
        fitted.recommend(history="i0-0")
    with pytest.warns(DualNetWarning, match="the list is shorter"):
        assert len(fitted.recommend("u0-0", k=10_000)) < 48


def test_an_empty_history_gets_popular_items_and_says_so(fitted):
    found = fitted.recommend(history=[], k=3)
    best = np.argsort(-fitted.popularity_, kind="stable")[:3]
    assert found.resolved == "fallback"
    assert found.ids == fitted.items_.take(best)
    assert set(found.paths) == {"popularity"}
    with pytest.raises(DataError, match="the history is empty"):
        fitted.recommend(history=[], fallback="error")


def test_exclude_and_candidates(fitted):
    free = fitted.recommend("u1-1", k=4)
    assert free.ids[0] not in fitted.recommend("u1-1", k=4, exclude=free.ids[:1]).ids
    chosen = ["i3-1", "i3-2", "i3-3"]
    assert set(fitted.recommend(history=["i0-0"], k=3, candidates=chosen).ids) == set(chosen)


def new_item(key="fresh", title=None):
    title = title or WORLD.items.title(0)
    return Content.from_rows([key], {"title": [title]}, WORLD.items.spec)


def test_new_items_are_served_or_refused(fitted, tmp_path):
    model = load(fitted.save(tmp_path / "m"))
    if not model.capabilities.new_items:
        with pytest.raises(CapabilityError, match="cannot score items that it did not see"):
            model.add_items(new_item())
        return
    model.add_items(new_item())
    history = [f"i0-{k}" for k in range(1, 6)]
    found = model.recommend(history=history, k=8)
    assert "fresh" in found.ids
    assert found.paths[found.ids.index("fresh")] == "content"
    with pytest.raises(DataError, match="'fresh' is already in the catalogue"):
        model.add_items(new_item())
    assert {str(key)[1] for key in model.recommend_users("fresh", k=5).ids} == {"0"}
    again = load(model.save(tmp_path / "again"))
    assert again.recommend(history=history, k=8).ids == found.ids
    if model.capabilities.new_items_in_history:
        alone = model.recommend(history=["fresh"], k=5, new_items=new_item("other", WORLD.items.title(1)))
        assert sum(str(key).startswith("i0") or key == "other" for key in alone.ids) >= 4
        assert alone.ignored == []


def test_similar_items_and_users(fitted):
    if fitted.name == "popularity":
        pytest.skip("popularity knows no groups")
    assert {str(key)[1] for key in fitted.similar_items("i1-2", k=4).ids} == {"1"}
    assert {str(key)[1] for key in fitted.recommend_users("i3-0", k=2, filter_seen=False).ids} == {"3"}


def test_everyone_at_once_equals_one_by_one(fitted, tmp_path):
    import pyarrow.parquet as pq

    rows = fitted.recommend_all(k=3, block=7)
    assert fitted.recommend_all(tmp_path / "all.parquet", k=3) == len(rows)
    stored = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert [(row["user"], row["rank"], row["item"]) for row in stored] == [
        (row["user"], row["rank"], row["item"]) for row in rows
    ]
    np.testing.assert_allclose([row["score"] for row in stored], [row["score"] for row in rows], atol=1e-5)
    mine = [row["item"] for row in rows if row["user"] == "u2-2"]
    assert mine == fitted.recommend("u2-2", k=3).ids
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot write"):
        fitted.recommend_all(tmp_path / "file" / "all.parquet")


@pytest.mark.parametrize("block", [0, -3, 2.5, True, "7", float("nan")], ids=str)
def test_blocks_that_cannot_be(fitted, block, tmp_path):
    with pytest.raises(UsageError, match="block must be a whole number of at least 1, or None, got"):
        fitted.recommend_all(tmp_path / "all.parquet", k=2, block=block)  # -3 wrote a file without a row
    assert not list(tmp_path.iterdir())


def test_save_and_load_answer_alike(fitted, tmp_path):
    folder = fitted.save(tmp_path / "model", metrics={"recall@50": 0.5})
    again = load(folder)
    assert type(again) is type(fitted)
    assert json.dumps(again.get_params(), default=list) == json.dumps(fitted.get_params(), default=list)
    for user in ("u0-0", "u3-9"):
        first, second = fitted.recommend(user), again.recommend(user)
        assert first.ids == second.ids
        np.testing.assert_allclose(first.scores, second.scores, atol=1e-6)
    assert type(fitted).load(folder).info_ == fitted.info_


def test_damaged_model_folders_are_refused(fitted, tmp_path):
    folder = fitted.save(tmp_path / "model")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        whole = (folder / name).read_bytes()
        for damaged in (whole[:-1], b"", bytes([whole[0] ^ 1]) + whole[1:]):
            (folder / name).write_bytes(damaged)
            with pytest.raises(ArtifactError, match="altered or damaged"):
                load(folder)
        (folder / name).unlink()
        with pytest.raises(ArtifactError, match="cannot be read"):
            load(folder)
        (folder / name).write_bytes(whole)
    for change, text in (
        ({"format_version": 9}, "has format 9"),
        ({"files": {"../x": {"sha256": ""}}}, "outside the model folder"),
    ):
        (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
        with pytest.raises(ArtifactError, match=text):
            load(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ArtifactError, match="is damaged"):
        load(folder)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ArtifactError, match="is not a model folder"):
        load(tmp_path / "nothing")


def test_a_run_is_loaded_as_the_model_in_it(fitted, tmp_path):
    fitted.save(tmp_path / "run" / "model")
    assert load(tmp_path / "run").info_["fingerprint"] == fitted.info_["fingerprint"]
    with pytest.raises(ArtifactError, match="is not a model folder"):
        load(tmp_path)


def test_saving_never_overwrites_what_is_not_a_model(fitted, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="is not a model folder"):
        fitted.save(tmp_path / "notes")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot write the model"):
        fitted.save(tmp_path / "file" / "model")
    target = fitted.save(tmp_path / "model")
    assert fitted.save(target) == target  # a model may be replaced
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_save_that_fails_puts_the_old_model_back(tmp_path, monkeypatch):
    target, real = tmp_path / "model", Path.rename
    model = create("popularity").fit(blocks_world())
    model.save(target)

    def fail(self, place):
        if self.name.endswith(".tmp"):
            raise OSError(28, "No space left on device")
        return real(self, place)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(ResourceError, match="No space left"):
        model.save(target)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert load(target).popularity_.tolist() == model.popularity_.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_fitting_twice_and_in_another_row_order_gives_the_same(name):
    users, items = WORLD.interactions.pairs()
    order = np.random.default_rng(0).permutation(len(users))
    shuffled = Interactions.from_pairs(
        WORLD.interactions.users.take(users[order]), WORLD.interactions.items.take(items[order]),
        user_ids=WORLD.interactions.users, item_ids=WORLD.interactions.items,
    )  # fmt: skip
    first = make(name).fit(WORLD)
    second = make(name).fit(Dataset(shuffled, WORLD.items, name="blocks")).fit(Dataset(shuffled, WORLD.items, name="blocks"))
    for left, right in zip(first._get_state()[1].values(), second._get_state()[1].values(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert first.recommend("u0-3").ids == second.recommend("u0-3").ids


@pytest.mark.parametrize("name", NAMES)
def test_input_is_not_modified(name):
    before = WORLD.fingerprint()
    make(name).fit(WORLD)
    assert WORLD.fingerprint() == before


@pytest.mark.parametrize("name", NAMES)
def test_one_model_answers_its_quadrants_and_no_other(name):
    split = splits.four_quadrants(WORLD, seed=0)
    model = make(name).fit(split.train, split.validation)
    report = evaluate(model, split, at=(5, 10), bootstrap=0)
    for result in report.results:
        possible = not result.name.endswith("-new") or model.capabilities.new_items
        assert (result.reason is None) == possible
    if name == "dualnet":
        assert all(result.mean("recall@10") > 0.8 for result in report.results)


def test_content_only_items_join_the_catalogue():
    extra = Content.from_rows(
        [*WORLD.items.ids, "z-new"],
        {"title": [*WORLD.items.table["title"].to_pylist(), WORLD.items.title(0)]},
        WORLD.items.spec,
    )
    users, items = WORLD.interactions.pairs()
    pairs = Interactions.from_pairs(
        WORLD.interactions.users.take(users), WORLD.interactions.items.take(items), item_ids=extra.ids
    )
    model = make("content-profile").fit(Dataset(pairs, extra))
    assert "z-new" in model.recommend(history=["i0-1", "i0-2"], k=8).ids


def test_add_items_from_a_data_frame(tmp_path):
    model = make("content-profile").fit(WORLD)
    model.add_items(pa.table({"item_id": ["n1"], "title": [WORLD.items.title(0)]}))
    assert "n1" in model.recommend(history=["i0-1", "i0-2"], k=8).ids
    table = pa.table({"item_id": ["n3"], "title": [WORLD.items.title(0)]})
    assert model.recommend(history=["n3"], k=8, new_items=table).ids  # for one question too
    assert model.explain("n3", history=["i0-1"], new_items=table).item == "n3"
    with pytest.raises(DataError, match="need an id column 'item_id'; found title"):
        model.add_items(pa.table({"title": ["x"]}))
    with pytest.raises(DataError, match="content column 'title' is missing"):
        model.add_items(pa.table({"item_id": ["n2"]}))


def test_answers_need_no_torch(tmp_path):
    folder = make("dualnet").fit(WORLD).save(tmp_path / "model")
    code = (
        "import sys, dualnet; m = dualnet.load(sys.argv[1]); print(m.recommend('u0-0').ids[0]);"
        "bad = {'torch', 'sklearn', 'matplotlib', 'pandas'} & set(sys.modules); assert not bad, bad"
    )
    shutil.rmtree(tmp_path / "elsewhere", ignore_errors=True)
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_explanations_add_up(fitted):
    taken = ["i0-1", "i0-2", "i1-3"]
    for item in ("i0-0", "i2-5"):
        found = fitted.explain(item, history=taken)
        assert found.score == pytest.approx(float(fitted.score([item], history=taken)[0]), abs=1e-5)
        assert sum(score for _, score in found.levels) == pytest.approx(found.score, abs=1e-9)
        for view in (found.history, found.content):
            if view is not None:
                assert view.base + sum(part.score for part in view.parts) == pytest.approx(found.score, abs=1e-5)
        assert (found.content is not None) == (fitted.uses_content and fitted.featurizer_ is not None)
        json.dumps(found.to_json(), allow_nan=False)
