"""The one family of exceptions and warnings: each names the value, where it came from and the remedy."""

from __future__ import annotations

import difflib
import itertools
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

SHOWN = 60  # characters of a value in an error text
MOST_NAMES = 5_000  # of a folder that are compared with a mistyped one
LONGEST_VALUE = 80  # of one in a list of values
_FORMS = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")  # of torch


class DualNetError(Exception):
    """Base class of all errors that a user can cause or meet; the command line prints its text and exits with `exit_code`.

    Examples
    --------
    >>> import dualnet
    >>> try:
    ...     dualnet.create("wnf")
    ... except dualnet.DualNetError as error:
    ...     print(type(error).__name__)
    UsageError
    """

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Callable[..., DualNetError], tuple[Any, ...]]:
        """Return what makes the error again in another process, whatever arguments its class takes."""
        return _made_again, (type(self), self.args, dict(self.__dict__))


def _made_again(kind: type[DualNetError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> DualNetError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(attributes)
    return error


class UsageError(DualNetError, ValueError):
    """A wrong argument, option or configuration key (exit code 2).

    Examples
    --------
    >>> import dualnet
    >>> try:
    ...     dualnet.create("wmf", factor=20)
    ... except dualnet.UsageError as error:
    ...     print(error.exit_code)
    2
    """

    exit_code = 2


class ParameterError(UsageError, TypeError):
    """An argument of a name that there is not (exit code 2); also a `TypeError`, as Python's own for such a call.

    Examples
    --------
    >>> import dualnet
    >>> try:
    ...     dualnet.WMF(factor=20)
    ... except dualnet.ParameterError as error:
    ...     print(error)
    model 'wmf' has no parameter 'factor'. Did you mean 'factors'?
    """


class CapabilityError(UsageError):
    """A question that the model cannot answer, such as the score of an item that it never saw (exit code 2).

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.Popularity().fit(data)
    >>> try:
    ...     model.add_items({"item_id": ["new"], "title": ["genomes"]})
    ... except dualnet.CapabilityError as error:
    ...     print(error.exit_code)
    2
    """


class NotFittedError(UsageError):
    """Use of a model before `fit` or `load` (exit code 2).

    Examples
    --------
    >>> import dualnet
    >>> try:
    ...     dualnet.WMF().recommend("ann")
    ... except dualnet.NotFittedError as error:
    ...     print(error.exit_code)
    2
    """


class DataError(DualNetError, ValueError):
    """Data that cannot be used as it stands: a bad file, row, value or id (exit code 3).

    Examples
    --------
    >>> import dualnet
    >>> try:
    ...     dualnet.IdMap(["a", "a"])
    ... except dualnet.DataError as error:
    ...     print(error.exit_code)
    3
    """

    exit_code = 3


class UnknownIdError(DataError):
    """A user or item id that the model or data does not know (exit code 3).

    Examples
    --------
    >>> import dualnet
    >>> try:
    ...     dualnet.IdMap(["ann"]).row("bob", "user")
    ... except dualnet.UnknownIdError as error:
    ...     print(error.exit_code)
    3
    """


class TrainingError(DualNetError):
    """Training that cannot continue, for example because the loss is no longer finite (exit code 4).

    Examples
    --------
    >>> import dualnet
    >>> dualnet.TrainingError("the loss is no longer finite").exit_code
    4
    """

    exit_code = 4


class DivergenceError(TrainingError):
    """Training diverges: the loss is far above that of a model that scores nothing, or above its own median (exit code 7).

    Examples
    --------
    >>> import dualnet
    >>> issubclass(dualnet.DivergenceError, dualnet.TrainingError)
    True
    >>> dualnet.DivergenceError.exit_code
    7
    """

    exit_code = 7


class TrainingInterruptedError(DualNetError):
    """A training that a signal stopped, after its state was saved (exit code 128 + signal, such as 143).

    Parameters
    ----------
    signal_number : int
        The signal.
    saved_in : str
        Folder of the checkpoint, for the text.

    Examples
    --------
    >>> import dualnet
    >>> error = dualnet.TrainingInterruptedError(15, "checkpoints")
    >>> error.exit_code
    143
    """

    def __init__(self, signal_number: int, saved_in: str) -> None:
        super().__init__(
            f"stopped by signal {signal_number}; the state is saved in {saved_in}: run the same command with --resume"
        )
        self.exit_code = 128 + signal_number  # type: ignore[misc]


class ArtifactError(DualNetError):
    """A model or checkpoint folder that is damaged, altered, incomplete or too new (exit code 5).

    Examples
    --------
    >>> import dualnet
    >>> from pathlib import Path
    >>> folder = Path("empty")
    >>> folder.mkdir()
    >>> try:
    ...     dualnet.load(folder)
    ... except dualnet.ArtifactError as error:
    ...     print(error.exit_code)
    5
    """

    exit_code = 5


class ResourceError(DualNetError):
    """A missing resource outside the data: disk space, permission, network, or an optional package (exit code 6).

    Examples
    --------
    >>> import dualnet
    >>> issubclass(dualnet.MissingExtraError, dualnet.ResourceError)
    True
    >>> dualnet.ResourceError.exit_code
    6
    """

    exit_code = 6


class MissingExtraError(ResourceError):
    """A missing optional package; the text names the extra that installs it (exit code 6).

    Examples
    --------
    >>> import dualnet
    >>> print(dualnet.MissingExtraError("torch", "train", "fitting DualNet"))
    fitting DualNet needs the package 'torch', which is not installed; run: pip install 'dualnet[train]'
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed; run: pip install 'dualnet[{extra}]'"
        )


@contextmanager
def optional_package(package: str, extra: str, purpose: str, *, module: str | None = None) -> Iterator[None]:
    """Run imports that need an optional package, and say how to install it where it is missing.

    Any other import error passes as it is: a package that is there and broken is not missing.

    Parameters
    ----------
    package : str
        Name under which it is installed.
    extra : str
        The extra of this library that installs it.
    purpose : str
        What it is needed for, the subject of the text, such as ``"fitting DualNet"``.
    module : str, optional
        Name under which it is imported, if that is another.

    Raises
    ------
    MissingExtraError
        If there is no such package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != (module or package):
            raise
        raise MissingExtraError(package, extra, purpose) from error


@contextmanager
def memory_told(purpose: str) -> Iterator[None]:
    """Turn want of memory, in whatever words a library has for it, into one error of ours.

    Parameters
    ----------
    purpose : str
        What needed it, the subject of the text, such as ``"fitting WMF"``.

    Raises
    ------
    ResourceError
        If memory was wanting; any other error passes as it is.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in _NO_MEMORY):
            raise
        raise ResourceError(
            f"{purpose} needs more memory than there is; use smaller settings or tables, or a larger machine"
        ) from error


class DualNetWarning(UserWarning):
    """Unusual data or settings that were handled by a stated rule; the text counts the cases and names the rule.

    Examples
    --------
    >>> import dualnet
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     _ = dualnet.Interactions.from_pairs(["ann", "ann"], ["tea", "tea"])
    >>> told[0].category.__name__
    'DualNetWarning'
    """


def warn(text: str) -> None:
    """Give a `DualNetWarning` at the line outside of this package that led to it, however deep in the package the cause is."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, DualNetWarning, stacklevel=level)


def shown(value: object, most: int = SHOWN) -> str:
    """Return a value for an error text, cut to `most` characters; nothing fails.

    Parameters
    ----------
    value : object
        What was given.
    most : int
        Characters.
    """
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested without end, or a number of thousands of digits
        text = f"<{type(value).__name__}>"
    return _cut(text, most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a hint such as ``" Did you mean 'noise'?"`` for a mistyped name, or the list of choices.

    Parameters
    ----------
    name : str
        What the user wrote.
    choices : iterable of str
        What would have been understood.

    Returns
    -------
    str
        A sentence that starts with a space, ready to be appended to an error text.
    """
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}."


def near_path(path: str | os.PathLike[str]) -> str:
    """Return a hint such as ``". Did you mean 'ratings.csv'?"`` for a mistyped path, by the names that stand in its folder.

    Parameters
    ----------
    path : str or os.PathLike
        Of a file or folder that is not there.

    Returns
    -------
    str
        The end of a sentence and the next one; empty where no name is near, or the folder cannot be listed.
    """
    folder, name = os.path.split(os.fspath(path).rstrip("/"))
    try:
        with os.scandir(folder or os.curdir) as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST_NAMES)]
    except (OSError, ValueError):
        return ""
    close = difflib.get_close_matches(name, names, n=1)
    before = f"{folder.rstrip('/')}/" if folder else ""
    return f". Did you mean {(before + close[0])[:400]!r}?" if close else ""


def listing(values: Iterable[object], limit: int = 5) -> str:
    """Return the first few values as text with a count of the rest, for error messages.

    Parameters
    ----------
    values : iterable of object
        Values to name.
    limit : int
        How many to print before "and N more".

    Returns
    -------
    str
        Such as ``"'a', 'b' and 3 more"``.
    """
    items = list(values)
    first = ", ".join(_cut(repr(value) if isinstance(value, str) else str(value), LONGEST_VALUE) for value in items[:limit])
    return first if len(items) <= limit else f"{first} and {len(items) - limit:,} more"


def counted(count: int, words: str) -> str:
    """Return a count before words of which those in braces are for one, or for any other number.

    Parameters
    ----------
    count : int
        How many.
    words : str
        Such as ``"{user has|users have} no like"``.

    Returns
    -------
    str
        Such as ``"1 user has no like"`` or ``"2,000 users have no like"``.
    """
    return f"{count:,} " + _FORMS.sub(lambda found: found[1 if count == 1 else 2], words)
