"""The kinds of value a configuration key may hold, each with its own sentence for what is wrong."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic.fields import FieldInfo

from ductile.document.field_errors import quote_value, refuse_later_key, value_error
from ductile.document.units import duration, format_duration, size
from ductile.model.clock import Millis, from_rfc3339

DURATION = {"type": ["string", "integer"], "examples": ["500ms", "30s", "5m", "1h30m", "2d", "1w", "daily"]}
SIZE = {"type": ["integer", "string"], "examples": [1024, "64KB", "1MB", "1GB"]}


class FieldMark(Enum):
    """What a setting is besides its type; a mark stands in the annotation of its field."""

    SECRET = auto()
    """Redacted wherever it stands, however short it is."""
    PATH = auto()
    """Relative to the file that holds it; absolute in the validated section."""
    ADDRESS = auto()
    """`host:port`, or `unix:` and such a path; a list of them too."""


def _checked(check: Callable[[Any], Any], schema: dict[str, Any]) -> BeforeValidator:
    """A check, and the JSON Schema of what it takes: what is written is not what the gateway works with."""
    return BeforeValidator(check, json_schema_input_type=Annotated[Any, WithJsonSchema(schema)])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        message = f"must be text, but {quote_value(value)} is no text in YAML; put it in quotes"
    else:
        message = f"must be text, not {quote_value(value)}"
    raise value_error(message)


def _name(value: Any) -> str:
    text = _text(value)
    if not text.strip():
        message = "must not be empty"
        raise value_error(message)
    return text


def whole(low: int) -> BeforeValidator:
    """A whole number of at least `low`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            message = f"must be a whole number, not {quote_value(value)}"
            raise value_error(message)
        if value < low:
            message = f"must be at least {low}, not {value}"
            raise value_error(message)
        return value

    return _checked(check, {"type": "integer", "minimum": low})


def _measured(measure: Callable[[str | int], int], example: str) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int):
            message = f"must be {example}, not {quote_value(value)}"
            raise value_error(message)
        try:
            return measure(value)
        except ValueError as error:
            message = f": {error}"
            raise value_error(message) from None

    return check


_span = _measured(duration, "a duration such as `30s`")
_size = _measured(size, "a size such as `1MB`")


def _positive(value: Any) -> Millis:
    length = _span(value)
    if length <= 0:
        message = "must be longer than nothing"
        raise value_error(message)
    return length


def _moment(value: Any) -> Millis:
    try:
        return from_rfc3339(_text(value))
    except ValueError:
        message = f"must be a time such as `2030-01-31T12:00:00Z`, not {quote_value(value)}"
        raise value_error(message) from None


def one_of(*choices: str, **aliases: str) -> BeforeValidator:
    """One of these words; an alias stands for another of them."""

    def check(value: Any) -> str:
        word = aliases.get(value, value) if isinstance(value, str) else value
        if word in choices:
            return str(word)
        named = ", ".join(f"`{choice}`" for choice in choices)
        message = f"must be one of {named}, not {quote_value(value)}"
        raise value_error(message)

    return _checked(check, {"enum": [*choices, *aliases]})


Text = Annotated[str, _checked(_text, {"type": "string"})]
Name = Annotated[str, _checked(_name, {"type": "string", "minLength": 1})]
Secret = Annotated[Text, FieldMark.SECRET]
FilePath = Annotated[Name, FieldMark.PATH]
Duration = Annotated[Millis, _checked(_span, DURATION)]
"""A length of time, zero allowed."""
Span = Annotated[Millis, _checked(_positive, DURATION)]
"""A length of time above zero."""
Size = Annotated[int, _checked(_size, SIZE)]
"""Bytes."""
Moment = Annotated[Millis, _checked(_moment, {"type": "string", "format": "date-time"})]
Count = Annotated[int, whole(1)]
NotYet = Annotated[Any, _checked(refuse_later_key, {"not": {}})]
"""A documented key whose feature a later version brings."""


def as_written(field: FieldInfo, value: Any) -> Any:
    """A value of a field as a file would have it: `30s` for 30000 where the field is a length of time."""
    checks = {getattr(one, "func", None) for one in field.metadata}
    if checks & {_span, _positive}:
        return format_duration(value)
    return list(value) if isinstance(value, tuple) else value
