"""Arguments that several commands share: data, protocols, and lists in one word."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import UsageError
from . import completion
from .given_options import refuse_tables
from .option_groups import with_options
from .sql_options import SqlOptions, load_sql

if TYPE_CHECKING:
    from ..data.dataset import Dataset

DataArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        autocompletion=completion.data_sets,
        help="A named data set (see `dualnet data list`), `demo`, a table of events (CSV, TSV, Parquet, JSON lines), or a folder or"
        " s3:// address of Parquet parts.",
    ),
]
ContentOption = Annotated[str | None, typer.Option("--content", help="Use only these content columns, separated by commas.")]
PROTOCOL_NAMES = "citeulike1, citeulike2, out-matrix, unknown-users, four-quadrants"
ProtocolOption = Annotated[
    str,
    typer.Option("--protocol", help=f"{PROTOCOL_NAMES} or temporal.", autocompletion=completion.drawn_protocols),
]
SplitProtocolOption = Annotated[
    str,
    typer.Option("--protocol", help=f"{PROTOCOL_NAMES}, temporal or files.", autocompletion=completion.protocols),
]
ColdOption = Annotated[float | None, typer.Option("--cold", help="out-matrix: share of new items.")]
FoldsOption = Annotated[int | None, typer.Option("--folds", help="out-matrix, unknown-users: number of folds.")]
FoldOption = Annotated[int | None, typer.Option("--fold", help="Which fold, from 0; `bench` runs all when left out.")]
CandidatesOption = Annotated[
    str | None, typer.Option("--candidates", help="out-matrix: rank `task` (held-out items) or `all` items.")
]
SplitCandidatesOption = Annotated[
    str | None,
    typer.Option("--candidates", help="out-matrix, files: rank `task` (held-out items) or `all` items; files: a file of ids."),
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

UserColumnsOption = Annotated[
    str | None, typer.Option("--user-columns", help="What is known of the user: COLUMN=VALUE,COLUMN=VALUE.")
]
UnknownOption = Annotated[
    str | None,
    typer.Option(
        "--unknown",
        help="Ids that the catalogue does not know: error, or ignore. By default those of --history are an error, the others are"
        " left out with a note.",
    ),
]

TrackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        help="Send the figures of each epoch to mlflow or tensorboard too; repeatable.",
        autocompletion=completion.tracker_names,
    ),
]
TrackToOption = Annotated[
    str | None,
    typer.Option("--track-to", help="URI of the MLflow store, or folder for TensorBoard; in the run's folder by default."),
]


def worker_choices(workers: str | None, address: str | None) -> dict[str, Any]:
    """Return what ``--workers`` and ``--address`` say, as arguments of `RunOptions`.

    Raises
    ------
    UsageError
        If ``--workers`` is neither a number nor two with a colon between them, or ``--address`` stands alone.
    """
    from ..train.options import check_values
    from ..typed_values import Form

    if workers is None:
        if address is not None:
            raise UsageError("--address says where; say also how many with --workers, such as --workers 4")
        return {}
    parts = workers.split(":")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--workers wants a number, such as 4, or the least and the most, such as 2:8; got {workers!r}")
    counts = [int(part) for part in parts]
    given = {"workers": counts[0] if len(counts) == 1 else tuple(counts)}
    return check_values(given if address is None else {**given, "address": address}, "--", Form(" ", "must"))


def trackers(names: list[str] | None, place: str | None, run: Path, called: str | None = None) -> tuple[Any, ...]:
    """Return the trackers that ``--track`` names.

    Raises
    ------
    UsageError
        If one is not known, or ``--track-to`` stands alone.
    """
    from ..train.tracking.by_name import make_tracker

    if place is not None and not names:
        raise UsageError("--track-to says where; say also what with --track mlflow or --track tensorboard")
    return tuple(make_tracker(name, place, run, called) for name in dict.fromkeys(names or []))


@dataclass(frozen=True)
class TableOptions(SqlOptions):
    """Options of the tables that a command reads; `with_table_options` adds them."""

    items: Annotated[Path | None, typer.Option("--items", help="Table of items, when DATA is a table of events.")] = None
    user: Annotated[str, typer.Option("--user-column", help="User id column of the events.")] = "user_id"
    item: Annotated[str, typer.Option("--item-column", help="Item id column of both tables.")] = "item_id"
    text: Annotated[str, typer.Option("--text", help="Text columns of the items, separated by commas.")] = ""
    tags: Annotated[str, typer.Option("--tags", help="Tag columns (lists, or text separated by |).")] = ""
    categories: Annotated[str, typer.Option("--categories", help="Columns with one label each.")] = ""
    numbers: Annotated[str, typer.Option("--numbers", help="Numeric columns.")] = ""
    vectors: Annotated[
        str, typer.Option("--vectors", help="List columns, or NAME=FILE.npy|.npz with a row for each row of the items.")
    ] = ""
    images: Annotated[str, typer.Option("--images", help="Columns with paths of pictures (relative: beside the items).")] = ""
    image_model: Annotated[
        str | None, typer.Option("--image-model", help="NAME:WEIGHTS, a network of timm and its safetensors file.")
    ] = None
    text_encoder: Annotated[
        str,
        typer.Option(
            "--text-encoder", help="tfidf, hashing, a sentence-transformers model by path or name, or tfidf+MODEL for both."
        ),
    ] = "tfidf"
    tokenizer: Annotated[
        str,
        typer.Option("--tokenizer", help="How text becomes words: unicode, whitespace (cut before) or characters (pairs)."),
    ] = "unicode"
    stop_words: Annotated[
        str, typer.Option("--stop-words", help="Languages, such as english,german; none; or a file words.txt, one a line.")
    ] = "english"
    token_pattern: Annotated[
        str | None, typer.Option("--token-pattern", help="A regular expression that finds words, instead of a tokenizer.")
    ] = None
    title: Annotated[
        str | None, typer.Option("--title", help="Column to show as the name of an item; by default the first text column.")
    ] = None
    picture: Annotated[
        str | None, typer.Option("--picture", help="Column with the address (https://...) of a picture to show.")
    ] = None
    link: Annotated[
        str | None, typer.Option("--link", help="Column with the address (https://...) of a page about the item.")
    ] = None
    rating: Annotated[str | None, typer.Option("--rating", help="Rating column; needs --threshold.")] = None
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Ratings from here on are likes, those below dislikes.")
    ] = None
    unrated: Annotated[
        float | None, typer.Option("--unrated", help="The rating that means 'not rated', such as 0 or -1: seen, no like.")
    ] = None
    event: Annotated[
        str | None,
        typer.Option(
            "--event-column",
            "--event-type",
            help="Column with like, seen or dislike, or with types of your own, instead of ratings.",
        ),
    ] = None
    likes: Annotated[
        str, typer.Option("--likes", help="Values of --event-column that are likes, such as buy,cart; all others were seen.")
    ] = ""
    event_weights: Annotated[
        str,
        typer.Option(
            "--event-weights",
            help="What each type weighs, such as view=1,save=2,buy=4,opened=0,dismiss=-1: 0 seen, below 0 disliked.",
        ),
    ] = ""
    weight: Annotated[
        str | None, typer.Option("--weight", help="Column with the weight of an event, such as a play count.")
    ] = None
    duplicates: Annotated[
        str,
        typer.Option("--duplicates", help="Pairs that occur again: error, first, last, max or sum (of their weights)."),
    ] = "error"
    time: Annotated[str | None, typer.Option("--time", help="Time column of the events.")] = None
    time_format: Annotated[
        str, typer.Option("--time-format", help="auto, s, ms, us or ns since 1970, or a pattern such as %m/%d/%Y.")
    ] = "auto"
    users: Annotated[Path | None, typer.Option("--users", help="Table of users, with the user id column of the events.")] = None
    user_categories: Annotated[str, typer.Option("--user-categories", help="Columns of users with one label each.")] = ""
    user_numbers: Annotated[str, typer.Option("--user-numbers", help="Numeric columns of users.")] = ""
    forget: Annotated[
        Path | None,
        typer.Option(
            "--forget",
            help="Leave out the users that a file names: what GET /v1/forgotten answers (.json), one id a line, or a table.",
        ),
    ] = None
    separator: Annotated[
        str | None,
        typer.Option(
            "--separator", help="Between the fields of text tables: ';', '::', tab, blanks (any number); told by itself mostly."
        ),
    ] = None
    encoding: Annotated[str | None, typer.Option("--encoding", help="Of text tables, such as latin-1; UTF-8 by default.")] = (
        None
    )
    comment: Annotated[str | None, typer.Option("--comment", help="Leave out lines that begin so, such as '#'.")] = None
    decimal: Annotated[
        str | None,
        typer.Option(
            "--decimal", help="What begins decimals in columns of numbers: comma (3,5) or point (3.5); told by itself mostly."
        ),
    ] = None
    column_names: Annotated[
        str, typer.Option("--column-names", help="Names of the columns of events without a header, separated by commas.")
    ] = ""
    item_column_names: Annotated[str, typer.Option("--item-column-names", help="The same for the items.")] = ""
    user_column_names: Annotated[str, typer.Option("--user-column-names", help="The same for the users.")] = ""
    missing_content: Annotated[
        str,
        typer.Option(
            "--missing-content", help="Items of the events without a row: error, zero (empty content) or drop (their events)."
        ),
    ] = "error"


TEXT_READING = ("text_encoder", "tokenizer", "stop_words", "token_pattern")
AS_NUMBERS = (*TEXT_READING, "image_model")  # fields that say how texts and pictures become numbers
SHOWN = ("title", "picture", "link")  # fields that name columns for a person to see
with_table_options = with_options(TableOptions, "tables")


DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where networks train: auto (a GPU where there is one), cpu or cuda."),
]


@dataclass(frozen=True)
class RunChoices:
    """Options of a run that can change the result of a fit; the fields are the options that `with_run_choices` adds."""

    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None,
        typer.Option("--device", help="Where networks train: auto (default; a GPU where there is one), cpu or cuda."),
    ] = None
    monitor: Annotated[
        str | None,
        typer.Option("--monitor", help="Validation figure that decides: recall@auto (default), recall@50, @100 or @200."),
    ] = None
    patience: Annotated[
        int | None, typer.Option("--patience", min=1, help="Validations without a better figure before training stops.")
    ] = None
    validate_every: Annotated[int | None, typer.Option("--validate-every", min=1, help="Epochs between two validations.")] = (
        None
    )
    validation_users: Annotated[
        int | None, typer.Option("--validation-users", min=1, help="Users of each validation task that are ranked, at most.")
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """Options that were given, as arguments of `RunOptions`."""
        return {name: value for name, value in asdict(self).items() if value is not None}


with_run_choices = with_options(RunChoices, "choices")


@dataclass(frozen=True)
class WorkerChoices:
    """Options that say on what processes a fit runs; `with_worker_choices` adds them."""

    workers: Annotated[
        str | None,
        typer.Option(
            "--workers",
            help="Share the fit among so many processes of a Ray cluster: 4, or 2:8 for as many as have room; 1 is as without.",
        ),
    ] = None
    address: Annotated[
        str | None,
        typer.Option(
            "--address", help="HOST:PORT of the Ray cluster, or auto; by default one on this machine that ends with the run."
        ),
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """Options that were given, as arguments of `RunOptions`; raises as `worker_choices`."""
        return worker_choices(self.workers, self.address)


with_worker_choices = with_options(WorkerChoices, "sharing")


def load_data(data: str | None, tables: TableOptions, content: str | None = None) -> Dataset:
    """Return the data set that an argument names, or that queries to a database describe.

    Raises
    ------
    UsageError
        If it is neither a known name nor a file, or both or none of DATA and ``--sql`` are given.
    """
    from ..data import sources, synthetic
    from ..data.dataset import Dataset
    from ..data.dependent_arguments import PARTNERS, refuse_alone
    from ..data.opened.places import is_opened
    from ..data.table_spec import SEVERAL, TableSpec
    from ..errors import near_path, nearest

    asked = any(getattr(tables, field.name) is not None for field in fields(SqlOptions))
    if data is None and not asked:
        raise UsageError("name the data: a table of events, a data set (see `dualnet data list`), or a query with --sql")
    columns: dict[str, Any] = {
        field.name: words(value) if field.name in SEVERAL else value
        for field in fields(TableSpec)
        if (value := getattr(tables, field.name, None)) is not None
    }
    columns["vectors"] = _vectors(tables.vectors)
    if not is_named(data):
        # in Python texts may come later, with Dataset.with_pair_texts
        refuse_alone(columns, {name: (PARTNERS[name][0], ("text",)) for name in TEXT_READING})
    if data is None or asked:
        if data is not None or tables.items is not None or tables.users is not None:
            raise UsageError(
                "give either tables (DATA, --items, --users) or queries (--sql, --items-sql, --users-sql), not both"
            )
        loaded = load_sql(tables, columns)
    elif data is not None and is_named(data):
        own = replace(tables, text_encoder=TableOptions.text_encoder)
        refuse_tables(own, f"means nothing for '{data}', a named data set that comes with tables of its own")
        loaded = synthetic.library() if data == "demo" else sources.load(data)
        if tables.text_encoder != TableOptions.text_encoder:
            loaded = loaded.with_text_encoder(tables.text_encoder)
    elif is_opened(data) and not _is_text_table(tables):
        loaded = Dataset.open(data, items=tables.items, users=tables.users, **columns)
    elif os.path.exists(data) or tables.items is not None or "." in data or "/" in data:  # noqa: PTH110 - a Path raises for a name that is too long
        loaded = Dataset.from_tables(data, tables.items, users=tables.users, name=Path(data).name, **columns)
    else:
        near = near_path(data)  # of a folder, such as that of a split
        hint = near.removeprefix(".") or nearest(data, ["demo", *sources.known()])
        raise UsageError(f"'{data}' is neither a file nor a data set.{hint}")
    if tables.forget is not None:
        from ..runs.forgotten import without_forgotten

        loaded = without_forgotten(loaded, Path(tables.forget), tables.user)
    return loaded if content is None else loaded.with_content(words(content))


def _is_text_table(tables: TableOptions) -> bool:
    """Return whether an option says how text tables are written: some table is one, or the option is refused with its reason."""
    return any(
        (
            tables.separator,
            tables.encoding,
            tables.comment,
            tables.decimal,
            tables.column_names,
            tables.item_column_names,
            tables.user_column_names,
        )
    )


def is_named(data: str | None) -> bool:
    """Return whether an argument names one of the data sets that come with tables of their own."""
    from ..data import sources

    return data is not None and (data == "demo" or data in sources.known())


def whole_path(data: str | None) -> str | None:
    """Return an argument DATA for another folder: a file or folder of this machine by its whole path, names and addresses as they are."""
    there = data is not None and not is_named(data) and os.path.exists(data)  # noqa: PTH110 - a Path raises for a name that is too long
    return str(Path(data).resolve()) if data is not None and there else data


def tables_read(data: str | None, loaded: Dataset) -> str:
    """Return what tells tables, and how they are read, from others; empty for named data that are read as usual."""
    if not is_named(data):
        return loaded.fingerprint()
    encoder = TableOptions.text_encoder if loaded.items is None else loaded.items.spec.text_encoder
    return "" if encoder == TableOptions.text_encoder else f"text_encoder={encoder}"


def model_settings(settings: list[str], models: tuple[str, ...] | None = None) -> dict[str, dict[str, Any]]:
    """Return the parameters that ``--set MODEL.NAME=VALUE`` options give, by model.

    Raises
    ------
    UsageError
        If one has no model, or one that is not among `models` (all there are by default).
    """
    from ..config import parse_settings
    from ..models.registry import MODELS

    known = tuple(MODELS) if models is None else models
    parameters: dict[str, dict[str, Any]] = {}
    for key, value in parse_settings(settings).items():
        model, dot, name = key.partition(".")
        if not dot or model not in known:
            raise UsageError(f"--set {key}: write MODEL.NAME=VALUE with a model of {', '.join(known)}")
        parameters.setdefault(model, {})[name] = value
    return parameters


def words(text: str | None) -> tuple[str, ...]:
    """Return the parts of a comma-separated argument."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def pairs(text: str | None, option: str) -> dict[str, str] | None:
    """Return the NAME=VALUE parts of a comma-separated argument, None where it was not given; raises `UsageError` for others."""
    if text is None:
        return None
    parts = [part.partition("=") for part in words(text)]
    if not parts or not all(name.strip() and sign for name, sign, _ in parts):
        raise UsageError(f"{option} takes NAME=VALUE,NAME=VALUE, got {text!r}")
    return {name.strip(): value.strip() for name, _, value in parts}


