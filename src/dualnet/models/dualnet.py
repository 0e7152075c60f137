"""DualNet: collaborative deep embedding via dual networks (Xiong, Lin, Niu, Cheng & Li)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import CapabilityError, UsageError, optional_package
from ..train.options import RunOptions
from .base import Prepared
from .choosing import Phase
from .dualnet_parameters import DualNetParameters
from .level_learning import Chosen
from .runtime import DualRuntime

if TYPE_CHECKING:
    from ..train.trainer import TrainingState

UPDATE_RATE = 0.3  # peak rate of an update, as a share of the fit's; measured in docs/measurements/updates.md


class DualNet(DualNetParameters):
    """An item network and a user network that are trained together (section 3 of the paper).

    The item network encodes content, the user network encodes a history; their inner product predicts the match. New items
    and new users are encoded like old ones. The defaults go beyond the paper where that was measured to help;
    `DualNet.paper()` gives the paper's own choices.

    Parameters
    ----------
    levels : sequence of int
        Widths of the embedding levels of the networks, bottom to top; none for the solved levels alone. The
        paper's 200, 200, 50 are trained in half the time, and find fewer of the known items
        (docs/measurements/training-defaults.md).
    design : {"branching", "multi-level", "basic"}
        Which levels are matched (section 3.2).
    user_input : {"shared", "reference"}
        How the user network reads a history: through the content of its items, so that new items can be part of it, or
        through one table row for each reference item (the paper).
    item_residual : bool
        A learned residual beside the content of each training item; matters for items with many events.
    residual_dropout : float
        Share of residuals left out of each step, so that content alone serves new items.
    column_dropout : float
        Share of users whose columns are left out of each step, so that the networks also answer a history without columns.
    factors : int
        Width of the solved levels beneath the networks (`models.solved`): factors by alternating least squares, with a prior
        from content, and the content itself, which are solved for together for each user. 0 leaves them out, as the paper does.
    factor_zero_weight, regularization : float, optional
        Weight of zeros and penalty of the factors. By default chosen on validation, like all that follows.
    relation : float, optional
        Weight of words, tags and labels as further rows of the matrix that the factors are solved from; 0 for none.
    prior : float, optional
        Penalty of the map from content to factors: the larger, the less content says of them; infinity is no prior.
    content_scale : float, optional
        Weight of the content beside the factors, in the solved levels.
    network_weight : float, optional
        Weight of the network levels beside the solved ones.
    content_weight : float, optional
        Weight of the cosine of an item's content and the mean content of the history.
    new_scale, unliked_scale : float, optional
        Factors of the scores of items that came after the fit, and of items that nobody liked at the fit: they decide how such
        items stand beside known ones in one list.
    trials : int, optional
        Most solutions that are tried in the search for the numbers of the solved levels, each narrower than `factors`; by default
        about 30, as many as gain something. After the last one the best so far is taken. 0 searches for none of them.
    ensemble : int
        How many pairs of networks are trained, each from a seed of its own; their scores are averaged. The weight of the further
        ones is chosen on validation, and with weight 0 they are left out. Each takes as long as the first one
        (docs/measurements/solved-tries.md).
    mask : {"none", "fold", "leave-one-out"}
        How the pairs to predict are kept out of the history they are predicted from.
    fold : float
        Share of each history hidden under ``mask="fold"``.
    noise, history_noise : float
        Share of content entries and of history entries set to zero in training (section 5.3).
    dropout : float
        Dropout between levels.
    activation : {"tanh", "relu", "sigmoid", "identity"}
        After each level.
    norm : {"batch", "layer", "none"}
        Normalisation before each activation.
    top_branch : bool
        Whether the top level has a matching branch too (figure 1: no).
    output_scale : float
        Initial scale of the embeddings; predictions should start near zero. Adam learns it, sgd leaves it.
    first_length : float, optional
        Length of the columns of the first layers at the start (root mean square); behind a normalisation it leaves what is
        computed as it is, and sets how fast sgd moves the first layers: the rate counts by its square. By default they
        start as drawn, which for large tables is long; 1 is the usual draw by fan-in.
    zero_weight : float
        Weight b of zeros against 1 for positives.
    zero_popularity : float
        Exponent e in q_j ~ (popularity of item j)^e, the item factor of the weight of zeros; 0 weighs all alike.
    dislike_weight : float
        Extra weight of a dislike beside other zeros, for the networks and the factors: weight c of a known zero is b q_j +
        dislike_weight, in the factors factor_zero_weight + dislike_weight. 0 takes it for any zero. An answer is solved from
        the likes, with it or without.
    loss : {"squares", "logistic"}
        What is minimised over all pairs, with the same weights: the squared error (equation 4), or the logistic loss, which the paper found
        worse (section 5.3); it visits every pair, which takes several times longer.
    zeros : {"auto", "exact", "dense", "estimated"}
        How the zeros are computed; all report the same loss (decision 6). "exact" sums them by Gram matrices, "dense" visits every pair,
        "auto" takes the cheaper of the two. "estimated" steps along running means of the Gram matrices, for catalogues far larger
        than a block.
    precision : {"single", "bfloat16"}
        Of the products of the towers in training. "bfloat16" takes a sixth less time an epoch on a processor that has such numbers
        (``lscpu`` names avx512_bf16 or amx_bf16) and is slow on others; embeddings and weights stay in single precision
        (docs/explanation/speed.md).
    skip_empty : float
        Share of the dual mini-batches without a positive that an epoch leaves out; the paper found that it does not pay
        (section 5.3). Their zeros are missing from the loss that is reported.
    init : {"spectral", "random"}
        Start from the linear model of the data, solved in closed form in seconds, or from random weights (the paper). With
        "refine" among the stages, "spectral" sets the one-level networks that are refined first; every further level is
        stacked on what was refined, and its own weights start at random.
    stages : sequence of {"pretrain", "refine", "optimise"}
        Parts of the fit, in this order (section 4). "pretrain" starts the item network as the encoder of a stacked
        denoising autoencoder of the content; it needs content, and ``init="random"``, which then is the user network's start.
        "refine" trains the one-level networks first, stacks the second level, trains both, and so on; it needs five users and
        items or more. "optimise" trains the whole. The last one is validated and chooses its number of epochs.
    pretrain_epochs : int
        Passes over the items for each layer of the autoencoder, and as many end to end.
    refine_epochs : int
        Epochs at each level.
    optimizer : {"adam", "sgd"}
        Adam, or SGD with momentum (the paper).
    learning_rate, momentum, weight_decay : float
        Peak learning rate; momentum of sgd; decoupled weight decay.
    clip : float, optional
        Longest gradient of a step; longer ones are scaled down, which lets momentum SGD take large steps.
    schedule : {"one-cycle", "constant", "cosine", "linear"}
        Learning rate over the epochs.
    epochs : int
        Length of training; each epoch visits every user-item pair once.
    user_batch, item_batch : int, optional
        Users and items of a dual mini-batch; by default square blocks, about 25 an epoch (`train.batches.choose_blocks`).
    random_state : int, RandomState, Generator or None
        Seed of weights, order and noise; the same seed gives the same bits on one machine and thread count.

    Raises
    ------
    UsageError
        At `fit`, for a parameter outside its range.
    MissingExtraError
        At `fit`, without torch.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.DualNet(levels=(8, 4), factors=0, epochs=2).fit(data)
    >>> model.recommend(history=["i0-0", "i0-1"], k=3).resolved
    'history'
    """

    name: ClassVar[str] = "dualnet"

    training_: TrainingState

    @classmethod
    def paper(cls, **overrides: Any) -> DualNet:
        """Return a model with the paper's own choices: all stages, reference input, no residual, SGD with momentum.

        Parameters
        ----------
        **overrides
            Constructor arguments that differ from the preset.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.DualNet.paper(epochs=20)
        >>> model.levels, model.stages
        ((200, 200, 50), ('pretrain', 'refine', 'optimise'))
        """
        preset = {
            "levels": (200, 200, 50),
            "user_input": "reference",
            "item_residual": False,
            "residual_dropout": 0.5,  # without a residual of no effect; as in the records of docs/results
            "column_dropout": 0.0,
            "factors": 0,
            "content_weight": 0.0,
            "new_scale": 1.0,
            "unliked_scale": 1.0,
            "optimizer": "sgd",
            # from here on the paper gives no values: chosen on validation, see docs/explanation/paper-recipe.md
            "learning_rate": 0.4,
            "clip": 1.0,
            "schedule": "linear",
            "first_length": 1.0,
            "init": "random",
            "stages": ("pretrain", "refine", "optimise"),
            "refine_epochs": 6,
            "noise": 0.3,
            "history_noise": 0.3,
            "epochs": 15,
        }
        return cls(**{**preset, **overrides})

    @property
    def runtime_(self) -> DualRuntime:
        """The networks.

        Raises
        ------
        CapabilityError
            If there are none, as with ``levels=()``.
        """
        self._require_fitted()
        if self.levels_.runtime is None:
            raise CapabilityError("this model has solved levels alone and no networks; give it levels, such as (450, 200, 50)")
        return self.levels_.runtime

    def plot_training(self) -> Any:
        """Return a matplotlib figure of the last training of the networks: the loss and the validation recall by epoch.

        Raises
        ------
        UsageError
            If this object trained no networks: it was loaded from a folder, or has solved levels alone.
        MissingExtraError
            Without matplotlib.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.DualNet(levels=(8, 4), factors=0, epochs=2).fit(dualnet.synthetic.blocks_world())
        >>> [axis.get_xlabel() for axis in model.plot_training().axes]
        ['epoch', 'epoch']
        """
        self._require_fitted()
        choice = None if "update" in self.info_ else getattr(self, "choice_", None)  # of the fit, which is not the last then
        training = choice.training if choice is not None and choice.training else getattr(self, "training_", None)
        if training is None:
            raise UsageError(
                "there is no training to plot: this model was loaded, or has solved levels alone; a run has its epochs in log.jsonl"
            )
        from ..figures import training_curves

        seen = [name for epoch in training.history for name in epoch if name.startswith("recall@")]
        return training_curves(training.history, seen[0] if seen else "recall", training.best_epoch or None)

    def _train_networks(
        self, known: Prepared, phase: Phase[Chosen], stop_after: int | None, number: int
    ) -> tuple[TrainingState, DualRuntime] | None:
        if not self.levels:
            return None
        with optional_package("torch", "train", "fitting DualNet"):
            from .dualnet_training import descend
        state, runtime = descend(self, known, phase.tasks, phase.run, phase=phase.name, stop_after=stop_after, number=number)
        if number == 0:
            self.training_ = state
        return state, runtime

    def _train_networks_further(
        self,
        known: Prepared,
        runtime: DualRuntime,
        phase: str,
        n_old: int,
        epochs: int,
        learning_rate: float | None,
        run: RunOptions,
    ) -> DualRuntime:
        with optional_package("torch", "train", "updating DualNet"):
            from .dualnet_training import descend_further
        rate = UPDATE_RATE * self.learning_rate if learning_rate is None else learning_rate
        state, further = descend_further(
            self, known, runtime.tensors, run, n_old=n_old, epochs=epochs, learning_rate=rate, phase=phase
        )
        if state.history and runtime is self.levels_.runtime:  # the first seed's, as after a fit
            self.training_ = state
        return further
