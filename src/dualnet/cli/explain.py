"""`dualnet explain`: why an item is recommended to a user."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..runs.folder import model_folder
from . import arguments as arg
from .form_options import FormOptions
from .given_options import refuse_given
from .id_lists import NamedItems
from .option_groups import with_options
from .output import JsonFlag, print_json, say
from .questions import (
    HistoryOption,
    NewItemsOption,
    TimesOption,
    check_one_user,
    history_of,
    refuse_form_alone,
    stored_user,
    times_of,
    with_new_items,
)


@with_options(FormOptions, "given_form")
def explain(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    item: Annotated[str, typer.Option("--item", help="The item to explain: its id or its title.")],
    user: Annotated[str | None, typer.Option("--user", help="A user seen in training.")] = None,
    history: HistoryOption = None,
    times: TimesOption = None,
    columns: arg.UserColumnsOption = None,
    new_items: NewItemsOption = None,
    method: Annotated[
        str,
        typer.Option("--method", help="integrated-gradients: parts that sum to the score; leave-one-out: what it would lose."),
    ] = "integrated-gradients",
    top: Annotated[int, typer.Option("--top", help="Parts of each table to name; the rest is summed.", min=1)] = 5,
    unknown: arg.UnknownOption = None,
    as_json: JsonFlag = False,
    *,
    given_form: FormOptions,
) -> None:
    """Say why someone gets an item: what its score comes from, which items of the history, which of its words and labels.

    These are three ways to divide the same score, a table each, whose rounded figures add up to it. --json has every part of
    each, exactly, and every level of the networks.

    Examples
    --------
      dualnet explain run --history p0007,p0099 --item p0412
      dualnet explain run --user r0002 --item p0412 --top 3
      dualnet explain run --history "Toy Story" --item "Finding Nemo"
    """
    from typing import cast

    from ..errors import UnknownIdError
    from ..models.explain.explanation import Method
    from ..models.registry import load
    from ..retrieval.unknown_ids import check_unknown

    if as_json:
        refuse_given(context, ["top"], "means nothing with --json, which has all parts")
    check_unknown(unknown)
    check_one_user(columns, {"--user": user is not None, "--history": history is not None})
    times_of(times, history)
    refuse_form_alone(new_items, given_form)
    model = load(model_folder(run))
    fresh, ids = with_new_items(new_items, model, run, given_form)
    named = NamedItems(model, ids, fresh)
    wanted = named.require(named.parse(item))
    if new_items is None and wanted not in ids:
        raise UnknownIdError(f"unknown item {wanted!r}; give one that is new by its content, with --new-items TABLE")
    found = model.explain(
        wanted,
        user=stored_user(model, user, run) if user is not None else None,
        history=history_of(history, named, unknown) if history is not None else None,
        user_columns=arg.pairs(columns, "--user-columns"),
        times=times_of(times, history),
        new_items=fresh,
        method=cast(Method, method),
        unknown=cast(Any, unknown),
    )
    if as_json:
        print_json(found.to_json())
    else:
        say(found.to_text(top))
