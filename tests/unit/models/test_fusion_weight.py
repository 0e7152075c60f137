"""The level below the first: content as it is beside the embeddings."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet import Dataset, DualNet, load, splits, synthetic
from dualnet.errors import UsageError
from dualnet.evaluation import evaluate
from dualnet.models import choosing, content_cosine
from dualnet.models.choosing import auto_cut
from dualnet.models.fusion import Fusion, best_content_weight
from dualnet.models.level_choice import CONTENT
from dualnet.models.profile import ContentProfile
from dualnet.retrieval.vectors import to_dense

WORLD = synthetic.library(n_readers=150, n_papers=200, seed=3)
SPLIT = splits.make("citeulike2", WORLD, seed=0)
SMALL = {"levels": (16, 8), "epochs": 2, "factors": 0, "new_scale": 1.0}  # networks alone: content as it is beside them


@pytest.fixture(scope="module")
def fitted():
    return DualNet(**SMALL).fit(SPLIT.train, SPLIT.validation)


def scores(model, task):
    space = model.space(task.items, task.content)
    return model, space, model.encode_users(task.history, space), model.encode_items(space, task.candidates)


def test_the_score_is_that_of_the_embeddings_plus_the_weighted_profile(fitted):
    from dualnet.retrieval.topk import inner_products

    task = SPLIT.validation.tasks[0]
    _, space, users, items = scores(fitted, task)
    profile = ContentProfile().fit(SPLIT.train)
    _, _, profiles, contents = scores(profile, task)
    runtime = fitted.runtime_
    embedded = runtime.user_vectors(task.history, runtime.history_table(space.features, space.known))
    items_alone = runtime.item_vectors(space.features[task.candidates], space.known[task.candidates])
    expected = embedded @ items_alone.T + fitted.levels_.weights.content * inner_products(profiles, contents)
    np.testing.assert_allclose(inner_products(users, items), expected, atol=1e-5)


def test_the_weight_is_the_best_of_all_on_validation(fitted):
    task = SPLIT.validation.tasks[0]
    recalls = []
    kept = fitted.levels_
    for weight in CONTENT:
        fitted.levels_ = replace(kept, weights=replace(kept.weights, content=weight))
        report = evaluate(fitted, SPLIT.validation.tasks, at=(auto_cut(task),), bootstrap=0)
        recalls.append(report.results[0].mean(f"recall@{auto_cut(task)}"))
    fitted.levels_ = kept
    chosen = CONTENT.index(kept.weights.content)
    assert recalls[chosen] >= max(recalls) - 0.02  # half and twice the cut count there too
    assert max(recalls) > recalls[0]


def test_embeddings_that_know_nothing_leave_all_to_content():
    task = SPLIT.validation.tasks[0]
    model = ContentProfile().fit(SPLIT.train)
    space = model.space(task.items, task.content)

    def nothing(asked):
        return space, np.zeros((len(asked.users), 1), np.float32), np.zeros((len(asked.candidates), 1), np.float32)

    assert best_content_weight([task], nothing, 0) > 0


@pytest.mark.parametrize("as_array", [False, True])
def test_a_profile_reads_the_content_of_its_history_alone(monkeypatch, as_array):
    """The same bits as from the whole catalogue, without a pass over it for each person who asks."""
    task = SPLIT.validation.tasks[0]
    space = ContentProfile().fit(SPLIT.train).space(task.items, task.content)
    features = space.features.toarray() if as_array else space.features
    space = replace(space, features=features)
    read, plain = [], content_cosine.unit_rows
    whole = content_cosine.unit_rows(task.history @ plain(features))
    monkeypatch.setattr(content_cosine, "unit_rows", lambda rows: read.append(rows.shape[0]) or plain(rows))
    one = csr_array(task.history[[0]])
    found = content_cosine.unit_profile(space, one)
    assert read == [one.nnz, 1]
    np.testing.assert_array_equal(to_dense(found), to_dense(whole)[:1])
    np.testing.assert_array_equal(to_dense(content_cosine.unit_profile(space, task.history)), to_dense(whole))


def test_the_weight_does_not_depend_on_how_many_users_are_scored_at_once(monkeypatch):
    task = SPLIT.validation.tasks[0]
    model = Fusion(factors=8).fit(SPLIT.train)
    together = best_content_weight([task], model._embed, 0)
    monkeypatch.setattr(choosing, "block_rows", lambda _: 7)
    assert best_content_weight([task], model._embed, 0) == together > 0


def test_the_weight_is_saved(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    history = list(WORLD.interactions.items.keys[:3])
    assert again.recommend(history=history, k=5).scores == fitted.recommend(history=history, k=5).scores


def test_without_validation_or_content_there_is_a_default():
    assert DualNet(**SMALL).fit(SPLIT.train).levels_.weights.content == 0.3
    assert DualNet(**SMALL, content_weight=0.7).fit(SPLIT.train, SPLIT.validation).levels_.weights.content == 0.7
    assert DualNet(**SMALL).fit(Dataset(SPLIT.train.interactions)).levels_.weights.content == 0.0


def test_a_weight_below_zero_is_refused():
    with pytest.raises(UsageError, match=r"content_weight=-1"):
        DualNet(content_weight=-1.0).fit(SPLIT.train)
