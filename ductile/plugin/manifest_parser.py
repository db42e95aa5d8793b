"""A manifest document becomes a `Manifest`, or everything that is wrong with it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from ductile.document.field_errors import quote_value
from ductile.document.locations import Marks
from ductile.document.memoize import memoize_by_document
from ductile.document.problem import Path, Problem, did_you_mean
from ductile.document.read import Document
from ductile.document.validation import explain_error, problem_at
from ductile.model.manifest import Command, FactOutput, Manifest
from ductile.model.program import EXIT_EVENT_PAYLOAD, TEXT_OUTPUT, exit_events
from ductile.plugin.errors import BadSchema
from ductile.plugin.json_schema import compile_validator, expand_schema, is_compact
from ductile.plugin.manifest import CommandEntry, ManifestFile
from ductile.plugin.program_check import program_problems
from ductile.plugin.program_manifest import argument_references, program_schema, read_program, with_defaults

MEANINGLESS = ("stopwatch",)
"""Published manifest keys without a meaning here: each a warning, not an error."""


@memoize_by_document
def parse_manifest(document: Document) -> tuple[Manifest | None, tuple[Problem, ...]]:
    """The manifest, if nothing is wrong with it; a warning alone does not take it away.

    The same document gives the same manifest.
    """
    value, marks = document.value, document.marks
    if document.problems:
        return None, document.problems
    if not isinstance(value, Mapping):
        message = f"a manifest is a map of keys, not {quote_value(value)}"
        return None, (Problem(code="bad_value", message=message, mark=marks.of(())),)
    problems = [*_across(value, marks)]
    try:
        file = ManifestFile.model_validate(value)
    except ValidationError as error:
        problems += [
            explain_error(one, ManifestFile, marks, root="a manifest") for one in error.errors(include_url=False)
        ]
        return None, tuple(sorted(problems, key=lambda problem: problem.mark or marks.of(())))
    if any(problem.severity == "error" for problem in problems):
        return None, tuple(problems)
    return _manifest(file), tuple(problems)


def _manifest(file: ManifestFile) -> Manifest:
    commands = [_command(entry, file) for entry in file.commands]
    return Manifest(
        name=file.name,
        version=file.version,
        entrypoint=file.entrypoint,
        commands={command.name: command for command in commands},
        protocol=file.protocol,
        description=file.description,
        concurrency_safe=file.concurrency_safe,
        required_config=tuple(dict.fromkeys((*file.config_keys.required, *_needed_config(commands)))),
        optional_config=tuple(file.config_keys.optional),
        config_schema=_expand(file.config_schema),
        fact_outputs=tuple(
            FactOutput(command=rule.when.command, fact_type=rule.fact_type) for rule in file.fact_outputs
        ),
        lifecycle=file.lifecycle,
    )


def _needed_config(commands: Iterable[Command]) -> Iterator[str]:
    """The keys of `config` that plain programs cannot be run without."""
    for command in commands:
        for reference, required in argument_references(command.program) if command.program else ():
            root, *names = reference.path
            if root == "config" and required and names:
                yield names[0]


def _command(entry: CommandEntry, file: ManifestFile) -> Command:
    if (entry.output or file.output) == TEXT_OUTPUT:
        return _program(entry, file)
    emits: dict[str, tuple[str, ...]] = {}
    for emitted in entry.values.emit:
        emits[emitted.event] = (*emits.get(emitted.event, ()), *emitted.values)
    return Command(
        name=entry.name,
        type=entry.type,
        description=entry.description,
        idempotent=entry.idempotent,
        retry_safe=entry.retry_safe,
        input_schema=_expand(entry.input_schema),
        output_schema=_expand(entry.output_schema),
        timeout=entry.timeout,
        emits=emits,
    )


def _program(entry: CommandEntry, file: ManifestFile) -> Command:
    """A plain program; its schemas are made where the manifest has none."""
    schema = _expand(entry.input_schema)
    program = read_program(entry.args, entry.stdin, {**file.exit_codes, **entry.exit_codes})
    program = with_defaults(program, schema)
    return Command(
        name=entry.name,
        type=entry.type,
        description=entry.description,
        idempotent=entry.idempotent,
        retry_safe=entry.retry_safe,
        input_schema=program_schema(program, schema or None),
        output_schema=_expand(entry.output_schema) or {"type": "string"},
        timeout=entry.timeout,
        emits=dict.fromkeys(exit_events(file.name, program), EXIT_EVENT_PAYLOAD),
        program=program,
    )


def _expand(schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if schema is None else expand_schema(schema)


def _across(value: Mapping[str, Any], marks: Marks) -> Iterator[Problem]:
    """What one key alone cannot tell; `value` need not be sound otherwise."""
    commands = _maps(value, "commands")
    if value.get("commands") == []:
        yield problem_at("bad_value", "`commands` must list at least one command", ("commands",), marks)
    if isinstance(value.get("version"), float):
        message = f"`version` is read as the number {value['version']}; put quotes around it"
        yield problem_at("unquoted_version", message, ("version",), marks, severity="warning")
    for key in MEANINGLESS:
        if key in value:
            yield problem_at("legacy", f"`{key}` means nothing here and is left out", (key,), marks, severity="warning")
    names: dict[str, int] = {}
    for index, command in commands:
        name = str(command.get("name"))
        if name in names:
            message = f"the command `{name}` stands twice; the first is `commands[{names[name]}]`"
            yield problem_at("duplicate", message, ("commands", index, "name"), marks)
        names.setdefault(name, index)
        for key in ("input_schema", "output_schema"):
            yield from _check_schema(command.get(key), ("commands", index, key), marks)
    yield from _check_schema(value.get("config_schema"), ("config_schema",), marks)
    yield from _check_facts(value, names, marks)
    for problem in program_problems(value):
        yield problem_at(problem.code, problem.message, problem.path, marks)


def _maps(value: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
    entries = value.get(key)
    if not isinstance(entries, list):
        return []
    return [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, Mapping)]


def _check_schema(schema: Any, path: Path, marks: Marks) -> Iterator[Problem]:
    if not isinstance(schema, Mapping):
        return
    try:
        compile_validator(expand_schema(schema))
    except BadSchema as error:
        at = error.at[1:] if is_compact(schema) and error.at[:1] == ("properties",) else error.at
        yield problem_at(
            "bad_schema", f"`{path[-1]}` is no valid JSON Schema: {error.details['reason']}", path + at, marks
        )


def _check_facts(value: Mapping[str, Any], commands: Mapping[str, int], marks: Marks) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, rule in _maps(value, "fact_outputs"):
        when = rule.get("when")
        command = when.get("command") if isinstance(when, Mapping) else None
        if not isinstance(command, str):
            continue
        path: Path = ("fact_outputs", index, "when", "command")
        if command not in commands:
            hint = did_you_mean(command, commands)
            yield problem_at("unknown_command", f"the plugin has no command `{command}`{hint}", path, marks)
        elif command in seen:
            yield problem_at(
                "duplicate", f"a second rule for the command `{command}`; one makes its facts", path, marks
            )
        seen.add(command)
