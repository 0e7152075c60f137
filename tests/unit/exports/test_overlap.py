"""The overlap is what two full sorts give."""

import numpy as np
from scipy.sparse import csr_array

from dualnet.exports.source import embedding_overlap


def test_overlap_equals_two_sorts(dualnet_model, sparse_model, monkeypatch):
    model, k = dualnet_model, 3
    space = model.catalogue_
    items = model.encode_items(space)
    shares = []
    for row in range(len(model.users_)):
        history = model.histories_[[row]].toarray()[0]
        history = csr_array(np.pad(history, (0, len(space) - len(history)))[None])
        user = model.encode_users(history, space)
        alone = (items.dense @ user.dense.T)[:, 0]
        exact = alone + (items.sparse @ user.sparse.T).toarray()[:, 0]
        alone[history.indices] = exact[history.indices] = -np.inf
        best, rough = (set(np.argsort(-s, kind="stable")[:k].tolist()) for s in (exact, alone))
        shares.append(len(best & rough) / k)
    found = embedding_overlap(model, k=k)
    np.testing.assert_allclose(found, np.mean(shares), atol=1e-12)
    assert 0 < found < 1
    assert embedding_overlap(sparse_model) is None
