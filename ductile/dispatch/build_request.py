"""Builds the request of a claimed job, which its plugin reads."""

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from ductile.flow.payload import routed_payload, step_context, step_payload
from ductile.model.clock import Millis, rfc3339
from ductile.model.graph import Graph
from ductile.model.job import ClaimedJob, SubmittedBy
from ductile.model.names import DEFAULT_COMMAND
from ductile.model.snapshot import Plugin
from ductile.plugin.messages import write_request
from ductile.plugin.program_input import program_arguments, program_stdin

UNVALIDATED_TRIGGERS = frozenset({SubmittedBy.ROUTE, SubmittedBy.HOOK})
"""Triggers whose payload has not been validated."""


class PluginRequest(Struct, frozen=True, kw_only=True):
    """A request as it is written to a plugin."""

    stdin: bytes
    args: tuple[str, ...] = ()
    """Arguments of a plain program."""
    timeout: Millis
    warnings: tuple[Mapping[str, Any], ...]
    """Log entries about a payload that does not fit its schema; schemas are not enforced on routed payloads."""


def build_request(claimed_job: ClaimedJob, plugin: Plugin, graph: Graph | None, now: Millis) -> PluginRequest:
    """Build the request document of a plugin, or the arguments and input of a plain program.

    Raises RemapError where a path of `with` leads nowhere, BadArgument where a value cannot be an argument.
    """
    job, event = claimed_job.job, claimed_job.event
    context: Mapping[str, Any] = orjson.loads(claimed_job.context)
    payload: Mapping[str, Any] = orjson.loads(event.payload)
    if event.job_id is not None:
        payload = routed_payload(payload, event)
    if job.step is not None and graph is not None:
        payload = step_payload(graph.nodes[job.step], payload, context)
        context = step_context(context, job.plugin, graph.name, job.step)
    timeout = plugin.timeouts[job.command]
    warnings = _schema_warnings(claimed_job, plugin, payload)
    program = plugin.manifest.commands[job.command].program
    if program is not None:
        roots = {"payload": payload, "config": plugin.config}
        args = program_arguments(program, roots)
        return PluginRequest(stdin=program_stdin(program, roots), args=args, timeout=timeout, warnings=warnings)
    stdin = write_request(
        plugin,
        claimed_job,
        payload=payload,
        event=_event_document(claimed_job, payload) if job.command == DEFAULT_COMMAND else None,
        context=context,
        deadline_at=now + timeout,
    )
    return PluginRequest(stdin=stdin, timeout=timeout, warnings=warnings)


def _event_document(claimed_job: ClaimedJob, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    event = claimed_job.event
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


def _schema_warnings(
    claimed_job: ClaimedJob, plugin: Plugin, payload: Mapping[str, Any]
) -> tuple[Mapping[str, Any], ...]:
    job = claimed_job.job
    validator = plugin.validators.get(job.command)
    if validator is None or (job.parent_id is None and job.submitted_by not in UNVALIDATED_TRIGGERS):
        return ()
    return tuple(
        {"level": "warning", "message": f"payload does not fit the input schema: {one.path or '/'}: {one.message}"}
        for one in validator(payload)
    )
