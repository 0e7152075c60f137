"""`dualnet evaluate`: measure a fitted model on the test of a split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..runs.folder import model_folder
from . import arguments as arg
from .divisions import given_split
from .given_options import refuse_given
from .option_groups import with_options
from .output import JsonFlag, print_json, say, say_lines, terminal_width
from .worker_options import WorkerOptions


@with_options(WorkerOptions, "shared")
def evaluate(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    split: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SPLIT]", help="Folder made by `dualnet split`; by default what the run itself was divided from."
        ),
    ] = None,
    at: Annotated[str, typer.Option("--at", help="Cut-offs.")] = "10,50,100,200,300",
    log: Annotated[
        Path | None,
        typer.Option("--log", help="Estimate from the log of a server (serve --shown-log) what this model would have done."),
    ] = None,
    as_json: JsonFlag = False,
    *,
    shared: WorkerOptions,
) -> None:
    """Measure a fitted model on the test of a split.

    Prints recall at each cut-off with 95 % intervals over users, for every task of the split and for one list of all items,
    as it is served. A run that was fitted with a protocol or on a split knows its own test. A model that was fitted on other
    data than the split's training set gets a warning, for it may have seen the test. With --workers the users are shared among
    processes; the figures are the same.

    With --log, in place of a split, it is asked what a server was asked, and each entry that was taken counts one over the probability
    with which it was shown: an estimate, with its 95 % interval, of the entries taken an answer.

    Examples
    --------
      dualnet evaluate run
      dualnet evaluate run split
      dualnet evaluate run split --at 10,50,100 --json
      dualnet evaluate run2 --log shown.jsonl
    """
    from ..errors import DualNetWarning
    from ..evaluation import evaluate as measure
    from ..models.registry import load
    from .run_division import division_of

    if log is not None:
        refuse_given(context, ["split", "at", "workers", "address"], "means nothing with --log, which is measured in one way")
        _estimate(run, log, as_json=as_json)
        return
    shared.check()
    cuts = arg.whole_numbers(at, "--at")
    model = load(model_folder(run))
    division = division_of(run) if split is None else given_split(split)
    if model.info_["fingerprint"] != division.train.fingerprint():
        import warnings

        warnings.warn(
            "the model was fitted on other data than this split's training set, so that test pairs may have trained;"
            " figures are honest only if they did not",
            DualNetWarning,
            stacklevel=1,
        )
    if shared.several:
        from ..batch import evaluate as evaluate_in_parts

        report = evaluate_in_parts(model_folder(run), division, at=cuts, **shared.cluster)
    else:
        report = measure(model, division, at=cuts)
    if as_json:
        print_json(report.to_json())
    else:
        say(report.text(terminal_width()))


def _estimate(run: Path, log: Path, *, as_json: bool) -> None:
    """Print what a model would have done, from the log of a server."""
    from ..models.registry import load
    from ..runs.off_policy import evaluate_log

    found = evaluate_log(load(model_folder(run)), log)
    if as_json:
        print_json(found.to_json())
    else:
        say_lines(str(found))
