"""Errors of calls to a gateway."""

import errno
import os
import ssl
from collections.abc import Mapping
from typing import Any

from ductile.errors import DuctileError


class ClientError(DuctileError):
    """The call to the gateway failed."""

    code = "client_error"


class Unreachable(ClientError):
    """The gateway at {url} cannot be reached: {reason}. Is it running? `ductile system start` starts it."""

    code = "unreachable"
    status = 503


class Refused(ClientError):
    """The gateway refused the call: {message}."""

    code = "refused"

    def __init__(self, *, envelope: Mapping[str, Any], http_status: int) -> None:
        self.envelope = envelope
        """`{error, message, code, details, request_id}` as the gateway sent it."""
        self.http_status = http_status
        unknown = f"it answered {http_status}, in no words of a gateway; is this a Ductile gateway?"
        super().__init__(message=str(envelope.get("message", unknown)).rstrip("."))


class AuthFailed(Refused):
    """The gateway did not accept the credential: {message}."""

    code = "auth_failed"


class NotFoundError(Refused):
    """The gateway does not have that: {message}."""

    code = "not_found"


class Foreign(ClientError):
    """What answers at {url}{path} is no gateway's answer ({found}); is this a Ductile gateway?"""  # noqa: D400 - asks

    code = "foreign_answer"


REFUSED_BY_STATUS: Mapping[int, type[Refused]] = {401: AuthFailed, 403: AuthFailed, 404: NotFoundError}


def failure_reason(error: BaseException) -> str:
    """Why a call failed: the operating system's reason, or the text of the error."""
    cause = getattr(error, "os_error", None) or error
    number = cause.errno if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) else None
    if number is not None and number in errno.errorcode:
        return os.strerror(number)
    return getattr(cause, "strerror", None) or str(error) or type(error).__name__
