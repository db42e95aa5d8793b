"""What a gateway answers: JSON, or an error in its one shape."""

import errno
import os
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from ductile.errors import DuctileError

UNIX = "unix:"
JSON = "application/json"
TIMEOUT = 30.0
"""Seconds that a call may take, beside what it waits for a result."""


class Answer(Struct, frozen=True, kw_only=True):
    """An answer as it came, errors too."""

    status: int
    headers: Mapping[str, str]
    body: Any
    """JSON as its value, anything else as text."""


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


FIRST_ERROR = 400
"""The lowest status of an error."""
REFUSALS: Mapping[int, type[Refused]] = {401: AuthFailed, 403: AuthFailed, 404: NotFoundError}


def decoded(status: int, content: bytes, accept: frozenset[int]) -> Any:
    """The JSON of an answer. Raises the ClientError of its status."""
    try:
        answer = orjson.loads(content) if content else {}
    except orjson.JSONDecodeError:
        answer = {"message": f"status {status} with a body that is not JSON; is this a Ductile gateway?"}
        raise Refused(envelope=answer, http_status=status) from None
    if status < FIRST_ERROR or status in accept:
        return answer
    envelope = answer if isinstance(answer, dict) else {}
    raise REFUSALS.get(status, Refused)(envelope=envelope, http_status=status)


def read_answer(
    status: int,
    content_type: str,
    content: bytes,
    *,
    url: str,
    path: str,
    accept: frozenset[int],
    media: str,
    has: Sequence[str] | None,
) -> Any:
    """What a call returns: text of the `media` type it asked for, else JSON with these members (None: a list).

    Raises the ClientError of its status, or Foreign.
    """
    if content_type == media != JSON and status < FIRST_ERROR:
        return content.decode("utf-8", "replace")
    answer = decoded(status, content, accept)
    found = lacking(answer, has) if media == JSON else f"it is no {media}"
    if found:
        raise Foreign(url=url, path=path, found=found)
    return answer


def lacking(answer: Any, members: Sequence[str] | None) -> str:
    """What an answer lacks of the shape it must have, an object with members or (None) a list; empty where nothing."""
    if members is None:
        return "" if isinstance(answer, list) else "it is no list"
    if not isinstance(answer, dict):
        return "it is no object"
    return ", ".join(f"`{name}` is missing" for name in members if name not in answer)


def reason_of(error: BaseException) -> str:
    """Why a call came to nothing: of a connection that could not be made what the system says, else what is known."""
    cause = getattr(error, "os_error", None) or error
    number = cause.errno if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) else None
    if number is not None and number in errno.errorcode:
        return os.strerror(number)
    return getattr(cause, "strerror", None) or str(error) or type(error).__name__
