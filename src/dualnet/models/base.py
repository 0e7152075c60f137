"""The base class of every model: two encoders whose inner product is the score, and the questions that it answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..data.dataset import Dataset
from ..data.interactions import Interactions
from ..data.other_events import count_kinds
from ..data.recency import SECONDS, faded, half_life_of
from ..data.tasks import Split, Validation
from ..distributed.collectives import Collectives, agreed
from ..errors import ArtifactError, UsageError, memory_told
from ..tabular import html_table
from ..train.options import RunOptions
from ..train.tracking.guard import tracked
from .answers import Answers
from .artifact import read_model, save
from .core import Capabilities, Prepared
from .explain.explaining import Explains
from .forgetting import Forgets
from .one_writer import one_writer
from .updating import Updates

__all__ = ["Capabilities", "Prepared", "Recommender"]  # what a model is written with


class Recommender(Answers, Explains, Updates, Forgets):
    """Base of all models: fit once, then encode users and items, known or new, and match them by inner product.

    The constructor takes keywords only and stores them; `fit` discards a former fit and returns the model; attributes that it
    learns end in an underscore. A subclass writes the hooks `_fit`, `_encode_items`, `_encode_users`, `_get_state` and `_set_state`;
    everything else (answers, reasons, updates, files) is written once, on top of `Core`. Attributes whose names begin with an
    underscore are caches: neither a copy nor a new fit has them.

    Attributes
    ----------
    users_ : IdMap
        Users seen in training.
    items_ : IdMap
        Items seen in training; a model row is a row of this map.
    histories_ : csr_array of float32, shape (len(users_), len(items_))
        Stored histories: a known user id is short for its row. All 1, unless items count by type or age: then the largest of a row.
    weights_ : ndarray of float32, shape (nnz of histories_,), or None
        Weights of the stored pairs, for updates; None if all are 1.
    times_ : ndarray of uint32 or int64, shape (nnz of histories_,), or None
        When each stored pair happened, in seconds since 1970, to show a history in its order; 0 where that is not known, None if it is of none.
    unliked_ : IdMap
        Items that were there at the fit and that nobody liked (though somebody saw them, where that is known).
    seen_ : csr_array of uint8, shape (len(users_), items of the catalogue when it was fitted), or None
        Items that users saw (1) or disliked (2) and did not like, which are not listed to them again; None if nothing is known.
    half_life_, newest_ : float or None, int
        Age in seconds at which an event counts half, and the time of the newest event of the fit.
    event_weights_ : mapping of str to float
        Weight of each type of event, as the data set had it; empty where events had no types of their own.
    popularity_ : ndarray of float32, shape (len(items_),)
        Number of training events of each item, by which items are listed for users without history and columns.
    featurizer_, user_featurizer_ : Featurizer or None
        Fitted on the training items and users.
    user_features_ : csr_array or ndarray, shape (len(users_), n_user_features), or None
        Features of the columns of the training users; they count in every answer for them.
    catalogue_ : ItemSpace
        Everything that can be recommended: `items_`, then items added later.
    info_ : dict
        Data fingerprint, sizes, seconds; after an update also the numbers of added rows.
    manifest_ : str
        SHA-256 of the manifest that this model was last saved with or loaded from.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.WMF(factors=4).fit(data)
    >>> isinstance(model, dualnet.Recommender)
    True
    >>> len(model.users_), len(model.items_)
    (40, 48)
    """

    def fit(
        self,
        train: Dataset,
        validation: Validation | None = None,
        *,
        run: RunOptions | None = None,
        half_life: str | float | timedelta | None = None,
    ) -> Self:
        """Fit the model to interactions and content; a former fit is discarded.

        Items without a single pair do not train; they join the catalogue at the end as new items, if the model can score
        such.

        Parameters
        ----------
        train : Dataset
            Interactions and content to learn from.
        validation : Validation, optional
            To choose on, such as `Split.validation`; models without anything to choose ignore it.
        run : RunOptions, optional
            Progress, log, checkpoints, threads.
        half_life : str, float or timedelta, optional
            The age at which an event counts half, such as ``"90d"`` (a number is of days); the data need times. In training the age
            counts from the newest event of the data, in a history from its own newest. Without it age makes no difference.

        Returns
        -------
        Recommender
            The model itself.

        Raises
        ------
        UsageError
            For a parameter of a wrong type or outside its range, before anything is trained; for anything but a `Dataset`.
        DataError
            If the data cannot be used.
        CapabilityError
            If the model needs content and there is none.
        ResourceError
            If there is not enough memory for these settings.

        Examples
        --------
        >>> import dualnet
        >>> split = dualnet.splits.four_quadrants(dualnet.synthetic.blocks_world())
        >>> model = dualnet.Fusion(factors=4).fit(split.train, split.validation)
        >>> len(model.users_)
        36
        """
        check_fit_arguments(train, validation, run)
        options, seconds = self._shared(run or RunOptions()), half_life_of(half_life)
        if seconds is not None and (options.on_cluster or options.group.size > 1):
            raise UsageError("half_life= is for a fit in one process; leave workers out")
        if seconds is not None and not self.counts_age:
            raise UsageError(f"half_life= means nothing to model '{self.name}', which counts every event as one; leave it out")
        with one_writer(self), memory_told(f"fitting {type(self).__name__}"):
            if not options.on_cluster:
                return self._fit_now(train, validation, options, seconds)
            from ..train.workers.fit import fit_on_workers

            learned = fit_on_workers(self, train, validation, options)
            own = self.get_params()
            self._forget()
            vars(self).update({name: value for name, value in learned.items() if name not in own})
            return self

    def _shared(self, run: RunOptions) -> RunOptions:
        """Return options that say with whom this process shares the fit; raises `UsageError` where the model cannot be shared."""
        if run.collectives is None:
            from ..distributed.joined import joined_group

            group = joined_group(run.workers)
            if group is not None:
                from ..train.workers.worker import options_of_worker

                run = options_of_worker(run, group)
        if not self.on_workers and (run.on_cluster or run.group.size > 1):
            raise UsageError(
                f"model '{self.name}' is fitted in one process; {_how_alone(run)}, or choose 'dualnet' or 'solved'"
            )
        return run

    def _fit_now(self, train: Dataset, validation: Validation | None, run: RunOptions, half_life: float | None = None) -> Self:
        """Fit with nobody else writing; arguments and errors as `fit`."""
        started = time.perf_counter()
        self._settle()
        self.drawn_seed_ = agreed(run.group, self.drawn_seed_)  # several processes may each have drawn their own
        fingerprint = train.fingerprint()
        self.half_life_, self.newest_, self.lightest_ = half_life, 0, 1.0
        if half_life is not None:
            self.lightest_ = float(train.interactions.matrix.data.min(initial=1))
            train, self.newest_ = faded(train, half_life)
        known = self._prepare(train)
        described = {"model": self.name, "data": train.name, "fingerprint": fingerprint, **self._written_params()}
        described |= {name: value for name, value in run.choices.items() if name in self.options_read and value is not None}
        _refuse_different(run.group, described, validation)
        with tracked(run, described) as tracked_run:
            self._fit(self._to_learn(known), validation, tracked_run)
        self.info_ = {
            "data": train.name,
            "fingerprint": fingerprint,
            "users": len(self.users_),
            "items": len(self.items_),
            "pairs": known.data.interactions.n_pairs,
            "fit_seconds": round(time.perf_counter() - started, 3),
            **({} if half_life is None else {"half_life_days": half_life / SECONDS["d"]}),
        }
        if self.weighs_histories:
            self.histories_ = self._stored(known.data.interactions.matrix)
        silent = np.setdiff1d(np.arange(train.interactions.n_items), train.known_items())
        if len(silent) and train.items is not None and self.capabilities.new_items:
            self.add_items(train.items.take(silent))
        self.seen_ = train.interactions.seen_over(self.users_, self.catalogue_.ids)
        self.info_ |= count_kinds(self.seen_)
        return self

    def _repr_html_(self) -> str:
        if not hasattr(self, "info_"):
            changed = [line.split("=", 1) for line in self._changed()] or [["all", "by default"]]
            return html_table(
                ("parameter", "value"), changed, f"{type(self).__name__}, not fitted; what is not listed has its default"
            )
        told = {
            name.replace("_", " "): f"{value:,}" if isinstance(value, int) else value
            for name, value in self.info_.items()
            if name != "fingerprint"
        }
        able = ", ".join(name.replace("_", " ") for name, value in vars(self.capabilities).items() if value)
        rows = [*told.items(), ("can do", able), ("parameters", repr(self))]
        return html_table(("what", "value"), rows, f"{type(self).__name__}, fitted")

    def save(self, folder: str | Path, *, metrics: Mapping[str, Any] | None = None) -> Path:
        """Write the model as a folder of JSON, safetensors and Arrow; see `dualnet.models.artifact.save`.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world())
        >>> folder = model.save("model")
        >>> (folder / "manifest.json").exists()
        True
        """
        return save(self, folder, metrics=metrics)

    @classmethod
    def load(cls, folder: str | Path, *, trust_paths: bool | None = None) -> Self:
        """Load a model of this class; `dualnet.load` loads one of any, and has the same parameters.

        Raises
        ------
        ArtifactError
            If the folder is damaged, or holds a model of another class.

        Examples
        --------
        >>> import dualnet
        >>> folder = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world()).save("model")
        >>> dualnet.WMF.load(folder).factors
        4
        """

        def named(name: str) -> type[Self]:
            if name != getattr(cls, "name", None):
                raise ArtifactError(f"{folder} holds a model '{name}', not a {cls.__name__}; use dualnet.load")
            return cls

        return read_model(folder, named, trust_paths=trust_paths)


def check_fit_arguments(train: Any, validation: Any, run: Any) -> None:
    """Refuse anything but a data set, a validation and run options; the text says how one is made of what was given.

    Raises
    ------
    UsageError
        For the first that is of another type.
    """
    if not isinstance(train, Dataset):
        raise UsageError(f"fit learns from a Dataset, got {_named(train)}; {_how_to_train(train)}")
    if validation is not None and not isinstance(validation, Validation):
        how = "give its validation, split.validation" if isinstance(validation, Split) else "a split has one, split.validation"
        raise UsageError(f"fit chooses on a Validation, got {_named(validation)}; {how}")
    if run is not None and not isinstance(run, RunOptions):
        raise UsageError(f"run must be RunOptions, got {_named(run)}; write run=RunOptions(threads=2), for example")


def _refuse_different(group: Collectives, described: Mapping[str, Any], validation: Validation | None) -> None:
    """Refuse, in all processes that share a fit, that one was given other data or parameters than the first.

    Raises
    ------
    UsageError
        The text names what is not the same.
    """
    if group.size == 1:
        return
    told = {name: repr(value) for name, value in described.items()}
    told["validation"] = "none" if validation is None else validation.fingerprint()
    first = agreed(group, told)
    differs = group.all_reduce(np.array([told.get(name) != value for name, value in first.items()], np.int32))
    names = ["data" if name == "fingerprint" else name for name, count in zip(first, differs, strict=True) if count]
    if names:
        raise UsageError(
            f"{', '.join(names[:5])}: not the same in all {group.size} processes that share this fit; give each the whole data and the"
            " same settings, and each takes its share of the work"
        )


def _how_alone(run: RunOptions) -> str:
    """Return what to do to fit in one process."""
    if run.on_cluster:
        return "leave workers out"
    others = run.group.size - 1
    told = f"{others} other process{'es' if others > 1 else ''}"
    return f"this process shares the fit with {told}; start it alone, without torchrun"


def _named(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


def _how_to_train(value: Any) -> str:
    if isinstance(value, Split):
        return "give the training set of the split, split.train"
    if isinstance(value, Interactions):
        return "write Dataset(interactions)"
    if hasattr(value, "tocoo"):
        return "make one of the rows and columns of the matrix with Dataset(Interactions.from_pairs(users, items))"
    return "make one with Dataset.from_tables(events, items)"
