"""Sample requests of a command: the plugin's own cases, else examples of its schema, else payloads made from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ductile.kit.kit_settings import Case, Expectation
from ductile.kit.request import Request
from ductile.kit.sample_payloads import sample_payloads
from ductile.model.manifest import Command
from ductile.model.snapshot import Plugin, Validator
from ductile.plugin.json_schema import compile_validator

EXPECT_OK = Expectation()


class SampleRequest(Struct, frozen=True, kw_only=True):
    """One request, its source, and the expected answer."""

    source: str
    """`tests/greets.json`, `--payload`, `the 1st example of input_schema`, …"""
    request: Request
    plugin: Plugin
    """With the configuration of this request."""
    expect: Expectation = EXPECT_OK
    from_schema: bool = False
    """Whether the payload was made from the schema alone, so that nobody has said that it works."""


class NoSampleRequest(Struct, frozen=True, kw_only=True):
    """Why a command has no sample request."""

    reason: str


def sample_requests(
    plugin: Plugin, command: Command, cases: Mapping[str, Case], payload_given: Mapping[str, Any] | None
) -> tuple[SampleRequest, ...] | NoSampleRequest:
    """All requests for a command, those with the expected status `ok` first."""
    if payload_given is not None:
        return _check_samples(plugin, command, [_sample(plugin, command, "--payload", payload_given)])
    own = [
        SampleRequest(
            source=f"tests/{name}",
            request=Request(command=command.name, payload=case.payload, state=case.state, context=case.context),
            plugin=plugin if case.config is None else replace(plugin, config={**plugin.config, **case.config}),
            expect=case.expect,
        )
        for name, case in cases.items()
        if case.command == command.name
    ]
    if own:
        return tuple(sorted(own, key=lambda sample: sample.expect.status != "ok"))
    schema = command.input_schema
    if not schema:
        return (_sample(plugin, command, "an empty payload", {}, from_schema=True),)
    examples = schema.get("examples")
    if isinstance(examples, Sequence) and not isinstance(examples, str) and examples:
        examples_given = [
            _sample(plugin, command, f"input_schema.examples[{index}]", example)
            for index, example in enumerate(examples)
        ]
        return _check_samples(plugin, command, examples_given)
    return _samples_from_schema(plugin, command, schema)


def _sample(plugin: Plugin, command: Command, source: str, payload: Any, *, from_schema: bool = False) -> SampleRequest:
    return SampleRequest(
        source=source, request=Request(command=command.name, payload=payload), plugin=plugin, from_schema=from_schema
    )


def _check_samples(
    plugin: Plugin, command: Command, samples: Sequence[SampleRequest]
) -> tuple[SampleRequest, ...] | NoSampleRequest:
    """The samples, unless one does not fit the input schema."""
    validator = plugin.validators.get(command.name)
    for sample in samples:
        if not isinstance(sample.request.payload, dict):
            return NoSampleRequest(reason=f"{sample.source} is no JSON object")
        for invalid in validator(sample.request.payload) if validator else ():
            return NoSampleRequest(
                reason=f"{sample.source} does not fit input_schema: {invalid.path or '/'}: {invalid.message}"
            )
    return tuple(samples)


def _samples_from_schema(
    plugin: Plugin, command: Command, schema: Mapping[str, Any]
) -> tuple[SampleRequest, ...] | NoSampleRequest:
    for payload in sample_payloads(schema):
        return (_sample(plugin, command, "a payload made from input_schema", payload, from_schema=True),)
    return NoSampleRequest(reason="no payload that it allows could be made from input_schema")


def vary_texts(sample: SampleRequest) -> SampleRequest:
    """The same request with other texts where the schema allows them, so that answers can be told apart."""
    validator = sample.plugin.validators.get(sample.request.command)
    payload = sample.request.payload
    for name, value in sample.request.payload.items():
        if isinstance(value, str):
            other = {**payload, name: f"{value} two"}
            if _fits(validator, other):
                payload = other
    return replace(sample, request=replace(sample.request, payload=payload))


def wrong_payloads(sample: SampleRequest) -> tuple[Mapping[str, Any], ...]:
    """Payloads that the input schema does not allow: nothing at all, and a wrong type in each place."""
    validator = sample.plugin.validators.get(sample.request.command)
    payload = sample.request.payload
    wrong_types = {name: [] if not isinstance(value, list) else "text" for name, value in payload.items()}
    return tuple(one for one in ({}, wrong_types) if validator is not None and validator(one))


def enlarge(sample: SampleRequest, characters: int) -> Request | None:
    """The request with one text of so many characters; None where the schema allows none."""
    validator = sample.plugin.validators.get(sample.request.command)
    for name, value in sample.request.payload.items():
        if isinstance(value, str):
            payload = {**sample.request.payload, name: "x" * characters}
            if _fits(validator, payload):
                return replace(sample.request, payload=payload)
    return None


def _fits(validator: Validator | None, payload: Mapping[str, Any]) -> bool:
    return validator is None or not validator(dict(payload))


def describe_misfit(schema: Mapping[str, Any], value: Any) -> str | None:
    """How the value breaks the schema, in a sentence; None where it does not."""
    invalid = compile_validator(schema)(value)
    if not invalid:
        return None
    return f"at {invalid[0].path}: {invalid[0].message}" if invalid[0].path else invalid[0].message