def json_object(text: str | None, option: str) -> dict[str, Any] | None:
    """Return an argument that is a JSON object, None where it was not given; raises `UsageError` for anything else."""
    import json

    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{option} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{option} must be a JSON object, got {text!r}")
    return found


def _vectors(text: str) -> tuple[str, ...] | dict[str, Path | None]:
    """Return list columns by name, or a mapping where a part is NAME=FILE."""
    parts = words(text)
    if not any("=" in part for part in parts):
        return parts
    return {name: Path(file) if file else None for name, _, file in (part.partition("=") for part in parts)}


def whole_numbers(text: str, option: str, *, repeats: bool = False) -> list[int]:
    """Return the whole numbers of a comma-separated argument.

    Parameters
    ----------
    text : str
        The argument.
    option : str
        Its name, for error texts.
    repeats : bool
        Whether a number may come twice; of seeds and cut-offs none may.

    Raises
    ------
    UsageError
        If a part is not one or comes twice, or there is none.
    """
    try:
        numbers = [int(part) for part in words(text)]
    except ValueError:
        raise UsageError(f"{option} wants whole numbers separated by commas, got {text!r}") from None
    if not numbers:
        raise UsageError(f"{option} wants at least one number")
    if not repeats and len(set(numbers)) < len(numbers):  # a run that counts twice would make intervals too narrow
        raise UsageError(f"{option} wants each number once, got {text!r}")
    return numbers
