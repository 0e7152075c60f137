"""`dualnet tune`: choose the parameters of a model on validation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from . import arguments as arg
from . import completion
from .given_options import refuse_given, refuse_tables
from .given_split import given_split
from .output import JsonFlag, note, print_json, say

TRIALS = 30


@arg.with_table_options
def tune(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder for trials.jsonl and best.toml; a search found there goes on.")],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA|SPLIT",
            help="Data as for `split`, or a folder made by `dualnet split`; none with --sql.",
            autocompletion=completion.data_sets,
        ),
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Model name.", autocompletion=completion.models)] = "dualnet",
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            help="What to try instead of the model's default space: NAME=[VALUE, ...], such as noise=[0.3, 0.5], or"
            " NAME={low = 0.001, high = 0.1, log = true}.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Parameter that all trials share: NAME=VALUE, such as epochs=10.")
    ] = None,
    method: Annotated[
        Literal["grid", "optuna"], typer.Option("--method", help="Every combination, or Optuna's choice of the next trial.")
    ] = "grid",
    limit: Annotated[
        int | None,
        typer.Option("--trials", min=1, help=f"Trials in all, with those found; grid: all by default, optuna: {TRIALS}."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="optuna: stop trials that are behind the others at the same epoch.")
    ] = True,
    protocol: arg.ProtocolOption = "citeulike2",
    content: arg.ContentOption = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds of split and model; a trial is the mean over them.")] = "0",
    at: Annotated[
        int | None,
        typer.Option("--at", min=1, help="Cut-off of the recall to maximise; 100, or less for small catalogues, by default."),
    ] = None,
    cold: arg.ColdOption = None,
    folds: arg.FoldsOption = None,
    fold: arg.FoldOption = None,
    candidates: arg.CandidatesOption = None,
    fit_on: arg.FitOnOption = None,
    as_json: JsonFlag = False,
    *,
    tables: arg.TableOptions,
) -> None:
    """Choose the parameters of a model on validation.

    The test is never opened. Each trial is a line of OUT/trials.jsonl; a search that was stopped goes on with the same
    command. The best parameters are in OUT/best.toml: `dualnet fit OUT/best.toml --out run` fits them, and chooses the
    number of epochs again on the same validation. Exit code 4: every trial failed (one that fails among others is
    recorded); 6: Optuna missing, or OUT not writable or in use by another search.

    Examples
    --------
      dualnet tune split --model wmf --out tuned
      dualnet tune split --model wmf --grid 'factors=[200, 300]' --out tuned
      dualnet tune split --method optuna --trials 30 --out tuned
    """
    from dataclasses import replace

    from ..config import build_model, parse_settings
    from ..data.tasks import Split
    from ..errors import ResourceError, UsageError
    from ..experiments.proposals import GridProposer, OptunaProposer, Proposer
    from ..experiments.result_lines import claimed
    from ..experiments.search import Search
    from ..experiments.spaces import default_space, read_space, size
    from ..experiments.trials import best_trial

    if method == "grid":
        refuse_given(context, ["prune"], "means nothing with --method grid, which tries every combination")
    fixed = parse_settings(settings or [])
    build_model(model, fixed, "--set")  # complain before anything runs
    space = read_space(parse_settings(grid or [], "--grid")) if grid else default_space(model)
    _check(model, space)
    for name in fixed:
        if name in space and grid:
            raise UsageError(f"{name} is both in --set and in --grid; give it once")
    space = {name: choices for name, choices in space.items() if name not in fixed}
    numbers = arg.whole_numbers(seeds, "--seeds")
    proposer: Proposer = GridProposer(space) if method == "grid" else OptunaProposer(space, numbers[0], prune=prune)
    total = min(limit or size(space), size(space)) if method == "grid" else limit or TRIALS
    options = {"cold": cold, "folds": folds, "fold": fold, "candidates": candidates, "fit_on": fit_on}
    sections: dict[str, dict[str, Any]]
    kept = arg.split_folder(data)
    if kept is not None:
        refuse_tables(tables, f"means nothing for {data}, a split whose tables were read when it was made")
        dividing = ["protocol", "cold", "folds", "fold", "candidates", "fit_on"]
        refuse_given(context, dividing, f"means nothing for {data}, which is divided already")
        given = given_split(kept, content)
        loaded = given.train
        sections = {"data": {"source": str(kept.resolve()), "content": content}}

        def divide(seed: int) -> Split:
            return replace(given, seed=seed)  # the division stays; the seed is the model's
    else:
        loaded = arg.load_data(data, tables, content)
        sections = {
            "data": {**_tables(data, tables), "content": content},
            "split": {"protocol": protocol, "seed": numbers[0], **options},
        }

        def divide(seed: int) -> Split:
            return arg.make_split(loaded, protocol, seed, options)

    columns = content or ",".join(loaded.items.spec.columns if loaded.items is not None else ())
    search = Search(model, divide, numbers, fixed, columns, at, tables=arg.tables_read(data, loaded))
    found: list[dict[str, Any]] = []
    with claimed(out, ".search") as ours:
        if not ours:
            raise ResourceError(f"another search is writing to {out}; wait for it to end, or choose another --out")
        for trial in search.trials(proposer, out / "trials.jsonl", total, note):
            found.append(trial)
            if best_trial(found) is trial:
                _write_best(out / "best.toml", search, trial, sections)
    if as_json:
        print_json(found)
        return
    best = best_trial(found)
    if best is not None:
        chosen = ", ".join(f"{name}={value}" for name, value in best["params"].items())
        say(f"best of {len(found)} trials: {chosen}")
        say(f"{search.monitor} {best['value']:.4f} ± {best['figures']['half-width']:.4f} on validation")
    say(f"trials in {out / 'trials.jsonl'}, parameters in {out / 'best.toml'}")


def _check(model: str, space: Mapping[str, Any]) -> None:
    """Complain about a wrong name or type in a space before anything runs."""
    from ..config import build_model
    from ..experiments.spaces import Between

    for name, choices in space.items():
        values = (choices.low, choices.high) if isinstance(choices, Between) else choices.values
        for value in values:
            build_model(model, {name: value}, "--grid")


def _write_best(path: Path, search: Any, trial: Mapping[str, Any], sections: Mapping[str, Mapping[str, Any]]) -> None:
    from ..config import write_config

    shared = trial["search"]
    figures = ", ".join(f"{name} {value:.4f}" for name, value in trial["figures"].items())
    remarks = [
        f"chosen by `dualnet tune` on the validation of {shared['dataset']}, {shared['protocol']}, content"
        f" {shared['content'] or 'none'}, seeds {', '.join(map(str, shared['seeds']))} (trial = {trial['trial']} in trials.jsonl)",
        f"validation: {figures}",
    ]
    if trial["best_epoch"] is not None:
        remarks.append(f"best epoch {trial['best_epoch']}; a fit finds it again on the same validation")
    built = search.build(trial["params"], shared["seeds"][0])
    parameters = {**shared["fixed"], **trial["params"]}
    if "random_state" in built.parameter_names():
        parameters["random_state"] = built.random_state
    write_config(path, {**sections, "model": {"name": shared["model"], **parameters}}, remarks)


def _tables(data: str | None, tables: arg.TableOptions) -> dict[str, Any]:
    """Return the section [data] for an argument DATA and its options; files by their full path."""
    from dataclasses import fields

    from .sql_options import FILES

    changed = {field.name: getattr(tables, field.name) for field in fields(tables)}
    changed = {field.name: changed[field.name] for field in fields(tables) if changed[field.name] != field.default}
    for name in ("items", "users", *FILES):
        if name in changed:
            changed[name] = str(Path(changed[name]).resolve())
    if "vectors" in changed:
        parts = [part.partition("=") for part in arg.words(changed["vectors"])]
        changed["vectors"] = [f"{name}={Path(file).resolve()}" if file else name + found for name, found, file in parts]
    source = str(Path(data).resolve()) if data is not None and Path(data).is_file() else data
    return {"source": source, **changed}
