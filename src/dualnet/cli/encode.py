"""`dualnet encode`: vectors of items or histories, for a vector store or another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .evaluate import model_folder
from .given_options import refuse_given
from .new_tables import UserFormOptions, columns_of_run, form_of, read_given_items, refuse_form_options
from .option_groups import with_options
from .output import JsonFlag, print_json, say
from .output_file import check_output_file

if TYPE_CHECKING:
    from ..data.interactions import Interactions
    from ..models.base import Recommender
    from .run_folder import EventColumns


@with_options(UserFormOptions, "given_form")
def encode(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write: id, title, vector.")],
    items: Annotated[
        Path | None,
        typer.Option("--items", help="Table of items (column item_id and content); without it the whole catalogue."),
    ] = None,
    histories: Annotated[
        Path | None, typer.Option("--histories", help="Table of events (columns user_id, item_id): one vector a user.")
    ] = None,
    users: Annotated[bool, typer.Option("--users", help="One vector for each user seen in training.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file at --out.")] = False,
    as_json: JsonFlag = False,
    *,
    given_form: UserFormOptions,
) -> None:
    """Write item or user vectors to a Parquet file.

    The score of a pair is the inner product of its vectors. Where content is matched as it is, its part of the vector
    stands in two more columns, `content_index` and `content_value`: the non-zeros of a long sparse vector, whose inner
    product adds to that of `vector`. Other formats and vector stores: `dualnet export`.

    Examples
    --------
      dualnet encode run --out items.parquet
      dualnet encode run --histories events.csv --out users.parquet
    """
    from ..errors import UsageError
    from ..exports.parquet import write_parquet
    from ..exports.source import items_of, users_of
    from ..models.registry import load

    if sum([items is not None, histories is not None, users]) > 1:
        raise UsageError("give one of --items, --histories and --users")
    if items is None and histories is None:
        refuse_form_options(given_form, "means nothing without --items or --histories, the table it is about")
    if histories is None:
        refuse_given(context, ["user_column"], "means nothing without --histories, the table of users")
    check_output_file(out, ".parquet", overwrite=overwrite)
    columns = columns_of_run(run, given_form)
    model = load(model_folder(run))
    if histories is not None:
        source = users_of(model, _read_histories(histories, model, columns, given_form))
    elif users:
        source = users_of(model)
    else:
        source = items_of(model, None if items is None else read_given_items(items, model, columns, given_form))
    written, layout = write_parquet(source, out), source.layout
    if as_json:
        print_json({"file": str(out), "vectors": written, "width": layout.width, "sparse_width": layout.sparse_width})
    else:
        say(f"wrote {written:,} vectors of {layout.width or layout.sparse_width} numbers to {out}")


def _read_histories(path: Path, model: Recommender, columns: EventColumns, given: UserFormOptions) -> Interactions:
    from ..data.id_columns import ids_of
    from ..data.interactions import Interactions
    from ..data.lone_arguments import refuse_unread
    from ..data.read_table import load_source
    from ..errors import DataError, UnknownIdError

    form = form_of(columns, given)
    loaded = load_source(path, "the histories", form)
    refuse_unread(form, loaded)
    found = loaded.table.column_names
    # those of the fit are a hint, those of the command line are not
    user = columns.user if columns.user in found or given.user_column is not None else "user_id"
    item = columns.item if columns.item in found or given.item_column is not None else "item_id"
    for name, option in ((user, "--user-column"), (item, "--item-column")):
        if name not in found:
            raise DataError(f"{path} has no column '{name}'; found {', '.join(found)}. Say which it is with {option}")
    keys = [model.catalogue_.ids.parse(str(key)) for key in ids_of(loaded, item, "item").tolist()]
    users = [str(key) for key in ids_of(loaded, user, "user").tolist()]
    try:
        return Interactions.from_pairs(users, keys, item_ids=model.catalogue_.ids)
    except UnknownIdError as error:
        raise UnknownIdError(f"{path}: {error}; leave out its rows, or update the model with it first") from None
