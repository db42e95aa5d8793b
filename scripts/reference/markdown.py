"""How the generated parts look."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DURATION = "500ms"
"""An example that marks a schema as that of a duration."""
SIZE = "64KB"
"""The same of a size."""
NULL = {"type": "null"}
REFERENCE = r"\$\{"
"""The pattern of `${NAME}`, which may stand for any single value."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; `|` and ends of lines in its cells are kept from breaking it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(one) for one in line) + " |" for line in lines) + "\n"


def cell(text: str) -> str:
    """One cell."""
    return " ".join(text.split()).replace("|", "\\|")


def code(value: Any) -> str:
    """A value as it would be written in YAML's flow style."""
    if value is None or value == "":
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def kind(schema: Mapping[str, Any]) -> str:
    """What a schema takes, in a word or two."""
    examples = schema.get("examples", ())
    if DURATION in examples or "ms|s|m|h|d|w" in schema.get("pattern", ""):
        return "duration"
    if SIZE in examples:
        return "size"
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values:
        return ", ".join(code(one) for one in values)
    alternatives = [one for one in schema.get("anyOf", ()) if one != NULL and one.get("pattern") != REFERENCE]
    return " or ".join(dict.fromkeys(kind(one) for one in alternatives)) or _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    types = schema.get("type", [])
    words = [types] if isinstance(types, str) else [one for one in types if one != "null"]
    if "$ref" in schema:
        words = ["object"]
    if words == ["array"]:
        return f"list of {kind(schema.get('items', {}))}s"
    if words == ["integer"] and "minimum" in schema:
        return f"integer ≥ {schema['minimum']}"
    if schema.get("format") == "date-time":
        return "time"
    named = {"object": "map", "string": "text", "boolean": "true or false"}
    return " or ".join(named.get(one, one) for one in words) or "anything"
