"""The arguments that a payload may give a command: of which type, and within which bounds."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ARGUMENT = re.compile(r"[a-z_][a-z0-9_]{0,63}")
TYPES = {"string": str, "integer": int, "number": int | float, "boolean": bool}
LONGEST_VALUE = 1000
"""Characters of a text argument, where its `max_length` says no other number."""
OF_ARGUMENT = {
    "type", "description", "required", "default", "enum", "pattern", "min_length", "max_length", "minimum", "maximum",
    "allow_dash",
}  # fmt: skip


class Refused(Exception):
    """The request cannot be done, however often it is tried."""


class BadConfig(Exception):
    """The operator has to mend the configuration."""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One value that a payload may give."""

    name: str
    type: str
    description: str
    required: bool
    default: Any
    enum: tuple[Any, ...] | None
    pattern: re.Pattern[str] | None
    min_length: int
    max_length: int
    minimum: float
    maximum: float
    allow_dash: bool

    def value(self, given: Mapping[str, Any]) -> Any:
        """The checked value; None where it is optional and absent."""
        value = given.get(self.name)
        if value is None:
            value = self.default
        if value is None:
            if self.required:
                raise Refused(f"payload.args.{self.name} is missing")
            return None
        if fault := self.fault(value):
            raise Refused(f"payload.args.{self.name} {fault}")
        return value

    def fault(self, value: Any) -> str | None:
        wanted = TYPES[self.type]
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.type != "boolean"):
            return f"must be of type {self.type}"
        if self.enum is not None and value not in self.enum:
            return f"must be one of {', '.join(map(str, self.enum))}"
        return self.text_fault(value) if isinstance(value, str) else self.number_fault(value)

    def text_fault(self, value: str) -> str | None:
        if "\0" in value or not encodable(value):
            return "must not contain NUL or half a character"
        if not self.min_length <= len(value) <= self.max_length:
            return f"must have {self.min_length} to {self.max_length} characters"
        if self.pattern is not None and not self.pattern.fullmatch(value):
            return f"must match {self.pattern.pattern}"
        return None

    def number_fault(self, value: float) -> str | None:
        if not (math.isfinite(value) and self.minimum <= value <= self.maximum):
            return f"must be from {self.minimum:g} to {self.maximum:g}"
        return None


def encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def argument(name: Any, about: Any, at: str) -> Argument:
    if not isinstance(name, str) or not ARGUMENT.fullmatch(name):
        raise BadConfig(f"{at}: names of arguments are made of a-z, 0-9 and _")
    if not isinstance(about, dict) or about.get("type", "string") not in TYPES:
        raise BadConfig(f"{at} must be an object whose `type` is one of {', '.join(TYPES)}")
    if unknown := sorted(set(map(str, about)) - OF_ARGUMENT):
        raise BadConfig(f"{at}.{unknown[0]} is no key of an argument; they are {', '.join(sorted(OF_ARGUMENT))}")
    enum = about.get("enum")
    if enum is not None and (not isinstance(enum, list) or not enum):
        raise BadConfig(f"{at}.enum must be a list")
    default = about.get("default")
    made = Argument(
        name=name,
        type=about.get("type", "string"),
        description=text(about, "description", at, ""),
        required=flag(about, "required", at, default=default is None),
        default=default,
        enum=None if enum is None else tuple(enum),
        pattern=pattern(about.get("pattern"), at),
        min_length=int(number(about, "min_length", at, 1, 100_000, least=0)),
        max_length=int(number(about, "max_length", at, LONGEST_VALUE, 100_000)),
        minimum=number(about, "minimum", at, -math.inf, math.inf, least=-math.inf),
        maximum=number(about, "maximum", at, math.inf, math.inf, least=-math.inf),
        allow_dash=flag(about, "allow_dash", at, default=False),
    )
    if default is not None and (fault := made.fault(default)):
        raise BadConfig(f"{at}.default {fault}")
    return made


def pattern(value: Any, at: str) -> re.Pattern[str] | None:
    try:
        return None if value is None else re.compile(value)
    except (TypeError, re.error) as error:
        raise BadConfig(f"{at}.pattern is no regular expression: {error}") from None


def text(source: Mapping[str, Any], key: str, at: str, default: str) -> str:
    value = source.get(key, default)
    if not isinstance(value, str) or "\0" in value:
        raise BadConfig(f"{at}.{key} must be text")
    return value.strip() or default


def flag(source: Mapping[str, Any], key: str, at: str, *, default: bool) -> bool:
    value = source.get(key, default)
    if not isinstance(value, bool):
        raise BadConfig(f"{at}.{key} must be true or false")
    return value


def number(source: Mapping[str, Any], key: str, at: str, default: float, most: float, *, least: float = 0.001) -> float:
    value = source.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadConfig(f"{at}.{key} must be a number from {least:g} to {most:g}")
    return value
