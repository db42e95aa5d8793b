from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.web import SCHEMA, snapshot

from ductile.describe.openapi import openapi
from ductile.http.surfaces.error_examples import ERROR_EXAMPLES
from ductile.model.manifest import Command
from ductile.model.snapshot import Snapshot


def with_schema(schema: dict[str, Any]) -> Snapshot:
    base = snapshot()
    echo = base.plugins["echo"]
    command = Command(name="poll", input_schema=schema)
    return replace(base, plugins={"echo": replace(echo, manifest=replace(echo.manifest, commands={"poll": command}))})


def document(of: Snapshot | None = None) -> dict[str, Any]:
    return orjson.loads(orjson.dumps(openapi(of or snapshot(), "1.0", ERROR_EXAMPLES)))


def test_an_independent_validator_finds_nothing_wrong() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_it_is_the_same_every_time() -> None:
    assert orjson.dumps(openapi(snapshot(), "1.0", ERROR_EXAMPLES)) == orjson.dumps(
        openapi(snapshot(), "1.0", ERROR_EXAMPLES)
    )


def test_every_command_pipeline_and_control_route_has_a_path() -> None:
    paths = document()["paths"]
    assert {f"/plugin/{name}/{command}" for name in ("echo", "alias") for command in ("poll", "peek", "say")} <= set(
        paths
    )
    assert {"/pipeline/sync", "/pipeline/async"} <= set(paths)
    rows = [row for row in snapshot().rows if not row.hidden]
    assert all(row.method.lower() in paths[row.path] for row in rows)
    assert not any("{plugin}" in path for path in paths)
    assert all("post" not in operations for path, operations in paths.items() if path.endswith("{pipeline}"))
    assert next(iter(paths)).startswith("/plugin/")
    assert list(paths)[-1] == "/system/stop"


def test_a_command_is_described_as_agents_expect_it() -> None:
    operation = document()["paths"]["/plugin/echo/say"]["post"]
    assert (operation["operationId"], operation["summary"], operation["tags"]) == ("echo__say", "Says it.", ["echo"])
    assert operation["security"] == [{"BearerAuth": []}]
    assert {"200", "202", "400", "401", "403", "404", "408", "409", "413", "415", "429", "500", "503"} == set(
        operation["responses"]
    )
    assert operation["requestBody"]["required"] is True
    assert operation["requestBody"]["content"]["application/json"]["schema"] == SCHEMA


def test_a_command_without_schema_and_description_says_as_little() -> None:
    operation = document()["paths"]["/plugin/echo/poll"]["post"]
    assert operation["summary"] == "echo: poll"
    assert "requestBody" not in operation


def test_operation_ids_are_unique_and_public_routes_need_no_credential() -> None:
    operations = [operation for path in document()["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    public = {operation["operationId"] for operation in operations if operation["security"] == []}
    assert public == {
        "get_docs",
        "get_index",
        "get_metrics",
        "get_plugin_openapi_json",
        "get_plugins",
        "get_skill",
        "get_skills",
        "get_openapi_json",
        "get_well_known_ai_plugin_json",
        "get_healthz",
        "get_livez",
        "get_readyz",
    }


def test_errors_refer_to_the_one_shape() -> None:
    components = document()["components"]
    error = components["responses"]["Error404"]["content"]["application/json"]["schema"]
    assert error == {"$ref": "#/components/schemas/Error"}
    assert components["schemas"]["Error"]["required"] == ["error", "message", "code", "details", "request_id"]
    assert components["securitySchemes"] == {"BearerAuth": {"type": "http", "scheme": "bearer"}}


def test_a_payload_with_a_member_payload_can_only_be_wrapped() -> None:
    own = {"type": "object", "properties": {"payload": {"type": "string"}}}
    built = document(with_schema(own))
    schema = built["paths"]["/plugin/echo/poll"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["payload"] == own
    assert schema["required"] == ["payload"]
    OpenAPIV31SpecValidator(built).validate()


@pytest.mark.parametrize("keyword", ["$defs", "definitions"])
def test_a_schema_that_refers_to_its_own_parts_still_does(keyword: str) -> None:
    tree = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.org/tree",
        "type": "object",
        "properties": {"child": {"$ref": f"#/{keyword}/node"}, "$id": {"type": "string"}},
        keyword: {"node": {"type": "object", "properties": {"child": {"$ref": "#"}}}},
    }
    built = document(with_schema(tree))
    schema = built["paths"]["/plugin/echo/poll"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/echo__poll"}
    assert built["components"]["schemas"]["echo__poll"] == {
        "type": "object",
        "properties": {"child": {"$ref": "#/components/schemas/echo__poll__node"}, "$id": {"type": "string"}},
    }
    assert built["components"]["schemas"]["echo__poll__node"] == {
        "type": "object",
        "properties": {"child": {"$ref": "#/components/schemas/echo__poll"}},
    }
    OpenAPIV31SpecValidator(built).validate()


def test_an_output_schema_describes_the_result_of_a_job_of_its_own() -> None:
    built = document()
    schema = built["paths"]["/plugin/echo/say"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["anyOf"] == [
        {"$ref": f"#/components/schemas/{name}"} for name in ("echo__say__job", "Accepted", "Planned")
    ]
    job, result = built["components"]["schemas"]["echo__say__job"]["allOf"]
    assert job == {"$ref": "#/components/schemas/Job"}
    answered = result["properties"]["result"]["properties"]["result"]
    assert answered == {"anyOf": [{"type": "string"}, {"type": "null"}]}
