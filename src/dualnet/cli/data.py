"""`dualnet data`: list, fetch, check and convert data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import arguments as arg
from . import completion
from .check_guide import guide, measuring_protocol
from .divisions import split_folder
from .given_options import refuse_given, refuse_tables
from .output import JsonFlag, note, print_json, print_table, say, say_lines

app = typer.Typer(help="Named data sets and tables of your own.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_sources(as_json: JsonFlag = False) -> None:
    """List the named data sets.

    What each holds, and which files it is made of (--json).

    Examples
    --------
      dualnet data list
      dualnet data list --json
    """
    from ..data import sources

    known = sources.known()
    if as_json:
        print_json([{"name": info.name, "about": info.about, "files": list(info.files)} for info in known.values()])
        return
    print_table(["name", "what"], [[info.name, info.about] for info in known.values()])


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="A name from `dualnet data list`.", autocompletion=completion.data_sets)],
    as_json: JsonFlag = False,
) -> None:
    """Fetch a named data set into the cache.

    Every file is verified by its SHA-256; a fetch goes on where an earlier one stopped. Exit code 6: no network, or a file
    is not the published one.

    Examples
    --------
      dualnet data fetch citeulike-a
      dualnet data fetch movielens-latest-small --json
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
    """Say what is in tables, report gaps, duplicates and split smells, and suggest how to fit.

    Takes tables (it says what their columns seem to be, and reads them so; what options say counts first), a named data set, or a
    folder made by `dualnet split`, where it looks for test pairs that train and other leaks. For tables it ends with the `dualnet fit`
    command that it suggests, to be pasted.

    Examples
    --------
      dualnet data check events.csv --items items.csv
      dualnet data check citeulike-a
      dualnet data check events.csv --items items.csv --text title
      dualnet data check split
    """
    from ..data.check import check_dataset, check_split
    from ..data.event_types import say_events
    from ..data.split_files import load_split
    from ..data.splits import ASKS
    from ..errors import DualNetError

    kept = split_folder(data)
    told, found, command, measured = "", None, None, None
    if kept is not None:
        refuse_tables(tables, f"means nothing for {data}, a split whose tables were read when it was made")
        report = check_split(load_split(kept))
    else:
        found = guide(data, tables)
        used = tables if found is None else found.tables
        try:
            loaded = arg.load_data(data, used)
        except DualNetError:
            for sentence in [] if found is None or used == tables else found.said:
                note(sentence)  # what was found is what could not be read
            raise
        for sentence in [] if found is None or as_json else found.said:
            say_lines(sentence)
        command, measured = (None, None) if found is None or data is None else found.commands(data, loaded)
        report, told = check_dataset(loaded), say_events(loaded.interactions, used.threshold)
    if as_json:
        guided = {} if found is None else {"found": found.said, "command": command, "measured_command": measured}
        print_json(report.to_json() | guided)
    else:
        say_lines(str(report) + (f"\n  {told}" if told else ""))
        if command:
            say(f"\na fit with these columns, for a model to use:\n  {command}")
        if measured:
            protocol = measuring_protocol(loaded)
            say(f"the same with a part held out, for figures ({protocol}: {ASKS[protocol]}):\n  {measured}")


@app.command("convert")
@arg.with_table_options
def convert(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder for events.parquet, items.parquet and users.parquet.")],
    data: arg.DataArgument = None,
    as_json: JsonFlag = False,
    *,
    tables: arg.TableOptions,
) -> None:
    """Write any data set as Parquet tables.

    One row an event, one row an item, and one row a user where something is known of users: what every other tool reads.

    Examples
    --------
      dualnet data convert movielens-100k --out films
      dualnet data convert demo --out library
    """
    from ..data.tables import dataset_tables, write_table

    refuse_given(context, arg.AS_NUMBERS, "means nothing here: texts and pictures are written as they are")
    refuse_given(context, arg.SHOWN, "means nothing here: every column is written as it is")
    written = {}
    for name, table in dataset_tables(arg.load_data(data, tables)).items():
        written[name] = str(write_table(table, out / f"{name}.parquet"))
    if as_json:
        print_json(written)
    else:
        say("wrote " + ", ".join(written.values()))
