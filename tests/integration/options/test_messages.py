"""No message proposes an option or an argument that is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import dualnet
from dualnet.cli.spelling import as_options
from tests.integration.options.outcomes import walk

ROOT = Path(dualnet.__file__).parent
TREE = dict(walk())
EVERY = {option for options in TREE.values() for option in options} | {"--help", "--no-sync"}
SHORT = {"--no-compare", "--no-presets", "--no-prune", "--no-header", "--no-isolation"}
KEYS = {"low", "high"}  # of a range in --grid
# cli modules that serve one command; all others serve several
ONE = {name.replace(" ", "_"): name for name in TREE if name} | {"data": "data"}


def messages(path: Path) -> list[tuple[int, str]]:
    """Return the texts of the errors and warnings that a file raises, with their lines; what is filled in is left out."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name.endswith("Error") or name in ("warn", "note", "refuse_given", "refuse_tables"):
                texts = [part.value for argument in node.args for part in ast.walk(argument) if isinstance(part, ast.Constant)]
                found.append((node.lineno, " ".join(text for text in texts if isinstance(text, str))))
    return found


def unknown_options(text: str, allowed: set[str]) -> set[str]:
    """Return the options in a text that are not among some."""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - allowed - SHORT


MESSAGES = [
    pytest.param(path, line, text, id=f"{path.relative_to(ROOT)}:{line}")
    for path in sorted(ROOT.rglob("*.py"))
    for line, text in messages(path)
    if "--" in text or re.search(r"\b[a-z_]+=", text)
]
PARAMETERS = set(re.findall(r"\b([a-z_]+)\b", (Path(__file__).parents[2] / "architecture" / "public_names.txt").read_text()))


@pytest.mark.parametrize(("path", "line", "text"), MESSAGES)
def test_what_is_proposed_exists(path: Path, line: int, text: str) -> None:
    command = ONE.get(path.stem) if path.parent.name == "cli" else None
    own = {option for name, options in TREE.items() if command and name.startswith(command) for option in options}
    mentioned = {option for name in re.findall(r"dualnet ([a-z]+)", text) for option in TREE.get(name, ())}
    assert not unknown_options(text, own | mentioned if own else EVERY), text
    for name in re.findall(r"(?<![\w.\-])([a-z]+(?:_[a-z]+)*)=", text):
        flag = as_options(f"pass {name}=", command or "")
        assert name in PARAMETERS | KEYS or flag != f"pass {name}=", f"no argument {name}: {text}"


def test_a_message_that_proposes_what_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("def f():\n    raise UsageError(f'no {x}; give --nothing or ' '--items')\n")
    ((_, text),) = messages(tmp_path / "x.py")
    assert unknown_options(text, EVERY) == {"--nothing"}
