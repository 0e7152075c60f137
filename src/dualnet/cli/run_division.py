"""What a run can be measured on again: `fit` keeps where its division came from, `evaluate` makes it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import arguments as arg
from .run_folder import read_test
from .sql_options import SqlOptions

if TYPE_CHECKING:
    from ..data.tasks import Split

WHAT_TO_GIVE = (
    "has no test of its own: it trained on everything, or on the rows of queries; give the folder of a split as SPLIT (`dualnet"
    " split` makes one, `dualnet fit SPLIT` trains on its training part alone)"
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
    place = str(Path(source).resolve()) if Path(source).is_file() else source
    return {"data": place, "tables": changed, "content": content, "protocol": protocol, "seed": seed}


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
    from ..data.split_files import load_split
    from ..errors import UsageError
    from .fit import from_config

    test = read_test(run)
    if test is None:
        raise UsageError(f"{run} {WHAT_TO_GIVE}")
    try:
        if "split" in test:
            made = load_split(Path(str(test["split"])))
            return made if test.get("content") is None else made.with_content(arg.words(str(test["content"])))
        if "config" in test:
            divided = from_config(Path(str(test["config"])))[0]
            if divided is None:
                raise UsageError(f"{run} {WHAT_TO_GIVE}")
            return divided
        data = arg.load_data(str(test["data"]), _tables(test["tables"]), test.get("content"))
        return arg.make_split(data, str(test["protocol"]), int(test["seed"]), {})
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{run}: its run.json does not say what it was measured on ({error}); give the folder of a split"
        ) from error


def _tables(told: Mapping[str, Any]) -> arg.TableOptions:
    given: dict[str, Any] = {name: Path(value) if name in ("items", "users") else value for name, value in told.items()}
    return arg.TableOptions(**given)
