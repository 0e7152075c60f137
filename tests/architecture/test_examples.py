"""Every public name is on the page of the Python API, and has a short example in its docstring that runs."""

import doctest
import inspect
import re
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import dualnet
from dualnet.models.registry import MODELS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
ROUGH = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
METHODS = (FunctionType, classmethod, staticmethod)


def functions(module):
    """Return the functions that a public module offers, by name."""
    found = {name: value for name, value in vars(module).items() if isinstance(value, FunctionType) and name[0] != "_"}
    own = (name for name, value in found.items() if inspect.unwrap(value).__module__ == module.__name__)
    return {name: found[name] for name in getattr(module, "__all__", own) if name in found}


def methods(cls):
    """Return the public methods of a class, each as the first class that has it defines it: an override needs no second example."""
    found = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("dualnet"):
            own = {name: value for name, value in vars(base).items() if isinstance(value, METHODS) and name[0] != "_"}
            found = {name: getattr(value, "__func__", value) for name, value in own.items()} | found
    return found


def public():
    """Return every public class, function and method by the name that a reader knows it by."""
    found = {}
    for name in dualnet.__all__:
        value = getattr(dualnet, name)
        if isinstance(value, ModuleType):
            found |= {f"{name}.{part}": function for part, function in functions(value).items()}
        elif not isinstance(value, str):
            found[name] = value
    classes = {name: value for name, value in found.items() if isinstance(value, type)}
    for name in sorted(classes, key=lambda name: len(classes[name].__mro__)):
        known = set(map(id, found.values()))
        found |= {f"{name}.{part}": value for part, value in methods(classes[name]).items() if id(value) not in known}
    return found


PUBLIC = public()


def examples(name):
    return doctest.DocTestParser().get_doctest(inspect.getdoc(PUBLIC[name]) or "", {}, name, None, 0)


def test_every_public_name_has_an_example():
    runs = {name: [e for e in examples(name).examples if not e.options.get(doctest.SKIP)] for name in PUBLIC}
    missing = [name for name in PUBLIC if not runs[name]]
    assert not missing, "write a short example under 'Examples' at the end of the docstring"


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told = []
    doctest.DocTestRunner(optionflags=ROUGH).run(examples(name), out=told.append)
    assert not told, "".join(told)


def test_the_first_words_of_the_package_say_where_to_begin():
    told = []
    (example,) = doctest.DocTestFinder(recurse=False).find(dualnet, "dualnet")
    assert example.examples
    doctest.DocTestRunner(optionflags=ROUGH).run(example, out=told.append)
    assert not told, "".join(told)
    assert set(re.findall(r"`(?:dualnet\.)?([A-Z]\w+)`", dualnet.__doc__)) <= set(dualnet.__all__)


def test_the_names_of_models_are_in_the_words_of_create():
    assert set(re.findall(r"``([\w-]+)``", inspect.getdoc(dualnet.create))) == set(MODELS)


def test_all_public_names_are_found():
    assert {"WMF", "Recommender.recommend", "Dataset.from_tables", "splits.make", "sources.load", "DataError"} <= set(PUBLIC)
    assert not [name for name in PUBLIC if name.startswith("WMF.") and name != "WMF.paper"]


def test_every_public_name_is_on_the_page_of_the_api():
    page = PAGE.read_text().splitlines()
    wholes = {line.rpartition(" ")[2] for line in page if line.startswith(".. automodule::")}
    parts = {line.rpartition(" dualnet.")[2] for line in page if line.startswith((".. autoclass::", ".. autofunction::"))}
    for name in set(dualnet.__all__) - {"__version__"}:
        value = getattr(dualnet, name)
        where = value.__name__ if isinstance(value, ModuleType) else value.__module__
        assert name in parts or where in wholes, f"{name} is missing from {PAGE.name}"
