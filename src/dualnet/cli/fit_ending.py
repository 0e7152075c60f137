"""What a person reads when a fit is done: what was learned from, the verdict, figures beside simple models, what comes next."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import counted
from .output import note, print_json, print_table, say, say_lines, terminal_width

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..data.interactions import Interactions
    from ..models.base import Recommender
    from ..report import Report

ASKED = {"known-": "users who trained", "new-": "new users"}
LITTLE = 0.02  # what networks have to add to the recall on validation, as a share of it, to be worth their time
LISTED = {"-known": "items with likes in training", "-new": "new items", "-all": "one list of all items, as it is served"}


def note_fitted(
    model: Recommender, train: Dataset, threshold: float | None, *, held_out: bool, whole: Interactions | None = None
) -> None:
    """Tell, on standard error, how long the fit took and what it learned from.

    Parameters
    ----------
    model : Recommender
        Fitted.
    train : Dataset
        What it was fitted on.
    threshold : float, optional
        Of the ratings, if the events have some.
    held_out : bool
        Whether a part of the data was kept from the fit.
    whole : Interactions, optional
        All data, where it is known what the part was held out from.
    """
    from ..data.event_types import say_events

    info = model.info_
    note(
        f"fitted {model.name} in {info['fit_seconds']:.0f} s on {_likes(info['pairs'], info['users'], info['items'])}"
        + (", the part of the data that is not held out" if held_out else "")
        + ("" if whole is None or not held_out else f" (of {_likes(whole.n_pairs, *liking(whole))})")
    )
    listed, liked = len(model.catalogue_), int(info["items"])
    if listed > liked:
        where = " in this part" if held_out else ""
        out = 0 if whole is None else whole.n_items - listed
        held = (
            f"; the other {out:,} of the {whole.n_items:,} items of the data are held out"
            if whole is not None and out > 0
            else ""
        )
        note(
            f"it can list {counted(listed, '{item|items}')}: those, and {listed - liked:,} without a like{where}, known by content{held}"
        )
    if told := say_events(train.interactions, threshold):
        note(told)
    if not model.capabilities.new_items:
        why = "without item content (no --items)" if train.items is None else "from pairs alone, as it does not read content"
        note(f"note: {model.name} learned {why}, so items that it has not seen cannot be scored")


def liking(interactions: Interactions) -> tuple[int, int]:
    """Return how many users have a like, and how many items."""
    per_user = np.diff(interactions.matrix.indptr)
    return int((per_user > 0).sum()), len(np.unique(interactions.matrix.indices))


def _likes(likes: int, users: int, items: int) -> str:
    return f"{counted(likes, '{like|likes}')} of {counted(users, '{user|users}')} for {counted(items, '{item|items}')}"


def print_fit(out: Path, model: Recommender, report: Report | None, *, verbose: bool, as_json: bool) -> None:
    """Print the verdict, the figures and the next commands of a fit, or the same and all figures as JSON.

    Parameters
    ----------
    out : Path
        Folder of the run.
    model : Recommender
        Fitted.
    report : Report, optional
        Its figures, where a part was held out.
    verbose : bool
        Whether to print the weights of the levels and all figures too.
    as_json : bool
        For programs.
    """
    from ..models.level_model import LevelModel

    if as_json:
        _print_json(out, model, report)
        return
    if report is not None:
        _print_figures(report, model.name)
        _say_networks(model)
    if verbose:
        say(f"{model!r}: {counted(model.n_parameters, 'learned {number|numbers}')}")
        if isinstance(model, LevelModel):
            say(f"levels: {model.levels_}")
        if report is not None:
            say(replace(report, against=()).text(terminal_width()))
        say("")
    _print_next(out, model, measured=report is not None)


def _print_json(out: Path, model: Recommender, report: Report | None) -> None:
    from ..experiments.simple_rivals import verdicts
    from ..models.artifact import written_parameters

    summary: dict[str, Any] = {
        "run": str(out), "model": model.name, "info": model.info_, "parameters": written_parameters(model)
    }  # fmt: skip
    if report is not None:
        summary |= {"test": report.to_json(), "verdict": verdicts(report, model.name)}
    print_json(summary)


def _print_figures(report: Report, name: str) -> None:
    """Print who is ahead, and the figures beside those of simple models."""
    from ..experiments.simple_rivals import metric_of, rival_rows, verdicts

    for sentence in verdicts(report, name):
        say_lines(sentence)
    metric = metric_of(report)
    tasks = [result.name for result in report.results]
    asked = [f"{part}...: {what}" for part, what in ASKED.items() if any(task.startswith(part) for task in tasks)]
    listed = [f"...{part}: {what}" for part, what in LISTED.items() if any(task.endswith(part) for task in tasks)]
    first = f"{metric}: the share of a user's held-out likes in the first {metric.partition('@')[2]} of the list"
    print_table(
        [metric, name, *(other.model for other in report.against)],
        rival_rows(report),
        notes=[*_why_none(report), first, "; ".join(asked), "; ".join(listed)],
        best="of its row",
    )
    say("")


def _say_networks(model: Recommender) -> None:
    """Say that networks add little, where validation found so: they take most of the time."""
    from ..models.level_model import LevelModel

    compared = model.choice_.compared if isinstance(model, LevelModel) else None
    if compared is not None and compared.gain < LITTLE * compared.whole:
        say_lines(
            f"The networks add little here: on the validation part recall is {compared.whole:.3f} with them and"
            f" {compared.without:.3f} without; --model solved fits the rest alone, in less time."
        )
        say("")


def _why_none(report: Report) -> list[str]:
    """Return why figures are n/a, a line for each reason."""
    reports = (report, *(other.report for other in report.against))
    return [f"n/a: {reason}" for reason in dict.fromkeys(r.reason for each in reports for r in each.results) if reason]


def _print_next(out: Path, model: Recommender, *, measured: bool) -> None:
    """Print where the model is, and what can be done with it."""
    from ..data.splits import ASKS

    run = shlex.quote(str(out))
    say(f"the model is in {out / 'model'}; next:")
    if len(model.users_):
        say(f"  dualnet recommend {run} --user {shlex.quote(str(model.users_.key(0)))}")
    say(f"  dualnet serve {run}")
    if measured:
        say(f"  dualnet evaluate {run}")
        say_lines(
            "evaluate prints all figures with their intervals (--at 5,20 for other cut-offs). The held-out part did not train: for a"
            " model to use, fit all of the data, undivided, into another --out (the same command without --protocol)."
        )
    else:
        protocol = "four-quadrants" if model.capabilities.new_items else "citeulike2"
        say_lines(
            f"All pairs trained, so there are no figures: with --protocol {protocol} and another --out a part is held out and measured"
            f" ({ASKS[protocol]})."
        )
