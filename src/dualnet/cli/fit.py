"""`dualnet fit`: train one model and keep it with its log and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..runs.folder import EventColumns, write_run_file
from ..runs.writing import run_of_fit
from . import arguments as arg
from . import completion
from .divisions import given_split, make_split, split_folder
from .given_options import refuse_given, refuse_tables
from .output import JsonFlag, note, print_json, say
from .run_division import division_origin, from_config

CUTS = (10, 50, 100, 200, 300)

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..data.tasks import Split


@arg.with_table_options
def fit(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run: model/, log.jsonl, checkpoints/.")],
    source: Annotated[
        str | None,
        typer.Argument(
            autocompletion=completion.data_sets,
            metavar="CONFIG|SPLIT|DATA",
            help="A TOML file, a folder made by `dualnet split`, or data as for `bench`; none with --sql.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Model name (default: dualnet).", autocompletion=completion.models)
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Parameter of the model: NAME=VALUE, such as epochs=30.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of this run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model of a run that is finished.")] = False,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads for matrix products.", min=1)] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            help="With DATA: choose the number of epochs on this protocol.",
            autocompletion=completion.drawn_protocols,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the division.")] = 0,
    content: arg.ContentOption = None,
    track: arg.TrackOption = None,
    track_to: arg.TrackToOption = None,
    as_json: JsonFlag = False,
    *,
    tables: arg.TableOptions,
) -> None:
    """Train one model and keep it with its log.

    Takes tables, a named data set, a folder made by `dualnet split`, a TOML file, or SQL queries. Without a protocol all
    pairs train; with one, or a split, the number of epochs is chosen on its validation, and the test figures are printed and
    kept in the model card. A killed run goes on with --resume and ends with the same bits.

    Examples
    --------
      dualnet fit events.csv --items items.csv --text title --out run
      dualnet fit split --model wmf --set factors=300 --out run
      dualnet fit --sql events.sql --database-url-env DATABASE_URL --out run
    """
    from ..config import build_model, parse_settings
    from ..data.event_types import say_events
    from ..evaluation import evaluate
    from ..models.artifact import written_parameters
    from ..models.level_model import LevelModel
    from ..train.checkpoint import last_stop
    from ..train.options import RunOptions

    kept = split_folder(source)
    configured: dict[str, Any] = {}
    test: dict[str, Any] | None = None
    division: Split | None = None
    train: Dataset
    if source is not None and Path(source).suffix == ".toml":
        why = f"means nothing beside {source}, which says what to train on in its sections [data] and [split]"
        refuse_tables(tables, why)
        refuse_given(context, ["protocol", "seed", "content"], why)
        division, train, tables, configured = from_config(Path(source))
        test = {"config": str(Path(source).resolve())}
    elif kept is not None:
        refuse_tables(tables, f"means nothing for {source}, a split whose tables were read when it was made")
        refuse_given(context, ["protocol", "seed"], f"means nothing for {source}, which is divided already")
        division = given_split(kept, content)
        train = division.train
        test = {"split": str(kept.resolve()), "content": content}
    else:
        if protocol is None:
            refuse_given(
                context,
                ["seed"],
                "means nothing without --protocol, whose draw it is (that of the model is --set random_state=1)",
            )
        elif protocol == "temporal":
            refuse_given(context, ["seed"], "means nothing for protocol 'temporal', which draws nothing")
        train = arg.load_data(source, tables, content)
        if protocol is not None:
            division = make_split(train, protocol, seed, {})
            train = division.train
            test = division_origin(source, tables, content, protocol, seed)
    named_there = model is None and "name" in configured
    name = str(configured.get("name", "dualnet")) if model is None else model
    configured.pop("name", None)
    build_model(name, {}, str(source) if named_there else "--model")
    build_model(name, configured, str(source))
    built = build_model(name, {**configured, **parse_settings(settings or [])}, "--set")  # what is wrong now is said there
    columns = EventColumns(
        tables.user, tables.item, tables.rating, tables.threshold, tables.event, tables.unrated, tables.separator,
        tables.encoding, tables.comment, arg.words(tables.column_names), arg.words(tables.likes),
    )  # fmt: skip
    with run_of_fit(out, columns, name, resume=resume, overwrite=overwrite):
        if resume:
            stop = last_stop(out / "checkpoints")
            note(f"no checkpoint in {out} yet: starting from nothing" if stop is None else f"going on from {stop}")
        followers = arg.trackers(track, track_to, out)
        run = RunOptions(
            log=out / "log.jsonl", checkpoint=out / "checkpoints", resume=resume, threads=threads, trackers=followers
        )
        built.fit(train, division.validation if division is not None else None, run=run)
        built.save(out / "model")
        write_run_file(out, columns, None if division is None else test, name)
        report = None if division is None or not division.tasks else evaluate(built, division, at=CUTS)
        if report is not None:
            built.save(
                out / "model", metrics=report.to_json()
            )  # a model that is there whatever becomes of the figures gets them
    summary = {"run": str(out), "model": name, "info": built.info_, "parameters": written_parameters(built)}
    if as_json:
        print_json(summary if report is None else {**summary, "test": report.to_json()})
        return
    if told := say_events(train.interactions, tables.threshold):
        note(told)
    note(f"fitted {built!r} in {built.info_['fit_seconds']:.0f} s")
    if isinstance(built, LevelModel):
        note(f"levels: {built.levels_}")
    if not built.capabilities.new_items:
        note(_without_content(name, train))
    say(f"{out / 'model'}: {built.info_['users']:,} users, {built.info_['items']:,} items, {built.n_parameters:,} numbers")
    if report is not None:
        say(str(report))
        say(f"other cut-offs: dualnet evaluate {out} --at 5,20")


def _without_content(name: str, train: Dataset) -> str:
    """Return why the fitted model cannot score new items."""
    why = "without item content (no --items)" if train.items is None else "from pairs alone, as it does not read content"
    return f"note: {name} learned {why}, so items that it has not seen cannot be scored"
