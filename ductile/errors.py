"""The root of every error a user can meet.

An error is a class. Its docstring is its message, formatted with the details it is raised with; it knows its stable
``code`` and the HTTP ``status`` that answers it. Each package keeps its own errors below these.
"""

import re
from typing import Any, ClassVar

_BEFORE_MARK = re.compile(r"\{(\w+)\}(?=[.;,:])")
"""A detail behind which the sentence goes on with a mark of its own."""


class DuctileError(Exception):
    """Something unexpected went wrong inside the gateway."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retry_after: ClassVar[int | None] = None
    """Seconds after which the same call may succeed; None says nothing."""

    def __init__(self, **details: Any) -> None:
        self.details = details
        template = " ".join((type(self).__doc__ or "").split())
        inside = set(_BEFORE_MARK.findall(template))
        values = {name: _sentence_value(value, inside=name in inside) for name, value in details.items()}
        super().__init__(template.format_map(values))

    @property
    def message(self) -> str:
        """The sentence for people: what is wrong, where, and what to do."""
        return str(self)

    def public_details(self) -> dict[str, Any]:
        """What an HTTP answer shows under ``details``: JSON values only.

        A ``hint`` continues the message (`; did you mean `x`?`). Here it is a sentence, and left out if empty.
        """
        if "hint" not in self.details:
            return self.details
        others = {name: value for name, value in self.details.items() if name != "hint"}
        hint = sentence(self.details["hint"])
        return {**others, "hint": hint} if hint else others


def sentence(clause: str) -> str:
    """A clause that continues a message as a sentence of its own: `; did you mean `x`?` as `Did you mean `x`?`."""
    text = clause.lstrip(" ;:,")
    if not text:
        return ""
    return end_sentence(f"{text[0].upper()}{text[1:]}")


def end_sentence(text: str) -> str:
    """The text with a period, unless it has an end."""
    return text if text[-1:] in ".?!" else f"{text}."


def _sentence_value(value: Any, *, inside: bool) -> Any:
    """As it stands in a sentence: a list of words with commas, and (`inside`) a sentence without its period."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        value = ", ".join(value)
    if not inside or not isinstance(value, str | Exception):
        return value
    text = str(value)
    return text[:-1] if text.endswith(".") and not text.endswith("..") else text


class BadRequest(DuctileError):
    """The request is not valid: {reason}."""

    code = "bad_request"
    status = 400


class Unauthorized(DuctileError):
    """This needs a valid credential; send `Authorization: Bearer <token>`."""

    code = "unauthorized"
    status = 401


class Forbidden(DuctileError):
    """The credential lacks a scope this needs: one of {required_scopes}."""

    code = "forbidden"
    status = 403


class NotFound(DuctileError):
    """There is nothing at {path}; GET / lists where to start."""

    code = "not_found"
    status = 404


class Conflict(DuctileError):
    """The request conflicts with the current state: {reason}."""

    code = "conflict"
    status = 409


class Unprocessable(DuctileError):
    """The request was understood and refused: {reason}."""

    code = "unprocessable"
    status = 422


class Unavailable(DuctileError):
    """The gateway cannot do this now: {reason}; try again later."""

    code = "unavailable"
    status = 503
    retry_after = 1
