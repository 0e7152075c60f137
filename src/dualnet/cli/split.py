"""`dualnet split`: divide a data set by a protocol and keep the division."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import counted
from . import arguments as arg
from .divisions import make_split
from .given_options import refuse_given
from .output import JsonFlag, print_json, say

if TYPE_CHECKING:
    from ..data.tasks import RankingTask, Split


@arg.with_table_options
def split(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")],
    data: arg.DataArgument = None,
    protocol: arg.SplitProtocolOption = "four-quadrants",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the division.")] = 0,
    content: arg.ContentOption = None,
    cold: arg.ColdOption = None,
    folds: arg.FoldsOption = None,
    fold: arg.FoldOption = None,
    candidates: arg.SplitCandidatesOption = None,
    fit_on: arg.FitOnOption = None,
    train: arg.TrainOption = None,
    test: arg.TestOption = None,
    validation: arg.ValidationOption = None,
    shown: arg.ShownOption = None,
    layout: arg.LayoutOption = None,
    base: arg.BaseOption = None,
    header: arg.HeaderOption = None,
    kind: arg.KindOption = None,
    as_json: JsonFlag = False,
    *,
    tables: arg.TableOptions,
) -> None:
    """Divide data by a protocol, for fit and evaluate.

    Writes training set, validation and hidden test as one folder that `fit` and `evaluate` take; `bench` divides by the
    same rules and finds the same figures. Protocol `files` takes somebody else's division.

    Examples
    --------
      dualnet split citeulike-a --protocol citeulike2 --seed 0 --out split
      dualnet split events.csv --items items.csv --text title --out split
      dualnet split citeulike-a --protocol out-matrix --cold 0.1 --out split
      dualnet split ids.csv --protocol files --train a.dat --test b.dat --out s
    """
    from ..data.split_files import save_split

    if protocol in ("files", "temporal"):
        refuse_given(context, ["seed"], f"means nothing for protocol '{protocol}', which draws nothing")
    own = tables  # a named data set needs no options of tables: these three are about the files
    if protocol == "files" and arg.is_named(data):
        usual = arg.TableOptions
        own = replace(tables, user=usual.user, item=usual.item, missing_content=usual.missing_content)
    loaded = arg.load_data(data, own, content)
    options: dict[str, object] = {
        "cold": cold, "folds": folds, "fold": fold, "candidates": candidates, "fit_on": fit_on, "train": train, "test": test,
        "validation": validation, "shown": shown, "layout": layout, "base": base, "header": header, "kind": kind,
    }  # fmt: skip
    if protocol == "files":
        options |= {"user": tables.user, "item": tables.item, "missing_content": tables.missing_content}
    made = make_split(loaded, protocol, seed, options)
    save_split(made, out)
    summary = {
        "split": made.fingerprint(),
        "protocol": made.protocol,
        "seed": made.seed,
        "train": {
            "users": made.train.interactions.n_users,
            "items": made.train.interactions.n_items,
            "pairs": made.train.interactions.n_pairs,
        },
        "tasks": [_summary(task) for task in made.tasks],
        "served": [_summary(task) for task in made.served],
        "folder": str(out),
    }
    if as_json:
        print_json(summary)
    else:
        _tell(made, out)


def _tell(made: Split, out: Path) -> None:
    """Print what the protocol asks, and the sizes of training set and tasks."""
    from ..data.splits import ASKS

    say(f"{made.protocol}: {ASKS[made.protocol]}" if made.protocol in ASKS else made.protocol)
    say(f"training: {made.train!r}")
    for task in (*made.tasks, *made.served):
        say(_sizes(task))
    say(f"wrote {out}")


def _sizes(task: RankingTask) -> str:
    users, candidates = counted(len(task.users), "{user|users}"), counted(len(task.candidates), "{candidate|candidates}")
    return f"{task.name}: {users}, {candidates}, {counted(task.truth.nnz, 'hidden {pair|pairs}')}"


def _summary(task: RankingTask) -> dict[str, Any]:
    return {
        "task": task.name,
        "users": len(task.users),
        "candidates": len(task.candidates),
        "hidden_pairs": int(task.truth.nnz),
    }
