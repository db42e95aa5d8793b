"""An input schema as options of the command line. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

from ductile.cli.core.errors import UsageError
from ductile.cli.core.json_args import TYPE_ORDER, ValueType, format_value, parse_value

Schema = Mapping[str, Any]

FLAG_NAME: Final = re.compile(r"\w[\w.-]*")
"""Names that can be written as `--name`; other fields go by `--payload`."""
MAX_LEVELS: Final = 6
"""How deep `allOf`, `anyOf`, `oneOf` and `$ref` are followed; a schema that refers to itself has no end."""
COMBINATORS: Final = ("allOf", "anyOf", "oneOf")
JSON_METAVAR: Final = "JSON|@FILE"
METAVARS: Final = {
    "string": "TEXT",
    "integer": "INTEGER",
    "number": "NUMBER",
    "object": JSON_METAVAR,
    "array": JSON_METAVAR,
}
LIMIT_PHRASES: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "format": "{}",
}
"""Keyword → what the help says of it."""


class Field(Struct, frozen=True, kw_only=True):
    """One property of a payload, as an option."""

    name: str
    flags: tuple[str, ...]
    """`--name`, and `--no-name` for one that is true or false; none where `--payload` alone can give it."""
    kind: ValueType
    """What its word may be; of a repeatable one, each word."""
    repeatable: bool
    """Whether it is a list, and the option given once for each item."""
    required: bool
    help: str

    @property
    def is_switch(self) -> bool:
        """Whether it takes no word: `--force`, `--no-force`."""
        return is_switch(self.kind, repeatable=self.repeatable)

    @property
    def title(self) -> str:
        """What an error calls it."""
        return self.flags[0] if self.flags else f"field `{self.name}`"

    @property
    def metavar(self) -> str:
        """What the help calls its word."""
        if self.kind.choices:
            return "|".join(format_value(choice) for choice in self.kind.choices)
        return "|".join(dict.fromkeys(METAVARS[one] for one in self.kind.types if one in METAVARS)) or "JSON"

    def value(self, given: Any) -> Any:
        """The JSON value of what was given: a word, a list of words, or true and false. Raises UsageError."""
        if isinstance(given, bool):
            return given
        if self.repeatable:
            return [parse_value(one, self.kind, self.title) for one in given]
        return parse_value(given, self.kind, self.title)


def read_fields(schema: Schema | None, taken: Sequence[str] = ()) -> tuple[Field, ...]:
    """The fields of a payload, in the schema's order. Where two would have the same flag, the first one has it.

    No field has a flag that is `taken`.
    """
    whole = schema or {}
    properties: dict[str, Any] = {}
    required: set[str] = set()
    for found, needed in _walk_objects(whole, whole, 0, needed=True):
        required |= needed
        for name, one in found.items():
            properties.setdefault(name, one)
    used = set(taken)
    fields = []
    for name, one in properties.items():
        field = _read_field(name, one, whole, required=name in required, used=used)
        used.update(field.flags)
        fields.append(field)
    return tuple(fields)


def normalize_flag(flag: str) -> str:
    """`--max_bytes` and `--max-bytes` are the same flag."""
    return flag.replace("_", "-")


def build_payload(fields: Sequence[Field], given: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The payload: what was given by field (as `Field.value` takes it) over what `--payload` says.

    Raises UsageError where a word does not fit its field, a field that must be there is not, or JSON cannot carry it.
    """
    known = {field.name: field for field in fields}
    payload = {**base, **{name: known[name].value(value) for name, value in given.items()}}
    missing = [field.title for field in fields if field.required and field.name not in payload]
    if missing:
        noun = "option" if len(missing) == 1 else "options"
        raise UsageError(reason=f"missing {noun} {', '.join(missing)} (or the same by --payload)")
    try:
        orjson.dumps(payload)
    except orjson.JSONEncodeError as error:
        raise UsageError(reason=f"the payload is nothing that JSON can carry: {error}") from None
    return payload


