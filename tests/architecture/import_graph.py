"""The modules of the package and what each imports: at the top, inside functions and for types only."""

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


def import_graph():
    """Return what each module of the package imports, by its name."""
    return {name: imported(name, path, MODULES) for name, path in MODULES.items()}
