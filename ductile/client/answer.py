"""Answers of a gateway: JSON, or an error in its one shape."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from ductile.client.errors import REFUSED_BY_STATUS, Foreign, Refused

UNIX_PREFIX = "unix:"
JSON_MEDIA = "application/json"
CALL_TIMEOUT_SECONDS = 30.0
"""Seconds that a call may take, beside the time that it waits for a result."""


class Answer(Struct, frozen=True, kw_only=True):
    """An answer of any status."""

    status: int
    headers: Mapping[str, str]
    body: Any
    """JSON as its value, anything else as text."""


FIRST_ERROR_STATUS = 400
"""The lowest status of an error."""


def decode_answer(status: int, content: bytes, accept: frozenset[int]) -> Any:
    """The JSON of an answer. Raises the ClientError of its status."""
    try:
        answer = orjson.loads(content) if content else {}
    except orjson.JSONDecodeError:
        answer = {"message": f"status {status} with a body that is not JSON; is this a Ductile gateway?"}
        raise Refused(envelope=answer, http_status=status) from None
    if status < FIRST_ERROR_STATUS or status in accept:
        return answer
    envelope = answer if isinstance(answer, dict) else {}
    raise REFUSED_BY_STATUS.get(status, Refused)(envelope=envelope, http_status=status)


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
    """The result of a call: text of the `media` type asked for, otherwise JSON with these members (None: a list).

    Raises the ClientError of its status, or Foreign.
    """
    if content_type == media != JSON_MEDIA and status < FIRST_ERROR_STATUS:
        return content.decode("utf-8", "replace")
    answer = decode_answer(status, content, accept)
    found = missing_members(answer, has) if media == JSON_MEDIA else f"it is no {media}"
    if found:
        raise Foreign(url=url, path=path, found=found)
    return answer


def missing_members(answer: Any, members: Sequence[str] | None) -> str:
    """The missing parts of an answer that must be an object with members or (None) a list; empty for a complete one."""
    if members is None:
        return "" if isinstance(answer, list) else "it is no list"
    if not isinstance(answer, dict):
        return "it is no object"
    return ", ".join(f"`{name}` is missing" for name in members if name not in answer)
