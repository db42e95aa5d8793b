"""Reads the fields of an input schema, each an option of the command line. Pure."""

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
    """`--name`, and `--no-name` for a boolean; none where only `--payload` can set the field."""
    kind: ValueType
    """The type of the value; of a repeatable field, of each value."""
    repeatable: bool
    """Whether the field is a list, so that its option is given once for each item."""
    required: bool
    help: str

    @property
    def is_switch(self) -> bool:
        """Whether the option takes no value: `--force`, `--no-force`."""
        return is_switch(self.kind, repeatable=self.repeatable)

    @property
    def title(self) -> str:
        """The name of the field in errors."""
        return self.flags[0] if self.flags else f"field `{self.name}`"

    @property
    def metavar(self) -> str:
        """The name of the value in the help."""
        if self.kind.choices:
            return "|".join(format_value(choice) for choice in self.kind.choices)
        return "|".join(dict.fromkeys(METAVARS[one] for one in self.kind.types if one in METAVARS)) or "JSON"

    def value(self, given: Any) -> Any:
        """The JSON value of a word, a list of words, or a boolean of the command line. Raises UsageError."""
        if isinstance(given, bool):
            return given
        if self.repeatable:
            return [parse_value(one, self.kind, self.title) for one in given]
        return parse_value(given, self.kind, self.title)


def read_fields(schema: Schema | None, reserved_flags: Sequence[str] = ()) -> tuple[Field, ...]:
    """The fields of a payload, in the schema's order. Of two fields with the same flag the first has it.

    No field has one of `reserved_flags`.
    """
    root = schema or {}
    properties: dict[str, Any] = {}
    required: set[str] = set()
    for found, needed in _walk_objects(root, root, 0, needed=True):
        required |= needed
        for name, one in found.items():
            properties.setdefault(name, one)
    used = set(reserved_flags)
    fields = []
    for name, one in properties.items():
        field = _read_field(name, one, root, required=name in required, used=used)
        used.update(field.flags)
        fields.append(field)
    return tuple(fields)


def normalize_flag(flag: str) -> str:
    """`--max_bytes` and `--max-bytes` are the same flag."""
    return flag.replace("_", "-")


def build_payload(fields: Sequence[Field], given: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The payload: the fields of the command line (as `Field.value` takes them) over the object of `--payload`.

    Raises UsageError where a word does not fit its field, a field that must be there is not, or JSON cannot carry it.
    """
    field_by_name = {field.name: field for field in fields}
    payload = {**base, **{name: field_by_name[name].value(value) for name, value in given.items()}}
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
    """Whether a value is a boolean, or null, and nothing else."""
    return not repeatable and not kind.choices and set(kind.types) - {"null"} == {"boolean"}


def _read_field(name: str, schema: Any, root: Schema, *, required: bool, used: set[str]) -> Field:
    schema = _resolve(schema, root)
    kind, items = _value_type(schema, root), schema.get("items")
    repeatable = not kind.choices and set(kind.types) - {"null"} == {"array"}
    if repeatable:
        kind = _value_type(_resolve(items, root), root)
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
    description = " ".join(str(schema.get("description") or schema.get("title") or "").split())
    return "  ".join(part for part in (description, f"[{'; '.join(notes)}]" if notes else "") if part)


def _walk_objects(
    schema: Any, root: Schema, level: int, *, needed: bool
) -> Iterator[tuple[Mapping[str, Any], frozenset[str]]]:
    """The properties of an object and of its branches, with the required names (those of alternatives left out)."""
    schema = _resolve(schema, root)
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, Mapping):
        yield (
            properties,
            frozenset(map(str, required)) if needed and isinstance(required, list | tuple) else frozenset(),
        )
    for key in COMBINATORS:
        for branch in _branches(schema, key, level):
            yield from _walk_objects(branch, root, level + 1, needed=needed and key == "allOf")


def _branches(schema: Schema, key: str, level: int) -> Sequence[Any]:
    branches = schema.get(key)
    return branches if isinstance(branches, list | tuple) and level < MAX_LEVELS else ()


def _resolve(schema: Any, root: Schema) -> Schema:
    """The schema behind a `$ref` into the document; an empty schema where the `$ref` leads nowhere."""
    for _ in range(MAX_LEVELS):
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        target: Any = root
        for part in reference.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **beside} if isinstance(target, Mapping) else beside
    return {}


def _value_type(schema: Schema, root: Schema) -> ValueType:
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    choices = tuple(allowed) if isinstance(allowed, list | tuple) else ()
    types = _types(schema, root, 0)
    return ValueType(types=tuple(one for one in TYPE_ORDER if one in types), choices=choices)


def _types(schema: Schema, root: Schema, level: int) -> frozenset[str]:
    """The types a value may have; empty for any."""
    declared = schema.get("type")
    if declared is not None:
        return frozenset(map(str, declared if isinstance(declared, list | tuple) else [declared]))
    if "properties" in schema or "additionalProperties" in schema:
        return frozenset({"object"})
    if "items" in schema or "prefixItems" in schema:
        return frozenset({"array"})
    for key in COMBINATORS:
        each = [_types(_resolve(one, root), root, level + 1) for one in _branches(schema, key, level)]
        if key == "allOf":
            each = [types for types in each if types]
        if each and all(each):
            return frozenset.intersection(*each) if key == "allOf" else frozenset.union(*each)
    return frozenset()
