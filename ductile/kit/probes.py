"""What each command is asked: cases of the plugin's own, else examples of its schema, else a payload made from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ductile.kit.payload import payloads
from ductile.kit.request import Ask
from ductile.kit.settings import Case, Expect
from ductile.model.manifest import Command
from ductile.model.snapshot import Plugin, Validator
from ductile.plugin.json_schema import compile_validator

AN_OK = Expect()


class Probe(Struct, frozen=True, kw_only=True):
    """One request, where it comes from, and what must come back."""

    source: str
    """`tests/greets.json`, `--payload`, `the 1st example of input_schema`, …"""
    ask: Ask
    plugin: Plugin
    """With the configuration of this request."""
    expect: Expect = AN_OK
    made: bool = False
    """From the schema alone: nobody has said that it works."""


class NoProbe(Struct, frozen=True, kw_only=True):
    """Why no payload can be had for a command."""

    reason: str


def probes_of(
    plugin: Plugin, command: Command, cases: Mapping[str, Case], given: Mapping[str, Any] | None
) -> tuple[Probe, ...] | NoProbe:
    """All requests for a command, those first that must be answered `ok`."""
    if given is not None:
        return _checked(plugin, command, [_probe(plugin, command, "--payload", given)])
    own = [
        Probe(
            source=f"tests/{name}",
            ask=Ask(command=command.name, payload=case.payload, state=case.state, context=case.context),
            plugin=plugin if case.config is None else replace(plugin, config={**plugin.config, **case.config}),
            expect=case.expect,
        )
        for name, case in cases.items()
        if case.command == command.name
    ]
    if own:
        return tuple(sorted(own, key=lambda probe: probe.expect.status != "ok"))
    schema = command.input_schema
    if not schema:
        return (_probe(plugin, command, "an empty payload", {}, made=True),)
    examples = schema.get("examples")
    if isinstance(examples, Sequence) and not isinstance(examples, str) and examples:
        given_there = [
            _probe(plugin, command, f"input_schema.examples[{index}]", example)
            for index, example in enumerate(examples)
        ]
        return _checked(plugin, command, given_there)
    return _made(plugin, command, schema)


def _probe(plugin: Plugin, command: Command, source: str, payload: Any, *, made: bool = False) -> Probe:
    return Probe(source=source, ask=Ask(command=command.name, payload=payload), plugin=plugin, made=made)


def _checked(plugin: Plugin, command: Command, probes: Sequence[Probe]) -> tuple[Probe, ...] | NoProbe:
    """The probes, unless one does not fit the schema it is for."""
    validator = plugin.validators.get(command.name)
    for probe in probes:
        if not isinstance(probe.ask.payload, dict):
            return NoProbe(reason=f"{probe.source} is no JSON object")
        for invalid in validator(probe.ask.payload) if validator else ():
            return NoProbe(reason=f"{probe.source} does not fit input_schema: {invalid.path or '/'}: {invalid.message}")
    return tuple(probes)


def _made(plugin: Plugin, command: Command, schema: Mapping[str, Any]) -> tuple[Probe, ...] | NoProbe:
    for payload in payloads(schema):
        return (_probe(plugin, command, "a payload made from input_schema", payload, made=True),)
    return NoProbe(reason="no payload that it allows could be made from input_schema")


def variant(probe: Probe) -> Probe:
    """The same request with other texts, where the schema lets them be; for telling answers apart."""
    validator = probe.plugin.validators.get(probe.ask.command)
    payload = probe.ask.payload
    for name, value in probe.ask.payload.items():
        if isinstance(value, str):
            other = {**payload, name: f"{value} two"}
            if _fits(validator, other):
                payload = other
    return replace(probe, ask=replace(probe.ask, payload=payload))


def wrong_payloads(probe: Probe) -> tuple[Mapping[str, Any], ...]:
    """Payloads that the input schema does not allow: nothing at all, and a wrong type in each place."""
    validator = probe.plugin.validators.get(probe.ask.command)
    payload = probe.ask.payload
    wrong_types = {name: [] if not isinstance(value, list) else "text" for name, value in payload.items()}
    return tuple(one for one in ({}, wrong_types) if validator is not None and validator(one))


def large(probe: Probe, characters: int) -> Ask | None:
    """The request with one text so long; None where the schema has no place for it."""
    validator = probe.plugin.validators.get(probe.ask.command)
    for name, value in probe.ask.payload.items():
        if isinstance(value, str):
            payload = {**probe.ask.payload, name: "x" * characters}
            if _fits(validator, payload):
                return replace(probe.ask, payload=payload)
    return None


def _fits(validator: Validator | None, payload: Mapping[str, Any]) -> bool:
    return validator is None or not validator(dict(payload))


def misfit(schema: Mapping[str, Any], value: Any) -> str | None:
    """How the value breaks the schema, in a sentence; None where it does not."""
    invalid = compile_validator(schema)(value)
    if not invalid:
        return None
    return f"at {invalid[0].path}: {invalid[0].message}" if invalid[0].path else invalid[0].message
