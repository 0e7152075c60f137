"""The constructor's arguments of a model, with the manners of scikit-learn: read, set, shown, cloned."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self, TypeVar, get_type_hints

from ..errors import ParameterError, UsageError, nearest
from ..representations import represented
from ..rng import draw_seed
from ..typed_values import IN_PYTHON, WRITTEN, Form, check_type, plain
from .limits import Limit, check_limits

T = TypeVar("T")

LENT = "_parent_callback_ctx"  # an attribute that a search of scikit-learn gives an estimator before a fit, and takes back after it


@dataclass(frozen=True)
class Former:
    """A value that a parameter had in older versions: refused with a remedy, and translated where it was saved.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : object
        The value that is no longer one.
    now : mapping
        Parameters that say the same today.
    """

    name: str
    value: Any
    now: Mapping[str, Any] = field(default_factory=dict)

    def remedy(self, place: str) -> str:
        """Return what to write today, as part of a sentence; in a file as a configuration has it."""
        if place and not place.startswith("--"):
            return " and ".join(f"{name} = {json.dumps(value)}" for name, value in self.now.items())
        return " with ".join(f"{name}={value!r}" for name, value in self.now.items())


class Parameters:
    """Base of everything whose constructor takes keywords and only stores them: they are the configuration.

    `get_params` and `set_params` behave as in scikit-learn, so ``sklearn.base.clone`` returns an unfitted twin. `fit` replaces
    NumPy's scalars and arrays by plain values, and checks all types before it begins.

    Attributes
    ----------
    drawn_seed_ : int
        What the last `fit` drew from `random_state`; of a number the number itself.
    """

    name: ClassVar[str]
    unbounded: ClassVar[frozenset[str]] = frozenset()
    """Parameters that may be infinity."""
    former: ClassVar[tuple[Former, ...]] = ()
    """Values of older versions."""
    limits: ClassVar[Mapping[str, Limit]] = {}
    """What numbers may be; the annotations of the constructor say the types, and the words that a choice is among."""
    moved: ClassVar[tuple[str, ...]] = ()
    """Parameters of older versions that are options of a run now (`RunOptions`)."""
    options_read: ClassVar[tuple[str, ...]] = ()
    """Options of a run that can change the result of a fit (`train.options.CHOICES`), as far as this model reads them."""
    on_workers: ClassVar[bool] = False
    """Whether several processes can share a fit (`RunOptions.workers`)."""

    drawn_seed_: int

    def __new__(cls, *args: Any, **parameters: Any) -> Self:
        """Refuse parameters that Python would call unexpected: of older versions with what to write now, others with the nearest."""
        cls._refuse_moved(parameters)
        if parameters and not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls.__init__).parameters.values()):
            cls.check_names(parameters)
        return super().__new__(cls)

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the constructor's arguments.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.ItemKNN.parameter_names()
        ['neighbours', 'shrinkage']
        """
        return [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", "overrides")]

    @classmethod
    def check_names(cls, names: Iterable[str], place: str = "") -> None:
        """Check that there are parameters of these names.

        Parameters
        ----------
        names : iterable of str
            Names of parameters to set.
        place : str
            Where the names came from, such as ``"dualnet.toml: "``, for the text.

        Raises
        ------
        UsageError
            For the first that does not exist; the text names the nearest.

        Examples
        --------
        >>> import dualnet
        >>> try:
        ...     dualnet.WMF.check_names(["factor"])
        ... except dualnet.UsageError as error:
        ...     print("factors" in str(error))
        True
        """
        cls._refuse_moved(names, place)
        known = cls.parameter_names()
        for name in names:
            if name not in known:
                hint = nearest(name, known) if known else " It has none."
                raise ParameterError(f"{place}model '{cls.name}' has no parameter '{name}'.{hint}")

    @classmethod
    def check_types(cls, parameters: Mapping[str, Any], place: str = "", *, form: Form = WRITTEN) -> dict[str, Any]:
        """Return values of parameters as the constructor's annotations have them.

        Parameters
        ----------
        parameters : mapping
            Values by name.
        place : str
            Where they came from, such as ``"dualnet.toml: "``, for the text.
        form : Form
            How the text puts a name and its value.

        Raises
        ------
        UsageError
            For a value of another type; the text names it.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.WMF.check_types({"factors": 20})
        {'factors': 20}
        """
        cls._refuse_former(parameters, place)
        hints = get_type_hints(cls.__init__, None, {"Sequence": Sequence, "Literal": Literal})
        return {
            name: check_type(value, hints[name], f"{place}{name}", form, infinite=name in cls.unbounded)
            for name, value in parameters.items()
            if name in hints  # a model of somebody's own may say no types
        } | {name: value for name, value in parameters.items() if name not in hints}

    @classmethod
    def _translated(cls, saved: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters that were saved by this or an older version, as this version has them.

        Those that are options of a run now stay; `_own` leaves them out.
        """
        found = dict(saved)
        for old in cls._former_in(saved):
            del found[old.name]
            found |= old.now
        return found

    @classmethod
    def _completed(cls, saved: Mapping[str, Any]) -> dict[str, Any]:
        """Return saved parameters, translated, with the default of each that did not exist when they were saved."""
        written = {name: one.default for name, one in inspect.signature(cls.__init__).parameters.items()}
        defaults = {name: written[name] for name in cls.parameter_names()}
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in defaults.items()}
        return listed | cls._translated(saved)

    @classmethod
    def _own(cls, saved: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters among those that a model folder of this or an older version has, translated."""
        return {name: value for name, value in cls._translated(saved).items() if name not in cls.moved}

    @classmethod
    def _refuse_moved(cls, names: Iterable[str], place: str = "") -> None:
        for name in names:
            if name in cls.moved and name not in cls.parameter_names():
                value = names[name] if isinstance(names, Mapping) else "..."
                raise UsageError(
                    f"{place}'{name}' is an option of the run now and no parameter of a model; "
                    + (
                        f"write --{name.replace('_', '-')} {value}, or {name} in the section [run] of a configuration"
                        if place
                        else f"write fit(..., run=RunOptions({name}={value!r}))"
                    )
                )

    @classmethod
    def _former_in(cls, parameters: Mapping[str, Any]) -> list[Former]:
        return [
            old for old in cls.former if type(found := parameters.get(old.name)) is type(old.value) and bool(found == old.value)
        ]

    @classmethod
    def _refuse_former(cls, parameters: Mapping[str, Any], place: str = "") -> None:
        for old in cls._former_in(parameters):
            raise UsageError(f"{place}{old.name}={old.value!r} is of an older version; write {old.remedy(place)}")

    @property
    def seed_(self) -> int:
        """The seed of the last fit: drawn from `random_state`, or that number itself."""
        if "drawn_seed_" in vars(self):
            return self.drawn_seed_
        return draw_seed(vars(self).get("random_state", 0))

    def _twin(self, **changes: Any) -> Self:
        """Return an unfitted model with the same parameters, but for some, and the same seed."""
        made = type(self)(**{**self.get_params(), **changes})
        made.drawn_seed_ = self.seed_
        return made

    def _written_params(self) -> dict[str, Any]:
        """Return the parameters as a saved model keeps them: with the seed in place of a random generator."""
        return self.get_params() | ({"random_state": self.seed_} if "random_state" in self.parameter_names() else {})

    def _settle(self) -> None:
        """Make the parameters ready for a fit: plain values of the right types, and a seed.

        Raises
        ------
        UsageError
            For a value of another type, outside its limit, or that does not go with another (`_check`).
        """
        for name, value in self.get_params().items():
            setattr(self, name, plain(value))
        parameters = self.get_params()
        self._refuse_former(parameters)
        random_state = parameters.pop("random_state", 0)
        check_limits(self.limits, parameters, "", IN_PYTHON)  # a range says more than a type
        try:
            self._check()
        except UsageError:
            raise
        except (TypeError, AttributeError, ValueError, OverflowError):  # it met a value of another type, or beyond all floats
            self.check_types(parameters, form=IN_PYTHON)
            raise
        self.check_types(parameters, form=IN_PYTHON)
        self.drawn_seed_ = draw_seed(random_state)

    def _check(self) -> None:
        """Refuse values that `limits` cannot tell, such as two that exclude each other; raises `UsageError`."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments of this model.

        Parameters
        ----------
        deep : bool
            As in scikit-learn; of no effect, for no parameter is a model itself.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.EASE().get_params()
        {'regularization': 500.0}
        """
        return {name: getattr(self, name) for name in self.parameter_names()}

    def set_params(self, **parameters: Any) -> Self:
        """Set some of the constructor's arguments, and return the model.

        Values are checked by the next `fit`. What was learned with the former values stays until then, but some values count
        when a question is answered (such as ``zero_weight``, when a history is folded in): fit again before asking.

        Parameters
        ----------
        **parameters
            New values by name.

        Raises
        ------
        UsageError
            If there is no such parameter; the text names the nearest, and nothing is set.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.EASE().set_params(regularization=200.0)
        EASE(regularization=200.0)
        """
        self.check_names(parameters)
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator that it searches: no targets, and no check of a matrix."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), no_validation=True)

    def __repr__(self) -> str:
        return represented(type(self).__name__, self._changed())

    def _in_one_line(self) -> str:
        """Return the representation without line breaks, by which finished work is found again."""
        return f"{type(self).__name__}({', '.join(self._changed())})"

    def _changed(self) -> list[str]:
        """Return the parameters that are not their defaults, as the constructor takes them."""
        defaults = inspect.signature(type(self).__init__).parameters
        changed = {n: v for n, v in self.get_params().items() if v != defaults[n].default}
        return [f"{name}={value!r}" for name, value in changed.items()]

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle holds: parameters and what was learned. Caches (`_cached`) are made anew."""
        # a copy first, for another thread may add to the attributes
        return {name: value for name, value in dict(vars(self)).items() if not name.startswith("_")}

    def _cached(self, name: str, make: Callable[[], T]) -> T:
        """Return a cache, made on first use: an attribute whose name begins with an underscore."""
        found: T = vars(self)[name] if name in vars(self) else vars(self).setdefault(name, make())
        return found

    def _forget(self) -> None:
        """Drop every cache."""
        for name in [name for name in vars(self) if name.startswith("_") and name != LENT]:
            delattr(self, name)
