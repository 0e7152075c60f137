"""BPR, Bayesian personalised ranking: factors by which the items of a user score above the other items."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..errors import ArtifactError
from ..ids import Rows
from ..rng import RandomState, generator
from ..train.best_figure import at_least
from ..train.options import RunOptions
from ..train.progress import EpochLog, begin_log
from .base import Capabilities, Prepared, Recommender
from .choosing import Phase, ValidationTasks, choose_then_refit
from .explain.reasons import Reasons, linear
from .limits import COUNT, POSITIVE, Limit
from .pairwise import PairwiseSteps, fold_in, fold_in_shares
from .saved_arrays import saved_array

# validation recall@100 on citeulike2 (all users, 120 epochs, half-width 0.009): 0.461 with the users of training; folded in with
# 1,024 negatives 0.464 after 1 step, 0.466 after 6, 0.463 after 12, 0.462 after 24; with 256 negatives 0.462 after 6
FOLD_SAMPLE = 1024
FOLD_STEPS = 6
PATIENCE, VALIDATE_EVERY, VALIDATION_USERS = 2, 10, 1000  # of `RunOptions`, by default


class BPR(Recommender):
    """Factors that maximise the chance that an item of the user is ranked above any other item (Rendle et al. 2009).

    Stochastic gradient steps on small batches of positive pairs; the negatives of a batch are drawn evenly from all items,
    shared by its pairs, and rejected for those whose user has taken them. The model does not read content. All users, known or
    new, are folded in by minimising the same criterion with the items fixed (`dualnet.models.pairwise.fold_in`), so the user
    factors of training are not kept.

    Parameters
    ----------
    factors : int
        Width.
    learning_rate : float
        Size of the first steps; it falls linearly to 0 over the epochs.
    regularization : float
        Penalty l of half the squared lengths, for each pair a factor takes part in.
    negatives : int
        Items drawn for each batch.
    batch : int
        Positive pairs a step.
    epochs : int
        Visits to every positive pair; validation may choose fewer.
    random_state : int, RandomState, Generator or None
        Seed of the first factors, the order of the pairs and the negatives.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.BPR(factors=4, epochs=5).fit(data)
    >>> len(model.recommend("u0-0", k=3))
    3
    """

    name: ClassVar[str] = "bpr"
    counts_age = False
    limits: ClassVar[Mapping[str, Limit]] = {
        **dict.fromkeys(("factors", "negatives", "batch", "epochs"), COUNT),
        **dict.fromkeys(("learning_rate", "regularization"), POSITIVE),
    }
    moved: ClassVar[tuple[str, ...]] = ("patience", "validate_every", "validation_users")
    options_read: ClassVar[tuple[str, ...]] = ("monitor", *moved)

    def __init__(
        self,
        *,
        factors: int = 200,
        learning_rate: float = 0.8,
        regularization: float = 0.01,
        negatives: int = 64,
        batch: int = 256,
        epochs: int = 100,
        random_state: RandomState = 0,
    ) -> None:
        self.factors = factors
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.negatives = negatives
        self.batch = batch
        self.epochs = epochs
        self.random_state = random_state

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known items, for any history."""
        return Capabilities.known_items()

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        begin_log(run.log_path)
        choose_then_refit(self, known, validation, run, type(self)._descend)

    def _descend(self, known: Prepared, phase: Phase[int]) -> int:
        """Run the first epochs of the schedule; keep the factors that validation likes best or, without one, the last."""
        last = self.epochs if phase.chosen is None else phase.chosen
        run, every, patience = phase.run, phase.run.validate_every or VALIDATE_EVERY, phase.run.patience or PATIENCE
        asked = None
        if phase.tasks:
            asked = ValidationTasks(self, phase.tasks, users=run.validation_users or VALIDATION_USERS, seed=self.seed_)
        matrix = known.data.interactions.pattern()
        n_items = matrix.shape[1]
        drawn = generator(self.seed_, "bpr-fold-in").permutation(n_items)[:FOLD_SAMPLE]
        self.fold_sample_ = np.sort(drawn)
        steps = PairwiseSteps(
            matrix, factors=self.factors, learning_rate=self.learning_rate, regularization=self.regularization,
            negatives=self.negatives, batch=self.batch, epochs=self.epochs, seed=self.seed_,
        )  # fmt: skip
        self.item_factors_, self.epochs_ = steps.items, last
        kept, best = steps.items, -np.inf
        with threadpool_limits(run.threads), EpochLog(run.log_path, phase.name, [], run.trackers) as log:
            for epoch in range(1, last + 1):
                started = time.perf_counter()
                figures = {"epoch": float(epoch), "loss": steps.epoch(epoch - 1)}
                if asked is not None and (epoch % every == 0 or epoch == last):
                    figures |= asked.figures()
                    if at_least(figures[run.monitor], best):  # of equal figures the one with more training
                        best, kept, self.epochs_ = max(figures[run.monitor], best), steps.items.copy(), epoch
                log.write(figures, time.perf_counter() - started)
                if run.after_epoch is not None:
                    run.after_epoch(figures)
                if asked is not None and epoch - self.epochs_ >= patience * every and epoch < last:
                    break
        self.item_factors_ = steps.items if asked is None else kept
        return self.epochs_

    def _encode_items(self, space: ItemSpace, rows: Rows) -> NDArray[np.float32]:
        return space.known_rows(self.item_factors_, rows)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> NDArray[np.float32]:
        known = space.to_known(history, len(self.items_))
        return fold_in(self.item_factors_, known, self.fold_sample_, self.regularization, FOLD_STEPS)

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        known = space.known[history.indices]
        shares = np.zeros((len(known), self.item_factors_.shape[1]))
        taken = known[known >= 0]
        shares[known >= 0] = fold_in_shares(self.item_factors_, taken, self.fold_sample_, self.regularization, FOLD_STEPS)
        return linear("factors", shares, self._encode_items(space, rows))

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {"epochs": self.epochs_}, {"item_factors": self.item_factors_, "fold_sample": self.fold_sample_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.epochs_ = int(config["epochs"])
        self.item_factors_ = saved_array(tensors, "item_factors", len(self.items_), None)
        self.fold_sample_ = saved_array(tensors, "fold_sample", None, integers=True)
        if len(self.fold_sample_) and not 0 <= self.fold_sample_.min() <= self.fold_sample_.max() < len(self.items_):
            raise ArtifactError("weight 'fold_sample' names items that the model has not; the model folder is damaged")
