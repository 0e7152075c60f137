"""`dualnet recommend`: a list for a known user, for a history, or for every user."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..errors import UsageError, counted
from ..runs.folder import model_folder
from . import arguments as arg
from .form_options import FormOptions
from .given_options import refuse_given
from .id_lists import NamedItems, id_list
from .option_groups import with_options
from .output import JsonFlag, check_output_file, note, print_json, say
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
from .rule_options import RuleOptions, note_idle
from .worker_options import WorkerOptions, report_parts

if TYPE_CHECKING:
    from ..ids import Key
    from ..models.base import Recommender


LITTLE, SHORT = 0.3, 2  # below so much popularity a history of so many items leaves next to nothing


@dataclass(frozen=True)
class ItemListOptions:
    """Options of any list of items."""

    exclude: Annotated[str, typer.Option("--exclude", help="Items not to list.")] = ""
    candidates: Annotated[str | None, typer.Option("--candidates", help="List only these items.")] = None
    conditions: Annotated[
        str | None, typer.Option("--filter", help='Conditions on item columns, as JSON: {"year": {"min": 2000}}.')
    ] = None
    only: Annotated[
        str | None, typer.Option("--only", help="List only items seen in training (known), or only others (new).")
    ] = None
    new_share: Annotated[
        float | None, typer.Option("--new-share", help="Share of the list for new items, 0 to 1; not with --only.")
    ] = None

    def check(self) -> None:
        """Refuse candidates that are none; raises `UsageError`."""
        if self.candidates is not None and not self.candidates.strip(" ,"):
            raise UsageError(
                f"--candidates {self.candidates!r} names no item, so that nothing could be listed; leave it out to list from all"
            )

    def wanted(self, model: Recommender, ids: NamedItems) -> dict[str, Any]:
        """Return the arguments of `Recommender.recommend` and of `similar_items`; items are read as `NamedItems` does."""
        if self.new_share and len(ids) == len(model.items_):
            note("note: --new-share shares nothing out, for no item is new")
        return {
            "exclude": id_list(self.exclude, ids, "--exclude"),
            "candidates": None if self.candidates is None else id_list(self.candidates, ids, "--candidates"),
            "filter": arg.json_object(self.conditions, "--filter"),
            "only": self.only,
            "new_share": self.new_share,
        }


@dataclass(frozen=True)
class ListOptions(ItemListOptions):
    """Options of a list for somebody."""

    times: TimesOption = None
    explore: Annotated[
        float, typer.Option("--explore", help="Share of the list, its last places, for new items that are drawn, 0 to 1.")
    ] = 0.0
    draw: Annotated[
        str | None, typer.Option("--draw", help="A word that the draw of --explore follows from; the same word draws the same.")
    ] = None
    popularity: Annotated[
        float, typer.Option("--popularity", help="How much of the average user's score stays in the scores, 0 to 1.")
    ] = 1.0
    seen: Annotated[str, typer.Option("--seen", help="Items not to list that are no part of the history: dismissed.")] = ""
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Also list items of the history, and those seen or disliked.")
    ] = False

    def check_all(self, history: str | None) -> None:
        """Refuse candidates that are none, and what means nothing without something else; raises `UsageError`."""
        self.check()
        times_of(self.times, history)
        if self.draw is not None and not self.explore:
            raise UsageError("--draw means nothing without --explore, whose draw it is; leave it out")

    def read_history(self, text: str | None, named: NamedItems, unknown: str | None) -> list[Key] | None:
        """Return the items of the history, None where there is none; tells where next to nothing is left of a short one."""
        if text is None:
            return None
        keys = history_of(text, named, unknown)
        if self.popularity < LITTLE and len(keys) <= SHORT:
            note(
                f"note: --popularity {self.popularity:g} leaves how this history differs from the average, which for one or two"
                " items is little; 0.5 is steadier"
            )
        return keys

    def wanted(self, model: Recommender, ids: NamedItems) -> dict[str, Any]:
        """Return the arguments of `Recommender.recommend`."""
        return super().wanted(model, ids) | {
            "popularity": self.popularity,
            "explore": self.explore,
            "draw": self.draw,
            "seen": id_list(self.seen, ids, "--seen"),
            "filter_seen": not self.keep_seen,
        }


@with_options(FormOptions, "given_form")
@with_options(RuleOptions, "ruled")
@with_options(ListOptions, "listed")
@with_options(WorkerOptions, "shared")
def recommend(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    user: Annotated[str | None, typer.Option("--user", help="A user seen in training.")] = None,
    history: HistoryOption = None,
    everyone: Annotated[bool, typer.Option("--all", help="For every user seen in training, to --out.")] = False,
    k: Annotated[int, typer.Option("-k", help="Length of the list.")] = 10,
    new_items: NewItemsOption = None,
    columns: arg.UserColumnsOption = None,
    unknown: arg.UnknownOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="With --all: file to write, NAME.parquet; with --workers a folder of parts.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --all: replace what is at --out.")] = False,
    as_json: JsonFlag = False,
    *,
    listed: ListOptions,
    ruled: RuleOptions,
    given_form: FormOptions,
    shared: WorkerOptions,
) -> None:
    """Recommend items to someone, or to everyone.

    To someone known (--user), someone new (--history), or all known users (--all, to a Parquet file). New items of a table
    can be part of the answer and of the history, without training. Items are ids or titles, separated by commas; a title may
    lack its year or its article and have one typo, and an id that exists counts before a title. One that has a comma may
    stand in quotes: --history '"Dune, Part Two",p9'.

    With --workers, --all writes a folder of Parquet parts with the same lists; a job that was killed goes on where it stopped
    when the same command is given again.

    Examples
    --------
      dualnet recommend run --user r0042
      dualnet recommend run --history p0007,p0099 -k 5
      dualnet recommend run --history "Toy Story, Finding Nemo"
      dualnet recommend run --history p0007 --new-items new_items.csv
      dualnet recommend run --user r0042 --new-share 0.3 --popularity 0.5
      dualnet recommend run --user r0042 --rules home.toml --pin 1=p0007
      dualnet recommend run --user r0042 --boost year:1 --at-least new:2
      dualnet recommend run --all --out everyone.parquet
      dualnet recommend run --all --workers 4 --out everyone
    """
    from ..models.registry import load
    from ..retrieval.unknown_ids import check_unknown

    check_one_user(columns, {"--user": user is not None, "--history": history is not None, "--all": everyone})
    if everyone:
        refuse_given(context, ["columns"], "means nothing with --all, where everybody has columns of their own")
    else:
        refuse_given(context, ["overwrite", "workers", "address"], "means nothing without --all")
    if everyone != (out is not None):
        raise UsageError("--all and --out belong together: recommendations for everyone go to a Parquet file")
    listed.check_all(history)
    check_unknown(unknown)
    shared.check()
    if out is not None and not shared.several:
        check_output_file(out, ".parquet", overwrite=overwrite)
    refuse_form_alone(new_items, given_form)
    model = load(model_folder(run))
    fresh, ids = with_new_items(new_items, model, run, given_form)
    named = NamedItems(model, ids, fresh)
    wanted = {"k": k, "new_items": fresh, "unknown": unknown, "rules": ruled.read(named), **listed.wanted(model, named)}
    if out is not None:
        _everyone(model, run, out, wanted, shared, overwrite=overwrite, as_json=as_json)
        return
    ask = partial(
        model.recommend,
        stored_user(model, user, run) if user is not None else None,
        history=listed.read_history(history, named, unknown),
        user_columns=arg.pairs(columns, "--user-columns"),
        times=times_of(listed.times, history),
        **wanted,
    )
    found = ask()
    if not listed.explore:  # another draw is another list
        note_idle(found, wanted["rules"], lambda rules: ask(rules=rules))
    if as_json:
        print_json(found.to_json())
    else:
        say(str(found))


def _everyone(
    model: Recommender, run: Path, out: Path, wanted: dict[str, Any], shared: WorkerOptions, *, overwrite: bool, as_json: bool
) -> None:
    """Write the lists of all known users: one file, or with workers a folder of parts."""
    if shared.several:
        from ..batch import recommend_all

        done = recommend_all(model_folder(run), out, overwrite=overwrite, say=note, **shared.cluster, **wanted)
        report_parts(done, f"lists for {counted(len(model.users_), '{user|users}')}", as_json=as_json)
        return
    written = cast(int, model.recommend_all(out, **wanted))  # to a file: how many rows
    if as_json:
        print_json({"rows": written, "users": len(model.users_), "file": str(out)})
    else:
        say(f"wrote {counted(written, '{row|rows}')} for {counted(len(model.users_), '{user|users}')} to {out}")
