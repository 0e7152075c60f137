"""`dualnet update`: what happened since enters a fitted model."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import arguments as arg
from .evaluate import model_folder
from .forget_list import ForgetList
from .given_options import refuse_given
from .new_tables import UserFormOptions, columns_given
from .option_groups import with_options
from .output import JsonFlag, note, print_json, print_table, say
from .run_folder import EventColumns, read_event_columns, read_model_name, write_run_file
from .run_lock import STAGED, alone, locked
from .update_tables import NewTables

if TYPE_CHECKING:
    from ..models.base import Recommender

FEW_PAIRS = 30  # fewer held out say little of which model is better


@with_options(UserFormOptions, "given_form")
def update(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    events: Annotated[Path | None, typer.Option("--events", help="Table of new events.")] = None,
    items: Annotated[Path | None, typer.Option("--items", help="Table of new items: item_id and content columns.")] = None,
    users: Annotated[Path | None, typer.Option("--users", help="Table of user columns, for models with such.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the new run.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run at --out, or RUN itself without --out.")
    ] = False,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over old and new pairs; 0 only merges.", min=0)] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="Peak learning rate.")] = None,
    hold_out: Annotated[
        float | None,
        typer.Option("--hold-out", help="Hide this share of the new pairs, ask both models, and write nothing if worse."),
    ] = None,
    rating: Annotated[
        str | None, typer.Option("--rating", help="Rating column; that of `fit` by default, '' for none: every event counts.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Ratings from here on are likes, those below dislikes; as in `fit` by default."),
    ] = None,
    event: Annotated[
        str | None, typer.Option("--event-column", help="Column with like, seen or dislike; that of `fit` by default.")
    ] = None,
    likes: Annotated[
        str | None, typer.Option("--likes", help="Values of that column that are likes; those of `fit` by default.")
    ] = None,
    weight: Annotated[str | None, typer.Option("--weight", help="Column with the weight of an event.")] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(
            "--forget",
            help="Take users out of the model and of the new events: an id, ids separated by commas, or a file with one id a"
            " line or a table; repeatable.",
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads for matrix products.", min=1)] = None,
    track: arg.TrackOption = None,
    track_to: arg.TrackToOption = None,
    as_json: JsonFlag = False,
    *,
    given_form: UserFormOptions,
) -> None:
    """Learn what happened since, from a fitted model on.

    New events, users and items enter a fitted model in a part of the time of a fit; known pairs are merged. Columns are read
    as `fit` read them, unless options say otherwise. The new run is
    written whole or not at all; RUN stays as it is, unless it is the one to be replaced (--overwrite). Exit code 4: with
    --hold-out, the updated model is worse than the old one, and nothing was written.

    With --forget the new run holds neither ids nor histories of those users, whatever the new events say; ids that nobody has
    are counted. It needs no events. Without --overwrite the old run keeps them.

    Examples
    --------
      dualnet update run --events today.parquet --out run-today
      dualnet update run --events new.csv --items new_items.csv --out run2
      dualnet update run --events new.csv --hold-out 0.1 --overwrite
      dualnet update run --forget gone.txt --overwrite
    """
    from ..errors import TrainingError
    from ..models.registry import load
    from ..models.update_check import compare, hide_pairs, is_worse
    from ..train.options import RunOptions

    _refuse_lone(context, events, items, users, forget, hold_out)
    target = _target(run, out, overwrite)
    fitted = read_event_columns(run)
    columns = fitted.overridden(given_form.user_column, given_form.item_column, rating, threshold, event, likes)
    columns = replace(columns, **columns_given(given_form))
    if columns != EventColumns():
        note(f"reading {columns}")
    with alone(target, _locked):
        model = load(model_folder(run))
        gone = None if not forget else ForgetList.read(forget, model, columns.user)
        forgotten = 0 if gone is None else gone.apply(model)
        n_old_items = len(model.items_)
        tables = NewTables(events, items, users)
        content, user_table = tables.read_items(model, columns, given_form), tables.read_users(model, columns, given_form)
        pairs, hidden, before = tables.read_pairs(model, columns, given_form, weight), None, None
        left_out = 0
        if gone is not None and pairs is not None:
            pairs, left_out = gone.left_out_of(pairs)
        if hold_out is not None and pairs is not None:
            # a file that comes again must not hide the same pairs again
            number = int(model.info_.get("update", {}).get("number", 0))
            pairs, hidden = hide_pairs(model, pairs, hold_out, seed=number)
            before = load(model_folder(run))
            if gone is not None:
                gone.apply(before)
            before.update(pairs, items=content, users=user_table, epochs=0)
        staged = _staging_place(target)
        with _removed(staged):
            log = _staged_log(run, staged, fitted, replaced=target == run)
            followers = arg.trackers(track, track_to, staged, target.resolve().name)
            settings = RunOptions(log=log, threads=threads, trackers=followers)
            learns = events is not None or items is not None
            if learns:
                model.update(pairs, items=content, users=user_table, epochs=epochs, learning_rate=learning_rate, run=settings)
            figures = [] if before is None or hidden is None else compare(before, model, n_old_items, hidden)
            if hold_out is not None and not figures:
                note("note: --hold-out had nothing to ask, for want of new pairs; the update was not checked")
            asked = sum(int(figure["pairs"]) for figure in figures)
            if 0 < asked < FEW_PAIRS:
                note(
                    f"note: {asked} pairs held out are few (fewer than {FEW_PAIRS}) and decide little; chance may be the reason"
                )
            if is_worse(figures):
                if not as_json:
                    _say(figures)
                raise TrainingError("the updated model finds less of the pairs held out than the old one; nothing was written")
            _write(model, staged, target, {"held out": figures} if figures else {})
    added = model.info_["update"] if learns else None
    told = None if gone is None else {"named": len(gone.keys), "users": forgotten, "users_of_new_events": left_out}
    if as_json:
        more = {} if told is None else {"forgotten": told}
        print_json({"run": str(target), "model": model.name, "update": added, "held_out": figures, "info": model.info_} | more)
        return
    _say(figures)
    if told is not None:
        note(
            f"forgot {forgotten:,} of the {told['named']:,} users that --forget names"
            f"{', the others are not in the model' * (forgotten < told['named'])}; left {left_out:,} users out of the new events"
        )
    if added is not None:
        note(_summary(added))
    say(f"{target / 'model'}: {model.info_['users']:,} users, {model.info_['items']:,} items, {model.info_['pairs']:,} pairs")


def _refuse_lone(
    context: typer.Context,
    events: Path | None,
    items: Path | None,
    users: Path | None,
    forget: list[str] | None,
    hold_out: float | None,
) -> None:
    """Refuse options without the table that they are about."""
    from ..errors import UsageError

    if events is None and items is None and not forget:
        raise UsageError("there is nothing to update from: give --events, --items or both, or --forget")
    if events is None and items is None:
        alone_useless = ["users", "item_column", "separator", "encoding", "comment", "threads", "track", "track_to"]
        refuse_given(context, alone_useless, "means nothing with --forget alone")
    if hold_out is not None and events is None:
        raise UsageError("--hold-out hides new pairs, so it needs --events")
    if events is None:
        of_events = ["column_names", "rating", "threshold", "event", "likes", "weight", "epochs", "learning_rate"]
        refuse_given(context, of_events, "means nothing without --events, the table of new events")
        if users is None and not forget:
            refuse_given(context, ["user_column"], "means nothing without a table of users or of events")


def _locked(target: Path) -> int | None:
    from ..errors import UsageError

    return locked(
        target, UsageError(f"another update of {target} is running, or a fit; wait for its end, or choose another --out")
    )


@contextmanager
def _removed(staged: Path) -> Iterator[None]:
    """Leave nothing of a staged run behind, whatever ends the work; SIGTERM, which a scheduler sends, ends it like Ctrl-C."""
    in_main = threading.current_thread() is threading.main_thread()

    def stop(number: int, frame: object) -> None:
        note("dualnet: interrupted; the old run is as it was")
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop) if in_main else None
    try:
        yield
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if staged.parent.name == STAGED:
            shutil.rmtree(staged.parent, ignore_errors=True)
        if in_main:
            signal.signal(signal.SIGTERM, before)


def _target(run: Path, out: Path | None, overwrite: bool) -> Path:
    """Return the folder to write, after making sure that it may be written."""
    from ..errors import UsageError

    if out is None and not overwrite:
        raise UsageError("say where the updated run goes with --out, or replace the old one with --overwrite")
    target = run if out is None else out
    if target == run and not (run / "model").is_dir():
        raise UsageError(f"{run} is a model folder, not a run; choose a new run with --out")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        if not (target / "run.json").exists():
            raise UsageError(f"{target} exists and is not a run folder; choose another --out")
        if not overwrite:
            raise UsageError(f"{target} holds a run already; choose another --out, or replace it with --overwrite")
    return target


def _staged_log(run: Path, staged: Path, columns: EventColumns, *, replaced: bool) -> Path:
    """Make the folder that will become the run, with the log of the old one; return the log's path.

    Where the old run is replaced, what trackers have written in it goes along.
    """
    from ..errors import ResourceError

    log = staged / "log.jsonl"
    try:
        staged.mkdir(parents=True, exist_ok=True)
        if (run / "log.jsonl").is_file():
            shutil.copyfile(run / "log.jsonl", log)
        if replaced and (run / "mlflow.db").is_file():
            shutil.copyfile(run / "mlflow.db", staged / "mlflow.db")
        if replaced and (run / "tensorboard").is_dir():
            shutil.copytree(run / "tensorboard", staged / "tensorboard")
        write_run_file(staged, columns, model=read_model_name(run))
    except OSError as error:
        raise ResourceError(f"cannot write beside {run}: {error.strerror or error}; choose another --out") from error
    return log


def _staging_place(target: Path) -> Path:
    """Return where the new run is prepared: in the one that it replaces, so that no other file system comes between.

    With a name of its own each time: MLflow keeps a database open under the name it first had.
    """
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    if target.is_dir():
        return target / STAGED / token
    return target.with_name(f".{target.name}.{token}.tmp")


def _write(model: Recommender, staged: Path, target: Path, metrics: dict[str, Any]) -> None:
    """Save the model, and put the new run in its place; what others keep in the old one is never touched.

    The model is exchanged in one step. What follows may be cut off: `run.json` says of which model its test is, so that a test is
    never asked of a model that trained on it.
    """
    from ..data.durable import exchange, sync, sync_tree
    from ..errors import ResourceError

    try:
        if not target.exists():
            model.save(staged / "model", metrics=metrics)
            sync_tree(staged)
            staged.rename(target)
            sync(target.parent)
            return
        model.save(target / "model", metrics=metrics)
        sync_tree(staged)
        for entry in sorted(staged.iterdir()):
            if (target / entry.name).is_dir():
                exchange(entry, target / entry.name)
            else:
                entry.replace(target / entry.name)
        shutil.rmtree(target / "checkpoints", ignore_errors=True)  # of the model that is no more
        sync(target)
    except OSError as error:
        raise ResourceError(f"cannot write the run to {target}: {error.strerror or error}; choose another --out") from error


def _summary(added: dict[str, Any]) -> str:
    text = (
        f"{added['pairs']:,} new pairs ({added['repeated']:,} were known), {added['users']:,} new users, {added['items']:,} new"
        f" items with pairs; {added['seconds']:.1f} s"
    )
    if added["other_events"]:
        text += (
            f"\n{added['other_events']:,} new pairs of what users saw or disliked: they are never listed to the same user again"
        )
    if added["unknown_terms"]:
        text += f"\n{added['unknown_terms']:,} of {added['terms']:,} words of the new items are unknown to the model; a fit learns them"
    return text


def _say(figures: list[dict[str, Any]]) -> None:
    if figures:
        rows = [
            [f"{f['items']} items", f"{f['pairs']:,}", f"R@{f['cut']}", f"{f['before']:.3f}", f"{f['after']:.3f}"]
            for f in figures
        ]
        print_table(["held out", "pairs", "figure", "before", "after"], rows)
