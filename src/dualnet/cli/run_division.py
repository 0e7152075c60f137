"""The division that a run is measured on: `fit` records its origin, and `evaluate` makes it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runs.folder import read_test
from . import arguments as arg
from .config_sections import checked_data, checked_division
from .divisions import given_split, make_split, split_folder
from .sql_options import FILES, SqlOptions

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..data.tasks import Split

WHAT_TO_GIVE = (
    "has no test of its own: it trained on everything, or on the rows of queries; fit again into another --out with --protocol"
    " four-quadrants (known and new users are asked for known and new items), or give the folder of a split as SPLIT (`dualnet split` makes one, `dualnet fit SPLIT` trains on its training part"
    " alone)"
)


def division_origin(
    source: str | None, tables: arg.TableOptions, content: str | None, protocol: str, seed: int
) -> dict[str, Any] | None:
    """Return what makes a division of tables or a named data set again; None for queries, whose parameters may be private."""
    if source is None or any(getattr(tables, field.name) is not None for field in fields(SqlOptions)):
        return None
    changed = {
        field.name: value for field in fields(tables) if (value := getattr(tables, field.name)) != field.default
    }  # fmt: skip
    changed |= {name: str(value.resolve()) for name, value in changed.items() if isinstance(value, Path)}
    if "vectors" in changed:
        parts = (part.partition("=") for part in arg.words(changed["vectors"]))
        changed["vectors"] = ",".join(f"{name}={Path(file).resolve()}" if file else name for name, _, file in parts)
    return {"data": arg.whole_path(source), "tables": changed, "content": content, "protocol": protocol, "seed": seed}


def division_of(run: Path) -> Split:
    """Return the division whose training part a run was fitted on.

    Parameters
    ----------
    run : Path
        The folder of a run, or the folder `model` in it.

    Raises
    ------
    UsageError
        If the run does not say; the text says what to give.
    DualNetError
        If what it was made from is not there any more, or cannot be read.
    """
    from ..errors import DualNetError, UsageError

    test = read_test(run)
    if test is None:
        raise UsageError(f"{run} {WHAT_TO_GIVE}")
    try:
        if "split" in test:
            return given_split(Path(str(test["split"])), None if test.get("content") is None else str(test["content"]))
        if "config" in test:
            divided = from_config(Path(str(test["config"])))[0]
            if divided is None:
                raise UsageError(f"{run} {WHAT_TO_GIVE}")
            return divided
        data = arg.load_data(str(test["data"]), _tables(test["tables"]), test.get("content"))
        return make_split(data, str(test["protocol"]), int(test["seed"]), {})
    except DualNetError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{run}: its run.json does not say what it was measured on ({error}); give the folder of a split"
        ) from error


def from_config(path: Path) -> tuple[Split | None, Dataset, arg.TableOptions, dict[str, Any], dict[str, Any]]:
    """Return the split and training set that a configuration describes, how its tables are read, its model and its run.

    Raises
    ------
    UsageError
        If the file does not say what to train on, or says what nobody understands.
    """
    from ..config import read_config, run_choices
    from ..errors import UsageError

    config = read_config(path)
    model, run = dict(config.get("model", {})), run_choices(config.get("run", {}), str(path))
    section = dict(config.get("data", {}))
    if "source" not in section and "events_sql" not in section:
        raise UsageError(
            f'{path}: section [data] needs source = "..." (a data set\'s name or a table of events), or events_sql = "..." and'
            ' database_url_env = "..."'
        )
    told = checked_data(section, path)
    source, content = section.get("source"), section.get("content")
    section = told
    content = ",".join(content) if isinstance(content, list) else content
    listed: dict[str, Any] = {
        key: ",".join(value) if isinstance(value, list) and key != "sql_params" else value for key, value in section.items()
    }
    for key in ("items", "users", "forget", *FILES):
        if key in listed:
            listed[key] = path.parent / str(listed[key])
    chosen = None if source is None else str(source)
    beside = None if chosen is None else path.parent / chosen
    # not any folder: one may have the name of a data set
    is_folder = beside is not None and not arg.is_named(chosen) and beside.is_dir()
    if beside is not None and (beside.is_file() or is_folder or split_folder(str(beside)) is not None):
        chosen = str(beside)
    tables = arg.TableOptions(**listed)
    folder = split_folder(chosen)
    if folder is not None:
        dropped = [*section, *(["[split]"] if config.get("split") else [])]
        if dropped:
            raise UsageError(
                f"{path}: {', '.join(dropped)} would change nothing, for {chosen} is a split whose tables were read and divided"
                " when it was made; leave it out"
            )
        kept = given_split(folder, content)
        return kept, kept.train, tables, model, run
    data = arg.load_data(chosen, tables, content)
    division = dict(config.get("split", {}))
    if not division:
        return None, data, tables, model, run
    protocol, seed, options = checked_division(division, path)
    try:
        made = make_split(data, protocol, seed, options)
    except UsageError as error:
        raise UsageError(f"{path}: section [split]: {error}") from error
    return made, made.train, tables, model, run


def _tables(told: Mapping[str, Any]) -> arg.TableOptions:
    queries = [field.name for field in fields(SqlOptions) if field.name in told]
    if queries:  # `division_origin` keeps none; a folder from elsewhere must not ask a database here
        raise ValueError(f"it names {queries[0]}, and no database is asked for a run")
    given: dict[str, Any] = {
        name: Path(value) if name in ("items", "users", "forget") else value for name, value in told.items()
    }
    return arg.TableOptions(**given)
