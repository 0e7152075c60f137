"""What `import dualnet` gives is written down: a name or a signature changes only on purpose.

After a change on purpose run ``python tests/architecture/test_public_names.py``, and look at the difference in public_names.txt.
"""

import difflib
import inspect
from pathlib import Path
from types import FunctionType, ModuleType

import dualnet
from dualnet import errors
from dualnet.models.registry import MODELS, model_class

WRITTEN = Path(__file__).with_name("public_names.txt")
WIDTH = 100
COMMAND = "python tests/architecture/test_public_names.py"


class Annotation:
    """A type as it is written in the source, for `inspect` would put it in quotes."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def annotated(annotation):
    empty = annotation is inspect.Parameter.empty
    return (
        annotation if empty else Annotation(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))
    )


def signature(function):
    found = inspect.signature(function)
    parameters = [p.replace(annotation=annotated(p.annotation)) for p in found.parameters.values()]
    shown = found.replace(
        parameters=[p for p in parameters if p.name not in ("self", "cls")],
        return_annotation=annotated(found.return_annotation),
    )
    return str(shown) if len(str(shown)) < WIDTH else one_a_line(shown)


def one_a_line(shown):
    """Return a long signature with a parameter a line, so that a difference shows only what changed."""
    parts = [str(p) for p in shown.parameters.values()]
    names = [p.name for p in shown.parameters.values() if p.kind is p.KEYWORD_ONLY]
    if names:
        parts.insert(list(shown.parameters).index(names[0]), "*")
    result = f" -> {shown.return_annotation!r}"
    return "(\n" + "".join(f"        {part},\n" for part in parts) + "    )" + result


def member(name, value):
    """Return the line of one attribute of a class, None for what is no part of the promise."""
    if name.startswith("_"):
        return None
    if isinstance(value, property):
        return f".{name} {signature(value.fget)[2:].strip()}"
    if isinstance(value, classmethod | staticmethod):
        return f".{name}{signature(value.__func__)}  # {type(value).__name__}"
    return f".{name}{signature(value)}" if isinstance(value, FunctionType) else None


def members(cls):
    found = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("dualnet"):
            found |= {name: line for name, value in vars(base).items() if (line := member(name, value))}
    return found


def lines():
    """Yield the public names; of a class only what none of its public bases has in the same way."""
    public = {name: getattr(dualnet, name) for name in dualnet.__all__}
    for name, value in public.items():
        if isinstance(value, ModuleType):
            yield name
            functions = {n: v for n, v in vars(value).items() if isinstance(v, FunctionType) and not n.startswith("_")}
            names = getattr(value, "__all__", [n for n, v in functions.items() if v.__module__ == value.__name__])
            yield from (f"    .{n}{signature(functions[n])}" for n in sorted(names) if n in functions)
        elif isinstance(value, type):
            bases = [b for b in value.__bases__ if b in public.values() or (b.__module__ == "builtins" and b is not object)]
            yield f"class {name}" + (f"({', '.join(base.__name__ for base in bases)})" if bases else "")
            if isinstance(value.__init__, FunctionType):
                yield f"    {signature(value.__init__).removesuffix(' -> None')}"
            inherited = {line for base in value.__mro__[1:] if base in public.values() for line in members(base).values()}
            yield from (f"    {line}" for _, line in sorted(members(value).items()) if line not in inherited)
        else:
            yield name if isinstance(value, str) else f"{name}{signature(value)}"


def snapshot():
    return "".join(line + "\n" for line in lines())


def test_public_names_and_signatures_are_those_written_down():
    written, found = WRITTEN.read_text().splitlines(), snapshot().splitlines()
    difference = "\n".join(difflib.unified_diff(written, found, "public_names.txt", "import dualnet", lineterm="", n=0))
    assert not difference, f"the public names changed:\n{difference}\nif that is meant, run {COMMAND}"


def test_all_models_and_errors_are_public():
    for name in MODELS:
        assert getattr(dualnet, model_class(name).__name__) is model_class(name)
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception | Warning) and value.__module__ == errors.__name__:
            assert getattr(dualnet, name) is value
    assert {*dualnet._PUBLIC, *dualnet._MODULES, "__version__"} == set(dualnet.__all__)


if __name__ == "__main__":
    WRITTEN.write_text(snapshot())
