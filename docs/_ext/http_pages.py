"""The list of HTTP requests, written from the server's OpenAPI document at each build."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

HEAD = """# HTTP requests

Written from the server's own OpenAPI document (`GET /openapi.json`); how to use them is in [serving](../how-to/serve.md).
The tables name the fields of the body; `GET /docs` on a running server has the same with examples.

"""


def write(app: Sphinx) -> None:
    """Write reference/http.md before the sources are read."""
    target = Path(app.srcdir) / "reference" / "http.md"
    text = HEAD + "\n".join(_sections(_document()))
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def _document() -> dict[str, Any]:
    """Return what a server of a small model says of itself."""
    import asyncio

    import httpx

    from dualnet import ContentProfile
    from dualnet.data.synthetic import blocks_world
    from dualnet.serve.http.app import build_app
    from dualnet.serve.service import Service

    async def ask(folder: Path) -> dict[str, Any]:
        app = build_app(Service.open(folder))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return dict((await client.get("/openapi.json")).json())

    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(ask(ContentProfile().fit(blocks_world()).save(Path(name) / "model")))


def _sections(document: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += [f"## {method.upper()} {path}\n", (operation.get("description") or operation.get("summary", "")) + "\n"]
            fields = _fields(document, operation)
            if fields:
                lines += ["| field | type | meaning |", "|---|---|---|", *fields, ""]
            codes = ", ".join(f"{code} {answer['description'].rstrip('.')}" for code, answer in operation["responses"].items())
            lines.append(f"Answers: {codes}.\n")
    return lines


def _fields(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{p['name']}` ({p['in']}) | {_type(p.get('schema', {}))} | {_cell(p.get('description', ''))} |"
        for p in operation.get("parameters", [])
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = _resolve(document, content.get("schema", {}))
        for name, field in schema.get("properties", {}).items():
            star = "" if name in schema.get("required", []) else "?"
            rows.append(f"| `{name}`{star} | {_type(field)} | {_cell(field.get('description', ''))} |")
    return rows


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Any = document
    for word in schema["$ref"].removeprefix("#/").split("/"):
        found = found[word]
    return dict(found)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    return str(schema.get("type", "any"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "version": "1"}
