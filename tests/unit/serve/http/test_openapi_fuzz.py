"""Requests made from the document, valid and not: no 5xx, nothing undocumented, nothing invalid taken."""

import pytest
from hypothesis import HealthCheck, given, settings

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.checks import (  # noqa: E402
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

CONFIG = {
    "checks": {"negative_data_rejection": {"expected-statuses": ["400", "401", "404", "405", "409", "413", "415", "422"]}},
}
NOTHING_TO_GET_WRONG = {
    "/livez", "/readyz", "/v1/activity", "/v1/facets", "/v1/forgotten", "/v1/map", "/v1/model", "/v1/presets", "/v1/tastes",
}  # fmt: skip
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_requests_made_from_the_document(make_front, mode):
    config = schemathesis.Config.from_dict(CONFIG)
    document = schemathesis.openapi.from_asgi("/openapi.json", make_front(quiet=True).app, config=config)
    asked = 0
    for operation in (result.ok() for result in document.get_all_operations()):
        if mode.is_negative and operation.path in NOTHING_TO_GET_WRONG:
            continue

        @settings(max_examples=2, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case):
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=CHECKS)

        ask()
    assert asked > 30
