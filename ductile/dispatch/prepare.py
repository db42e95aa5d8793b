"""From a claimed job to the request that its plugin reads."""

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from ductile.flow.payload import routed_payload, step_context, step_payload
from ductile.flow.plan_starts import DEFAULT_COMMAND
from ductile.model.clock import Millis, rfc3339
from ductile.model.graph import Graph
from ductile.model.job import Claimed, SubmittedBy
from ductile.model.snapshot import Plugin
from ductile.plugin.program_input import program_arguments, program_stdin
from ductile.plugin.protocol import write_request

UNCHECKED = frozenset({SubmittedBy.ROUTE, SubmittedBy.HOOK})
"""Triggers whose payload no schema has seen yet."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A request, ready to be written."""

    stdin: bytes
    args: tuple[str, ...] = ()
    """Those of a plain program."""
    timeout: Millis
    warnings: tuple[Mapping[str, Any], ...]
    """Log entries on a payload that does not fit its schema; such schemas were never enforced on routed payloads."""


def prepare(claimed: Claimed, plugin: Plugin, graph: Graph | None, now: Millis) -> Prepared:
    """Build the request envelope, or what a plain program is given.

    Raises RemapError where a `with` names what is not there, BadArgument where a value can be no argument.
    """
    job, event = claimed.job, claimed.event
    context: Mapping[str, Any] = orjson.loads(claimed.context)
    payload: Mapping[str, Any] = orjson.loads(event.payload)
    if event.job_id is not None:
        payload = routed_payload(payload, event)
    if job.step is not None and graph is not None:
        payload = step_payload(graph.nodes[job.step], payload, context)
        context = step_context(context, job.plugin, graph.name, job.step)
    timeout = plugin.timeouts[job.command]
    warnings = _warnings(claimed, plugin, payload)
    program = plugin.manifest.commands[job.command].program
    if program is not None:
        roots = {"payload": payload, "config": plugin.config}
        args = program_arguments(program, roots)
        return Prepared(stdin=program_stdin(program, roots), args=args, timeout=timeout, warnings=warnings)
    stdin = write_request(
        plugin,
        claimed,
        payload=payload,
        event=_event(claimed, payload) if job.command == DEFAULT_COMMAND else None,
        context=context,
        deadline_at=now + timeout,
    )
    return Prepared(stdin=stdin, timeout=timeout, warnings=warnings)


def _event(claimed: Claimed, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    event = claimed.event
    document: dict[str, Any] = {
        "type": event.type,
        "payload": payload,
        "source": event.source,
        "timestamp": rfc3339(event.timestamp),
        "event_id": event.id,
    }
    if event.dedupe_key is not None:
        document["dedupe_key"] = event.dedupe_key
    return document


def _warnings(claimed: Claimed, plugin: Plugin, payload: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    job = claimed.job
    validator = plugin.validators.get(job.command)
    if validator is None or (job.parent_id is None and job.submitted_by not in UNCHECKED):
        return ()
    return tuple(
        {"level": "warning", "message": f"payload does not fit the input schema: {one.path or '/'}: {one.message}"}
        for one in validator(payload)
    )
