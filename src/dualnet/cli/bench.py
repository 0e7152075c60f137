"""`dualnet bench`: several models on one protocol, one table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import arguments as arg
from . import completion
from .divisions import DivisionOptions, divisions, split_folder, with_division_options
from .given_options import refuse_given, refuse_unread_choices
from .output import JsonFlag, note, print_json, print_table, say

if TYPE_CHECKING:
    from ..models.base import Recommender


@arg.with_table_options
@arg.with_run_choices
@with_division_options
def bench(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA|SPLIT",
            help="Data as for `split`, or a folder made by `dualnet split`; none with --sql.",
            autocompletion=completion.data_sets,
        ),
    ] = None,
    models: Annotated[
        str, typer.Option("--models", help="Model names, separated by commas.", autocompletion=completion.several_models)
    ] = "popularity,item-knn,content-profile,ease,wmf,fusion,dualnet",
    content: arg.ContentOption = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds of split and model, separated by commas.")] = "0",
    at: Annotated[str, typer.Option("--at", help="Cut-offs.")] = "10,50,100,200,300",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Parameter of a model: MODEL.NAME=VALUE, such as dualnet.epochs=30.")
    ] = None,
    presets: Annotated[
        bool,
        typer.Option("--presets/--no-presets", help="Named data: start from the parameters that were found for them."),
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for results.jsonl; finished runs found there are not run again.")
    ] = None,
    as_json: JsonFlag = False,
    *,
    division: DivisionOptions,
    tables: arg.TableOptions,
    choices: arg.RunChoices,
) -> None:
    """Run several models on one protocol: one table.

    Every model is fitted on the same divisions, chooses on the same validation, and is measured on the same test, with 95
    % intervals over users. With --out finished runs are kept and not run again. Named data start from presets.

    Examples
    --------
      dualnet bench citeulike-a --content title --models wmf,dualnet
      dualnet bench citeulike-a --protocol out-matrix --cold 0.1
      dualnet bench split --models wmf,dualnet --seeds 0,1,2 --out results
    """
    from ..experiments.bench import Bench
    from ..models.registry import model_class
    from ..train.options import RunOptions

    options = RunOptions(**choices.given)  # complain before anything is read
    cuts, chosen = arg.whole_numbers(at, "--at"), arg.words(models)
    for name in chosen:
        model_class(name)  # an unknown name is not the fault of --set
    refuse_unread_choices(context, chosen, validated=True)
    refuse_given(context, arg.SHOWN, "means nothing here, where figures are shown and no items")
    if not arg.is_named(data):
        refuse_given(context, ["presets"], "means nothing for data without a name, for which there are no presets")
    changes = arg.model_settings(settings or [], chosen)
    named = data if presets and split_folder(data) is None else None
    parameters = {name: _preset(name, named, division.protocol) | changes.get(name, {}) for name in chosen}
    builders = [(name, _builder(name, parameters[name])) for name in chosen]
    made = divisions(context, data, tables, division, content)
    fold, folds = made.options.fold, made.options.folds
    run = Bench(
        made.data, made.content, made.options.protocol, made.divide, builders, arg.whole_numbers(seeds, "--seeds"),
        [fold] if fold is not None or folds is None else list(range(folds)), cuts, options, arg.tables_read(data, made.data),
    )  # fmt: skip
    records = [{name: value for name, value in record.items() if name != "key"} for record in run.records(out, note)]
    if as_json:
        print_json(records)
        return
    _print(records, cuts)
    if out is not None:
        say(f"results in {out / 'results.jsonl'}")


def _preset(model: str, data: str | None, protocol: str) -> dict[str, Any]:
    """Return the parameters that were found for a model on named data, and say them; none for other data."""
    from ..experiments.presets import preset

    found = {} if data is None else preset(model, data, protocol)
    if found:
        listed = ", ".join(f"{key}={value}" for key, value in found.items())
        note(f"{model}: preset for {data}, {protocol}: {listed} (--set changes them, --no-presets leaves them out)")
    return found


def _builder(name: str, parameters: dict[str, Any]) -> Callable[[int], Recommender]:
    """Return what builds a model for a seed, after making sure that its parameters are right."""
    from ..config import build_model

    build_model(name, parameters, "--set")  # complain before anything runs
    return partial(build_model, name, parameters, "--set")


def _print(records: list[dict[str, Any]], at: list[int]) -> None:
    from ..report import FIRST, SERVED_TEXT, cut_notes, sensible_cuts

    divisions = {(record["seed"], record["fold"]) for record in records}
    for task in dict.fromkeys(record["task"] for record in records):
        rows, notes = [], []
        of_task = [record for record in records if record["task"] == task]
        candidates = [record.get("n_candidates", max(at)) for record in of_task]  # older records do not say
        columns = [(f"R@{cut}", f"recall@{cut}") for cut in sensible_cuts(at, candidates)]
        served = task.endswith("-all")
        if served:
            columns += [(f"{short}@{FIRST}", f"{name}@{FIRST}") for short, name in (
                ("P", "precision"), ("new", "new_share"), ("unliked", "unliked_share")
            ) if any(f"{name}@{FIRST}" in record["metrics"] for record in of_task)]  # fmt: skip
        best = _best(of_task, [name for _, name in columns if not name.endswith(f"_share@{FIRST}")])
        for record in of_task:
            place = (
                f"{record['model']}"
                + (f" fold {record['fold']}" if record["fold"] is not None else "")
                + f" seed {record['seed']}"
            )
            if record["reason"]:
                rows.append([place, *["n/a"] * len(columns), ""])
                notes.append(f"n/a: {record['model']}: {record['reason']}")
                continue
            cells = []
            for _, name in columns:
                figure = record["metrics"].get(name)
                if figure is None:  # nothing is new on this division
                    cells.append("-")
                    continue
                mark = "*" if figure["mean"] == best.get((record["seed"], record["fold"], name)) else ""
                interval = "" if name.endswith(f"@{FIRST}") and served and not name.startswith("recall") else _interval(figure)
                cells.append(f"{figure['mean']:.3f}{mark}{interval}")
            rows.append([place, *cells, f"{record['fit_seconds']:.0f} s"])
        notes += cut_notes(at, [max(candidates)])
        if served:
            notes += [
                SERVED_TEXT,
                f"P@{FIRST}: precision; new, unliked: share of the first {FIRST} that nobody liked in training, in the whole data",
            ]
        print_table(
            [task, *[header for header, _ in columns], "fit"], rows, notes=notes,
            title="one list of all items, as it is served" if served else None,
            best="of its column" if len(divisions) == 1 else "of its column on the same seed and fold",
        )  # fmt: skip


def _interval(figure: dict[str, Any]) -> str:
    low, high = figure["ci95"]
    return f" [{low:.3f} {high:.3f}]"


def _best(records: list[dict[str, Any]], names: list[str]) -> dict[tuple[int, int | None, str], float]:
    """Return the best mean of each metric on each division, where several models have one."""
    found: dict[tuple[int, int | None, str], list[float]] = {}
    for record in records:
        for name in names:
            if name in record["metrics"]:
                found.setdefault((record["seed"], record["fold"], name), []).append(record["metrics"][name]["mean"])
    return {key: max(means) for key, means in found.items() if len(means) > 1}
