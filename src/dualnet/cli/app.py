"""All commands, each in a file of its own; nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from . import bench, data, demo, doctor, encode, evaluate, export, fit, inspect, plan, recommend, reproduce, split, tune

app = typer.Typer(
    name="dualnet",
    help="Recommend anything to anyone, the first time you see either.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dualnet {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Recommend anything to anyone, the first time you see either."""


app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")
app.command("split")(split.split)
app.command("plan")(plan.plan)
app.command("fit")(fit.fit)
app.command("evaluate")(evaluate.evaluate)
app.command("bench")(bench.bench)
app.command("tune")(tune.tune)
app.command("reproduce")(reproduce.reproduce)
app.command("recommend")(recommend.recommend)
app.command("encode")(encode.encode)
app.command("export")(export.export)
app.command("inspect")(inspect.inspect)
app.command("doctor")(doctor.doctor)
