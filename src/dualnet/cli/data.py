"""`dualnet data`: list, fetch, check and convert data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import arguments as arg
from .output import JsonFlag, print_json, print_table, say

app = typer.Typer(help="Named data sets and tables of your own.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_sources(as_json: JsonFlag = False) -> None:
    """List the named data sets.

    Example: dualnet data list
    """
    from ..data import sources

    known = sources.known()
    if as_json:
        print_json([{"name": info.name, "about": info.about, "files": list(info.files)} for info in known.values()])
        return
    print_table(["name", "what"], [[info.name, info.about] for info in known.values()])


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="A name from `dualnet data list`.")],
    as_json: JsonFlag = False,
) -> None:
    """Fetch a named data set into the cache, verified by SHA-256; goes on where an earlier try stopped.

    Example: dualnet data fetch citeulike-a
    """
    from ..data.sources.registry import fetch as fetch_source

    folder = fetch_source(name)
    if as_json:
        print_json({"name": name, "folder": str(folder)})
    else:
        say(f"{name} is in {folder}")


@app.command("check")
@arg.with_table_options
def check(
    data: arg.DataArgument = None,
    as_json: JsonFlag = False,
    *,
    tables: arg.TableOptions,
) -> None:
    """Report sizes, duplicates, gaps and split smells of a data set, a table, or a folder made by `dualnet split`.

    Example: dualnet data check citeulike-a
    """
    from ..data.check import check_dataset, check_split
    from ..data.split_files import load_split

    kept = arg.split_folder(data)
    if kept is not None:
        report = check_split(load_split(kept))
    else:
        report = check_dataset(arg.load_data(data, tables))
    if as_json:
        print_json(report.to_json())
    else:
        say(str(report))


@app.command("convert")
@arg.with_table_options
def convert(
    out: Annotated[Path, typer.Option("--out", help="Folder for events.parquet and items.parquet.")],
    data: arg.DataArgument = None,
    as_json: JsonFlag = False,
    *,
    tables: arg.TableOptions,
) -> None:
    """Write any data set as two Parquet tables that every tool reads.

    Example: dualnet data convert movielens-100k --out films
    """
    from ..data.tables import dataset_tables, write_table

    written = {}
    for name, table in dataset_tables(arg.load_data(data, tables)).items():
        written[name] = str(write_table(table, out / f"{name}.parquet"))
    if as_json:
        print_json(written)
    else:
        say("wrote " + ", ".join(written.values()))
