"""No two modules import each other, on whatever way round: imports inside functions and for types only are counted too."""

from tests.architecture.import_graph import import_graph, imported


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


def test_there_is_no_circle():
    graph = import_graph()
    del graph["dualnet"]  # the face of the package, which imports what it shows, on first use
    found = circles({name: others & set(graph) for name, others in graph.items()})
    assert sorted(map(sorted, found)) == []
