"""No two modules import each other, on whatever way round: imports inside functions and for types only are counted too."""

import ast
from pathlib import Path

import dualnet

ROOT = Path(dualnet.__file__).parent


def module_name(path):
    parts = ("dualnet", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported(name, path, modules):
    """Return the modules of the package that a file imports, anywhere in it."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for alias in node.names:  # a module of the package, or a name in it
                found.add(f"{origin}.{alias.name}" if f"{origin}.{alias.name}" in modules else origin)
    return found & set(modules) - {name}


def circles(graph):
    """Return the strongly connected components of more than one node, each as a set (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            part = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(part)

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]
    assert circles({"a": {"b"}, "b": set()}) == []


def test_every_kind_of_import_counts(tmp_path):
    path = tmp_path / "here.py"
    path.write_text(
        "def f():\n    from .there import x\n\nif TYPE_CHECKING:\n    from . import other\n    from ..up import y\n"
    )
    modules = {"dualnet.a.here", "dualnet.a.there", "dualnet.a.other", "dualnet.up", "dualnet.a"}
    assert imported("dualnet.a.here", path, modules) == {"dualnet.a.there", "dualnet.a.other", "dualnet.up"}


# one thing in two or more files, of which one needs torch; and readers that build what asks them to read
LEFT = [
    {"dualnet.models.descent", "dualnet.models.dualnet", "dualnet.models.dualnet_parameters"},
    {"dualnet.data.dataset", "dualnet.data.sql.dataset", "dualnet.data.tables"},
]  # fmt: skip


def test_there_is_no_circle():
    graph = {name: imported(name, path, MODULES) for name, path in MODULES.items()}
    del graph["dualnet"]  # the face of the package, which imports what it shows, on first use
    found = circles({name: others & set(graph) for name, others in graph.items()})
    assert sorted(map(sorted, found)) == sorted(map(sorted, LEFT))
