"""The rows of operations: what follows from them is there, and a new operation needs a row, a method and its types."""

import inspect
import re

import pytest

from dualnet.serve.http import operations
from dualnet.serve.http.answer_schemas import Answer
from dualnet.serve.http.operations import OPERATIONS, Operation, role_for
from dualnet.serve.http.request_schemas import Request
from dualnet.serve.model_process.codec import (
    arguments_from_json,
    arguments_to_json,
    result_from_json,
    result_to_json,
)
from dualnet.serve.service import Service


class CountRequest(Request):
    """Up to where."""

    most: int


class CountAnswer(Answer):
    """How many."""

    counted: int


COUNT = Operation(
    name="count_things", method="POST", path="/v1/count", theme="items", service="count", role="admin",
    text="Count things.", body=CountRequest, answer=CountAnswer, example=lambda ids: {"most": 3},
)  # fmt: skip


async def count(self, most):
    return self.reply({"counted": min(most, 10)})


def test_a_new_operation_is_a_row_a_method_and_its_types(make_front, monkeypatch):
    monkeypatch.setattr(operations, "OPERATIONS", (*OPERATIONS, COUNT))
    monkeypatch.setattr(Service, "count", count, raising=False)
    front = make_front()
    assert front.post("/v1/count", {"most": 4}).json()["counted"] == 4
    assert front.post("/v1/count", {"most": "4"}).status_code == 422
    assert front.ask("GET", "/v1/count").headers["allow"] == "POST"
    document = front.ask("GET", "/openapi.json").json()
    told = document["paths"]["/v1/count"]["post"]
    assert (told["operationId"], told["description"]) == ("count_things", "Count things.")
    assert set(document["components"]["schemas"]) >= {"CountRequest", "CountAnswer"}
    assert "403" in told["responses"]
    assert "/v1/count" in front.ask("GET", "/docs").text
    assert role_for("POST", "/v1/count") == "admin"
    assert 'route="/v1/count"' in front.ask("GET", "/metrics").text


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda row: row.name)
def test_the_service_has_the_method_of_each_row(operation):
    taken = inspect.signature(getattr(Service, operation.service)).parameters
    assert inspect.iscoroutinefunction(getattr(Service, operation.service))
    assert ("by" in taken) == operation.keyed
    assert ("key" in taken) == bool(operation.id_in_path)
    if operation.query is not None:
        assert set(operation.query().arguments()) <= set(taken)


def test_names_and_places_are_unique():
    assert len({row.name for row in OPERATIONS}) == len({(row.method, row.path) for row in OPERATIONS}) == len(OPERATIONS)


def test_schemas_come_from_types(make_front):
    """No bare oneOf, no pattern where there are few values, no type arguments in a name, no object of anything to explain."""
    for whole in (False, True):
        document = make_front(whole=whole).ask("GET", "/openapi.json").json()
        schemas = document["components"]["schemas"]
        assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in schemas)
        assert "oneOf" not in str(document)
        listed = schemas["RecommendRequest"]["properties"]
        assert listed["unknown"]["enum"] == ["error", "ignore"]
        assert listed["only"]["enum"] == ["known", "new"]
        assert listed["fallback"]["enum"] == ["popularity", "error"]
        assert schemas["RecommendAnswer"]["properties"]["resolved"]["enum"]
        assert schemas["ChangedItemAnswer"]["properties"]["state"]["enum"]
        assert schemas["ExplainAnswer"]["properties"]["explanation"] == {"$ref": "#/components/schemas/Explanation"}
        assert schemas["Explanation"]["properties"]["history"] == {"$ref": "#/components/schemas/HistoryView"}


def test_a_body_is_documented_as_the_server_reads_it(make_front):
    front = make_front()
    schemas = front.ask("GET", "/openapi.json").json()["components"]["schemas"]
    for row in OPERATIONS:
        if row.body is not None:
            told = schemas[row.body.__name__]
            fields = {field.alias or name for name, field in row.body.model_fields.items()}
            assert set(told["properties"]) == fields
            assert told["additionalProperties"] is False


OLD_ROLES = {  # of requests that no row foresees
    ("GET", "/v1/model:reload"): "admin", ("HEAD", "/v1/items"): "read", ("OPTIONS", "/v1/items/x"): "read",
    ("PATCH", "/v1/items/x"): "write", ("GET", "/v1/users/x"): "write", ("DELETE", "/v1/users/"): "admin",
    ("DELETE", "/v1/users"): "write", ("GET", "/v1/nothing"): "read", ("POST", "/v1/recommend\n"): "write",
    ("DELETE", "/v1/users/a/b"): "admin", ("PUT", "/v1/items/10.1000/182"): "write", ("GET", "/v1/users-for-item"): "write",
    ("POST", "/v1/model:reload\n"): "write",
}  # fmt: skip


@pytest.mark.parametrize(("method", "path"), OLD_ROLES, ids=repr)
def test_what_no_row_foresees_needs_the_role_that_it_needed(method, path):
    assert role_for(method, path) == OLD_ROLES[method, path]


def test_arguments_and_results_cross_as_they_are():
    """Content that looks like one of ours stays content."""
    given = {"key": 7, "content": {"0": "Asker", "kind": ["items", []]}, "items": [], "pairs": [("u", 1)], "by": "tuples"}
    assert arguments_from_json(arguments_to_json(given)) == given
    for found in (None, True, {"reply": 1}, ["picture"]):
        assert result_from_json(result_to_json(found)) == found
