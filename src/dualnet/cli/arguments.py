"""Arguments that several commands share: where data comes from, which protocol, lists in one word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..data.tasks import Split

DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A named data set (see `dualnet data list`), `demo`, or a table of events (CSV, TSV, Parquet, JSON lines).",
    ),
]
ItemsOption = Annotated[Path | None, typer.Option("--items", help="Table of items, when DATA is a table of events.")]
UserColumn = Annotated[str, typer.Option("--user-column", help="User id column of the events.")]
ItemColumn = Annotated[str, typer.Option("--item-column", help="Item id column of both tables.")]
TextOption = Annotated[str, typer.Option("--text", help="Text columns of the items, separated by commas.")]
TagsOption = Annotated[str, typer.Option("--tags", help="Tag columns (lists, or text separated by |).")]
CategoriesOption = Annotated[str, typer.Option("--categories", help="Columns with one label each.")]
NumbersOption = Annotated[str, typer.Option("--numbers", help="Numeric columns.")]
RatingOption = Annotated[str | None, typer.Option("--rating", help="Rating column; needs --threshold.")]
ThresholdOption = Annotated[float | None, typer.Option("--threshold", help="Ratings from here on are positives.")]
TimeOption = Annotated[str | None, typer.Option("--time", help="Time column of the events.")]
ContentOption = Annotated[str | None, typer.Option("--content", help="Use only these content columns, separated by commas.")]
ProtocolOption = Annotated[
    str,
    typer.Option("--protocol", help="citeulike1, citeulike2, out-matrix, unknown-users, four-quadrants, temporal or files."),
]
ColdOption = Annotated[float | None, typer.Option("--cold", help="out-matrix: share of new items.")]
FoldsOption = Annotated[int | None, typer.Option("--folds", help="out-matrix, unknown-users: number of folds.")]
FoldOption = Annotated[int | None, typer.Option("--fold", help="Which fold, from 0; `bench` runs all when left out.")]
CandidatesOption = Annotated[
    str | None, typer.Option("--candidates", help="out-matrix: rank `task` (held-out items) or `all` items.")
]
FitOnOption = Annotated[str | None, typer.Option("--fit-on", help="citeulike2: `train` or `train+validation`.")]

TrainOption = Annotated[Path | None, typer.Option("--train", help="files: training pairs (a table, or lists of items).")]
TestOption = Annotated[Path | None, typer.Option("--test", help="files: test pairs.")]
ValidationOption = Annotated[Path | None, typer.Option("--validation", help="files: validation pairs.")]
ShownOption = Annotated[Path | None, typer.Option("--shown", help="files: what new users show at test time.")]
LayoutOption = Annotated[
    str | None, typer.Option("--layout", help="files: pairs, lists, counted-lists or user-lists; guessed where it is clear.")
]
BaseOption = Annotated[int | None, typer.Option("--base", help="files: ids are whole numbers from 0 or from 1.")]
HeaderOption = Annotated[
    bool | None, typer.Option("--header/--no-header", help="files: whether the first line names the columns.")
]
KindOption = Annotated[str | None, typer.Option("--kind", help="files: refuse what is not `warm` (or `cold`).")]


@dataclass(frozen=True)
class TableOptions:
    """How tables of the user's own are read."""

    items: Path | None = None
    user: str = "user_id"
    item: str = "item_id"
    text: str = ""
    tags: str = ""
    categories: str = ""
    numbers: str = ""
    rating: str | None = None
    threshold: float | None = None
    time: str | None = None


def load_data(data: str, tables: TableOptions, content: str | None = None) -> Dataset:
    """Return the data set that an argument names.

    Raises
    ------
    UsageError
        If it is neither a known name nor a file.
    """
    from ..data import sources, synthetic
    from ..data.dataset import Dataset
    from ..errors import nearest

    if data == "demo":
        loaded = synthetic.library()
    elif data in sources.known():
        loaded = sources.load(data)
    elif Path(data).exists() or tables.items is not None or "." in data or "/" in data:
        loaded = Dataset.from_tables(
            Path(data), tables.items, user=tables.user, item=tables.item, text=words(tables.text), tags=words(tables.tags),
            categories=words(tables.categories), numbers=words(tables.numbers), rating=tables.rating,
            threshold=tables.threshold, time=tables.time, name=Path(data).name,
        )  # fmt: skip
    else:
        raise UsageError(f"'{data}' is neither a file nor a data set.{nearest(data, ['demo', *sources.known()])}")
    return loaded if content is None else loaded.with_content(words(content))


def make_split(data: Dataset, protocol: str, seed: int, options: dict[str, Any]) -> Split:
    """Divide data by a protocol with the options that were given."""
    from ..data import splits

    return splits.make(protocol, data, seed=seed, **options)


def words(text: str | None) -> tuple[str, ...]:
    """Return the parts of a comma-separated argument."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def whole_numbers(text: str, option: str) -> list[int]:
    """Return the whole numbers of a comma-separated argument.

    Raises
    ------
    UsageError
        If a part is not one, or there is none.
    """
    try:
        numbers = [int(part) for part in words(text)]
    except ValueError:
        raise UsageError(f"{option} wants whole numbers separated by commas, got {text!r}") from None
    if not numbers:
        raise UsageError(f"{option} wants at least one number")
    return numbers


def one_of(value: str, choices: tuple[str, ...], option: str) -> str:
    """Return the value if it is one of the choices.

    Raises
    ------
    UsageError
        Otherwise; the text names the nearest.
    """
    from ..errors import nearest

    if value not in choices:
        raise UsageError(f"{option} {value!r} is not known.{nearest(value, choices)}")
    return value
