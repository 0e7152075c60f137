"""`dualnet tune`: choose the parameters of a model on validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import UsageError, counted
from . import arguments as arg
from . import completion
from .divisions import DivisionOptions, divisions, split_folder, with_division_options
from .given_options import refuse_given, refuse_unread_choices
from .option_groups import with_options
from .output import JsonFlag, note, print_json, say
from .worker_options import WorkerOptions

if TYPE_CHECKING:
    from ..experiments.search import GridProposer, OptunaProposer, Search
    from ..experiments.spaces import Space

TRIALS = 30
Ended = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class SearchOptions:
    """Options of the search: its space, its method, its length."""

    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            help="What to try instead of the model's default space: NAME=[VALUE, ...], such as noise=[0.3, 0.5], or"
            " NAME={low = 0.001, high = 0.1, log = true}.",
        ),
    ] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Parameter that all trials share: NAME=VALUE, such as epochs=10.")
    ] = None
    method: Annotated[
        Literal["grid", "optuna"], typer.Option("--method", help="Every combination, or Optuna's choice of the next trial.")
    ] = "grid"
    limit: Annotated[
        int | None,
        typer.Option("--trials", min=1, help=f"Trials in all, with those found; grid: all by default, optuna: {TRIALS}."),
    ] = None
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="optuna: stop trials that are behind the others at the same epoch.")
    ] = True

    def space(self, model: str) -> tuple[Space, dict[str, Any]]:
        """Return what is tried for a model, and the parameters that all trials share, after making sure that both are right."""
        from ..config import build_model, parse_settings
        from ..experiments.spaces import default_space, read_space

        fixed = parse_settings(self.settings or [])
        build_model(model, fixed, "--set")  # complain before anything runs
        space = read_space(parse_settings(self.grid or [], "--grid")) if self.grid else default_space(model)
        _check(model, space)
        for name in fixed:
            if name in space and self.grid:
                raise UsageError(f"{name} is both in --set and in --grid; give it once")
        return {name: choices for name, choices in space.items() if name not in fixed}, fixed

    def proposer(self, space: Space, seed: int) -> tuple[GridProposer | OptunaProposer, int]:
        """Return what proposes the next trial, and the number of trials in all."""
        from ..experiments.search import GridProposer, OptunaProposer
        from ..experiments.spaces import size

        if self.method == "grid":
            return GridProposer(space), min(self.limit or size(space), size(space))
        return OptunaProposer(space, seed, prune=self.prune), self.limit or TRIALS


@arg.with_table_options
@arg.with_run_choices
@with_division_options
@with_options(SearchOptions, "tried")
@with_options(WorkerOptions, "shared")
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
    content: arg.ContentOption = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds of split and model; a trial is the mean over them.")] = "0",
    at: Annotated[
        int | None,
        typer.Option("--at", min=1, help="Cut-off of the recall to maximise; 100, or less for small catalogues, by default."),
    ] = None,
    as_json: JsonFlag = False,
    *,
    tried: SearchOptions,
    shared: WorkerOptions,
    division: DivisionOptions,
    tables: arg.TableOptions,
    choices: arg.RunChoices,
) -> None:
    """Choose the parameters of a model on validation.

    The test is never opened. Each trial is a line of OUT/trials.jsonl; a search that was stopped goes on with the same
    command. The best parameters are in OUT/best.toml: `dualnet fit OUT/best.toml --out run` fits them, and chooses the
    number of epochs again on the same validation. With --workers several trials run at a time, each on one processor, through
    Ray Tune: a grid has the same trials; what Optuna proposes depends on which trials have ended, and ASHA stops those that are
    behind. Exit code 4: every trial failed (one that fails among others is
    recorded); 6: Optuna missing, or OUT not writable or in use by another search.

    Examples
    --------
      dualnet tune split --model wmf --out tuned
      dualnet tune split --model wmf --grid 'factors=[200, 300]' --out tuned
      dualnet tune split --method optuna --trials 30 --out tuned
      dualnet tune split --method optuna --trials 60 --workers 4 --out tuned
    """
    from ..errors import ResourceError
    from ..experiments.result_lines import claimed
    from ..experiments.search import Search
    from ..experiments.trials import best_trial
    from ..train.options import RunOptions

    shared.check()
    run = RunOptions(**choices.given)  # complain before anything is read
    if tried.method == "grid":
        refuse_given(context, ["prune"], "means nothing with --method grid, which tries every combination")
    space, fixed = tried.space(model)
    refuse_unread_choices(context, [model], validated=True)
    numbers = arg.whole_numbers(seeds, "--seeds")
    proposer, total = tried.proposer(space, numbers[0])
    made = divisions(context, data, tables, division, content)
    sections = _sections(data, tables, division, content, numbers[0]) | ({"run": choices.given} if choices.given else {})
    fold = made.options.fold
    search = Search(
        model, lambda seed: made.divide(seed, fold), numbers, fixed, made.content, at, run, arg.tables_read(data, made.data)
    )
    found: list[dict[str, Any]] = []
    with claimed(out, ".search") as ours:
        if not ours:
            raise ResourceError(f"another search is writing to {out}; wait for it to end, or choose another --out")
        _search(search, proposer, out, total, shared, lambda trial: _take(found, trial, out / "best.toml", search, sections))
    if as_json:
        print_json(found)
        return
    best = best_trial(found)
    if best is not None:
        chosen = ", ".join(f"{name}={value}" for name, value in best["params"].items())
        say(f"best of {counted(len(found), '{trial|trials}')}: {chosen}")
        say(f"{search.monitor} {best['value']:.4f} ± {best['figures']['half-width']:.4f} on validation")
    say(f"trials in {out / 'trials.jsonl'}, parameters in {out / 'best.toml'}")


def _search(
    search: Search, proposer: GridProposer | OptunaProposer, out: Path, total: int, shared: WorkerOptions, ended: Ended
) -> None:
    """Run the trials here, or with workers several at a time; `ended` is told each of them."""
    if shared.several:
        from ..experiments.shared_search import shared_trials

        shared_trials(search, proposer, out / "trials.jsonl", total, say=note, ended=ended, **shared.cluster)
        return
    for trial in search.trials(proposer, out / "trials.jsonl", total, note):
        ended(trial)


def _take(
    found: list[dict[str, Any]], trial: dict[str, Any], best: Path, search: Search, sections: Mapping[str, Mapping[str, Any]]
) -> None:
    """Add a trial to those found; the best so far is written."""
    from ..experiments.trials import best_trial

    found.append(trial)
    if best_trial(found) is trial:
        _write_best(best, search, trial, sections)


def _sections(
    data: str | None, tables: arg.TableOptions, division: DivisionOptions, content: str | None, seed: int
) -> dict[str, dict[str, Any]]:
    """Return the sections of a configuration that makes these divisions."""
    kept = split_folder(data)
    if kept is not None:
        return {"data": {"source": str(kept.resolve()), "content": content}}
    split = {"protocol": division.protocol, "seed": seed, **division.parameters()}
    return {"data": {**_tables(data, tables), "content": content}, "split": split}


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
    return {"source": arg.whole_path(data), **changed}
