"""`dualnet update`: a fitted model learns new events, users and items."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError, counted
from . import arguments as arg
from .form_options import EventFormOptions, new_columns
from .given_options import refuse_given
from .id_lists import id_list
from .interruption import stopped_by
from .option_groups import with_options
from .output import JsonFlag, note, print_json, print_table, say

if TYPE_CHECKING:
    from ..ids import IdMap, Key
    from ..runs.update import RunUpdate


@with_options(EventFormOptions, "form")
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
    forget: Annotated[
        list[str] | None,
        typer.Option(
            "--forget",
            help="Take users out of the model and of the new events: an id, ids separated by commas, or a file with one id a"
            " line or a table; repeatable.",
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads for matrix products.", min=1)] = None,
    device: arg.DeviceOption = "auto",
    track: arg.TrackOption = None,
    track_to: arg.TrackToOption = None,
    as_json: JsonFlag = False,
    *,
    form: EventFormOptions,
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
    from ..runs.update import update_run
    from ..train.options import RunOptions

    _refuse_lone(context, events, items, users, forget)
    target = run if out is None else out
    with stopped_by(signal.SIGTERM, remark="; the old run is as it was"):
        done = update_run(
            run, events, items=items, users=users, forget=partial(_named_users, forget) if forget else None,
            out=out, overwrite=overwrite, epochs=epochs, learning_rate=learning_rate, hold_out=hold_out,
            columns=new_columns(form), weight=form.weight, options=RunOptions(threads=threads, device=device),
            follow=lambda staged: arg.trackers(track, track_to, staged, target.resolve().name),
            say=note, compared=lambda figures: _print_comparison(figures, as_json=as_json),
        )  # fmt: skip
    if as_json:
        told = {} if done.forgotten is None else {"forgotten": done.forgotten}
        about = {"run": str(done.run), "model": done.model.name, "update": done.added, "held_out": done.held_out}
        print_json({**about, "info": done.model.info_, **told})
    else:
        _print(done)


def _refuse_lone(
    context: typer.Context, events: Path | None, items: Path | None, users: Path | None, forget: list[str] | None
) -> None:
    """Refuse options without the table that they are about."""
    if events is None and items is None and forget:
        alone_useless = [
            "users",
            "item_column",
            "separator",
            "encoding",
            "comment",
            "decimal",
            "threads",
            "device",
            "track",
            "track_to",
        ]
        refuse_given(context, alone_useless, "means nothing with --forget alone")
    if events is None and (items is not None or forget):
        of_events = [
            "column_names",
            "rating",
            "threshold",
            "event",
            "likes",
            "event_weights",
            "time",
            "time_format",
            "weight",
            "epochs",
            "learning_rate",
        ]
        refuse_given(context, of_events, "means nothing without --events, the table of new events")
        if users is None and not forget:
            refuse_given(context, ["user_column"], "means nothing without a table of users or of events")


def _named_users(values: list[str], users: IdMap) -> list[Key | Path]:
    """Return the ids and files that the values of ``--forget`` name.

    Raises
    ------
    UsageError
        For a value that is both a file and a user, or that has the form of a file's name and is neither.
    """
    named: list[Key | Path] = []
    for value in values:
        if value.strip() and _is_there(Path(value)):
            if value in users:
                raise UsageError(
                    f'--forget {value!r:.80} is both a file and a user; write ./{value} for the file, or "{value}" in quotes'
                    " that the command sees for the user"
                )
            named.append(Path(value))
            continue
        found = id_list(value, users, "--forget")
        if not found:
            raise UsageError("--forget names nobody; give an id, ids separated by commas, or a file with one id a line")
        if _is_named_like_a_file(value) and value not in users:
            raise UsageError(f"--forget {value!r:.80}: there is no such file, and no user of that id")
        named += found
    return named


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_named_like_a_file(value: str) -> bool:
    from ..data.compression import format_of
    from ..data.read_table import FORMATS

    return format_of(Path(value)) in (".txt", *FORMATS)


def _print(done: RunUpdate) -> None:
    told, info = done.forgotten, done.model.info_
    if told is not None:
        note(
            f"forgot {told['users']:,} of the {told['named']:,} users that --forget names"
            f"{', the others are not in the model' * (told['users'] < told['named'])}; left {told['users_of_new_events']:,}"
            " users out of the new events"
        )
    if done.added is not None:
        note(_summary(done.added))
    say(
        f"{done.run / 'model'}: {counted(info['pairs'], '{like|likes}')} of {counted(info['users'], '{user|users}')} for {counted(info['items'], '{item|items}')}"
    )


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


def _print_comparison(figures: list[dict[str, Any]], *, as_json: bool) -> None:
    if not figures:
        note("note: --hold-out had nothing to ask, for want of new pairs; the update was not checked")
    elif not as_json:
        rows = [
            [f"{f['items']} items", f"{f['pairs']:,}", f"R@{f['cut']}", f"{f['before']:.3f}", f"{f['after']:.3f}"]
            for f in figures
        ]
        print_table(["held out", "pairs", "figure", "before", "after"], rows)
