"""`dualnet recommend`: for a known user, a history, or everyone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..runs.folder import model_folder
from . import arguments as arg
from .asker import check_one_asker, stored_user
from .form_options import FormOptions, new_columns
from .given_options import refuse_given, refuse_tables
from .id_lists import id_list
from .option_groups import with_options
from .output import JsonFlag, note, print_json, say
from .output_file import check_output_file


@with_options(FormOptions, "given_form")
def recommend(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    user: Annotated[str | None, typer.Option("--user", help="A user seen in training.")] = None,
    history: Annotated[str | None, typer.Option("--history", help="Items somebody took, separated by commas.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="For every user seen in training, to --out.")] = False,
    k: Annotated[int, typer.Option("-k", help="Length of the list.")] = 10,
    new_items: Annotated[
        Path | None, typer.Option("--new-items", help="Table of new items (column item_id and content), for this question.")
    ] = None,
    exclude: Annotated[str, typer.Option("--exclude", help="Items not to list.")] = "",
    candidates: Annotated[str | None, typer.Option("--candidates", help="List only these items.")] = None,
    conditions: Annotated[
        str | None, typer.Option("--filter", help='Conditions on item columns, as JSON: {"year": {"min": 2000}}.')
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", help="List only items seen in training (known), or only others (new).")
    ] = None,
    new_share: Annotated[
        float | None, typer.Option("--new-share", help="Share of the list for new items, 0 to 1; not with --only.")
    ] = None,
    popularity: Annotated[
        float, typer.Option("--popularity", help="How much of the average user's score stays in the scores, 0 to 1.")
    ] = 1.0,
    columns: arg.UserColumnsOption = None,
    seen: Annotated[str, typer.Option("--seen", help="Items not to list that are no part of the history: dismissed.")] = "",
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Also list items of the history, and those seen or disliked.")
    ] = False,
    unknown: arg.UnknownOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="With --all: file to write, NAME.parquet.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --all: replace the file at --out.")] = False,
    as_json: JsonFlag = False,
    *,
    given_form: FormOptions,
) -> None:
    """Recommend items to someone, or to everyone.

    To someone known (--user), someone new (--history), or all known users (--all, to a Parquet file). New items of a table
    can be part of the answer and of the history, without training. Ids are separated by commas; one that has a comma stands in
    quotes: --history '"Dune, Part Two",p9'.

    Examples
    --------
      dualnet recommend run --user r0042
      dualnet recommend run --history p0007,p0099 -k 5
      dualnet recommend run --history p0007 --new-items new_items.csv
      dualnet recommend run --user r0042 --new-share 0.3 --popularity 0.5
      dualnet recommend run --all --out everyone.parquet
    """
    from ..errors import UsageError
    from ..models.registry import load
    from ..retrieval.unknown_ids import check_unknown
    from ..runs.new_tables import read_items

    if user is not None or history is not None or everyone or columns is None:  # columns alone are a question too
        check_one_asker({"--user": user is not None, "--history": history is not None, "--all": everyone})
    if everyone:
        refuse_given(context, ["columns"], "means nothing with --all, where everybody has columns of their own")
    else:
        refuse_given(context, ["overwrite"], "means nothing without --all")
    if everyone != (out is not None):
        raise UsageError("--all and --out belong together: recommendations for everyone go to a Parquet file")
    if candidates is not None and not candidates.strip(" ,"):
        raise UsageError(
            f"--candidates {candidates!r} names no item, so that nothing could be listed; leave it out to list from all"
        )
    check_unknown(unknown)
    if out is not None:
        check_output_file(out, ".parquet", overwrite=overwrite)
    if new_items is None:
        refuse_tables(given_form, "means nothing without --new-items, the table it is about")
    model = load(model_folder(run))
    fresh = None
    ids = model.catalogue_.ids
    if new_items is not None:
        fresh = read_items(new_items, model, run, new_columns(given_form))
        ids = ids.extend([key for key in fresh.ids if key not in ids])
    if new_share and len(ids) == len(model.items_):
        note("note: --new-share shares nothing out, for no item is new; give new ones with --new-items")
    wanted: Any = {
        "k": k,
        "exclude": id_list(exclude, ids, "--exclude"),
        "candidates": None if candidates is None else id_list(candidates, ids, "--candidates"),
        "filter": arg.json_object(conditions, "--filter"),
        "only": only,
        "new_share": new_share,
        "popularity": popularity,
        "seen": id_list(seen, ids, "--seen"),
        "filter_seen": not keep_seen,
        "new_items": fresh,
        "unknown": unknown,
    }
    if everyone:
        written = model.recommend_all(out, **wanted)
        if as_json:
            print_json({"rows": written, "users": len(model.users_), "file": str(out)})
        else:
            say(f"wrote {written:,} rows for {len(model.users_):,} users to {out}")
        return
    found = model.recommend(
        stored_user(model, user) if user is not None else None,
        history=None if history is None else id_list(history, ids, "--history"),
        user_columns=arg.pairs(columns, "--user-columns"),
        **wanted,
    )
    if as_json:
        print_json(found.to_json())
    else:
        say(str(found))
