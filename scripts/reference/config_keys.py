"""Keys of configuration, pipelines and manifests, from the schemas that editors use."""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from markdown import code, kind, table

from ductile.config.configuration_model import configuration_model
from ductile.config.json_schema import config_schema
from ductile.config.old_spellings import TABLE
from ductile.config.schema.section import Section
from ductile.document.model_types import bare_type
from ductile.document.units import format_duration
from ductile.flow.condition import OPERATORS
from ductile.flow.dsl import RESERVED_KEYS, STEP_FORMS
from ductile.plugin.loader import COMMAND_TIMEOUTS_MILLISECONDS, DEFAULT_TIMEOUT_MILLISECONDS
from ductile.plugin.manifest_schema import manifest_schema
from ductile.sections import SECTIONS

HEAD = ("key", "type", "default", "meaning")
NOT_YET = {"not": {}}

ELSEWHERE = {"PipelineModel", "StepModel", "Condition"}
MANIFEST: Mapping[str, str] = {
    "CommandEntry": "commands[]",
    "ExitCodeEntry": "exit_codes.CODE, commands[].exit_codes.CODE",
    "Values": "commands[].values",
    "Emitted": "commands[].values.emit[]",
    "ConfigKeys": "config_keys",
    "FactEntry": "fact_outputs[]",
    "When": "fact_outputs[].when",
}


def configuration() -> str:
    """Every section with its keys."""
    schema = config_schema(SECTIONS)
    known = schema["$defs"]
    places = dict(_places(configuration_model(tuple(SECTIONS))))
    complete(known, {*places, *ELSEWHERE})
    parts = [_section("Top level", schema)]
    parts += [_section(f"`{path}`", known[name]) for name, path in places.items()]
    return "\n".join(parts)


def _places(model: type[Section], at: str = "") -> Iterator[tuple[str, str]]:
    """Name of a section's model → where it stands, such as `plugins.NAME.schedules[]`."""
    for name, field in model.model_fields.items():
        path, type_ = f"{at}{field.alias or name}", bare_type(field.annotation)
        while get_origin(type_) in (list, dict):
            path += "[]" if get_origin(type_) is list else ".NAME"
            type_ = bare_type(get_args(type_)[-1])
        if isinstance(type_, type) and issubclass(type_, Section):
            yield type_.__name__, path
            yield from _places(type_, f"{path}.")


def pipelines() -> str:
    """The keys of a pipeline and of a step."""
    known = config_schema()["$defs"]
    later = ", ".join(code(key) for key in sorted(RESERVED_KEYS - {"concurrency"}))
    forms = ", ".join(code(form) for form in STEP_FORMS if form not in RESERVED_KEYS)
    return (
        _section("`pipelines[]`", known["PipelineModel"])
        + "\n"
        + _section("`pipelines[].steps[]`", known["StepModel"])
        + f"\nA step has exactly one of {forms}. Known, and refused in this version: {later}.\n"
    )


def operators() -> str:
    """The words that `op` may be."""
    return ", ".join(code(op) for op in OPERATORS) + "\n"


def manifest() -> str:
    """The keys of a manifest."""
    schema = manifest_schema()
    schema["properties"].pop("stopwatch", None)
    known = schema["$defs"]
    complete(known, {*MANIFEST, "CommandType"})
    for part in known.values():
        for key, one in part.get("properties", {}).items():
            if one.get("$ref") == "#/$defs/CommandType":
                part["properties"][key] = {**one, "$ref": None, "enum": known["CommandType"]["enum"]}
    parts = [_section("Top level", schema)]
    parts += [_section(f"`{path}`", known[name]) for name, path in MANIFEST.items()]
    return "\n".join(parts)


def default_timeouts() -> str:
    """How long a command may take where nothing is set."""
    rows = [(code(name), code(format_duration(millis))) for name, millis in COMMAND_TIMEOUTS_MILLISECONDS.items()]
    return table(("command", "timeout"), [*rows, ("any other", code(format_duration(DEFAULT_TIMEOUT_MILLISECONDS)))])


def old_spellings() -> str:
    """What an older configuration may say, and what becomes of it."""
    rows = [
        (code(".".join(_parts(old.at))), _sentence(old.says) or f"The same as `{'.'.join(_parts(old.to or ()))}`.")
        for old in TABLE
    ]
    return table(("where", "what `config check` says"), rows)


def complete(known: Collection[str], placed: Collection[str]) -> None:
    """Exit where a part of a schema has no place in the reference, or a place no part."""
    odd = set(known) ^ set(placed)
    if odd:
        sys.exit(f"scripts/reference/config_keys.py has no place for {', '.join(sorted(odd))}, or one too many")


def _section(title: str, schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = list(_rows(schema["properties"], needed))
    later = [key for key, one in schema["properties"].items() if one.get("not") == {}]
    said = f"\nKnown, and refused in this version: {', '.join(code(key) for key in later)}.\n" if later else ""
    return f"### {title}\n\n{table(HEAD, rows)}{said}"


def _rows(properties: Mapping[str, Any], needed: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for key, schema in properties.items():
        if schema.get("not") == {} or schema.get("deprecated"):
            continue
        default = "required" if key in needed else code(_default(schema))
        yield code(key), kind(schema), default, schema.get("description", "")


def _default(schema: Mapping[str, Any]) -> Any:
    found = schema.get("default")
    if isinstance(found, dict) or (isinstance(found, list) and not found):
        return None
    if kind(schema) == "size" and isinstance(found, int) and found % (1024 * 1024) == 0:
        return f"{found // (1024 * 1024)}MB"
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _parts(path: Sequence[Any]) -> list[str]:
    words = [{"*": "NAME", "**": "steps[]"}.get(str(part), str(part)) for part in path]
    return ".".join(words).replace("plugins.NAME", "plugins\0").replace(".NAME", "[]").replace("\0", ".NAME").split(".")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
