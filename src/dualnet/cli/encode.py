"""`dualnet encode`: vectors of items or histories, for a vector store or another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import UsageError, counted
from ..runs.folder import model_folder
from .form_options import UserFormOptions, new_columns
from .given_options import refuse_given, refuse_tables
from .option_groups import with_options
from .output import JsonFlag, check_output_file, note, print_json, say
from .worker_options import WorkerOptions, report_parts


@with_options(UserFormOptions, "given_form")
@with_options(WorkerOptions, "shared")
def encode(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    out: Annotated[
        Path, typer.Option("--out", help="Parquet file to write: id, title, vector; with --workers a folder of parts.")
    ],
    items: Annotated[
        Path | None,
        typer.Option("--items", help="Table of items (column item_id and content); without it the whole catalogue."),
    ] = None,
    histories: Annotated[
        Path | None, typer.Option("--histories", help="Table of events (columns user_id, item_id): one vector a user.")
    ] = None,
    users: Annotated[bool, typer.Option("--users", help="One vector for each user seen in training.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is at --out.")] = False,
    as_json: JsonFlag = False,
    *,
    given_form: UserFormOptions,
    shared: WorkerOptions,
) -> None:
    """Write item or user vectors to a Parquet file.

    The score of a pair is the inner product of its vectors. Where content is matched as it is, its part of the vector
    stands in two more columns, `content_index` and `content_value`: the non-zeros of a long sparse vector, whose inner
    product adds to that of `vector`. Other formats and vector stores: `dualnet export`. With --workers a folder of parts is
    written; a job that was killed goes on where it stopped when the same command is given again.

    Examples
    --------
      dualnet encode run --out items.parquet
      dualnet encode run --histories events.csv --out users.parquet
      dualnet encode run --users --workers 4 --out users
    """
    from ..exports.parquet import write_parquet
    from ..exports.source import items_of, users_of
    from ..models.registry import load
    from ..runs.given_tables import read_histories, read_items

    _check_tables(context, items, histories, given_form, users=users)
    shared.check()
    if not shared.several:
        check_output_file(out, ".parquet", overwrite=overwrite)
    model, told = load(model_folder(run)), new_columns(given_form)
    events = None if histories is None else read_histories(histories, model, run, told)
    content = None if items is None else read_items(items, model, run, told)
    of_users = users or events is not None
    if shared.several:
        from ..batch import encode as encode_parts

        what: Literal["users", "items"] = "users" if of_users else "items"
        done = encode_parts(
            model_folder(run),
            out,
            what=what,
            content=content,
            histories=events,
            overwrite=overwrite,
            say=note,
            **shared.cluster,
        )
        report_parts(done, f"vectors of {what}", as_json=as_json)
        return
    source = users_of(model, events) if of_users else items_of(model, content)
    written, layout = write_parquet(source, out), source.layout
    if as_json:
        print_json({"file": str(out), "vectors": written, "width": layout.width, "sparse_width": layout.sparse_width})
    else:
        say(f"wrote {counted(written, '{vector|vectors}')} of {layout.width or layout.sparse_width} numbers to {out}")


def _check_tables(
    context: typer.Context, items: Path | None, histories: Path | None, given_form: UserFormOptions, *, users: bool
) -> None:
    """Refuse several things to encode at once, and options without the table that they are about; raises `UsageError`."""
    if sum([items is not None, histories is not None, users]) > 1:
        raise UsageError("give one of --items, --histories and --users")
    if items is None and histories is None:
        refuse_tables(given_form, "means nothing without --items or --histories, the table it is about")
    if items is None:
        refuse_given(context, ["decimal"], "means nothing without --items, whose numbers it is about")
    if histories is None:
        refuse_given(context, ["user_column"], "means nothing without --histories, the table of users")
