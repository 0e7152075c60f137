"""Reader of JSON rows: one object a line, or one array of objects; lines of Python literals are read too."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import DataError, warn
from .text_files import lines_of

SUFFIXES = (".jsonl", ".ndjson", ".jl", ".jsonlines", ".json")
LONGEST_LINE = 2**20  # characters
DEEPEST = 100  # brackets inside each other in a Python literal


def read_json(text: str, path: Path) -> tuple[dict[str, list[Any]], list[int]]:
    """Return the columns of a JSON file and the line (of an array the row) of each object.

    Lines end at line feeds only: U+2028 and its like may stand in a text.

    Raises
    ------
    DataError
        For what is not JSON or not an object; the text names the line.
    """
    begun = text.lstrip()
    one = begun.startswith("[") and "{" in begun[:4096]
    columns: dict[str, list[Any]] = {}
    lines: list[int] = []
    for line, record in _array(text, path) if one else _lines(text, path):  # a row is not kept: it holds its names once more
        for name in record:
            if name not in columns:
                columns[name] = [None] * len(lines)
        for name, values in columns.items():
            values.append(record.get(name))
        lines.append(line)
    if not lines:
        raise DataError(f"{path} has no rows")
    return columns, lines


def _lines(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    python = False
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip():
            continue
        if len(line) > LONGEST_LINE:
            raise DataError(f"{path}, line {number} is longer than 1 MiB; is this a JSON-lines file?")
        if python or line.lstrip().startswith(("{'", "{u'")):
            if not python:
                text = f"{path.name}: the lines are Python's own and not JSON; they were read as such"
                warn(text)
            python, record = True, _literal(line, path, number)
        else:
            record = _decoded(line, path, f", line {number}", "write one object a line")
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number} is not a JSON object; write one object a line")
        yield number, record


def _array(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, record in enumerate(_decoded(text, path, "", "write an array of objects, or one object a line"), 1):
        if not isinstance(record, dict):
            raise DataError(f"{path}, entry {number} is not a JSON object; write one object for each row")
        yield number, record


def _decoded(text: str, path: Path, place: str, remedy: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        if text.strip() == "{":
            remedy = "write each object on one line, or all of them as an array"
        raise DataError(f"{path}{place} is not valid JSON ({error}); {remedy}") from error


def _literal(line: str, path: Path, number: int) -> Any:
    """Return a Python literal; it is parsed and never run."""
    depth = deepest = 0
    for character in line:
        depth += (character in "[{(") - (character in "]})")
        deepest = max(deepest, depth)
    try:
        if deepest > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")
        return ast.literal_eval(line.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise DataError(f"{path}, line {number} is neither JSON nor a Python literal ({error}); write it as JSON") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key '{twice[:80]}' occurs twice in one object")
    return made


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")
