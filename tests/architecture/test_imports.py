"""The house keeps its order: imports go one way, heavy packages stay out, nothing opens pickles."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dualnet

ROOT = Path(dualnet.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# a package may import those to its left
ORDER = [
    {"computed_once", "errors", "figures", "files", "id_texts", "ids", "representations", "rng", "tabular", "typed_values"},
    {"data", "nn", "metrics", "retrieval", "rules"},
    {"evaluation", "ranking", "report", "scorer"},
    {"distributed"},
    {"train"},
    {"models"},
    {"config", "exports", "runs"},
    {"batch", "experiments", "serve"},
    {"cli"},
    {"__main__"},
]
RANK = {name: place for place, group in enumerate(ORDER) for name in group}
FORBIDDEN = {
    ("nn", "data"),
    ("data", "nn"),
    ("train", "models"),
    ("retrieval", "data"),
    ("data", "models"),
    ("metrics", "data"),
    ("serve", "experiments"),
    ("experiments", "serve"),
    ("serve", "train"),
    ("serve", "nn"),
}


def part(path):
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def imported(path):
    """Yield the top-level parts of this package that a file imports, anywhere in it."""
    package = ["dualnet", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = [*base, *(node.module.split(".") if node.module else [])]
            names = [full] if len(full) > 1 else [[*full, alias.name] for alias in node.names]
            for name in names:
                if name[:1] == ["dualnet"] and len(name) > 1:
                    yield name[1]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    here = part(path)
    if here == "__init__":
        return
    for there in imported(path):
        if there in ("__version__",) or there == here:
            continue
        assert RANK[there] <= RANK[here], f"{here} imports {there}"
        assert (here, there) not in FORBIDDEN, f"{here} imports {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_safe(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {"pickle", "dill", "cloudpickle", "marshal", "shelve"} & set(names)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "print", "compile"), f"{node.func.id} in line {node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in {("torch", "load"), ("torch", "save"), ("np", "load")}


def public_definitions():
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") and not is_overload(node):
                yield path, node
                if isinstance(node, ast.ClassDef):
                    for child in node.body:
                        if isinstance(child, ast.FunctionDef) and not child.name.startswith("_") and not is_overload(child):
                            yield path, child


def is_overload(node):
    return any(isinstance(name, ast.Name) and name.id == "overload" for name in node.decorator_list)


def test_everything_public_is_documented():
    missing = [f"{path.relative_to(ROOT)}:{node.name}" for path, node in public_definitions() if not ast.get_docstring(node)]
    assert missing == []


def test_public_names_are_there():
    for name in dualnet.__all__:
        assert getattr(dualnet, name) is not None
    assert set(dualnet.__all__) <= set(dir(dualnet))
    with pytest.raises(AttributeError, match="no attribute 'DualNett'"):
        _ = dualnet.DualNett


@pytest.mark.parametrize("code", ["import dualnet", "from dualnet.cli.app import app"])
def test_start_up_is_light(code):
    heavy = "{'torch', 'sklearn', 'matplotlib', 'pandas', 'scipy', 'pyarrow', 'numpy'}"
    allowed = "set()" if code == "import dualnet" else "{'numpy'}"
    check = f"import sys; {code}; bad = {heavy} & set(sys.modules) - {allowed}; assert not bad, bad"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", [path for path in FILES if part(path) == "data"], ids=lambda p: str(p.relative_to(ROOT)))
def test_data_asks_no_model(path):
    """Attributes of a fitted model end in an underscore; whatever reads them is no reader of data."""
    names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not {name for name in names if name.endswith("_") and not name.startswith("_")} - {
        "bool_",
        "list_",
    }  # types of NumPy and Arrow
    assert "CapabilityError" not in path.read_text()
