"""The file `run.json`: it marks a folder as a run, and records how its events were read and what it is measured on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ..representations import ShowsChanges

NAME = "run.json"
OF_FORM = ("separator", "encoding", "comment", "column_names", "decimal")
T = TypeVar("T")
_LISTS = ("column_names", "likes", "event_weights")  # written as one text, separated by commas
_FIRST = ("user", "item", "rating", "threshold", "event")  # of the first version; younger ones are written where they are set
LIMIT = 65_536  # bytes; what `write` writes has a few hundred


@dataclass(frozen=True, repr=False)
class NewColumns(ShowsChanges):
    r"""Columns and form of new tables, where these differ from the tables of the fit; None means as in the fit.

    Parameters
    ----------
    user, item : str, optional
        Columns of ids.
    rating, threshold, event, likes, event_weights, time, time_format : optional
        As in `EventColumns`; a rating or an event of "" is none.
    separator, encoding, comment, column_names, decimal : optional
        As in `EventColumns`.

    Examples
    --------
    >>> import dualnet
    >>> from pathlib import Path
    >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world())
    >>> _ = model.save("run/model")
    >>> _ = Path("today.csv").write_text("reader,item_id\nann,i0-0\nann,i0-1")
    >>> columns = dualnet.NewColumns(user="reader")
    >>> dualnet.update_run("run", "today.csv", out="run-today", columns=columns).added["users"]
    1
    """

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    threshold: float | None = None
    event: str | None = None
    likes: tuple[str, ...] | None = None
    event_weights: tuple[str, ...] | None = None
    time: str | None = None
    time_format: str | None = None
    separator: str | None = None
    encoding: str | None = None
    comment: str | None = None
    column_names: tuple[str, ...] | None = None
    decimal: str | None = None


@dataclass(frozen=True)
class EventColumns:
    """The columns and the form of a table of events, as a fit was told.

    Parameters
    ----------
    user, item : str
        Columns of ids.
    rating : str, optional
        Column of ratings.
    threshold : float, optional
        Ratings from here on are likes, those below are dislikes.
    event : str, optional
        Column of event types, instead of ratings.
    unrated : float, optional
        The rating that means "not rated".
    likes : tuple of str
        Values of the column of event types that are likes.
    event_weights : tuple of str
        Weights of types instead, such as ``"buy=4"``.
    separator, encoding, comment, decimal : str, optional
        How the file is written; see `dualnet.data.delimited.TableForm`.
    column_names : tuple of str
        Of a table without a header.
    time, time_format : str, optional
        Column of times and how they are written, for a model that counts events by their age.
    """

    user: str = "user_id"
    item: str = "item_id"
    rating: str | None = None
    threshold: float | None = None
    event: str | None = None
    unrated: float | None = None
    separator: str | None = None
    encoding: str | None = None
    comment: str | None = None
    column_names: tuple[str, ...] = ()
    likes: tuple[str, ...] = ()
    event_weights: tuple[str, ...] = ()
    time: str | None = None
    time_format: str | None = None
    decimal: str | None = None

    def overridden(self, given: NewColumns) -> EventColumns:
        """Return these columns with what is said otherwise of new tables.

        A rating of "" is none, and so is an event of "". Rating and threshold go together: a threshold is no longer right
        for another rating. Of rating and event type the one that is named takes the place of the other.
        """
        rating = "" if given.event and given.rating is None else given.rating
        typed = (None if rating else self.event) if given.event is None else given.event or None
        same = not rating or rating == self.rating
        chosen = self.rating if rating is None else rating or None
        kept = self.threshold if same and rating != "" else None
        form = {
            name: value
            for name in ("user", "item", "time", "time_format", *OF_FORM)
            if (value := getattr(given, name)) is not None
        }
        return replace(
            self, rating=chosen, threshold=kept if given.threshold is None else given.threshold, event=typed,
            unrated=None if chosen is None else self.unrated,
            likes=given.likes if given.likes is not None else () if given.event_weights or typed != self.event else self.likes,
            event_weights=given.event_weights if given.event_weights is not None
            else () if given.likes or typed != self.event else self.event_weights, **form,
        )  # fmt: skip

    def __str__(self) -> str:
        text = f"users in column '{self.user}', items in '{self.item}'"
        if self.event is not None:
            return f"{text}, event types in '{self.event}'"
        if self.rating is None or self.threshold is None:
            return text
        return f"{text}, ratings in '{self.rating}' that count from {self.threshold:g} on"


def model_folder(run: Path) -> Path:
    """Return the model folder of a run, or the folder itself if it is one.

    Raises
    ------
    ArtifactError
        If there is no such folder, or the fit that was to fill it did not come to its end.
    """
    from ..errors import ArtifactError, near_path

    if not run.exists():
        raise ArtifactError(f"there is no folder {run}; give the folder of a run or of a model{near_path(run)}")
    if (run / NAME).exists() and not (run / "model").is_dir():
        raise ArtifactError(f"the fit into {run} did not come to its end; go on with the same `dualnet fit ...` and --resume")
    return run / "model" if (run / "model").is_dir() else run


def write_run_file(
    folder: Path,
    columns: EventColumns,
    test: Mapping[str, Any] | None = None,
    model: str | None = None,
    data: str | None = None,
) -> None:
    """Mark a folder as a run.

    Parameters
    ----------
    folder : Path
        The run.
    columns : EventColumns
        How its events were read.
    test : mapping, optional
        Where its test comes from; `fit` writes it. Left out for a run that trained on everything.
    model : str, optional
        Name of the model that is fitted.
    data : str, optional
        The file of the events, if they are one of this machine.

    Raises
    ------
    ResourceError
        If it cannot be written; the former file stays.
    """
    from ..files import write_text

    said = {name: ",".join(value) if name in _LISTS else value for name, value in asdict(columns).items()}
    events = {name: value for name, value in said.items() if name in _FIRST or value not in (None, "")}
    told = {"format_version": 1, "events": events} | ({} if test is None else {"test": dict(test)})
    told |= {} if model is None else {"model": model}
    told |= {} if data is None else {"data": data}
    if test is not None and (fitted := _fitted(folder)) is not None:
        told["test_of"] = fitted
    write_text(folder / NAME, json.dumps(told, ensure_ascii=False) + "\n", "choose another out=")


def read_event_columns(run: Path) -> EventColumns:
    """Return how the events of a run were read; the defaults for a run of an earlier version, or a model without its run.

    Parameters
    ----------
    run : Path
        The folder of a run, or the folder `model` in it.

    Raises
    ------
    ArtifactError
        If the file is there and is not as `write_run_file` writes it.
    """
    return _read(run, _columns, EventColumns())


def read_test(run: Path) -> Mapping[str, Any] | None:
    """Return where the test of a run comes from, as `write_run_file` was told; None if it does not say.

    Parameters
    ----------
    run : Path
        The folder of a run, or the folder `model` in it.

    Raises
    ------
    ArtifactError
        If the file is there and is not as `write_run_file` writes it.
    """
    folder, test = _run_of(run), _read(run, _test, None)
    of = _read(run, lambda told: told.get("test_of") if isinstance(told, Mapping) else None, None)
    if of is not None and _fitted(folder) not in (None, of):
        return None  # an update that was cut off: the model has changed, and may have trained on the test
    return test


def read_model_name(run: Path) -> str | None:
    """Return the name of the model that a run fits or has fitted; None if it does not say."""
    name = _read(run, lambda told: told.get("model") if isinstance(told, Mapping) else None, None)
    return name if isinstance(name, str) else None


def read_data(run: Path) -> Path | None:
    """Return the file of the events that a run was fitted on; None if it does not say."""
    data = _read(run, lambda told: told.get("data") if isinstance(told, Mapping) else None, None)
    return Path(data) if isinstance(data, str) else None


def _fitted(folder: Path) -> str | None:
    """Return what tells the fitted model of a run from others, whatever figures are noted beside it; None without one."""
    import hashlib

    path = folder / "model" / "manifest.json"
    try:
        files = json.loads(path.read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _run_of(run: Path) -> Path:
    folder = run.resolve()
    return folder.parent if not (folder / "model").is_dir() and folder.name == "model" else folder


def _read(run: Path, what: Callable[[Any], T], default: T) -> T:
    from ..errors import ArtifactError

    path = _run_of(run) / NAME
    if not path.is_file():
        return default
    try:
        if path.stat().st_size > LIMIT:
            raise ValueError(f"more than {LIMIT:,} bytes")
        return what(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(
            f'{path} does not say how the run\'s events were read ({error}); write {{"format_version": 1}} into it and give the'
            " column options"
        ) from error


def _test(told: Any) -> Mapping[str, Any] | None:
    test = told.get("test") if isinstance(told, Mapping) else None
    if test is None:
        return None
    if not isinstance(test, Mapping) or any(not isinstance(name, str) for name in test):
        raise ValueError("its test is no table of settings")
    return test


def _columns(told: Any) -> EventColumns:
    if not isinstance(told, Mapping) or not isinstance(told.get("events", {}), Mapping):
        raise ValueError("it is no table of settings")
    events = told.get("events", {})
    kinds: dict[str, tuple[type, ...]] = {
        "user": (str,), "item": (str,), "rating": (str, type(None)), "threshold": (int, float, type(None)),
        "event": (str, type(None)), "unrated": (int, float, type(None)), "separator": (str, type(None)),
        "encoding": (str, type(None)), "comment": (str, type(None)), "column_names": (str,), "likes": (str,), "event_weights": (str,), "time": (str, type(None)), "time_format": (str, type(None)),
        "decimal": (str, type(None)),
    }  # fmt: skip
    for name, value in events.items():
        if name not in kinds or not isinstance(value, kinds[name]) or isinstance(value, bool):
            raise ValueError(f"it says {name}={value!r}")
        if isinstance(value, int | float) and not math.isfinite(value):
            raise ValueError(f"it says {name}={value!r}")
    lists = {name: tuple(filter(None, map(str.strip, events[name].split(",")))) for name in _LISTS if name in events}
    return EventColumns(**{**events, **lists})
