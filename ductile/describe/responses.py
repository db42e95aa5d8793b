"""The responses of an operation: its own, and the errors that follow from its row."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from ductile.describe.components import move_titled_schemas
from ductile.describe.schema_example import EXAMPLES_BY_NAME, example_value
from ductile.errors import DuctileError
from ductile.model.route import Route

Json = dict[str, Any]

JSON_MEDIA = "application/json"
FIRST_ERROR_STATUS = 400
ERROR_SCHEMA: Json = {
    "title": "Error",
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "A stable code."},
        "message": {"type": "string", "description": "What is wrong, and what to do."},
        "code": {"type": "integer", "description": "The HTTP status."},
        "details": {"type": "object", "description": "What the message speaks of, by name."},
        "request_id": {"type": "string", "description": "The `X-Request-Id` of this answer, as the log knows it."},
    },
    "required": ["error", "message", "code", "details", "request_id"],
}
"""The body of every error."""

STATUS_DESCRIPTIONS: Mapping[int, str] = {
    200: "Done",
    202: "Accepted: the job is durable",
    304: "Not modified: the client has it already",
    400: "Bad request",
    401: "No valid credential",
    403: "Insufficient scope",
    404: "Not found",
    409: "Conflict",
    408: "Body too slow",
    413: "Body too large",
    415: "Not JSON",
    422: "Refused",
    429: "Too many requests",
    500: "Internal error",
    503: "Not now",
}
ERROR_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "`Bearer`."},
    429: {"Retry-After": "Seconds after which the same call may succeed."},
    503: {"Retry-After": "Seconds after which the same call may succeed."},
}


def operation_responses(row: Route, schemas: Json) -> Json:
    """Status → response. Errors come from the row's scopes, parameters and body, and from the row's own list."""
    responses: dict[int, Json] = {status: _error_reference(status) for status in expected_errors(row)}
    for status, schema in row.responses.items():
        if schema is not None:
            responses[status] = response_with_body(row, status, schema, schemas)
        elif status < FIRST_ERROR_STATUS:
            responses[status] = {"description": status_description(status), **header_documents(row.headers)}
        else:
            responses[status] = _error_reference(status)
    return {str(status): responses[status] for status in sorted(responses)}


def expected_errors(row: Route) -> set[int]:
    """The statuses of errors that follow from a row without being listed."""
    statuses = {400, 500}  # 400: a query parameter that the row does not declare
    if row.scopes is not None:
        statuses |= {401, 403, 429, 503}  # 429: more than a fair share; 503: the store may be out of order
    if row.method != "GET":
        statuses |= {408, 413, 415, 503}
    return statuses


def response_with_body(row: Route, status: int, schema: Mapping[str, Any], schemas: Json) -> Json:
    """A response with a body. An error with its own schema is JSON, whatever other media types the row has."""
    body_schema = move_titled_schemas(schema, schemas)
    media = row.media if status < FIRST_ERROR_STATUS else (JSON_MEDIA,)
    content: Json = {}
    for kind in media:
        shape = body_schema if kind == JSON_MEDIA else body_schema if len(media) == 1 else {"type": "string"}
        content[kind] = {"schema": shape}
        if kind == JSON_MEDIA or status in row.examples:
            content[kind]["example"] = response_example(row, status, body_schema, schemas)
    headers = row.headers if status < FIRST_ERROR_STATUS else {}
    return {"description": status_description(status), **header_documents(headers), "content": content}


def response_example(row: Route, status: int, schema: Json, schemas: Json) -> Any:
    """The row's own example, or one generated from the schema."""
    if status in row.examples:
        return row.examples[status]
    return example_value(schema, {"components": {"schemas": schemas}})


def header_documents(headers: Mapping[str, str]) -> Json:
    """The `headers` of a response, if any."""
    documents = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    return {"headers": documents} if documents else {}


def status_description(status: int) -> str:
    """The meaning of a status here, or by its standard."""
    return STATUS_DESCRIPTIONS.get(status) or HTTPStatus(status).phrase


def error_responses(statuses: Iterable[int], schemas: Json, examples: Mapping[int, DuctileError]) -> Json:
    """The components for the errors among these statuses; `examples`: status → an error that has it."""
    shape = move_titled_schemas(ERROR_SCHEMA, schemas)
    return {
        f"Error{status}": error_response(status, shape, examples.get(status))
        for status in sorted(statuses)
        if status >= FIRST_ERROR_STATUS
    }


def error_response(status: int, shape: Json, error: DuctileError | None) -> Json:
    """A response with the error schema, and with this error as the example."""
    content: Json = {"schema": shape}
    if error is not None:
        body = {"error": error.code, "message": error.message, "code": status, "details": error.public_details()}
        content["example"] = {**body, "request_id": EXAMPLES_BY_NAME["request_id"]}
    return {
        "description": status_description(status),
        **header_documents(ERROR_HEADERS.get(status, {})),
        "content": {JSON_MEDIA: content},
    }


def _error_reference(status: int) -> Json:
    return {"$ref": f"#/components/responses/Error{status}"}
