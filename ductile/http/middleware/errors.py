"""Every error becomes the one shape; what nobody expected becomes a 500 and a line in the log, never a traceback."""

from typing import Any

import structlog

from ductile.errors import DuctileError, Unauthorized
from ductile.http.ask import Ask, Handler, Reply
from ductile.http.errors import MethodNotAllowed

log = structlog.get_logger(__name__)


async def errors(ask: Ask, proceed: Handler) -> Reply:
    """Answer an error as `{error, message, code, details, request_id}`."""
    try:
        return await proceed(ask)
    except DuctileError as error:
        if error.status >= 500:  # noqa: PLR2004 - the class of the gateway's own faults
            log.warning("request failed", request_id=ask.request_id, error=error.code, reason=error.message)
        return answer(ask, error)
    except Exception:
        log.exception("request failed unexpectedly", request_id=ask.request_id, method=ask.method, path=ask.raw_path)
        return answer(ask, DuctileError())


def answer(ask: Ask, error: DuctileError) -> Reply:
    """The reply for an error; secrets that its sentence may hold are redacted."""
    body = shape(error, ask.request_id)
    return Reply(status=error.status, body=ask.snapshot.redactor.value(body), headers=headers(error))


def shape(error: DuctileError, request_id: str) -> dict[str, Any]:
    """The body of every error."""
    return {
        "error": error.code,
        "message": error.message,
        "code": error.status,
        "details": error.public_details(),
        "request_id": request_id,
    }


def headers(error: DuctileError) -> dict[str, str]:
    """The headers that the status asks for."""
    found = {}
    if isinstance(error, Unauthorized):
        found["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        found["Allow"] = error.details["allow"]
    if error.retry_after is not None:
        found["Retry-After"] = str(error.retry_after)
    return found
