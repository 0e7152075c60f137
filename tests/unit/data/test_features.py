"""Featurizers: parity with scikit-learn, fitted on training rows alone, saved and rebuilt, clear about bad content."""

import json

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.feature_extraction.text import TfidfVectorizer

from dualnet import Content, ContentSpec, IdMap
from dualnet.data.features import Featurizer
from dualnet.data.featurizers.terms import STOP_WORDS
from dualnet.errors import DataError, DualNetWarning

TITLES = [
    "Graph kernels for proteins",
    "Kernels of graphs",
    "Deep nets and the proteins",
    "The quick brown fox",
    "Fox graph graph",
]


def content(columns, spec, matrices=None, ids=None):
    n = len(next(iter(columns.values()))) if columns else next(iter(matrices.values())).shape[0]
    return Content(IdMap(ids or [f"i{k}" for k in range(n)]), pa.table(columns), spec, matrices or {})


def test_text_equals_scikit_learn():
    source = content({"title": TITLES}, ContentSpec(text=("title",), min_df=1))
    ours = Featurizer.fit(source, np.array([0, 1, 2])).transform(source)
    vectorizer = TfidfVectorizer(stop_words=list(STOP_WORDS)).fit(TITLES[:3])
    np.testing.assert_allclose(ours.toarray(), vectorizer.transform(TITLES).toarray(), atol=1e-6)
    assert issparse(ours)
    assert ours.dtype == np.float32


def test_min_df_and_max_features():
    source = content({"title": TITLES}, ContentSpec(text=("title",), min_df=2))
    assert Featurizer.fit(source).names() == ["fox", "graph", "kernels", "proteins"]
    source = content({"title": TITLES}, ContentSpec(text=("title",), min_df=1, max_features=1))
    assert Featurizer.fit(source).names() == ["graph"]


def test_every_kind_in_one_matrix_saved_and_rebuilt():
    spec = ContentSpec(
        text=("title",), tags=("tags",), categories=("kind",), numbers=("year",), vectors=("image",), bags=("words",), min_df=1
    )
    columns = {
        "title": TITLES, "tags": [["a", "b"], ["a"], [], None, ["c", "c"]], "kind": ["x", "y", None, "x", "x"],
        "year": [1999.0, 2001.0, None, 2005.0, 2003.0], "image": [[1.0, 0.0], [0.0, 2.0], None, [3.0, 4.0], [0.0, 0.0]],
    }  # fmt: skip
    bag = csr_array(np.array([[1, 0, 2], [0, 1, 0], [0, 0, 0], [4, 0, 0], [1, 1, 1]], np.float32))
    source = content(columns, spec, {"words": bag})
    fitted = Featurizer.fit(source)
    features = fitted.transform(source)
    assert features.shape == (5, fitted.n_features)
    assert fitted.names()[-6:] == ["year", "image[0]", "image[1]", "words[0]", "words[1]", "words[2]"]
    config, tensors = fitted.to_state()
    again = Featurizer.from_state(json.loads(json.dumps(config)), tensors)
    np.testing.assert_array_equal(again.transform(source).toarray(), features.toarray())


def test_dense_content_stays_dense():
    spec = ContentSpec(vectors=("image",))
    source = content({}, spec, {"image": np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)})
    with pytest.warns(DualNetWarning, match="1 of 2 rows have no content"):
        features = Featurizer.fit(source).transform(source)
    np.testing.assert_allclose(features, [[0.6, 0.8], [0, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "spec", "text"),
    [
        ({"year": ["1999", "20x1"]}, ContentSpec(numbers=("year",)), "column 'year' of 'i1' is '20x1', not a number"),
        ({"year": [1.0, float("inf")]}, ContentSpec(numbers=("year",)), "column 'year' of 'i1' is inf"),
        ({"image": [[1.0, 2.0], [1.0]]}, ContentSpec(vectors=("image",)), r"vectors of lengths \[1, 2\]"),
        ({"title": ["", None]}, ContentSpec(text=("title",)), "column 'title' has no word in any of 2 rows"),
        ({"title": ["a b"]}, ContentSpec(), "no columns to learn from"),
    ],
)
def test_bad_content_is_named(columns, spec, text):
    with pytest.raises(DataError, match=text):
        Featurizer.fit(content(columns, spec)).transform(content(columns, spec))


def test_new_rows_must_have_the_fitted_columns_and_widths():
    spec = ContentSpec(vectors=("image",))
    fitted = Featurizer.fit(content({"image": [[1.0, 2.0]]}, spec))
    with pytest.raises(DataError, match="'image' of item 'n' has 3 numbers, expected 2"):
        fitted.transform(content({"image": [[1.0, 2.0, 3.0]]}, spec, ids=["n"]))
    with pytest.raises(DataError, match="column 'picture' is missing. Did you mean"):
        content({"pictures": [[1.0]]}, ContentSpec(vectors=("picture",)))
    with pytest.raises(DataError, match="content 'm' of item 'i1' is NaN or infinite"):
        content({}, ContentSpec(vectors=("m",)), {"m": np.array([[1.0], [np.nan]])})
