"""One execution of a plugin without a gateway."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from ductile.document.problem import Mark, Problem
from ductile.document.redactor import Redactor
from ductile.kit.errors import BadPayload, BadPlugin
from ductile.kit.exchange import Exchange, Limits, RequestSender
from ductile.kit.plugin_under_test import build_instance, build_redactor, config_problems, open_plugin, require_command
from ductile.kit.request import Request
from ductile.kit.workspace import Workspace
from ductile.model.clock import Millis, system_clock
from ductile.model.ids import new_id
from ductile.model.job import Outcome
from ductile.model.snapshot import Plugin
from ductile.plugin.runner.spawn_runner import SpawnRunner

KILL_GRACE: Millis = 5_000
"""The default of `service.kill_grace`."""


class RunResult(Struct, frozen=True, kw_only=True):
    """One execution and its outcome."""

    plugin: Plugin
    request: Request
    exchange: Exchange

    @property
    def succeeded(self) -> bool:
        """Whether the gateway would count it as a success."""
        return self.exchange.outcome.kind is Outcome.SUCCEEDED

    def document(self) -> dict[str, Any]:
        """The answer as in a job's document, with what only the kit shows."""
        outcome, execution = self.exchange.outcome, self.exchange.execution
        document: dict[str, Any] = {
            "plugin": self.plugin.name,
            "command": self.request.command,
            "status": outcome.kind.value,
            "error": outcome.error,
            "retry": None if self.succeeded else outcome.retry,
            "duration_ms": execution.duration,
            "exit_code": execution.exit_code,
        }
        response = outcome.response
        if response is not None:
            document |= {
                "result": response.result,
                "events": [
                    {"type": event.type, "payload": dict(event.payload), "dedupe_key": event.dedupe_key}
                    for event in response.events
                ],
                "state_updates": response.state_updates,
                "logs": [*outcome.logs, *response.logs],
            }
        else:
            document["stdout"] = outcome.stdout
        document["stderr"] = execution.stderr.decode(errors="replace") or None
        redacted: dict[str, Any] = self.redactor.value(document)
        return redacted

    @property
    def redactor(self) -> Redactor:
        """Hides the secrets of the configuration that it was run with."""
        return build_redactor(self.plugin.manifest, self.plugin.config, self.plugin.env)


class RunInput(Struct, frozen=True, kw_only=True):
    """The input of a run beside its command."""

    payload: Mapping[str, Any] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: Millis | None = None
    kill_grace: Millis = KILL_GRACE


async def run_once(folder: Path, command: str, run_input: RunInput, *, cwd: Path | None = None) -> RunResult:
    """Run a command of the plugin in this folder, as the gateway does, in the working directory.

    Raises NoPluginFolder, BadPlugin (also for a configuration that would quarantine it), NoSuchCommand, BadPayload,
    SpawnFailed.
    """
    subject = open_plugin(folder)
    plugin = build_instance(subject, config=run_input.config, env=run_input.env)
    require_command(plugin.manifest, command)
    if wrong := config_problems(plugin.manifest, run_input.config):
        mark = Mark(str(subject.manifest_path), 1, 1)
        raise BadPlugin(folder=folder, problems=[Problem(code="bad_config", message=one, mark=mark) for one in wrong])
    payload = run_input.payload or {}
    validator = plugin.validators.get(command)
    if validator is not None and (invalid := validator(dict(payload))):
        raise BadPayload(command=command, errors=[_payload_error(one.path, one.message) for one in invalid])
    sender = RequestSender(
        SpawnRunner(),
        system_clock,
        Limits(timeout=run_input.timeout, kill_grace=run_input.kill_grace),
        instance=new_id(),
    )
    request = Request(command=command, payload=payload, state=run_input.state)
    try:
        exchange = await sender.send_request(plugin, request, Workspace(cwd=cwd or Path.cwd(), environ=os.environ))
    finally:
        await sender.close()
    return RunResult(plugin=plugin, request=request, exchange=exchange)


def _payload_error(path: str, message: str) -> dict[str, str]:
    return {"path": path or "/", "message": message}
