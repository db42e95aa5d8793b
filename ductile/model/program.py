"""Plain programs: their arguments, their input, and the meaning of their exit codes."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

TEXT_OUTPUT = "text"
JSON_OUTPUT = "json"
OUTPUT_KINDS = (JSON_OUTPUT, TEXT_OUTPUT)
"""The kinds of a command's stdout: one JSON response, or a text that is the result."""


class Reference(Struct, frozen=True, kw_only=True, array_like=True):
    """A `{payload.a.b}` of a template."""

    path: tuple[str, ...]
    """`("payload", "a", "b")`."""
    default: Any = None
    """The value to use for a missing one: the `default` of the property's schema."""

    @property
    def name(self) -> str:
        """`payload.a.b`."""
        return ".".join(self.path)


Template = tuple[str | Reference, ...]
"""Literal texts and references, in order."""


class ArgumentGroup(Struct, frozen=True, kw_only=True, array_like=True):
    """Arguments that are given together or not at all."""

    arguments: tuple[Template, ...]
    optional: bool = False
    """Whether the group is left out where a value is missing; otherwise the value is required."""
    when: Reference | None = None
    """The group is given only where this value is true."""


class ExitCode(Struct, frozen=True, kw_only=True):
    """The meaning of one exit code."""

    ok: bool
    name: str | None = None
    """The name of the code, such as `warning`, which ends the type of the code's event."""
    retry: bool = True
    """Whether another try may help after an error."""


class Program(Struct, frozen=True, kw_only=True):
    """A program that reads no request and writes no response."""

    groups: tuple[ArgumentGroup, ...] = ()
    stdin: Template | None = None
    """The program's standard input; None for an empty one."""
    exit_codes: Mapping[int, ExitCode] = field(default_factory=dict)
    """The declared exit codes. Of undeclared ones, 0 is a success and any other is an error."""


EXIT_EVENT_PAYLOAD = ("payload.result", "payload.exit_code", "payload.exit_name", "payload.command")
"""The payload names of the event of a named exit code."""


def exit_event(plugin: str, name: str) -> str:
    """The type of the event that a named exit code emits: `disk.warning`."""
    return f"{plugin}.{name}"


def exit_events(plugin: str, program: Program) -> tuple[str, ...]:
    """The types of all events that a program may emit."""
    return tuple(dict.fromkeys(exit_event(plugin, code.name) for code in program.exit_codes.values() if code.name))
