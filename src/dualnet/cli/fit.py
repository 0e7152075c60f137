"""`dualnet fit`: train one model and keep it with its log and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..runs.folder import EventColumns, write_run_file
from ..runs.writing import run_of_fit
from . import arguments as arg
from . import completion
from .busy_cores import crowded
from .divisions import given_split, make_split, split_folder
from .fit_ending import note_fitted, print_fit
from .given_options import refuse_given, refuse_tables, refuse_unread_choices
from .option_groups import with_options
from .output import JsonFlag, note
from .run_division import division_origin, from_config

CUTS = (10, 50, 100, 200, 300)
VerboseFlag = Annotated[
    bool, typer.Option("--verbose", "-v", help="Also print the weights of the levels, and every figure with its interval.")
]

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..data.interactions import Interactions
    from ..data.tasks import Split, Validation
    from ..models.base import Recommender
    from ..report import Report
    from ..train.steps import FitSteps


@dataclass(frozen=True)
class CountOptions:
    """Options of how events count, and of what a fit is compared with."""

    half_life: Annotated[
        str | None,
        typer.Option(
            "--half-life", help="Age at which an event counts half, such as 90d, 12h or 1y; needs --time, or data with times."
        ),
    ] = None
    compare: Annotated[
        bool,
        typer.Option(
            "--compare/--no-compare",
            help="With a test: also fit simple models (seconds for 20,000 likes, longer for more), and say who is ahead.",
        ),
    ] = True

    def check(self) -> None:
        """Refuse a half-life that is none; raises `UsageError`."""
        from ..data.recency import half_life_of

        half_life_of(self.half_life, "--half-life")

    def of(self, run: Mapping[str, Any]) -> str | None:
        """Return the half-life of the command line, else that of a configuration."""
        return run.get("half_life") if self.half_life is None else self.half_life


@arg.with_table_options
@arg.with_run_choices
@arg.with_worker_choices
@with_options(CountOptions, "counting")
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
            help=f"With DATA: hold a part out by this protocol, to choose epochs on and to measure: {arg.PROTOCOL_NAMES} or temporal.",
            autocompletion=completion.drawn_protocols,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the division.")] = 0,
    content: arg.ContentOption = None,
    track: arg.TrackOption = None,
    track_to: arg.TrackToOption = None,
    verbose: VerboseFlag = False,
    as_json: JsonFlag = False,
    *,
    tables: arg.TableOptions,
    choices: arg.RunChoices,
    sharing: arg.WorkerChoices,
    counting: CountOptions,
) -> None:
    """Train one model and keep it with its log.

    Takes tables, a named data set, a folder made by `dualnet split`, a TOML file, or SQL queries. Without a protocol all
    pairs train; with one, or a split, the number of epochs is chosen on its validation, and the test figures are printed beside
    those of simple models and kept in the model card. A killed run goes on with --resume and ends with the same bits. With
    --workers, or under torchrun, several processes share the fit.

    Examples
    --------
      dualnet fit events.csv --items items.csv --text title --out run
      dualnet fit split --model wmf --set factors=300 --out run
      dualnet fit split --workers 4 --out run
      dualnet fit --sql events.sql --database-url-env DATABASE_URL --out run
    """
    from ..config import HALF_LIFE
    from ..train.options import RunOptions

    choices_given = {**choices.given, **sharing.given}
    RunOptions(**choices_given)  # complain before anything is read
    counting.check()
    given = _training(context, source, protocol, seed, content, tables)
    name, built = _model(model, given.model, source, settings or [])
    _before(context, source, given, built, threads)
    with _run_folder(out, _event_columns(given.tables), name, resume=resume, overwrite=overwrite) as first:
        followers = arg.trackers(track, track_to, out)
        run = RunOptions(
            log=out / "log.jsonl", checkpoint=out / "checkpoints", resume=resume, threads=threads, trackers=followers,
            steps=given.steps,
            **{**{name: value for name, value in given.run.items() if name != HALF_LIFE}, **choices_given},
        )  # fmt: skip
        built.fit(given.train, given.validation, run=run, half_life=counting.of(given.run))
        if not first:
            return
        report = _written(out, built, given, name, run.steps, compare=counting.compare)
    print_fit(out, built, report, verbose=verbose, as_json=as_json)


def _written(out: Path, built: Recommender, given: _Training, name: str, steps: FitSteps, *, compare: bool) -> Report | None:
    """Write a fitted model, and measure it where there is a test; its figures are written too."""
    note_fitted(built, given.train, given.tables.threshold, held_out=given.division is not None, whole=given.whole)
    built.save(out / "model")
    origin = None if given.division is None else given.origin
    write_run_file(out, _event_columns(given.tables), origin, name, given.file)
    report = None if given.division is None else _measured(built, given.division, steps, compare=compare)
    if report is not None:  # a model that is there whatever becomes of the figures gets them
        built.save(out / "model", metrics=report.to_json())
    return report


def _measured(model: Recommender, division: Split, steps: FitSteps, *, compare: bool) -> Report | None:
    """Return the figures on the test of a division, beside those of simple models; None where it has no test."""
    from time import perf_counter

    from ..evaluation import evaluate
    from ..experiments.simple_rivals import simple_rivals

    if not division.tasks:
        return None
    beside_words = ", beside simple models" if compare else ""
    note(steps.later_title(1, f"measuring on the test part{beside_words}"))
    started = perf_counter()
    rivals = simple_rivals(model, division, say=note) if compare else {}
    report = evaluate(model, division, at=CUTS, against=rivals)
    beside = f" beside {', '.join(rivals)}" if rivals else ""
    alone = " (--no-compare leaves them out)" if rivals else ""
    note(f"measured{beside} in {perf_counter() - started:.0f} s{alone}")
    return report


@contextmanager
def _run_folder(out: Path, columns: EventColumns, model: str, *, resume: bool, overwrite: bool) -> Iterator[bool]:
    """Hold the folder of the run, and say whether this process writes it: of those that torchrun has started the first does."""
    from ..distributed.joined import joined_rank

    if joined_rank() > 0:
        yield False
        return
    with run_of_fit(out, columns, model, resume=resume, overwrite=overwrite):
        if resume:
            _say_where(out)
        yield True


def _say_where(out: Path) -> None:
    """Say from which checkpoint a run goes on."""
    from ..train.checkpoint import last_stop

    stop = last_stop(out / "checkpoints")
    note(f"no checkpoint in {out} yet: starting from nothing" if stop is None else f"going on from {stop}")


@dataclass(frozen=True)
class _Training:
    """Training data of one model (data, or the training part of a division, whose origin is kept; the file of their events, and all data), with parameters and options."""

    train: Dataset
    tables: arg.TableOptions
    division: Split | None = None
    origin: dict[str, Any] | None = None
    file: str | None = None
    whole: Interactions | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def validation(self) -> Validation | None:
        """What choices are made on, None for data that nobody divided."""
        return None if self.division is None else self.division.validation

    @property
    def steps(self) -> FitSteps:
        """Steps that are told; the test, if there is one, is measured behind those of the fit."""
        from ..train.steps import FitSteps

        return FitSteps(announced=True, later=int(self.division is not None and bool(self.division.tasks)))


def _training(
    context: typer.Context, source: str | None, protocol: str | None, seed: int, content: str | None, tables: arg.TableOptions
) -> _Training:
    """Return what the argument CONFIG|SPLIT|DATA and its options name."""
    kept = split_folder(source)
    if source is not None and Path(source).suffix == ".toml":
        why = f"means nothing beside {source}, which says what to train on in its sections [data] and [split]"
        refuse_tables(tables, why)
        refuse_given(context, ["protocol", "seed", "content"], why)
        division, train, tables, configured, run = from_config(Path(source))
        return _Training(train, tables, division, {"config": str(Path(source).resolve())}, model=configured, run=run)
    if kept is not None:
        refuse_tables(tables, f"means nothing for {source}, a split whose tables were read when it was made")
        refuse_given(context, ["protocol", "seed"], f"means nothing for {source}, which is divided already")
        division = given_split(kept, content)
        return _Training(division.train, tables, division, {"split": str(kept.resolve()), "content": content})
    if protocol is None:
        why = "means nothing without --protocol, whose draw it is (that of the model is --set random_state=1)"
        refuse_given(context, ["seed"], why)
    elif protocol == "temporal":
        refuse_given(context, ["seed"], "means nothing for protocol 'temporal', which draws nothing")
    train = arg.load_data(source, tables, content)
    file = None if source is None or tables.forget is not None or not Path(source).is_file() else arg.whole_path(source)
    if protocol is None:
        return _Training(train, tables, file=file)
    division = make_split(train, protocol, seed, {})
    return _Training(
        division.train, tables, division, division_origin(source, tables, content, protocol, seed), file, train.interactions
    )


def _model(name: str | None, configured: Mapping[str, Any], source: str | None, settings: list[str]) -> tuple[str, Recommender]:
    """Return the name of the model and the model; what is wrong is said of the place where it was given."""
    from ..config import build_model, parse_settings

    place = str(source) if name is None and "name" in configured else "--model"
    name = str(configured.get("name", "dualnet")) if name is None else name
    parameters = {key: value for key, value in configured.items() if key != "name"}
    build_model(name, {}, place)
    build_model(name, parameters, str(source))
    return name, build_model(name, {**parameters, **parse_settings(settings)}, "--set")


def _before(context: typer.Context, source: str | None, given: _Training, model: Recommender, threads: int | None) -> None:
    """Refuse run options, of the command line or of a configuration, that the fit would not read, and tell where cores are short.

    Raises
    ------
    UsageError
        For such an option.
    """
    from ..train.options import WORKERS

    if given.division is None:
        refuse_given(context, ["compare"], "means nothing without a test, which --protocol or a split has")
    if not model.on_workers:
        refuse_given(context, list(WORKERS), f"means nothing for model '{model.name}', which is fitted in one process")
    refuse_unread_choices(context, [model.name], validated=given.division is not None)
    for key in [key for key in given.run if key != "half_life"]:
        if key not in model.options_read and not (key in WORKERS and model.on_workers):
            raise UsageError(f"{source}: [run] {key} means nothing for model '{model.name}'; leave it out")
        if key not in ("device", *WORKERS) and given.division is None:
            raise UsageError(
                f"{source}: [run] {key} means nothing without a validation, which a section [split] draws; leave it out"
            )
    if told := crowded(threads):
        note(f"note: {told}")


def _event_columns(tables: arg.TableOptions) -> EventColumns:
    return EventColumns(
        tables.user, tables.item, tables.rating, tables.threshold, tables.event, tables.unrated, tables.separator,
        tables.encoding, tables.comment, arg.words(tables.column_names), arg.words(tables.likes), arg.words(tables.event_weights),
        time=tables.time, time_format=None if tables.time_format == "auto" else tables.time_format, decimal=tables.decimal,
    )  # fmt: skip
