"""The reference page of the HTTP interface, made from the OpenAPI document; needs no script and no network."""

from __future__ import annotations

import json
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { background: #f3f5f7; padding: 0.75rem; overflow-x: auto; border-radius: 6px; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #d5dbe1; }
h3 { margin-bottom: 0.25rem; }
.method { color: #0b5cad; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; border-bottom: 1px solid #e6eaee; }
details { margin: 0.5rem 0; }
@media (prefers-color-scheme: dark) {
  body { background: #14191f; color: #dfe5eb; } pre { background: #1e252d; } .method { color: #7db8f5; }
  h2, td, th { border-color: #333d47; }
}
"""


def docs_page(document: bytes) -> bytes:
    """Return the page as HTML.

    Parameters
    ----------
    document : bytes
        OpenAPI as JSON.
    """
    api = json.loads(document)
    schemas = api.get("components", {}).get("schemas", {})
    themes: dict[str, list[str]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            themes.setdefault(operation["tags"][0], []).append(_operation(method, path, operation, schemas))
    menu = " · ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in [*themes, "schemas"])
    body = "".join(
        f'<h2 id="{escape(name)}">{escape(name.capitalize())}</h2>{"".join(parts)}' for name, parts in themes.items()
    )
    kinds = "".join(
        f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary><pre>{_json(schema)}</pre></details>'
        for name, schema in schemas.items()
    )
    title = escape(f"{api['info']['title']} {api['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs.css"></head><body>'
        f"<h1>{title}</h1><p>{escape(api['info'].get('description', ''))}</p>"
        f'<p>{menu} · <a href="/openapi.json">openapi.json</a></p>{body}<h2 id="schemas">Schemas</h2>{kinds}</body></html>\n'
    ).encode()


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    parts = [
        f'<h3><code><span class="method">{escape(method.upper())}</span> {escape(path)}</code></h3>'
        f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>"
    ]
    fields = [
        (
            f"{value['name']} ({value['in']})",
            value.get("schema", {}),
            value.get("required", False),
            value.get("description", ""),
        )
        for value in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    schema = schemas.get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)
    needed = schema.get("required", [])
    fields += [(name, kind, name in needed, kind.get("description", "")) for name, kind in schema.get("properties", {}).items()]
    if fields:
        rows = "".join(
            f"<tr><td><code>{escape(name)}</code>{'' if must else ' (optional)'}</td><td>{_kind(kind)}</td><td>{escape(text)}</td></tr>"
            for name, kind, must, text in fields
        )
        parts.append(f"<table>{rows}</table>")
    for example in content.get("examples", {}).values():
        body = json.dumps(example["value"])
        call = f"curl -X {method.upper()} http://127.0.0.1:8080{path} -H 'Content-Type: application/json' -d '{body}'"
        parts.append(f"<pre>{escape(call)}</pre>")
    rows = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(reply['description'])} {_answer(reply)}</td></tr>"
        for status, reply in sorted(operation["responses"].items())
    )
    parts.append(f"<details><summary>Answers</summary><table>{rows}</table></details>")
    return "".join(parts)


def _answer(reply: dict[str, Any]) -> str:
    return " ".join(_kind(content.get("schema", {})) for content in reply.get("content", {}).values())


def _kind(schema: dict[str, Any]) -> str:
    """Return the type of a schema in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    limits = [f"{word} {schema[key]:g}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    default = f", default {schema['default']}" if schema.get("default") is not None else ""
    return escape(" ".join([str(schema.get("type", "value")), *limits]) + default)


def _json(value: Any) -> str:
    return escape(json.dumps(value, indent=1))
