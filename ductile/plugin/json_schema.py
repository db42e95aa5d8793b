"""JSON Schemas of plugins: the compact form, and validators that never leave the machine."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from ductile.document.problem import Path, did_you_mean
from ductile.document.value_key import MAX_CACHED_RESULTS, restore_value, value_key
from ductile.model.snapshot import SchemaViolation, Validator
from ductile.plugin.errors import BadSchema

if TYPE_CHECKING:
    import jsonschema_rs

COMPACT_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
MAX_ERRORS = 20
MAX_DEPTH = 100
"""Levels of a schema; documents that show it put their own around it, and JSON is written to 254 levels."""
LISTED_VALUES = 10
"""Levels of a payload in which a schema that multiplies is asked what is wrong: each may take twice as long."""
_UNTOLD = f"it does not fit; of more than {LISTED_VALUES} levels it is not said where"
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_ALTERNATIVES = frozenset({"anyOf", "oneOf"})
_MAX_MESSAGE = 300
"""Characters; libraries repeat the offending value, which may be long."""

_ELSEWHERE = re.compile(r"Resource '(.*?)' is not present in a registry")
_KEYWORDS = frozenset({
    "additionalProperties", "allOf", "anyOf", "const", "default", "definitions", "dependentRequired",
    "dependentSchemas", "deprecated", "description", "else", "enum", "examples", "exclusiveMaximum",
    "exclusiveMinimum", "format", "if", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
    "minLength", "minProperties", "minimum", "multipleOf", "not", "nullable", "oneOf", "pattern", "patternProperties",
    "prefixItems", "properties", "propertyNames", "readOnly", "required", "then", "title", "unevaluatedItems",
    "unevaluatedProperties", "uniqueItems", "writeOnly", "contains", "maxContains", "minContains",
})  # fmt: skip


def expand_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A full JSON Schema from either form.

    The compact form has no `type`: `{message: string, n: integer}` is an object with these properties, none of them
    required; a field may also have a list of types or a schema. An empty schema stays empty: anything is valid.
    Raises BadSchema for a field with an unknown type.
    """
    if not is_compact(schema):
        return schema
    return {"type": "object", "properties": {name: _field(name, kind) for name, kind in schema.items()}}


def is_compact(schema: Mapping[str, Any]) -> bool:
    """Whether the schema is written in the compact form."""
    if not schema or "type" in schema:
        return False
    if all(_is_type(kind) for kind in schema.values()):
        return True
    return not any(name in _KEYWORDS or name.startswith("$") for name in schema)


def _is_type(kind: Any) -> bool:
    return isinstance(kind, str) and kind in COMPACT_TYPES


def _field(name: str, kind: Any) -> Any:
    if isinstance(kind, Mapping | bool):
        return kind
    if kind is None:
        return {"type": "null"}
    kinds = kind if isinstance(kind, list) and kind else [kind]
    unknown = [one for one in kinds if not _is_type(one)]
    if unknown:
        hint = did_you_mean(str(unknown[0]), COMPACT_TYPES) or f"; the types are {', '.join(sorted(COMPACT_TYPES))}"
        raise BadSchema(reason=f"`{unknown[0]}` is no type{hint}", at=(name,))
    return {"type": kind}


def compile_validator(schema: Mapping[str, Any]) -> Validator:
    """The check of a payload against a full schema. Raises BadSchema; a `$ref` to another document is one.

    The same schema gives the same check.
    """
    text = value_key(schema)
    return _compile(schema) if text is None else _validator_of(text)


@lru_cache(maxsize=MAX_CACHED_RESULTS)
def _validator_of(text: bytes) -> Validator:
    return _compile(restore_value(text))


def _compile(schema: Mapping[str, Any]) -> Validator:
    if nests_deeper(schema, MAX_DEPTH):
        raise BadSchema(reason=f"it nests deeper than {MAX_DEPTH} levels", at=())
    import jsonschema_rs  # noqa: PLC0415 - without schemas it is not needed, and it takes 6 MB

    try:
        compiled = jsonschema_rs.validator_for(dict(schema), retriever=_refuse)
    except (ValueError, TypeError, OverflowError, RecursionError, jsonschema_rs.ReferencingError) as error:
        raise _bad_schema(error) from None

    def validate(payload: Any) -> tuple[SchemaViolation, ...]:
        try:
            if compiled.is_valid(payload):
                return ()
            if nests_deeper(payload, LISTED_VALUES) and _multiplies(schema):
                return (SchemaViolation(path="", message=_UNTOLD, schema_path=""),)
            return _all_invalid(compiled.iter_errors(payload))
        except ValueError as error:  # it does not follow a payload into every depth
            return (
                SchemaViolation(path="", message=f"it is nested too deeply to be checked ({error})", schema_path=""),
            )

    return validate


def _multiplies(schema: Mapping[str, Any]) -> bool:
    """Whether alternatives may stand within alternatives: what is wrong is then looked for in each, level by level."""
    keys = frozenset(_keys(schema))
    return not keys.isdisjoint(_REFERENCES) and not keys.isdisjoint(_ALTERNATIVES)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from value
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for member in members:
        yield from _keys(member)


def nests_deeper(value: Any, levels: int) -> bool:
    """Whether there are more levels of maps and lists in it than these."""
    if not isinstance(value, Mapping | list):
        return False
    members = value.values() if isinstance(value, Mapping) else value
    return levels == 0 or any(nests_deeper(member, levels - 1) for member in members)


def _all_invalid(errors: "Iterable[jsonschema_rs.ValidationError]") -> tuple[SchemaViolation, ...]:
    return tuple(
        SchemaViolation(
            path=_pointer(error.instance_path),
            message=_short(_message(error)),
            schema_path=_pointer(error.schema_path),
        )
        for error in islice(errors, MAX_ERRORS)
    )


def _message(error: "jsonschema_rs.ValidationError") -> str:
    """What is wrong; where there are alternatives, with the first thing that keeps the value from each."""
    import jsonschema_rs  # noqa: PLC0415 - as above

    kind = error.kind
    if not isinstance(kind, jsonschema_rs.ValidationErrorKind.AnyOf | jsonschema_rs.ValidationErrorKind.OneOfNotValid):
        return error.message
    above = len(error.instance_path)
    reasons = []
    for first, *_ in kind.context:
        below = _pointer(first.instance_path[above:])
        reasons.append(f"{below}: {_message(first)}" if below else _message(first))
    return f"none of the alternatives of `{error.schema_path[-1]}` fits: {'; '.join(dict.fromkeys(reasons))}"


def _refuse(uri: str) -> Any:
    raise ValueError(uri)


def _bad_schema(error: Exception) -> BadSchema:
    at: Path = tuple(getattr(error, "instance_path", ()))
    message: str = getattr(error, "message", str(error))
    if elsewhere := _ELSEWHERE.match(message):
        message = f"`$ref` to {elsewhere[1]} is not followed; put what it needs under `$defs`"
    wrong = getattr(error, "instance", None)
    if at[-1:] == ("type",) and isinstance(wrong, str):
        message = f"`{wrong}` is no type{did_you_mean(wrong, COMPACT_TYPES)}"
    return BadSchema(reason=_short(message), at=at)


def _short(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}…"


def _pointer(path: Iterable[str | int]) -> str:
    """RFC 6901."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
