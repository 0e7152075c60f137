"""Worlds of one to three users: the networks train without running away, and refinement says that there is too little for it."""

import numpy as np
import pytest
import torch

from dualnet import Content, Dataset, DualNet, Interactions
from dualnet.data.content_spec import ContentSpec
from dualnet.errors import UsageError
from dualnet.ids import IdMap
from dualnet.nn.blocks import BatchNorm
from dualnet.train.divergence import check_loss

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
SMALL = {"levels": (16, 8), "factors": 0}


def world(n_users, n_items, with_content):
    rng = np.random.default_rng(0)
    ids = IdMap(sorted(f"i{item}" for item in range(n_items)))
    taken = [
        (f"u{user}", f"i{item}") for user in range(n_users) for item in rng.choice(n_items, max(1, n_items // 3), replace=False)
    ]
    users, items = (list(side) for side in zip(*taken, strict=True))
    titles = {"title": [f"w{k % 3} w{k % 5} x{k}" for k in range(n_items)]}
    content = Content.from_rows(ids, titles, ContentSpec(text=("title",), min_df=1)) if with_content else None
    return Dataset(Interactions.from_pairs(users, items, item_ids=ids), content)


@pytest.mark.parametrize("with_content", [True, False])
@pytest.mark.parametrize(("n_users", "n_items"), [(1, 3), (1, 40), (2, 2), (2, 3), (3, 3), (3, 12)])
def test_few_users_train(n_users, n_items, with_content):
    data = world(n_users, n_items, with_content)
    for seed in (0, 50, 62):  # each had an epoch whose loss was by chance far above the others
        scores = DualNet(**SMALL, random_state=seed).fit(data).recommend(user="u0", k=3).scores
        assert np.isfinite(scores).all()
        assert np.abs(scores).max(initial=0) < 10
    with pytest.raises(
        UsageError, match=r"'refine', which needs at least 5 users and items to train on, and there are \d+ and \d+"
    ):
        DualNet(**SMALL, stages=("refine", "optimise")).fit(data)


def test_enough_users_are_refined():
    DualNet(**SMALL, stages=("refine", "optimise")).fit(world(6, 12, True))


def test_one_row_has_no_statistics():
    norm = BatchNorm(4)
    norm.calibrate(torch.full((1, 4), 7.0))
    assert (norm.mean.tolist(), norm.variance.tolist()) == ([0.0] * 4, [1.0] * 4)
    norm.calibrate(torch.tensor([[1.0] * 4, [3.0] * 4]))
    assert (norm.mean.tolist(), norm.variance.tolist()) == ([2.0] * 4, [1.0] * 4)


def test_an_epoch_by_chance_as_bad_as_knowing_nothing_is_no_divergence():
    check_loss(1.45, 1.0, [0.0004] * 3, "epoch 4", "")
