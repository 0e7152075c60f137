"""An attribute that is computed when it is first asked for, and kept; without a lock, which a forked child would wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class ComputedOnce(Generic[T]):
    """`functools.cached_property` as it is from Python 3.12 on.

    Before, all instances of a class share one lock for each such attribute: a process that is forked while a thread of its parent
    holds it waits for ever, and threads wait for each other. Without it two threads may both compute the value; either is right.

    Parameters
    ----------
    compute : callable
        From the instance to the value.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute, self.__doc__ = compute, compute.__doc__
        self._name = compute.__name__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T: ...

    def __get__(self, instance: object | None, owner: type | None = None) -> Self | T:
        """Return the value, computed now: from then on the instance has it under the same name."""
        if instance is None:
            return self
        value = vars(instance)[self._name] = self._compute(instance)
        return value


if TYPE_CHECKING:  # a type checker knows that one as a property of a protocol
    from functools import cached_property as computed_once
else:
    computed_once = ComputedOnce

__all__ = ["ComputedOnce", "computed_once"]
