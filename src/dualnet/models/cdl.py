"""CDL, collaborative deep learning (Wang, Wang & Yeung 2015): the strongest rival in the paper; its encoder is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.tasks import Validation
from ..errors import ArtifactError, UsageError, optional_package
from ..nn.spec import Activation
from ..rng import RandomState
from ..train.best_figure import last_best
from ..train.options import RunOptions
from .base import Prepared
from .choosing import Phase, ValidationTasks, choose_then_refit
from .content_encoder import ContentEncoder
from .explain.path_integral import content_cut
from .explain.reasons import Cut
from .limits import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, ZERO_WEIGHT, Limit
from .predicted_factors import PredictedFactors
from .saved_arrays import saved_array

if TYPE_CHECKING:
    from .cdl_training import AlternationSettings

VALIDATION_USERS = 2000  # of each task, ranked after a round


class CDL(PredictedFactors):
    """Matrix factorisation whose item factors are drawn to the codes of a denoising autoencoder (equation 5).

    The objective, with codes f_e(x_j) and reconstructions f_r(x_j) of the content, is

        sum c (R - u'v)^2 + lv sum |v_j - f_e(x_j)|^2 + ln sum |x_j - f_r(x_j)|^2 + lu sum |u_i|^2 + lw |theta|^2.

    It is lowered in turn over the users (exactly), the items (exactly) and the autoencoder (epochs of Adam, under noise). A
    new item is its code, a new user is folded in by the exact half-step, as known users are. The default weights were chosen on
    validation and let the encoder serve the matching; `CDL.paper()` has the published ones, where content comes first.

    Parameters
    ----------
    levels : sequence of int
        Widths of the encoder, bottom to top; the last is the width of the factors.
    zero_weight : float
        Weight b of zeros against the weight of positives (1 unless the data say otherwise).
    user_penalty, content_weight, reconstruction_weight, weight_penalty : float
        lu, lv, ln and lw. Only ratios matter to the autoencoder: with ln far above lv it restores content, with lv above ln
        it predicts factors.
    activation : {"tanh", "relu", "sigmoid", "identity"}
        After each layer; codes are linear, as factors are.
    noise, dropout : float
        Share of content entries set to zero; dropout of hidden units.
    reconstruct : {"clean", "noisy"}
        Target of the reconstruction: the clean content, as a denoising autoencoder and CDL's own text have it, or the noisy one, as equation
        5 of the paper has it.
    pretraining_epochs : int
        Epochs of each layer alone, and then of all together, before the alternation.
    alternations : int
        Rounds of users, items and autoencoder; with a validation the best number up to this one.
    epochs : int
        Passes over the items in a round.
    batch : int
        Items of a step.
    learning_rate : float
        Of Adam.
    random_state : int, RandomState, Generator or None
        Seed of weights, order and noise; the same seed gives the same bits on one machine and thread count.

    Attributes
    ----------
    objective_ : list of dict
        The objective without noise after each half-step: ``round``, ``step`` (``start``, ``encoder``, ``users``, ``items``) and
        ``objective``. It never rises from a line to the next ``users`` or ``items``.
    figures_ : list of float
        Mean validation recall after each round, where there was a validation.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.CDL(levels=(8, 4), alternations=2).fit(data)
    >>> [line["step"] for line in model.objective_[:4]]
    ['start', 'users', 'items', 'encoder']
    """

    name: ClassVar[str] = "cdl"
    uses_content: ClassVar[bool] = True
    moved: ClassVar[tuple[str, ...]] = ("device",)
    options_read: ClassVar[tuple[str, ...]] = ("device", "monitor", "validation_users")
    limits: ClassVar[Mapping[str, Limit]] = {
        "zero_weight": ZERO_WEIGHT,
        "user_penalty": POSITIVE,
        "content_weight": POSITIVE,
        "reconstruction_weight": POSITIVE,
        "weight_penalty": NOT_NEGATIVE,
        "noise": SHARE,
        "dropout": SHARE,
        "pretraining_epochs": Limit(at_least=0, whole=True),
        "alternations": COUNT,
        "epochs": COUNT,
        "batch": COUNT,
        "learning_rate": POSITIVE,
    }

    encoder_: ContentEncoder
    item_factors_: NDArray[np.float32]
    objective_: list[dict[str, Any]]
    figures_: list[float]

    def __init__(
        self,
        *,
        levels: Sequence[int] = (200, 200),
        zero_weight: float = 0.01,
        user_penalty: float = 1.0,
        content_weight: float = 1.0,
        reconstruction_weight: float = 0.1,
        weight_penalty: float = 0.0005,
        activation: Activation = "tanh",
        noise: float = 0.3,
        dropout: float = 0.1,
        reconstruct: Literal["clean", "noisy"] = "clean",
        pretraining_epochs: int = 1,
        alternations: int = 10,
        epochs: int = 2,
        batch: int = 1024,
        learning_rate: float = 3e-3,
        random_state: RandomState = 0,
    ) -> None:
        self.levels = levels
        self.zero_weight = zero_weight
        self.user_penalty = user_penalty
        self.content_weight = content_weight
        self.reconstruction_weight = reconstruction_weight
        self.weight_penalty = weight_penalty
        self.activation = activation
        self.noise = noise
        self.dropout = dropout
        self.reconstruct = reconstruct
        self.pretraining_epochs = pretraining_epochs
        self.alternations = alternations
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.random_state = random_state

    @classmethod
    def paper(cls, **overrides: Any) -> Self:
        """Return a model with the structure and weights of section 5.2: an autoencoder of 2000, 1000 and 300 units.

        Parameters
        ----------
        **overrides
            Constructor arguments that differ from the preset.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.CDL.paper().levels
        (2000, 1000, 300)
        """
        preset = {
            "levels": (2000, 1000, 300),
            "zero_weight": 0.01,
            "user_penalty": 1.0,
            "content_weight": 10.0,
            "reconstruction_weight": 1000.0,
            "weight_penalty": 0.0005,
            "dropout": 0.1,
            "batch": 256,  # these two the paper does not give
            "learning_rate": 0.001,
        }
        return cls(**{**preset, **overrides})

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        from ..train.progress import begin_log

        self._check_zero_weight(known.data.interactions.matrix)
        begin_log(run.log_path)
        self.figures_ = choose_then_refit(self, known, validation, run, type(self)._learn)

    def _phases_in_words(self, phase: str, *, chooses: bool) -> dict[str, str]:
        why = " without the held-out data, to see how long" if phase == "choose" else ""
        return {phase: f"training the autoencoder and the factors in turn{why}"}

    def _learn(self, known: Prepared, phase: Phase[list[float]]) -> list[float]:
        """Alternate as often as was chosen, or as is allowed; return the figure of each round."""
        with optional_package("torch", "train", "fitting CDL"):
            from .cdl_training import alternate
        rounds = self.alternations if phase.chosen is None else best_round(phase.chosen)
        asked = ValidationTasks(self, phase.tasks, users=phase.run.validation_users or VALIDATION_USERS, seed=self.seed_)

        def figures(items: NDArray[np.float32], encoder: ContentEncoder) -> dict[str, float]:
            self.item_factors_, self.encoder_ = items, encoder
            return asked.figures()

        found = alternate(
            self._settings(), known.data.interactions.matrix, known.content(self.name), rounds,
            figures if phase.tasks else None, phase.run, phase.name,
        )  # fmt: skip
        self.item_factors_, self.encoder_, self.objective_ = found.items, found.encoder, found.lines
        return found.figures

    def _settings(self) -> AlternationSettings:
        from ..train.pretraining import PretrainingSettings
        from .cdl_training import AlternationSettings, Penalties

        return AlternationSettings(
            Penalties(
                self.zero_weight, self.user_penalty, self.content_weight, self.reconstruction_weight, self.weight_penalty
            ),
            self.levels,
            self.activation,
            self.reconstruct,
            PretrainingSettings(
                noise=self.noise,
                dropout=self.dropout,
                epochs=self.pretraining_epochs,
                joint_epochs=self.pretraining_epochs,
                batch=self.batch,
                learning_rate=self.learning_rate,
                seed=self.seed_,
            ),
            self.epochs,
        )

    @property
    def _fold_in_penalty(self) -> float:
        return self.user_penalty

    def _predict(self, features: Matrix) -> NDArray[np.float32]:
        return self.encoder_.encode(features)

    def _content_cut(self, features: Matrix, user: NDArray[np.float64]) -> Cut:
        encoder = self.encoder_
        base = np.zeros((features.shape[0], len(encoder.biases[0])))
        return content_cut(encoder.differentiable, encoder.weights[0], features, base, user[None])

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        layers = {f"weight{k}": weight for k, weight in enumerate(self.encoder_.weights)}
        layers |= {f"bias{k}": bias for k, bias in enumerate(self.encoder_.biases)}
        config = {"activation": self.encoder_.activation, "layers": len(self.encoder_.weights)}
        return config, {"item_factors": self.item_factors_, **layers}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.item_factors_ = saved_array(tensors, "item_factors", len(self.items_), None)
        layers = len([name for name in tensors if name.startswith("weight")])
        if config["layers"] != layers or not layers:
            raise ArtifactError(
                f"the encoder has {layers} layers where its settings say {config['layers']!r:.40}; it is damaged"
            )
        widths = [self._n_features(), *(None for _ in range(layers - 1)), self.item_factors_.shape[1]]
        weights = [saved_array(tensors, f"weight{k}", widths[k], widths[k + 1]) for k in range(layers)]
        biases = [saved_array(tensors, f"bias{k}", None) for k in range(layers)]
        self.encoder_ = ContentEncoder(config["activation"], weights, biases)

    def _check(self) -> None:
        if not self.levels or any(not isinstance(width, int) or width < 1 for width in self.levels):
            raise UsageError(f"levels={self.levels!r}: give one or more positive widths, such as (200, 200)")

    def _check_zero_weight(self, matrix: csr_array) -> None:
        lightest = min(float(matrix.data.min()), 1.0)  # new users are folded in with weight 1
        if not 0 < self.zero_weight < lightest:
            raise UsageError(
                f"zero_weight={self.zero_weight!r} must be above 0 and below the lightest positive ({lightest:g}): zeros cannot be"
                " as sure as positives"
            )


def best_round(figures: Sequence[float]) -> int:
    """Return the round, from 1, with the highest figure; of equal ones the last, which has seen more."""
    return last_best(figures) + 1
