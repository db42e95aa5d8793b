"""The OpenAPI 3.1 document: one path a plugin command and pipeline, then the control API, all from the route rows."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ductile.describe.embed import embed, has_local_reference, lift
from ductile.model.manifest import Command
from ductile.model.route import Parameter, Route
from ductile.model.snapshot import Snapshot

Json = dict[str, Any]

ERROR: Json = {
    "title": "Error",
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "A stable code."},
        "message": {"type": "string", "description": "What is wrong, and what to do."},
        "code": {"type": "integer", "description": "The HTTP status."},
        "details": {"type": "object"},
        "request_id": {"type": "string"},
    },
    "required": ["error", "message", "code", "details", "request_id"],
}
"""The body of every error."""

DESCRIPTIONS: Mapping[int, str] = {
    200: "Done",
    202: "Accepted: the job is durable",
    400: "Bad request",
    401: "No valid credential",
    403: "Insufficient scope",
    404: "Not found",
    409: "Conflict",
    413: "Body too large",
    415: "Not JSON",
    422: "Refused",
    500: "Internal error",
    503: "Not now",
}
FIRST_ERROR = 400


def openapi(snapshot: Snapshot, version: str) -> Json:
    """The document, in a fixed order."""
    schemas: Json = {}
    lift(ERROR, schemas)
    paths: dict[str, Json] = {}
    for path, method, operation in [
        *commands(snapshot, schemas),
        *pipelines(snapshot, schemas),
        *control(snapshot, schemas),
    ]:
        paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ductile Gateway", "version": version},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {
                f"Error{status}": _error_response(text)
                for status, text in DESCRIPTIONS.items()
                if status >= FIRST_ERROR
            },
            "securitySchemes": {"BearerAuth": {"type": "http", "scheme": "bearer"}},
        },
    }


Operations = Iterable[tuple[str, str, Json]]
"""(path, method in small letters, operation)."""


def commands(snapshot: Snapshot, schemas: Json) -> Operations:
    """An operation for every command of every plugin, from the row that runs them."""
    for row in snapshot.matcher.rows:
        if not (row.hidden and "{command}" in row.path):
            continue
        for name, plugin in sorted(snapshot.plugins.items()):
            for command in plugin.manifest.commands.values():
                path = row.path.replace("{plugin}", name).replace("{command}", command.name)
                yield path, row.method.lower(), command_operation(row, name, command, schemas)


def command_operation(row: Route, plugin: str, command: Command, schemas: Json) -> Json:
    """One plugin command."""
    operation = operation_of(row, schemas)
    operation["operationId"] = f"{plugin}__{command.name}"
    operation["summary"] = command.description or f"{plugin}: {command.name}"
    operation["tags"] = [plugin]
    operation.pop("requestBody", None)
    if command.input_schema is not None:
        operation["requestBody"] = command_body(row, operation["operationId"], command.input_schema, schemas)
    if command.output_schema is not None:
        described = embedded(f"{operation['operationId']}__output", command.output_schema, schemas)
        content = operation["responses"]["200"]["content"]["application/json"]
        answered = {"anyOf": [described, {"type": "null"}]}  # null: a failed job has no result
        result = {"type": "object", "properties": {"result": answered}}
        content["schema"] = {"allOf": [content["schema"], {"type": "object", "properties": {"result": result}}]}
    return operation


def command_body(row: Route, name: str, schema: Mapping[str, Any], schemas: Json) -> Json:
    """The payload itself is the body. Where it has a member `payload` of its own, only the wrapped form is right."""
    payload = embedded(name, schema, schemas)
    trigger = lift(row.request or {}, schemas)
    required = bool(schema.get("required"))
    if "payload" in schema.get("properties", {}):
        wrapped = dict(row.request or {})
        wrapped.pop("title", None)
        wrapped["properties"] = {**wrapped.get("properties", {}), "payload": payload}
        return {"required": required, "content": {"application/json": {"schema": wrapped}}}
    return {
        "description": f"The payload, or `{{payload: …}}` with options beside it ({trigger.get('$ref', 'object')}).",
        "required": required,
        "content": {"application/json": {"schema": payload}},
    }


def embedded(name: str, schema: Mapping[str, Any], schemas: Json) -> Json:
    """A plugin's schema in its place; one that refers to parts of itself becomes a component."""
    if not has_local_reference(schema):
        return dict(schema)
    root = f"#/components/schemas/{name}"
    schemas[name] = embed(schema, root)
    return {"$ref": root}


def pipelines(snapshot: Snapshot, schemas: Json) -> Operations:
    """An operation for every pipeline, from the row that runs them."""
    for row in snapshot.matcher.rows:
        if not (row.hidden and "{pipeline}" in row.path):
            continue
        for name, graph in sorted(snapshot.pipelines.items()):
            operation = operation_of(row, schemas)
            operation["operationId"] = f"pipeline__{name}"
            operation["summary"] = f"Run pipeline {name}" + (" and wait for its end" if graph.synchronous else "")
            operation["tags"] = ["pipeline"]
            trigger = operation["requestBody"]["content"]["application/json"]["schema"]
            operation["requestBody"]["content"]["application/json"]["schema"] = {
                "anyOf": [trigger, {"type": "object", "not": {"required": ["payload"]}}]
            }
            yield row.path.replace("{pipeline}", quote(name, safe="")), row.method.lower(), operation


def control(snapshot: Snapshot, schemas: Json) -> Operations:
    """The gateway's own routes."""
    for row in snapshot.matcher.rows:
        if not row.hidden:
            yield row.path, row.method.lower(), operation_of(row, schemas)


def operation_of(row: Route, schemas: Json) -> Json:
    """What the row itself says."""
    operation: Json = {
        "operationId": operation_id(row),
        "summary": row.summary,
        "tags": list(row.tags),
        "responses": responses_of(row, schemas),
        "security": [] if row.scopes is None else [{"BearerAuth": []}],
    }
    parameters = [parameter_of(parameter) for parameter in row.parameters]
    if not row.hidden:
        parameters = [path_parameter(name) for name in names_in(row.path)] + parameters
    if parameters:
        operation["parameters"] = parameters
    if row.request is not None:
        schema = lift(row.request, schemas)
        operation["requestBody"] = {
            "required": row.request_required,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def operation_id(row: Route) -> str:
    """`GET /job/{job_id}/tree` as `get_job_tree`."""
    words = [part for part in re.split(r"[/.-]", row.path) if part and not part.startswith("{")]
    return "_".join([row.method.lower(), *(words or ["index"])])


def names_in(path: str) -> list[str]:
    """The `{names}` of a path."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def path_parameter(name: str) -> Json:
    """A value in the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def parameter_of(parameter: Parameter) -> Json:
    """A value in the query or a header."""
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": False,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def responses_of(row: Route, schemas: Json) -> Json:
    """The row's own answers and the errors that follow from its scopes, parameters and body."""
    found: dict[int, Json] = {500: _error_reference(500)}
    if row.scopes is not None:
        found |= {status: _error_reference(status) for status in (401, 403)}
    if row.request is not None:
        found |= {status: _error_reference(status) for status in (400, 413, 415)}
    for status, schema in row.responses.items():
        if schema is None:
            found[status] = _error_reference(status)
        else:
            content = {"application/json": {"schema": lift(schema, schemas)}}
            found[status] = {"description": DESCRIPTIONS[status], "content": content}
    return {str(status): answer for status, answer in sorted(found.items())}


def _error_reference(status: int) -> Json:
    return {"$ref": f"#/components/responses/Error{status}"}


def _error_response(description: str) -> Json:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
