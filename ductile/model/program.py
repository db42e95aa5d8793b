"""How a plain program is run: the arguments and the text it is given, and what its exit codes mean."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

TEXT = "text"
JSON = "json"
OUTPUTS = (JSON, TEXT)
"""What a command writes to stdout: one JSON response, or the text that is its result."""


class Reference(Struct, frozen=True, kw_only=True, array_like=True):
    """A `{payload.a.b}` of a template."""

    path: tuple[str, ...]
    """`("payload", "a", "b")`."""
    default: Any = None
    """What stands for a value that is not there: the `default` of the property's schema."""

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
    """Whether it is left out where a value is not there; else such a value is required."""
    when: Reference | None = None
    """It is given only where this is true."""


class ExitCode(Struct, frozen=True, kw_only=True):
    """What one exit code means."""

    ok: bool
    name: str | None = None
    """The word for it: `warning`. It ends the type of the event that this code emits."""
    retry: bool = True
    """Whether another try may help, where it is an error."""


class Program(Struct, frozen=True, kw_only=True):
    """A command that reads no request and writes no response."""

    groups: tuple[ArgumentGroup, ...] = ()
    stdin: Template | None = None
    """What it reads; nothing where there is none."""
    exit_codes: Mapping[int, ExitCode] = field(default_factory=dict)
    """Those that are declared. Of the others 0 is a success, and each else an error."""


EXIT_EVENT_PAYLOAD = ("payload.result", "payload.exit_code", "payload.exit_name", "payload.command")
"""What the event of a named exit code carries."""


def exit_event(plugin: str, name: str) -> str:
    """The type of the event that a named exit code emits: `disk.warning`."""
    return f"{plugin}.{name}"


def exit_events(plugin: str, program: Program) -> tuple[str, ...]:
    """All that it may emit."""
    return tuple(dict.fromkeys(exit_event(plugin, code.name) for code in program.exit_codes.values() if code.name))
