"""What is wrong with the plain programs of a manifest, each with its path."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ductile.document.problem import Path, Problem, did_you_mean
from ductile.document.redactor import is_secret_name
from ductile.model.program import TEXT_OUTPUT, Reference
from ductile.plugin.argument_template import parse_template, template_references
from ductile.plugin.errors import BadSchema
from ductile.plugin.json_schema import expand_schema
from ductile.plugin.program_manifest import property_at, read_group

_OF_TEXT = ("args", "stdin", "exit_codes")
_HIGHEST_EXIT_CODE = 255


def program_problems(value: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything wrong with `output: text` in a manifest, which need not be sound otherwise."""
    commands = _commands(value)
    texts = [(path, command) for path, command in commands if output_of(value, command) == TEXT_OUTPUT]
    for path, command in commands:
        if output_of(value, command) != TEXT_OUTPUT:
            yield from _without_text(command, path)
    if "exit_codes" in value and not texts and value.get("output") != TEXT_OUTPUT:
        yield from _without_text({"exit_codes": value["exit_codes"]}, ())
    yield from _exit_codes(value.get("exit_codes"), ("exit_codes",))
    if (texts or value.get("output") == TEXT_OUTPUT) and value.get("lifecycle") == "persistent":
        message = "`lifecycle: persistent` is for what answers in JSON; a program with `output: text` ends with its job"
        yield Problem(code="bad_value", message=message, path=("lifecycle",))
    for path, command in texts:
        yield from _exit_codes(command.get("exit_codes"), (*path, "exit_codes"))
        yield from _emits(command, path)
        yield from _inputs(value, command, path)
    yield from _facts(value, {command.get("name") for _, command in texts})


def output_of(value: Mapping[str, Any], command: Mapping[str, Any]) -> Any:
    """What a command writes: it says so itself, or the whole plugin does."""
    return command.get("output") or value.get("output")


def _commands(value: Mapping[str, Any]) -> list[tuple[Path, Mapping[str, Any]]]:
    entries = value.get("commands")
    if not isinstance(entries, list):
        return []
    return [(("commands", index), entry) for index, entry in enumerate(entries) if isinstance(entry, Mapping)]


def _without_text(holder: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    for key in _OF_TEXT:
        if key in holder:
            message = f"`{key}` is for plain programs; say `output: text` beside it, or leave it out"
            yield Problem(code="bad_value", message=message, path=(*path, key))


def _exit_codes(codes: Any, path: Path) -> Iterator[Problem]:
    for code in codes if isinstance(codes, Mapping) else ():
        number = int(code) if str(code).isascii() and str(code).isdigit() and len(str(code)) < len("1000") else -1
        if not 0 <= number <= _HIGHEST_EXIT_CODE:
            message = f"`{code}` is no exit code: those are 0 to {_HIGHEST_EXIT_CODE}"
            yield Problem(code="bad_value", message=message, path=(*path, code))


def _emits(command: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    values = command.get("values")
    if isinstance(values, Mapping) and values.get("emit"):
        message = "a command with `output: text` emits only the events of the exit codes that have a `name`"
        yield Problem(code="bad_value", message=message, path=(*path, "values", "emit"))


def _facts(value: Mapping[str, Any], texts: set[Any]) -> Iterator[Problem]:
    rules = value.get("fact_outputs")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        when = rule.get("when") if isinstance(rule, Mapping) else None
        if isinstance(when, Mapping) and when.get("command") in texts:
            message = f"`{when['command']}` has `output: text`, so it keeps no state and makes no facts"
            yield Problem(code="bad_value", message=message, path=("fact_outputs", index, "when", "command"))


def _inputs(value: Mapping[str, Any], command: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    args, stdin = command.get("args"), command.get("stdin")
    schemas = {
        "payload": _expand(command.get("input_schema")),
        "config": _config_schema(value),
    }
    for index, item in enumerate(args if isinstance(args, list) else ()):
        place: Path = (*path, "args", index)
        try:
            group = read_group(item)
        except ValueError as error:
            yield Problem(code="bad_value", message=_option_start(f"`args[{index}]`", error), path=place)
            continue
        found = [part for template in group.arguments for part in template_references(template)]
        for reference in [*found, *([group.when] if group.when else ())]:
            yield from _reference(reference, schemas, place)
            yield from _secret_argument(reference, schemas["config"], place)
    if isinstance(stdin, str):
        place = (*path, "stdin")
        try:
            template = parse_template(stdin)
        except ValueError as error:
            yield Problem(code="bad_value", message=_option_start("`stdin`", error), path=place)
            return
        for reference in template_references(template):
            yield from _reference(reference, schemas, place)


def _option_start(name: str, error: ValueError) -> str:
    """The sentence, with the name of the value where it goes on from that."""
    said = str(error)
    return f"{name} {said}" if said.startswith(("must", "cannot")) else f"{name}: {said}"


def _reference(reference: Reference, schemas: Mapping[str, Any], place: Path) -> Iterator[Problem]:
    """A reference to what the schema of its root does not have."""
    root, *names = reference.path
    for depth, name in enumerate(names):
        parent = schemas[root] if depth == 0 else property_at(schemas[root], names[:depth])
        properties = parent.get("properties") if isinstance(parent, Mapping) else None
        if not isinstance(properties, Mapping):
            return
        if name not in properties:
            named = "`input_schema`" if root == "payload" else "`config_keys` or `config_schema`"
            hint = did_you_mean(name, properties)
            message = f"`{{{reference.name}}}` names nothing that {named} has{hint}"
            yield Problem(code="unknown_reference", message=message, path=place)
            return
    found = property_at(schemas[root], names)
    if found is not None and found.get("type") == "object" and place[-1] != "stdin":
        message = f"`{{{reference.name}}}` is an object; an argument is text, a number, true or false"
        yield Problem(code="bad_value", message=message, path=place)


def _secret_argument(reference: Reference, schema: Any, place: Path) -> Iterator[Problem]:
    root, *names = reference.path
    if root != "config":
        return
    found = property_at(schema, names)
    if any(map(is_secret_name, names)) or (found is not None and found.get("writeOnly") is True):
        message = (
            f"`{{{reference.name}}}` is a secret, and every user of the machine can read a program's arguments; "
            "pass it by `stdin`, or let the operator give it by `env`"
        )
        yield Problem(code="secret_in_args", message=message, path=place)


def _config_schema(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """`config_schema` and `config_keys` in one; None where neither names a key."""
    keys = value.get("config_keys")
    names: Sequence[Any] = [
        name
        for kind in ("required", "optional")
        for name in (keys.get(kind) or () if isinstance(keys, Mapping) else ())
        if isinstance(name, str)
    ]
    schema = _expand(value.get("config_schema")) or {}
    properties = {**{name: {} for name in names}, **(schema.get("properties") or {})}
    return {"properties": properties} if properties else None


def _expand(schema: Any) -> Mapping[str, Any] | None:
    if not isinstance(schema, Mapping):
        return None
    try:
        return expand_schema(schema)
    except BadSchema:  # told at its own place
        return None
