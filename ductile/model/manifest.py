"""Manifests of plugins: their commands, settings and facts."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from ductile.model.clock import Millis
from ductile.model.program import Program


class CommandType(StrEnum):
    """Whether a command has effects outside the gateway; decides the scope that it needs."""

    READ = "read"
    WRITE = "write"


class FactOutput(Struct, frozen=True, kw_only=True):
    """A rule that turns each successful `state_updates` of a command into a recorded fact."""

    command: str
    fact_type: str


class Command(Struct, frozen=True, kw_only=True):
    """A command of a plugin. Schemas are full JSON Schemas: the compact form is expanded at load."""

    name: str
    type: CommandType = CommandType.WRITE
    description: str = ""
    idempotent: bool | None = None
    retry_safe: bool = True
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    timeout: Millis | None = None
    emits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Event type → the payload names of the event, as `values.emit` declares them."""
    program: Program | None = None
    """The program of a command with `output: text`; None for a command that speaks the protocol."""


class Manifest(Struct, frozen=True, kw_only=True):
    """A valid `manifest.yaml`."""

    name: str
    version: str
    entrypoint: str
    commands: Mapping[str, Command]
    protocol: int = 2
    description: str = ""
    concurrency_safe: bool = True
    required_config: tuple[str, ...] = ()
    optional_config: tuple[str, ...] = ()
    config_schema: Mapping[str, Any] | None = None
    fact_outputs: tuple[FactOutput, ...] = ()
    lifecycle: str = "spawn"
    """`persistent`: the entrypoint answers many requests, a line each; `spawn`: one request, then it ends."""

    @property
    def has_programs(self) -> bool:
        """Whether a command has `output: text`."""
        return any(command.program is not None for command in self.commands.values())
