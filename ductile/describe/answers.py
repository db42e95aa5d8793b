"""What an operation may answer: its own answers, and the errors that follow from its row."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from ductile.describe.embed import lift
from ductile.describe.sample import KNOWN, sample
from ductile.errors import DuctileError
from ductile.model.route import Route

Json = dict[str, Any]

JSON = "application/json"
FIRST_ERROR = 400
ERROR: Json = {
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

DESCRIPTIONS: Mapping[int, str] = {
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
HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "`Bearer`."},
    429: {"Retry-After": "Seconds after which the same call may succeed."},
    503: {"Retry-After": "Seconds after which the same call may succeed."},
}
BODY_ERRORS = (400, 413, 415)


def answers(row: Route, schemas: Json) -> Json:
    """Status → answer. The errors come from the row's scopes, parameters and body, and from what it lists itself."""
    found: dict[int, Json] = {status: _error(status) for status in expected_errors(row)}
    for status, schema in row.responses.items():
        if schema is not None:
            found[status] = answer(row, status, schema, schemas)
        elif status < FIRST_ERROR:
            found[status] = {"description": description(status), **headers(row.headers)}
        else:
            found[status] = _error(status)
    return {str(status): found[status] for status in sorted(found)}


def expected_errors(row: Route) -> set[int]:
    """The statuses of the errors that a row may answer without saying so."""
    statuses = {400, 500}  # 400: a query parameter that the row does not declare
    if row.scopes is not None:
        statuses |= {401, 403, 429, 503}  # 429: more than a fair share; 503: the store may be out of order
    if row.method != "GET":
        statuses |= {408, 413, 415, 503}
    return statuses


def answer(row: Route, status: int, schema: Mapping[str, Any], schemas: Json) -> Json:
    """An answer with a body. One that is an error in a shape of its own is JSON, whatever else the row can send."""
    lifted = lift(schema, schemas)
    media = row.media if status < FIRST_ERROR else (JSON,)
    content: Json = {}
    for kind in media:
        shape = lifted if kind == JSON else lifted if len(media) == 1 else {"type": "string"}
        content[kind] = {"schema": shape}
        if kind == JSON or status in row.examples:
            content[kind]["example"] = example(row, status, lifted, schemas)
    told = row.headers if status < FIRST_ERROR else {}
    return {"description": description(status), **headers(told), "content": content}


def example(row: Route, status: int, schema: Json, schemas: Json) -> Any:
    """The row's own example, or one made from the schema."""
    if status in row.examples:
        return row.examples[status]
    return sample(schema, {"components": {"schemas": schemas}})


def headers(told: Mapping[str, str]) -> Json:
    """The `headers` of an answer, if there are any."""
    described = {name: {"description": text, "schema": {"type": "string"}} for name, text in told.items()}
    return {"headers": described} if described else {}


def description(status: int) -> str:
    """What a status means here, or by its standard."""
    return DESCRIPTIONS.get(status) or HTTPStatus(status).phrase


def error_responses(statuses: Iterable[int], schemas: Json, examples: Mapping[int, DuctileError]) -> Json:
    """The components for the errors among these statuses; `examples`: status → an error that has it."""
    shape = lift(ERROR, schemas)
    return {
        f"Error{status}": error_response(status, shape, examples.get(status))
        for status in sorted(statuses)
        if status >= FIRST_ERROR
    }


def error_response(status: int, shape: Json, error: DuctileError | None) -> Json:
    """An error in the one shape, with this error as the example."""
    content: Json = {"schema": shape}
    if error is not None:
        body = {"error": error.code, "message": error.message, "code": status, "details": error.public_details()}
        content["example"] = {**body, "request_id": KNOWN["request_id"]}
    return {"description": description(status), **headers(HEADERS.get(status, {})), "content": {JSON: content}}


def _error(status: int) -> Json:
    return {"$ref": f"#/components/responses/Error{status}"}
