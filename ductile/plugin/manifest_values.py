"""The single values of a `manifest.yaml`: what each may be, and what is said of one that it may not be."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from ductile.document.field_errors import quote_value, value_error
from ductile.document.units import duration
from ductile.model.clock import Millis
from ductile.model.names import NAME_PATTERN, RESERVED_NAMES
from ductile.model.program import OUTPUT_KINDS


def _text(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    hint = "; put quotes around it" if isinstance(value, int | float) else ""
    message = f"must be text, not {quote_value(value) if value != '' else 'empty'}{hint}"
    raise value_error(message)


def _description(value: Any) -> str:
    return "" if value is None or value == "" else _text(value)


def _version(value: Any) -> str:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else _text(value)


def _name(value: Any) -> str:
    name = _text(value)
    if not NAME_PATTERN.fullmatch(name):
        message = f"cannot be {quote_value(name)}: names start with a-z or 0-9 and go on with a-z, 0-9, `_` and `-`"
        raise value_error(message)
    return name


def _plugin_name(value: Any) -> str:
    name = _name(value)
    if name in RESERVED_NAMES:
        message = f"cannot be `{name}`, which is reserved"
        raise value_error(message)
    return name


def exactly(wanted: str | int, hint: str = "") -> BeforeValidator:
    """A check that the value is this one. `hint` ends the sentence."""

    def check(value: Any) -> str | int:
        if value != wanted or isinstance(value, bool):
            message = f"must be `{wanted}`, not {quote_value(value)}{hint}"
            raise value_error(message)
        return wanted

    return BeforeValidator(check)


def either(first: str, second: str) -> BeforeValidator:
    """A check that the value is one of these two words."""

    def check(value: Any) -> str:
        if isinstance(value, str) and value in (first, second):
            return value
        message = f"must be `{first}` or `{second}`, not {quote_value(value)}"
        raise value_error(message)

    return BeforeValidator(check)


def _stdin(value: Any) -> str:
    if isinstance(value, str):
        return value
    message = f"must be text such as `{{payload.text}}` in quotes, not {quote_value(value)}"
    raise value_error(message)


def _duration(value: Any) -> Millis:
    try:
        millis = duration(value)
    except ValueError as error:
        message = f"must be a duration: {error}"
        raise value_error(message) from None
    if millis == 0:
        message = "must be longer than 0"
        raise value_error(message)
    return millis


def _value_name(value: Any) -> str:
    name = _text(value)
    first, *rest = name.split(".")
    if first != "payload" or not all(part == "*" or part.replace("_", "").replace("-", "").isalnum() for part in rest):
        message = f"must be a payload name such as `payload.url`, not {quote_value(value)}"
        raise value_error(message)
    return name


def _schema(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, bool):
        return {} if value else {"not": {}}
    if value is None or isinstance(value, Mapping):
        return value
    message = f"must be a JSON Schema, or a map such as {{url: string}}, not {quote_value(value)}"
    raise value_error(message)


_NOT_BLANK = {"type": "string", "pattern": r"\S"}
_NAMED = {"type": "string", "pattern": f"^{NAME_PATTERN.pattern}$"}

_ARGUMENT: dict[str, Any] = {"type": ["string", "number"]}
_ARGUMENT_LIST: dict[str, Any] = {"type": "array", "items": _ARGUMENT, "minItems": 1}
_ARGUMENTS: dict[str, Any] = {
    "type": "array",
    "items": {
        "anyOf": [
            _ARGUMENT,
            _ARGUMENT_LIST,
            {
                "type": "object",
                "properties": {"when": {"type": "string"}, "args": _ARGUMENT_LIST},
                "required": ["when", "args"],
                "additionalProperties": False,
            },
        ]
    },
}

Text = Annotated[str, BeforeValidator(_text), WithJsonSchema(_NOT_BLANK)]
Description = Annotated[str, BeforeValidator(_description)]
Version = Annotated[str, BeforeValidator(_version), WithJsonSchema(_NOT_BLANK)]
Name = Annotated[str, BeforeValidator(_name), WithJsonSchema(_NAMED)]
PluginName = Annotated[
    str, BeforeValidator(_plugin_name), WithJsonSchema({**_NAMED, "not": {"enum": sorted(RESERVED_NAMES)}})
]
ValueName = Annotated[
    str,
    BeforeValidator(_value_name),
    WithJsonSchema({"type": "string", "pattern": r"^payload(\.([A-Za-z0-9_-]+|\*))*$"}),
]
Schema = Annotated[
    dict[str, Any] | None,
    BeforeValidator(_schema),
    WithJsonSchema({"type": ["object", "boolean"]}),
]
Timeout = Annotated[
    Millis | None,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$|^(hour|dai|week|month)ly$"}),
]


Output = Annotated[str | None, either(*OUTPUT_KINDS), WithJsonSchema({"enum": list(OUTPUT_KINDS)})]
Arguments = Annotated[list[Any], WithJsonSchema(_ARGUMENTS)]
"""Told apart by `program_problems`, which knows the place of each."""
Stdin = Annotated[str | None, BeforeValidator(_stdin), WithJsonSchema({"type": "string"})]
