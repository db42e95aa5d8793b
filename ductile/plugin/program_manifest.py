"""A command with `output: text`, as its manifest declares it, becomes a `Program`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ductile.document.field_errors import quote_value
from ductile.model.program import ArgumentGroup, ExitCode, Program, Reference, Template
from ductile.plugin.argument_template import literal_start, parse_reference, parse_template, template_references
from ductile.plugin.manifest import ExitCodeEntry

GROUP_KEYS = ("when", "args")

Schema = Mapping[str, Any]


def read_program(args: Sequence[Any], stdin: str | None, exit_codes: Mapping[int, ExitCodeEntry]) -> Program:
    """The program. Raises ValueError with a sentence."""
    return Program(
        groups=tuple(read_group(item) for item in args),
        stdin=None if stdin is None else parse_template(stdin),
        exit_codes={
            code: ExitCode(ok=entry.status == "ok", name=entry.name, retry=entry.retry)
            for code, entry in exit_codes.items()
        },
    )


def read_group(item: Any) -> ArgumentGroup:
    """An entry of `args`: an argument, a list of them, or a map with `when`. Raises ValueError with a sentence."""
    if isinstance(item, Mapping):
        return _switch_group(item)
    if isinstance(item, list):
        if not item:
            message = "must not be an empty list"
            raise ValueError(message)
        return ArgumentGroup(arguments=tuple(read_argument(one) for one in item), optional=True)
    return ArgumentGroup(arguments=(read_argument(item),))


def _switch_group(item: Mapping[str, Any]) -> ArgumentGroup:
    when, args = item.get("when"), item.get("args")
    if len(item) == 1 and next(iter(item.values())) is None:
        message = f"must be text: put quotes around `{{{next(iter(item))}}}`, which YAML takes for a map"
        raise ValueError(message)
    if set(item) != set(GROUP_KEYS) or not isinstance(when, str) or not isinstance(args, list) or not args:
        message = "must be text, a list, or a map such as {when: payload.verbose, args: [--verbose]}"
        raise ValueError(message)
    reference = parse_reference(when.strip().removeprefix("{").removesuffix("}"))
    return ArgumentGroup(arguments=tuple(read_argument(one) for one in args), optional=True, when=reference)


def read_argument(value: Any) -> Template:
    """One argument; `5` and `"5"` are the same. Raises ValueError with a sentence."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (str(value),)
    if not isinstance(value, str):
        quotes = "; put quotes around it" if isinstance(value, bool) else ""
        message = f"must be text, not {quote_value(value)}{quotes}"
        raise ValueError(message)  # noqa: TRY004 - the caller's word for every mistake in a manifest
    template = parse_template(value) or ("",)
    start = literal_start(template)
    if any(len(reference.path) == 1 for reference in template_references(template)):
        message = f"cannot be {quote_value(value)}: an argument holds single values, as in `{{payload.host}}`"
        raise ValueError(message)
    if len(template) > 1 and (start == "-" or (start.startswith("--") and "=" not in start)):
        message = (
            f"cannot be {quote_value(value)}: a value may not name an option; write it as `--option={{payload.value}}`"
        )
        raise ValueError(message)
    return template


def argument_references(program: Program) -> Iterator[tuple[Reference, bool]]:
    """Each reference, and whether its value is required."""
    for group in program.groups:
        if group.when is not None:
            yield group.when, False
        for template in group.arguments:
            for reference in template_references(template):
                yield reference, not group.optional
    for reference in template_references(program.stdin or ()):
        yield reference, True


def with_defaults(program: Program, schema: Schema | None) -> Program:
    """The same with the defaults that the input schema has for what it refers to."""
    groups = tuple(
        replace(
            group,
            arguments=tuple(_set_default(template, schema) for template in group.arguments),
            when=None if group.when is None else _default_of(group.when, schema),
        )
        for group in program.groups
    )
    stdin = None if program.stdin is None else _set_default(program.stdin, schema)
    return replace(program, groups=groups, stdin=stdin)


def _set_default(template: Template, schema: Schema | None) -> Template:
    return tuple(_default_of(part, schema) if isinstance(part, Reference) else part for part in template)


def _default_of(reference: Reference, schema: Schema | None) -> Reference:
    root, *names = reference.path
    found = property_at(schema, names) if root == "payload" else None
    return replace(reference, default=found.get("default")) if found else reference


def property_at(schema: Any, names: Sequence[str]) -> Schema | None:
    """The schema of a property inside a schema; None where the schema does not say."""
    for name in names:
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        schema = properties.get(name) if isinstance(properties, Mapping) else None
    return schema if isinstance(schema, Mapping) else None


def program_schema(program: Program, schema: Schema | None) -> Schema | None:
    """The input schema that a program needs: what it refers to is there, and is required where it must be given.

    None where it has none and refers to nothing.
    """
    for reference, required in argument_references(program):
        root, *names = reference.path
        if root == "payload" and names:
            schema = _including(schema or {"type": "object"}, names, required=required and reference.default is None)
    return schema


def _including(schema: Schema, names: Sequence[str], *, required: bool) -> Schema:
    """The schema of an object with this property; one that says nothing of properties is left as it is."""
    if schema.get("type") != "object":
        return schema
    name, *below = names
    properties = schema.get("properties", {})
    found = properties.get(name)
    if below:
        found = _including({"type": "object"} if found is None else found, below, required=required)
    elif found is None:
        found = {"type": ["string", "number", "boolean"]}
    needed = list(schema.get("required", ()))
    return {
        **schema,
        "properties": {**properties, name: found},
        **({"required": [*needed, name]} if required and name not in needed else {}),
    }
