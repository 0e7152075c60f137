"""`dualnet demo`: all steps at once, on a synthetic world or a named data set."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import arguments as arg
from . import completion
from .busy_cores import crowded
from .output import JsonFlag, note, print_json, print_table, say

if TYPE_CHECKING:
    from ..experiments.demo import DemoResult

LOG, PAGE = "log.jsonl", "report.html"


def demo(
    data: Annotated[
        str,
        typer.Argument(
            metavar="[DATASET]",
            help="A named data set; the embedded library of papers by default.",
            autocompletion=completion.data_sets,
        ),
    ] = "demo",
    out: Annotated[Path, typer.Option("--out", help="Folder for model, log and report page.")] = Path("demo"),
    content: arg.ContentOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of split and training.")] = 0,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Epochs of DualNet.", min=1)] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads for matrix products.", min=1)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Train, measure and recommend on an embedded world.

    Fits DualNet and its baselines on a small library of papers and readers (or a named data set), measures known and new
    users on known and new items, recommends to one reader, and writes a report page. Takes a minute or two.

    Examples
    --------
      dualnet demo --out demo
      dualnet demo citeulike-a --content title --out demo-a
    """
    from ..errors import UsageError
    from ..experiments.demo import run_demo
    from ..train.options import RunOptions
    from ..train.steps import FitSteps

    if out.exists() and not _may_hold_a_demo(out):
        raise UsageError(f"{out} exists and is not a demo folder; choose another --out")
    if told := crowded(threads):
        note(f"note: {told}")
    run = RunOptions(log=out / LOG, steps=FitSteps(announced=True), threads=threads)
    result = run_demo(arg.load_data(data, arg.TableOptions(), content), out, seed=seed, epochs=epochs, run=run, say=note)
    if as_json:
        print_json(
            {
                "split": result.split.fingerprint(),
                "models": {name: report.to_json() for name, report in result.reports.items()},
                "reader": result.reader,
                "recommendations": result.shown.to_json(),
                "stories": [story.to_json() for story in result.stories],
                "report": str(out / "report.html"),
                "model": str(out / "model"),
            }
        )
        return
    _tell(result, out)


def _tell(result: DemoResult, out: Path) -> None:
    """Print the demo's story: tables, then a known user, a new user and a new item in words."""
    from ..experiments.demo import CUTS, QUADRANTS
    from ..experiments.demo_story import nouns_of

    cut = CUTS[1]
    say(f"\n{result.summary()}\n")
    rows = [[f"{text}{'*' if best else ''}" for text, _, best in row] for row in result.rows(cut)]
    nouns, legend = nouns_of(result.split.train.name), result.legend(cut)
    say(f"How well each model does, lists of known and of new {nouns.item}s apart:")
    print_table([f"recall@{cut}", *QUADRANTS], rows, notes=legend[:2])
    header, served = result.served_table(cut)
    marked = [[f"{text}{'*' if best else ''}" for text, _, best in row] for row in served]
    say(f"\nOne list of known and new {nouns.item}s together, as a known {nouns.user} is served it:")
    print_table(header, marked, notes=legend[2:])
    for story in result.stories:
        say(f"\n{story.to_text()}")
    say(f"\nreport: {out / 'report.html'}\nmodel:  {out / 'model'}")
    run, history = shlex.quote(str(out)), shlex.quote(",".join(map(str, result.shown.ids[:2])))
    say("next:")
    say(f"  dualnet serve {run}   # then the addresses above show the same lists in a browser")
    say(f"  dualnet recommend {run} --history {history}   # for somebody new with these two {nouns.item}s")


def _may_hold_a_demo(out: Path) -> bool:
    """Whether a folder is empty or of a demo, one that was stopped before it had written its page too."""
    if not out.is_dir():
        return False
    names = {entry.name for entry in out.iterdir() if not entry.name.startswith(".")}
    return PAGE in names or names <= {LOG} or (LOG in names and names <= {LOG, "model"})
