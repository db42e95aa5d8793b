"""Every error becomes the one shape; what nobody expected becomes a 500 and a line in the log, never a traceback."""

from typing import Any

import structlog

from ductile.errors import DuctileError, Unauthorized
from ductile.http.errors import MethodNotAllowed
from ductile.http.reply import Reply
from ductile.http.request import Handler, Request

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
    """The reply for an error; secrets that its sentence may hold are redacted."""
    body = error_body(error, request.request_id)
    return Reply(status=error.status, body=request.snapshot.redactor.value(body), headers=error_headers(error))


def error_body(error: DuctileError, request_id: str) -> dict[str, Any]:
    """The body of every error."""
    return {
        "error": error.code,
        "message": error.message,
        "code": error.status,
        "details": error.public_details(),
        "request_id": request_id,
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
