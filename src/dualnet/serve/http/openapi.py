"""The OpenAPI document of a server, written from the rows of its operations and their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import CoreModeRef, CoreRef, DefsRef, GenerateJsonSchema, models_json_schema
from pydantic_core import to_json

from ... import __version__
from .answer_schemas import ErrorAnswer
from .id_types import TextId, WholeId
from .json_route import JsonRoute, for_ids
from .operations import ExampleIds
from .routes import RouteTable

DESCRIPTION = (
    "Recommend anything to anyone, the first time you see either. All bodies are strict JSON; ids keep their kind; every"
    " error says in one sentence what to do."
)
MEANINGS = {
    400: "Not JSON, or not readable at all.",
    401: "No valid key.",
    403: "The key may not do this.",
    404: "The id in the path is not known.",
    408: "The request took too long to arrive.",
    409: "What is there forbids it.",
    413: "The body is too large, or the key has added as much as it may.",
    415: "The body is not announced as JSON, or is compressed.",
    422: "The body or the id does not fit the schema, names something unknown, or asks what the model cannot do.",
    429: "The key asks more often than it may.",
    503: "Too busy or not ready; see Retry-After.",
}
ALWAYS = (400, 401, 408, 429, 503)
WITH_BODY = (413, 415, 422)
REFERENCE = "#/components/schemas/{model}"

Mode = Literal["validation", "serialization"]


class PlainNames(GenerateJsonSchema):
    """JSON Schemas whose names do not tell the kind of ids: a server has one kind of each."""

    def get_defs_ref(self, core_mode_ref: CoreModeRef) -> DefsRef:
        """Return the name of a schema: that of its class, without its type arguments."""
        reference, mode = core_mode_ref
        return super().get_defs_ref((CoreRef(reference.partition("[")[0]), mode))


def document(table: RouteTable, *, keyed: bool) -> dict[str, Any]:
    """Return the OpenAPI document as a JSON-ready dictionary.

    Parameters
    ----------
    table : RouteTable
        Routes of operations are described; others are not part of the interface.
    keyed : bool
        Whether the server asks for keys.
    """
    routes = [route for route in table.routes if isinstance(route, JsonRoute)]
    schemas, references = _schemas(routes, table.kinds)
    ids = ExampleIds.of(whole_items=table.whole["item"], whole_users=table.whole["user"])
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path_format, {})[route.operation.method.lower()] = _described(route, table, references, ids)
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "dualnet", "description": DESCRIPTION, "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if keyed:
        made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"key": []}]
    return made


def _schemas(routes: Iterable[JsonRoute], kinds: Mapping[Any, Any]) -> tuple[dict[str, Any], Mapping[Any, Any]]:
    """Return all schemas by name, and the reference to the schema of each body and answer."""
    wanted: list[tuple[type[BaseModel], Mode]] = [(ErrorAnswer, "serialization")]
    for route in routes:
        if route.body is not None:
            wanted.append((route.body, "validation"))
        if route.operation.answer is not None:
            wanted.append((for_ids(route.operation.answer, kinds), "serialization"))
    references, made = models_json_schema(list(dict.fromkeys(wanted)), schema_generator=PlainNames, ref_template=REFERENCE)
    for schema in made["$defs"].values():
        _say_defaults(schema)
    return made["$defs"], references


def _say_defaults(schema: dict[str, Any]) -> None:
    """Say the defaults of a schema's fields in words: generators take a field with a default for one that is always there."""
    asked = schema.get("additionalProperties") is False
    for field in schema.get("properties", {}).values():
        default = field.pop("default", None)
        if asked and default is not None:
            told = f"{field['description'].rstrip('.')}. " if "description" in field else ""
            field["description"] = f"{told}By default {to_json(default).decode()}."


def _described(route: JsonRoute, table: RouteTable, references: Mapping[Any, Any], ids: ExampleIds) -> dict[str, Any]:
    """Return one operation of the document."""
    operation = route.operation
    described: dict[str, Any] = {
        "tags": [operation.theme],
        "summary": operation.name.replace("_", " ").title(),
        "description": operation.text,
        "operationId": operation.name,
    }
    parameters = _parameters(route, table.whole)
    if parameters:
        described["parameters"] = parameters
    if route.body is not None:
        content: dict[str, Any] = {"schema": references[route.body, "validation"]}
        if operation.example is not None:
            content["examples"] = {"example": {"value": operation.example(ids)}}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    done: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in operation.raw}
    if operation.answer is not None:
        done = {"application/json": {"schema": references[for_ids(operation.answer, table.kinds), "serialization"]}}
    refused = {"application/json": {"schema": references[ErrorAnswer, "serialization"]}}
    responses = {status: {"description": "Done.", "content": done} for status in (200, *((201,) if operation.created else ()))}
    responses |= {status: {"description": MEANINGS[status], "content": refused} for status in _errors(route)}
    described["responses"] = {str(status): responses[status] for status in sorted(responses)}
    if operation.open:
        described["security"] = []
    return described


def _parameters(route: JsonRoute, whole: Mapping[str, bool]) -> list[dict[str, Any]]:
    """Return the parameters in path and query."""
    found: list[dict[str, Any]] = []
    name = route.operation.id_in_path
    if name:
        kind = TypeAdapter[Any](WholeId if whole.get(name) else TextId).json_schema()
        found.append(
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": kind,
                "description": f"{'Name' if name == 'preset' else 'Id'} of the {name}.",
            }
        )
    if route.operation.query is not None:
        schema = route.operation.query.model_json_schema()
        for name, kind in schema["properties"].items():
            told = {"description": kind["description"]} if "description" in kind else {}
            found.append({"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": kind, **told})
    return found


def _errors(route: JsonRoute) -> set[int]:
    """Return the statuses of refusals: those that every operation has, those that follow from the row, and its own."""
    operation = route.operation
    if operation.open:
        return set(operation.statuses)
    errors = {*ALWAYS, *operation.statuses}
    if operation.body is not None:
        errors |= {*WITH_BODY}
    if operation.id_in_path:
        errors |= {404, 422}
    if operation.query is not None:
        errors |= {422}
    if operation.role != "read":
        errors |= {403}
    return errors
