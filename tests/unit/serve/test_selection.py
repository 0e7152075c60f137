"""The fast product of a batch equals its slow twin."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.retrieval.selection import _all_scores
from dualnet.retrieval.topk import inner_products
from dualnet.retrieval.vectors import JoinedVectors


@pytest.mark.parametrize("kind", ["dense", "sparse", "joined"])
@pytest.mark.parametrize("count", [1, 3, 32])
def test_scores_equal_the_slow_twin(kind, count):
    rng = np.random.default_rng(count)

    def vectors(rows):
        dense = rng.normal(size=(rows, 9)).astype(np.float32)
        sparse = csr_array(np.where(rng.random((rows, 20)) < 0.2, rng.normal(size=(rows, 20)), 0).astype(np.float32))
        return {"dense": dense, "sparse": sparse, "joined": JoinedVectors(dense, sparse)}[kind]

    queries, items = vectors(count), vectors(70)
    found = _all_scores(queries, items)
    assert found.flags.c_contiguous
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, inner_products(queries, items), atol=1e-5)


@pytest.fixture(params=[0.0, 0.4], ids=["dense", "joined"])
def bounded(request, monkeypatch):
    """A catalogue searched by bounds: wide vectors that lie near few axes, two items alike, one hidden, two added."""
    from dualnet import DualNet, RunOptions
    from dualnet.data.synthetic import library
    from dualnet.retrieval import principal
    from dualnet.retrieval.questions import NewItem
    from dualnet.serve.catalogue import open_catalogue
    from dualnet.serve.changes import delete, put
    from dualnet.serve.replies import ModelLabel

    monkeypatch.setattr(principal, "FEWEST", 100)
    data = library(n_readers=80, n_papers=250)
    model = DualNet(levels=(40, 40, 20), epochs=2, factors=0, content_weight=request.param).fit(
        data, run=RunOptions(progress=False)
    )
    view = open_catalogue(model, ModelLabel("dualnet", "0" * 12))
    assert view.heads is not None
    words = {"title": "Kernels and proteins", "abstract": data.items.table["abstract"][3].as_py()}
    view, _, _ = put(view, [NewItem("new1", words), NewItem("new2", words)])  # alike: ties are broken by row
    return delete(view, "p009")[0]


@pytest.mark.parametrize("spare", [-20, 28])  # with few spare ones many lists need a second look
@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
def test_lists_by_bounds_are_those_of_all_scores(bounded, monkeypatch, spare):
    from dualnet.retrieval import selection
    from dualnet.retrieval.answering import Answering
    from dualnet.retrieval.filters import Filters
    from dualnet.retrieval.questions import RecommendQuestion
    from dualnet.serve.stored_users import StoredUsers

    rng = np.random.default_rng(0)
    ids = bounded.lineage.ids
    questions = [
        RecommendQuestion(history=[ids[row] for row in rng.choice(len(ids), 5, replace=False) if ids[row] != "p009"], k=int(k))
        for k in rng.integers(21, 31, size=30)
    ]
    model = bounded.model
    answer = Answering(Filters(None), StoredUsers(model))
    by_all = []
    plain = selection._all_scores
    monkeypatch.setattr(selection, "_all_scores", lambda *given: by_all.append(1) or plain(*given))
    monkeypatch.setattr(selection, "SPARE", spare)
    fast = answer(bounded, questions)
    assert not by_all
    monkeypatch.setattr(selection, "BOUNDED", 0)
    slow = answer(bounded, questions)
    assert by_all
    for one, other in zip(fast, slow):
        assert one.ids == other.ids
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
