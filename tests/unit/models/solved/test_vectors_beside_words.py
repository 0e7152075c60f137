"""Words and, of another block, vectors: in the solved levels each has a kernel of its own."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dualnet import Dataset, DualNet, Solved, load
from dualnet.data.synthetic import blocks_world
from dualnet.errors import ArtifactError, UsageError
from dualnet.models import level_learning as learning
from dualnet.models.levels import LevelWeights
from dualnet.models.solved import content, joint
from dualnet.models.solved.levels import SolvedLevels

WORLD = blocks_world()
GIVEN = {
    "factors": 8, "factor_zero_weight": 0.05, "regularization": 0.5, "relation": 0.0, "prior": 1.0, "content_scale": 0.5, "new_scale": 1.0,
    "unliked_scale": 1.0,
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.fixture
def beside(monkeypatch):
    """Pairs of a world whose items have words and, of another block, vectors."""
    for module, name in ((learning, "MANY_FEATURES"), (learning, "FEW_FEATURES"), (joint, "FEW_FEATURES")):
        monkeypatch.setattr(module, name, 10)
    table = WORLD.items.table
    vectors = np.random.default_rng(0).normal(size=(len(WORLD.items), 3)).astype(np.float32)
    ids = [str(key) for key in WORLD.items.ids.keys]
    items = pa.table({"item_id": ids, "title": table["title"], "meaning": pa.array(vectors.tolist())})
    users, places = WORLD.interactions.pairs()
    events = pa.table({"user_id": [f"u{row}" for row in users], "item_id": [ids[row] for row in places]})
    return events, items


@pytest.mark.parametrize("parameters", [{"levels": ()}, {"levels": (16, 8), "epochs": 2}], ids=str)
def test_vectors_beside_words_have_a_kernel_of_their_own(beside, parameters, tmp_path):
    events, items = beside
    some = items.slice(0, items.num_rows - 4)
    known = events.filter(pc.is_in(events["item_id"], some["item_id"]))
    data = Dataset.from_tables(known, some, text="title", vectors="meaning")
    model = DualNet(**{**GIVEN, **parameters}).fit(data)
    solved = model.levels_.solved
    names = model.featurizer_.names()
    assert [names[column] for column in solved.reader.vectors] == ["meaning[0]", "meaning[1]", "meaning[2]"]
    assert len(solved.joint.signs) == solved.items.items.shape[1] + solved.joint.axes.shape[1] + 3  # factors, words, vectors
    assert not solved.joint.axes[solved.reader.vectors].any()
    model.add_items(items.slice(items.num_rows - 4))
    new = items["item_id"][-1].as_py()
    history = ["i0-1", "i0-2", new]
    found = model.recommend(history=history, k=6)
    again = load(model.save(tmp_path / "model"))
    assert again.recommend(history=history, k=6).ids == found.ids
    reasons = model.explain(found.ids[0], history=history)
    assert reasons.score == pytest.approx(found.scores[0], abs=1e-4)
    model.update(Dataset.from_tables(events, items, text="title", vectors="meaning"), epochs=1)
    assert model.levels_.solved.reader is solved.reader
    assert model.recommend(history=history, k=6).ids == load(model.save(tmp_path / "grown")).recommend(history=history, k=6).ids


def test_vectors_beside_words_leave_no_cosine_of_all_content(beside):
    data = Dataset.from_tables(*beside, text="title", vectors="meaning")
    with pytest.raises(UsageError, match=r"content_weight=0\.2 has no meaning where vectors are read beside words"):
        Solved(**GIVEN, content_weight=0.2).fit(data)


def test_a_weight_that_has_no_meaning_is_refused_before_anything_is_trained(beside, monkeypatch):
    for name in ("_train_networks", "_twin"):
        monkeypatch.setattr(DualNet, name, lambda *_, **__: pytest.fail("this costs hours"))
    with pytest.raises(UsageError, match="content_weight"):
        DualNet(**GIVEN, levels=(8,), network_weight=0.5, content_weight=0.2).fit(
            Dataset.from_tables(*beside, text="title", vectors="meaning")
        )


def test_a_cosine_chosen_on_fewer_features_is_left_out(beside, monkeypatch):
    """The vocabulary of the training part of a validation is smaller: it may be read as one matrix, and the whole apart."""
    whole = learning._reader
    phases = []

    def reader(model, features, group):
        phases.append(features)
        return content.AS_IT_IS if len(phases) == 1 else whole(model, features, group)

    monkeypatch.setattr(learning, "_reader", reader)
    monkeypatch.setattr(learning, "_weigh", lambda *_: (LevelWeights(content=0.5), None))
    model = Solved(**GIVEN).fit(Dataset.from_tables(*beside, text="title", vectors="meaning"))
    assert len(phases) == 2
    assert model.choice_.weights.content == 0.5
    assert model.levels_.reads_vectors_apart
    assert model.levels_.weights.content == 0


@pytest.mark.parametrize("altered", ["axes", "cosine"])
def test_what_does_not_go_with_vectors_in_an_altered_folder_is_refused(beside, altered):
    model = Solved(**GIVEN).fit(Dataset.from_tables(*beside, text="title", vectors="meaning"))
    config, tensors = model._get_state()
    if altered == "axes":
        tensors["solved.content_axes"] = np.eye(model.featurizer_.n_features, dtype=np.float32)
    else:
        config["weights"]["content"] = 0.5
    with pytest.raises(ArtifactError, match="altered"):
        model._set_state(config, tensors)


@pytest.mark.parametrize("columns", [[3, 3], [4, 2], [-1, 2], [2, 10_000], [0.5, 1.0], [[1, 2]]], ids=str)
def test_columns_of_vectors_of_an_altered_folder_are_refused(beside, columns):
    model = Solved(**GIVEN).fit(Dataset.from_tables(*beside, text="title", vectors="meaning"))
    config, tensors = model.levels_.solved.get_state()
    with pytest.raises(ArtifactError):
        SolvedLevels.from_state(
            config, {**tensors, "vector_columns": np.array(columns)}, len(model.items_), model.featurizer_.n_features
        )
