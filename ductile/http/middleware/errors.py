"""Errors become answers in the form of their row; what nobody expected is a 500 and a line in the log."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from ductile.errors import DuctileError, Unauthorized
from ductile.http.errors import MethodNotAllowed
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Handler, Request
from ductile.model.route import ErrorForm

log = structlog.get_logger(__name__)


async def answer_errors(request: Request, proceed: Handler) -> Reply:
    """Answer an error as `{error, message, code, details, request_id}`."""
    try:
        return await proceed(request)
    except DuctileError as error:
        if error.status >= 500:  # noqa: PLR2004 - the class of the gateway's own faults
            log.warning("request failed", request_id=request.request_id, error=error.code, reason=error.message)
        return error_reply(request, error)
    except Exception:
        log.exception(
            "request failed unexpectedly", request_id=request.request_id, method=request.method, path=request.raw_path
        )
        return error_reply(request, DuctileError())


def error_reply(request: Request, error: DuctileError) -> Reply:
    """The reply for an error in the form of the row; secrets that its sentence may hold are redacted."""
    form = request.route.errors if request.route is not None else "envelope"
    body = ERROR_FORMS[form](error, request.request_id)
    return JsonReply(status=error.status, body=request.snapshot.redactor.value(body), headers=error_headers(error))


def envelope_body(error: DuctileError, request_id: str) -> dict[str, Any]:
    """The gateway's own form of an error."""
    return {
        "error": error.code,
        "message": error.message,
        "code": error.status,
        "details": error.public_details(),
        "request_id": request_id,
    }


def flat_body(error: DuctileError, request_id: str) -> dict[str, Any]:
    """The form whose `error` is a sentence, with details where there are any."""
    details = error.public_details()
    body = {"error": error.message, "code": error.status, "request_id": request_id}
    return {**body, "details": details} if details else body


def success_body(error: DuctileError, _request_id: str) -> dict[str, Any]:
    """The form that says by a flag whether a call did well."""
    return {"success": False, "error": error.message}


ERROR_FORMS: Mapping[ErrorForm, Callable[[DuctileError, str], dict[str, Any]]] = {
    "envelope": envelope_body,
    "flat": flat_body,
    "success": success_body,
}


def error_headers(error: DuctileError) -> dict[str, str]:
    """The headers that the status asks for."""
    found = {}
    if isinstance(error, Unauthorized):
        found["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        found["Allow"] = error.details["allow"]
    if error.retry_after is not None:
        found["Retry-After"] = str(error.retry_after)
    return found
