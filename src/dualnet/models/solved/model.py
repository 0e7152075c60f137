"""The solved levels as a model of their own: DualNet without networks, and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ...errors import UsageError
from ...rng import RandomState
from ..known_zeros import check_dislike_weight
from ..level_model import LevelModel
from ..limits import Limit
from .parameters import SOLVED_LIMITS, check_solved


class Solved(LevelModel):
    """Factors with content as rows or prior, and content as it is, solved for in closed form: ``DualNet(levels=())``.

    It answers in all four quadrants, fits in about a minute where the networks need several, and needs no torch. Parameters
    that are None are chosen on validation; without one, on pairs that `fit` holds out for this purpose and then trains on.

    Parameters
    ----------
    factors, factor_zero_weight, regularization, relation, prior, content_scale, content_weight, new_scale, unliked_scale
        As in `DualNet`.
    trials, dislike_weight
        As in `DualNet`.
    random_state : int, RandomState, Generator or None
        Seed of the first factors and of what is held out.

    References
    ----------
    Hu, Koren & Volinsky 2008; Singh & Gordon 2008, for content as rows; equation 2 of the paper, for the users.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.Solved(factors=4, trials=0).fit(data)
    >>> [item[:2] for item in model.recommend(history=["i0-0", "i0-1"], k=2).ids]
    ['i0', 'i0']
    """

    name: ClassVar[str] = "solved"
    limits: ClassVar[Mapping[str, Limit]] = {n: limit for n, limit in SOLVED_LIMITS.items() if n != "network_weight"}

    def __init__(
        self,
        *,
        factors: int = 300,
        factor_zero_weight: float | None = None,
        regularization: float | None = None,
        relation: float | None = None,
        prior: float | None = None,
        content_scale: float | None = None,
        content_weight: float | None = None,
        new_scale: float | None = None,
        unliked_scale: float | None = None,
        trials: int | None = None,
        dislike_weight: float = 0.0,
        random_state: RandomState = 0,
    ) -> None:
        self.factors = factors
        self.factor_zero_weight = factor_zero_weight
        self.regularization = regularization
        self.relation = relation
        self.prior = prior
        self.content_scale = content_scale
        self.content_weight = content_weight
        self.new_scale = new_scale
        self.unliked_scale = unliked_scale
        self.trials = trials
        self.dislike_weight = dislike_weight
        self.random_state = random_state

    def _check(self) -> None:
        check_solved(self)
        check_dislike_weight(self)
        if self.factors == 0:
            raise UsageError("factors=0 leaves nothing to fit: give a width, such as 300")
