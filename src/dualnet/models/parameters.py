"""The constructor's arguments of a model, with the manners of scikit-learn: read, set, shown, cloned."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self, TypeVar

from ..errors import UsageError, nearest

T = TypeVar("T")


class Parameters:
    """Base of everything whose constructor takes keywords and only stores them: they are the configuration.

    `get_params` and `set_params` behave as in scikit-learn, so ``sklearn.base.clone`` returns an unfitted twin.
    """

    name: ClassVar[str]
    unbounded: ClassVar[frozenset[str]] = frozenset()
    """Parameters that may be infinity."""

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the constructor's arguments."""
        return [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", "overrides")]

    @classmethod
    def check_names(cls, names: Iterable[str], place: str = "") -> None:
        """Check that there are parameters of these names.

        Parameters
        ----------
        names : iterable of str
            What somebody asks to set.
        place : str
            Where the names came from, such as ``"dualnet.toml: "``, for the text.

        Raises
        ------
        UsageError
            For the first that does not exist; the text names the nearest.
        """
        known = cls.parameter_names()
        for name in names:
            if name not in known:
                hint = nearest(name, known) if known else " It has none."
                raise UsageError(f"{place}model '{cls.name}' has no parameter '{name}'.{hint}")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments of this model.

        Parameters
        ----------
        deep : bool
            As in scikit-learn; of no effect, for no parameter is a model itself.
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
        """
        self.check_names(parameters)
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = {n: v for n, v in self.get_params().items() if v != defaults[n].default}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle holds: parameters and what was learned. Caches (`_cached`) are made anew."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def _cached(self, name: str, make: Callable[[], T]) -> T:
        """Return a cache, made on first use: an attribute whose name begins with an underscore."""
        found: T = vars(self)[name] if name in vars(self) else vars(self).setdefault(name, make())
        return found

    def _forget(self) -> None:
        """Drop every cache."""
        for name in [name for name in vars(self) if name.startswith("_")]:
            delattr(self, name)
