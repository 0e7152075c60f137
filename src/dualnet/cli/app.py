"""The application with all its commands, each in a file of its own; heavy packages are imported when a command runs."""

from __future__ import annotations

import os
from inspect import getdoc
from typing import Annotated

import typer
from typer.models import CommandInfo, TyperInfo

from .. import __version__
from . import (
    bench,
    data,
    demo,
    doctor,
    encode,
    evaluate,
    explain,
    export,
    fit,
    inspect,
    plan,
    recommend,
    reproduce,
    serve,
    similar,
    split,
    tune,
    update,
)

EXAMPLES = "Examples\n--------\n"
KEPT_LINES = ("Examples:", "Exit codes:")
MARK = "\b"  # Click leaves the paragraph behind it as it is

app = typer.Typer(
    name="dualnet",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dualnet {__version__}")
        raise typer.Exit


def _trust(context: typer.Context, wanted: bool) -> None:
    from ..data.trusted_paths import VARIABLE

    if wanted:
        before = os.environ.get(VARIABLE, "")
        os.environ[VARIABLE] = "1"  # also for the process of a served model
        context.call_on_close(lambda: os.environ.update({VARIABLE: before}))


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
    trust_paths: Annotated[
        bool,
        typer.Option(
            "--trust-paths",
            help="Follow paths that a model or split folder names (a sentence model, weights for pictures); see DUALNET_TRUST_PATHS.",
            callback=_trust,
        ),
    ] = False,
) -> None:
    """Recommend anything to anyone, the first time you see either.

    Fit a model on who did what and what the things are; it answers for known and new people and things alike. `dualnet COMMAND
    --help` has examples; every command takes --json, with progress and notes on standard error.

    Examples
    --------
      dualnet demo --out demo
      dualnet fit events.csv --items items.csv --text title --out run
      dualnet recommend run --history p0007,p0099

    Exit codes:
      0  done
      1  a defect of dualnet; set DUALNET_DEBUG=1 to see where, and report it
      2  usage: a wrong argument, option or setting
      3  bad data: a file, row, value or id that cannot be used
      4  training failed, or an update made the model worse
      5  a model folder that is damaged, altered or too new
      6  something outside is missing: disk, permission, network, a package
      7  training diverged; the state before that is kept
      128 + n  stopped by signal n (130 by Ctrl-C)
    """


def _keep_lines(app: typer.Typer) -> None:
    """Give every command of an app, and of its groups, a help text whose examples and exit codes stand on lines of their own.

    Parameters
    ----------
    app : typer.Typer
        With everything registered; a docstring has its examples as a numpydoc section, indented.
    """
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _keep_lines(group.typer_instance)
    entries: list[CommandInfo | TyperInfo] = [*app.registered_commands]
    if app.registered_callback is not None:
        entries.append(app.registered_callback)
    for entry in entries:
        text = getdoc(entry.callback) if entry.callback is not None else None
        if text is not None and not isinstance(entry.help, str):
            entry.help = _help_text(text)


def _help_text(docstring: str) -> str:
    """Return a docstring as Click is to print it."""
    paragraphs = docstring.replace(EXAMPLES, "Examples:\n").split("\n\n")
    return "\n\n".join(f"{MARK}\n{part}" if part.startswith(KEPT_LINES) else part for part in paragraphs)


app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")
app.command("split")(split.split)
app.command("plan")(plan.plan)
app.command("fit")(fit.fit)
app.command("update")(update.update)
app.command("evaluate")(evaluate.evaluate)
app.command("bench")(bench.bench)
app.command("tune")(tune.tune)
app.command("reproduce")(reproduce.reproduce)
app.command("recommend")(recommend.recommend)
app.command("similar")(similar.similar)
app.command("explain")(explain.explain)
app.command("encode")(encode.encode)
app.command("export")(export.export)
app.command("inspect")(inspect.inspect)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
_keep_lines(app)
