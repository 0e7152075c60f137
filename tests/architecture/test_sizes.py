"""Functions have at most 60 lines of code, files at most 500 lines, and a short module is imported by more than one other."""

import ast

import pytest

from tests.architecture.import_graph import MODULES, import_graph

LONGEST_FUNCTION = 60  # lines of code: docstrings and blank lines are not counted
LONGEST_FILE = 500  # lines
SHORT_MODULE = 60  # lines

# short modules that one other imports and that stay apart, each with its reason
APART = {
    "dualnet.cli.inspect": "a command, as all commands in a file of its own",
    "dualnet.cli.similar": "a command, as all commands in a file of its own",
    "dualnet.experiments.studies.noise": "a study, as all studies in a file of its own",
    "dualnet.experiments.studies.quadrants": "a study, as all studies in a file of its own",
    "dualnet.experiments.studies.unknown_users": "a study, as all studies in a file of its own",
}


def code_lines(function, lines):
    """Return the number of lines of code of a function."""
    docstrings = set()
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            docstrings |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    numbers = range(function.lineno, function.end_lineno + 1)
    return sum(1 for number in numbers if number not in docstrings and lines[number - 1].strip())


def long_functions(text, longest=LONGEST_FUNCTION):
    """Yield the names of the functions in a file that are too long."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and code_lines(node, lines) > longest:
            yield node.name


def short_with_one_importer(graph, lengths):
    """Return the short modules that exactly one other module imports; packages are not counted."""
    importers = {name: {other for other, found in graph.items() if name in found} for name in graph}
    return {name for name, length in lengths.items() if length < SHORT_MODULE and len(importers[name] - {"dualnet"}) == 1}


def test_lines_of_code_are_counted():
    text = 'def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n\n    def g():\n        """Three."""\n        return a\n\n    return g\n'
    assert list(long_functions(text, 6)) == []
    assert list(long_functions(text, 5)) == ["f"]


def test_one_importer_is_counted():
    graph = {"a": {"b", "c", "d"}, "b": {"c"}, "c": set(), "d": set(), "dualnet": {"c", "d"}}
    lengths = dict.fromkeys("abc", 10) | {"d": SHORT_MODULE}
    assert short_with_one_importer(graph, lengths) == {"b"}


@pytest.mark.parametrize("name", MODULES)
def test_files_are_short(name):
    assert len(MODULES[name].read_text().splitlines()) <= LONGEST_FILE


def test_functions_are_short():
    found = [(name, function) for name, path in MODULES.items() for function in long_functions(path.read_text())]
    assert found == [], "split these functions"


def test_short_modules_have_several_importers():
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items() if path.name != "__init__.py"}
    found = short_with_one_importer(import_graph(), lengths)
    assert found - set(APART) == set(), "merge these modules into the one that imports them"
    assert set(APART) - found == set(), "these are not short, or have several importers: take them off the list"
