"""The command-line reference, written from the commands themselves at each build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx

HEAD = """# Command line

Written from the commands themselves. Every command takes `--json` where it has a result, writes results to standard output and
everything else to standard error. Exit codes: 0 done, 1 a defect of ours, 2 usage, 3 bad data, 4 training failed, 5 bad model
folder, 6 something outside is missing (disk, permission, network, package), 128 + n stopped by signal n.

"""


def write(app: Sphinx) -> None:
    """Write reference/command-line.md before the sources are read."""
    from dualnet.cli.app import app as commands

    target = Path(app.srcdir) / "reference" / "command-line.md"
    text = HEAD + "\n".join(_pages(typer.main.get_command(commands), "dualnet"))
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def _pages(command: Any, name: str) -> list[str]:
    """Return the section of a command, or those of the commands below it."""
    if hasattr(command, "commands"):
        return [line for word, below in command.commands.items() for line in _pages(below, f"{name} {word}")]
    lines = [f"## {name}\n", _prose(command.help or "") + "\n"]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([name, *(p.metavar or p.name.upper() for p in arguments), "[OPTIONS]"])
    lines += ["```text", usage, "```\n", "| option | meaning | default |", "|---|---|---|"]
    for parameter in command.params:
        if parameter.name == "help" or getattr(parameter, "hidden", False):
            continue
        shown = ", ".join(f"`{word}`" for word in [*parameter.opts, *parameter.secondary_opts])
        if parameter.param_type_name == "argument":
            shown = f"`{parameter.metavar or parameter.name.upper()}`"
        default = parameter.default
        # not `in`: a default of 0 equals False, and is one worth saying
        unsaid = default is None or default is False or default in ("", ()) or callable(default)
        said = "" if unsaid or "Sentinel" in type(default).__name__ else f"`{default}`"
        if getattr(parameter, "required", False) and not said:
            said = "required"
        lines.append(f"| {shown} | {_cell(getattr(parameter, 'help', None) or '')} | {_cell(said)} |")
    return [*lines, ""]


def _prose(text: str) -> str:
    """Return a help text as Markdown: what follows "Examples:" is what to type."""
    said, found, examples = text.replace("\b", "").partition("\nExamples:\n")
    if not found:
        return said.strip()
    typed = "\n".join(line.strip() for line in examples.strip().splitlines())
    return f"{said.strip()}\n\n```console\n{typed}\n```"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "version": "1"}
