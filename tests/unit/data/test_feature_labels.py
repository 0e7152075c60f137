"""Features have names for people: words, tags, labels, values; a dense block is one thing."""

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array, issparse

from dualnet import Content, ContentSpec, IdMap
from dualnet.data.features import Featurizer
from dualnet.data.featurizers.hashed import bucket


def content(**spec):
    table = pa.table(
        {
            "title": ["blue fish", "red fish", "two birds"],
            "tags": [["sea", "cold"], ["sea"], ["air"]],
            "genre": ["a=b", "c", None],
            "year": [1999.0, 2005.5, None],
            "mood": [[0.1, 0.9], [0.5, 0.5], [1.0, 0.0]],
        }
    )
    bag = csr_array(np.array([[0, 2, 0], [1, 0, 0], [0, 1, 1]], np.float32))
    return Content(IdMap(["x", "y", "z"]), table, ContentSpec(**spec, min_df=1), {"counts": bag})


EVERYTHING = {
    "text": ("title",), "tags": ("tags",), "categories": ("genre",), "numbers": ("year",), "vectors": ("mood",), "bags": ("counts",),
}  # fmt: skip


def named(found, row, raw=None):
    featurizer = Featurizer.fit(found)
    features = featurizer.transform(found)
    at = np.flatnonzero(features[[row]].toarray()[0] if issparse(features) else features[row])
    terms = featurizer.labels.terms(at, raw or {})
    assert featurizer.labels.columns(at) == [column for column, _ in terms]
    assert len(set(featurizer.labels.groups(at).tolist())) == len(dict.fromkeys(terms))
    return list(dict.fromkeys(terms))


def test_every_kind_of_column_has_a_name_for_people():
    found = content(**EVERYTHING)
    assert Featurizer.fit(found).labels.value_columns == ["title", "year"]
    assert named(found, 0, {"year": 1999.0}) == [
        ("title", "blue"), ("title", "fish"), ("tags", "cold"), ("tags", "sea"), ("genre", "a=b"), ("year", "1999"),
        ("mood", "the vector"), ("counts", "word 1"),
    ]  # fmt: skip
    assert ("year", "2005.5") in named(found, 1, {"year": 2005.5})
    assert ("year", "its value") in named(found, 0)
    assert [column for column, _ in named(found, 2)] == ["title", "title", "tags", "mood", "counts", "counts"]


def test_hashed_words_are_shown_as_the_words_they_were():
    found = content(text=("title",), text_encoder="hashing", max_features=4096)
    assert set(named(found, 0, {"title": "blue fish"})) == {("title", "blue"), ("title", "fish")}
    assert all(text.startswith("title#") for _, text in named(found, 0))
    place = bucket("fish", 4)
    twin = next(word for word in (f"word{k}" for k in range(100)) if bucket(word, 4) == place)
    spec = ContentSpec(text=("title",), text_encoder="hashing", max_features=4, min_df=1)
    few = Content.from_rows(["x"], {"title": [f"fish {twin}"]}, spec)
    assert named(few, 0, {"title": f"fish {twin}"}) == [("title", f"fish/{twin}")]
