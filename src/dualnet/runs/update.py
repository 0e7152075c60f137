"""Update of a run with new tables: a whole new run takes the place of the old one, or nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import TrainingError, UsageError, shown
from ..models.registry import load
from ..train.options import RunOptions
from ..typed_values import path_of
from .folder import NAME, EventColumns, NewColumns, model_folder, read_event_columns
from .forgotten import ForgottenUsers, checked_names
from .given_tables import NewTables
from .hidden_pairs import compare_models, hide_pairs, is_worse
from .writing import alone, begin_next, put_in_place, staged_run

if TYPE_CHECKING:
    from ..data.content import Content
    from ..data.interactions import Interactions
    from ..models.base import Recommender
    from ..train.tracking.tracker import Tracker
    from .forgotten import Forget

    Figures = list[dict[str, float | int | str]]
    PathLike = str | os.PathLike[str]

FEW_PAIRS = 30  # fewer held out say little of which model is better


@dataclass(frozen=True)
class RunUpdate:
    """An update that was written.

    Parameters
    ----------
    run : Path
        The folder of the new run.
    model : Recommender
        The updated model.
    added : dict, optional
        What was added and how it was learned, as in ``info_["update"]``; None where users were forgotten alone.
    held_out : list of dict
        Recall of the old and of the new model on the pairs held out; empty without any.
    forgotten : dict of str to int, optional
        ``named``, ``users`` (of these the model knew) and ``users_of_new_events`` (who were left out of the new events).

    Examples
    --------
    >>> from dualnet import Popularity, synthetic, update_run
    >>> _ = Popularity().fit(synthetic.library()).save("model")
    >>> update_run("model", forget=["r0001", "nobody"], out="run-today").forgotten
    {'named': 2, 'users': 1, 'users_of_new_events': 0}
    """

    run: Path
    model: Recommender
    added: dict[str, Any] | None
    held_out: Figures
    forgotten: dict[str, int] | None


def update_run(
    run: PathLike,
    events: PathLike | None = None,
    *,
    items: PathLike | None = None,
    users: PathLike | None = None,
    forget: Forget | None = None,
    out: PathLike | None = None,
    overwrite: bool = False,
    epochs: int | None = None,
    learning_rate: float | None = None,
    hold_out: float | None = None,
    columns: NewColumns | None = None,
    weight: str | None = None,
    options: RunOptions | None = None,
    follow: Callable[[Path], Sequence[Tracker]] | None = None,
    say: Callable[[str], None] | None = None,
    compared: Callable[[Figures], None] | None = None,
) -> RunUpdate:
    """Update the model of a run with new tables, and write the new run whole or not at all; `dualnet update` is this function.

    Columns are read as the fit read them, unless `columns` says otherwise. One process at a time updates a run. What others keep
    in the folder of a run that is replaced, such as the state of a server, stays.

    Parameters
    ----------
    run : str or os.PathLike
        Folder of a run, or the model folder in it.
    events, items, users : str or os.PathLike, optional
        Tables of new events, of new items with their content, and of user columns.
    forget : sequence of str, int or Path, or Path, optional
        Users who are taken out of the model and of the new events: ids, and files with one id a line or tables with the user
        column; or a function from the ids of the model's users to these.
    out : str or os.PathLike, optional
        Folder of the new run; without it the old run is replaced, which `overwrite` has to allow.
    overwrite : bool
        Replace the run that is there.
    epochs, learning_rate
        As in `Recommender.update`.
    hold_out : float, optional
        Share of the new pairs that is hidden, to compare both models on.
    columns : NewColumns, optional
        How the new tables are read where that differs from the fit.
    weight : str, optional
        Column with the weight of an event.
    options : RunOptions, optional
        Threads and progress; the log goes into the new run.
    follow : callable, optional
        From the folder in which the new run is prepared to trackers that follow the training.
    say : callable, optional
        Called with remarks, such as by which columns the tables are read.
    compared : callable, optional
        Called with the figures of the pairs held out before anything is written; there are none for want of new pairs.

    Returns
    -------
    RunUpdate
        What was written.

    Raises
    ------
    UsageError
        If there is nothing to update from, or the folder may not be written.
    TrainingError
        If the updated model is worse than the old one on the pairs held out; nothing is written then.
    ResourceError
        If the run cannot be written.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from dualnet import Popularity, synthetic, update_run
    >>> from dualnet.data.write_table import write_table
    >>> _ = Popularity().fit(synthetic.library()).save("model")
    >>> _ = write_table(pa.table({"user_id": ["someone"], "item_id": ["p0002"]}), "today.csv")
    >>> done = update_run("model", "today.csv", out="run-today")
    >>> done.added["users"], done.model.users_.key(-1)
    (1, 'someone')
    """
    place, told, named = path_of(run, "run"), _columns(columns), checked_names(forget)
    _check(events, items, named, hold_out, options)
    target = _target(place, None if out is None else path_of(out, "out"), overwrite)
    fitted = read_event_columns(place)
    reading = fitted.overridden(told)
    given = {"events": events, "items": items, "users": users}
    paths = {name: None if table is None else path_of(table, name) for name, table in given.items()}
    tables = NewTables(paths["events"], paths["items"], paths["users"], reading, told)
    if reading != EventColumns() and say is not None:
        say(f"reading {reading}")
    busy = UsageError(f"another update of {target} is running, or a fit; wait for its end, or choose another out=")
    with alone(target, busy):
        model = load(model_folder(place))
        if options is not None and options.device != "auto" and "device" not in model.options_read:
            raise UsageError(
                f"device={options.device!r} means nothing for model '{model.name}', which no device trains; leave it out"
            )
        new = _NewRows.read(model, tables, named, weight)
        before = None
        if hold_out is not None:
            new.hide(model, hold_out)
            before = new.merged_into(load(model_folder(place)))
        n_old_items = len(model.items_)
        with staged_run(target) as staged:
            settings = options or RunOptions()
            settings = replace(settings, log=begin_next(place, staged, fitted, replaced=target == place))
            if follow is not None:
                settings = replace(settings, trackers=(*settings.trackers, *follow(staged)))
            learns = events is not None or items is not None
            if learns:
                rows = {"items": new.items, "users": new.users}
                model.update(new.pairs, **rows, epochs=epochs, learning_rate=learning_rate, run=settings)
            figures = [] if before is None or new.hidden is None else compare_models(before, model, n_old_items, new.hidden)
            if hold_out is not None:
                _judge(figures, say, compared)
            put_in_place(model, staged, target, {"held out": figures} if figures else {})
    return RunUpdate(target, model, model.info_["update"] if learns else None, figures, new.told())


@dataclass
class _NewRows:
    """The rows that enter a model, the users who leave it, and the pairs that are hidden to compare two models on."""

    gone: ForgottenUsers | None
    n_forgotten: int
    items: Content | None
    users: Content | None
    pairs: Interactions | None
    n_left_out: int = 0
    hidden: Interactions | None = None

    @classmethod
    def read(cls, model: Recommender, tables: NewTables, forget: Forget | None, weight: str | None) -> _NewRows:
        """Take users out of the model, and read the tables for it."""
        gone = None if not forget else ForgottenUsers.read(forget, model.users_, tables.columns.user)
        n_forgotten = 0 if gone is None else gone.apply(model)
        items, users, pairs = tables.read_items(model), tables.read_users(model), tables.read_pairs(model, weight)
        found = cls(gone, n_forgotten, items, users, pairs)
        if gone is not None and pairs is not None:
            found.pairs, found.n_left_out = gone.left_out_of(pairs)
        return found

    def hide(self, model: Recommender, share: float) -> None:
        """Hide a share of the new pairs; a file that comes again must not hide the same pairs again."""
        if self.pairs is not None:
            number = int(model.info_.get("update", {}).get("number", 0))
            self.pairs, self.hidden = hide_pairs(model, self.pairs, share, seed=number)

    def merged_into(self, model: Recommender) -> Recommender | None:
        """Return the old model with the new rows and without learning, to be compared with; None without pairs to ask for."""
        if self.hidden is None:
            return None
        if self.gone is not None:
            self.gone.apply(model)
        return model.update(self.pairs, items=self.items, users=self.users, epochs=0)

    def told(self) -> dict[str, int] | None:
        """Return how many users were to be forgotten, were forgotten, and were left out of the new events."""
        if self.gone is None:
            return None
        return {"named": self.gone.n_named, "users": self.n_forgotten, "users_of_new_events": self.n_left_out}


def _judge(figures: Figures, say: Callable[[str], None] | None, compared: Callable[[Figures], None] | None) -> None:
    """Tell how the new model compares with the old one, and refuse one that is worse."""
    asked = sum(int(figure["pairs"]) for figure in figures)
    if 0 < asked < FEW_PAIRS and say is not None:
        say(f"note: {asked} pairs held out are few (fewer than {FEW_PAIRS}) and decide little; chance may be the reason")
    if compared is not None:
        compared(figures)
    if is_worse(figures):
        raise TrainingError("the updated model finds less of the pairs held out than the old one; nothing was written")


def _columns(given: object) -> NewColumns:
    if given is None:
        return NewColumns()
    if not isinstance(given, NewColumns):
        raise UsageError(f"columns must be NewColumns(...), got {shown(given)}")
    return given


def _check(events: object, items: object, forget: Forget | None, hold_out: float | None, options: RunOptions | None) -> None:
    if options is not None and options.log is not None:
        raise UsageError(
            f"options.log={str(options.log)!r} means nothing here, for the log goes into the new run; leave it out"
        )
    if events is None and items is None and not forget:
        raise UsageError("there is nothing to update from: give events=, items= or both, or forget=")
    if hold_out is not None and events is None:
        raise UsageError("hold_out= hides new pairs, so it needs events=")


def _target(run: Path, out: Path | None, overwrite: bool) -> Path:
    """Return the folder to write, after making sure that it may be written."""
    if out is None and not overwrite:
        raise UsageError("say where the updated run goes with out=, or replace the old one with overwrite=True")
    target = run if out is None else out
    if target == run and not (run / "model").is_dir():
        raise UsageError(f"{run} is a model folder, not a run; choose a new run with out=")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        if not (target / NAME).exists():
            raise UsageError(f"{target} exists and is not a run folder; choose another out=")
        if not overwrite:
            raise UsageError(f"{target} holds a run already; choose another out=, or replace it with overwrite=True")
    return target