def is_switch(kind: ValueType, *, repeatable: bool) -> bool:
    """Whether a value is true or false, and nothing else but null."""
    return not repeatable and not kind.choices and set(kind.types) - {"null"} == {"boolean"}


def _read_field(name: str, schema: Any, whole: Schema, *, required: bool, used: set[str]) -> Field:
    schema = _resolve(schema, whole)
    kind, items = _value_type(schema, whole), schema.get("items")
    repeatable = not kind.choices and set(kind.types) - {"null"} == {"array"}
    if repeatable:
        kind = _value_type(_resolve(items, whole), whole)
    return Field(
        name=name,
        flags=_field_flags(name, used, switch=is_switch(kind, repeatable=repeatable)),
        kind=kind,
        repeatable=repeatable,
        required=required,
        help=_help(schema, required=required, repeatable=repeatable),
    )


def _field_flags(name: str, used: set[str], *, switch: bool) -> tuple[str, ...]:
    flag, opposite = f"--{normalize_flag(name)}", f"--no-{normalize_flag(name)}"
    if FLAG_NAME.fullmatch(name) is None or flag in used:
        return ()
    return (flag, opposite) if switch and opposite not in used else (flag,)


def _help(schema: Schema, *, required: bool, repeatable: bool) -> str:
    """The description, then `[required; default: 3; at least 1]`."""
    notes = ["required"] if required else []
    if repeatable:
        notes.append("may be repeated")
    if "default" in schema:
        notes.append(f"default: {format_value(schema['default'])}")
    notes += [words.format(format_value(schema[key])) for key, words in LIMIT_PHRASES.items() if key in schema]
    said = " ".join(str(schema.get("description") or schema.get("title") or "").split())
    return "  ".join(part for part in (said, f"[{'; '.join(notes)}]" if notes else "") if part)


def _walk_objects(
    schema: Any, whole: Schema, level: int, *, needed: bool
) -> Iterator[tuple[Mapping[str, Any], frozenset[str]]]:
    """The properties of an object and of its branches, with the names that must be there (not in an alternative)."""
    schema = _resolve(schema, whole)
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, Mapping):
        yield (
            properties,
            frozenset(map(str, required)) if needed and isinstance(required, list | tuple) else frozenset(),
        )
    for key in COMBINATORS:
        for branch in _branches(schema, key, level):
            yield from _walk_objects(branch, whole, level + 1, needed=needed and key == "allOf")


def _branches(schema: Schema, key: str, level: int) -> Sequence[Any]:
    branches = schema.get(key)
    return branches if isinstance(branches, list | tuple) and level < MAX_LEVELS else ()


def _resolve(schema: Any, whole: Schema) -> Schema:
    """The schema with a `$ref` into the document followed; an empty one for what leads nowhere."""
    for _ in range(MAX_LEVELS):
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        target: Any = whole
        for part in reference.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **beside} if isinstance(target, Mapping) else beside
    return {}


def _value_type(schema: Schema, whole: Schema) -> ValueType:
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    choices = tuple(listed) if isinstance(listed, list | tuple) else ()
    types = _types(schema, whole, 0)
    return ValueType(types=tuple(one for one in TYPE_ORDER if one in types), choices=choices)


def _types(schema: Schema, whole: Schema, level: int) -> frozenset[str]:
    """The types a value may have; empty for any."""
    declared = schema.get("type")
    if declared is not None:
        return frozenset(map(str, declared if isinstance(declared, list | tuple) else [declared]))
    if "properties" in schema or "additionalProperties" in schema:
        return frozenset({"object"})
    if "items" in schema or "prefixItems" in schema:
        return frozenset({"array"})
    for key in COMBINATORS:
        each = [_types(_resolve(one, whole), whole, level + 1) for one in _branches(schema, key, level)]
        if key == "allOf":
            each = [types for types in each if types]
        if each and all(each):
            return frozenset.intersection(*each) if key == "allOf" else frozenset.union(*each)
    return frozenset()
