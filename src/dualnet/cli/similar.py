"""`dualnet similar`: the items that are most like one item."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from ..errors import UnknownIdError
from ..runs.folder import model_folder
from . import arguments as arg
from .id_lists import NamedItems
from .option_groups import with_options
from .output import JsonFlag, print_json, say
from .recommend import ItemListOptions
from .rule_options import RuleOptions, note_idle


@with_options(RuleOptions, "ruled")
@with_options(ItemListOptions, "listed")
def similar(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    item: Annotated[str, typer.Option("--item", help="An item of the catalogue: its id or its title.")],
    k: Annotated[int, typer.Option("-k", help="Length of the list.")] = 10,
    unknown: arg.UnknownOption = None,
    as_json: JsonFlag = False,
    *,
    listed: ItemListOptions,
    ruled: RuleOptions,
) -> None:
    """List the items most similar to one item.

    Ids that are unknown in --exclude and --candidates are left out with a note; --unknown error refuses them.

    Examples
    --------
      dualnet similar run --item p0412
      dualnet similar run --item "The Matrix" -k 5
    """
    from ..models.registry import load
    from ..retrieval.unknown_ids import check_unknown

    listed.check()
    check_unknown(unknown)
    model = load(model_folder(run))
    named = NamedItems(model, model.catalogue_.ids)
    wanted = named.require(named.parse(item))
    if wanted not in model.catalogue_.ids:
        raise UnknownIdError(f"unknown item {wanted!r}; give the id or the title of an item of the catalogue")
    ask = partial(model.similar_items, wanted, k=k, unknown=cast(Any, unknown), **listed.wanted(model, named))
    rules = ruled.read(named)
    found = ask(rules=rules)
    note_idle(found, rules, lambda others: ask(rules=others))
    if as_json:
        print_json(found.to_json())
    else:
        say(str(found))
