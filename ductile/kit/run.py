"""One execution of a plugin without a gateway."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from ductile.document.problem import Mark, Problem
from ductile.document.redactor import Redactor
from ductile.kit.bench import Bench, Exchange, Limits, Place
from ductile.kit.errors import BadPayload, BadPlugin
from ductile.kit.request import Ask
from ductile.kit.subject import config_problems, instance, open_folder, redactor, require_command
from ductile.model.clock import Millis, system_clock
from ductile.model.ids import new_id
from ductile.model.job import Outcome
from ductile.model.snapshot import Plugin
from ductile.plugin.runner.spawn_runner import SpawnRunner

KILL_GRACE: Millis = 5_000
"""As `service.kill_grace` is where nobody sets it."""


class Ran(Struct, frozen=True, kw_only=True):
    """One execution, and what it means."""

    plugin: Plugin
    ask: Ask
    exchange: Exchange

    @property
    def succeeded(self) -> bool:
        """Whether the gateway would count it as a success."""
        return self.exchange.judged.kind is Outcome.SUCCEEDED

    def document(self) -> dict[str, Any]:
        """The answer as a job's document has it, with what only the kit can show."""
        judged, execution = self.exchange.judged, self.exchange.execution
        shown: dict[str, Any] = {
            "plugin": self.plugin.name,
            "command": self.ask.command,
            "status": judged.kind.value,
            "error": judged.error,
            "retry": None if self.succeeded else judged.retry,
            "duration_ms": execution.duration,
            "exit_code": execution.exit_code,
        }
        response = judged.response
        if response is not None:
            shown |= {
                "result": response.result,
                "events": [
                    {"type": event.type, "payload": dict(event.payload), "dedupe_key": event.dedupe_key}
                    for event in response.events
                ],
                "state_updates": response.state_updates,
                "logs": [*judged.logs, *response.logs],
            }
        else:
            shown["stdout"] = judged.stdout
        shown["stderr"] = execution.stderr.decode(errors="replace") or None
        redacted: dict[str, Any] = self.redactor.value(shown)
        return redacted

    @property
    def redactor(self) -> Redactor:
        """Hides the secrets of the configuration that it was run with."""
        return redactor(self.plugin.manifest, self.plugin.config, self.plugin.env)


class Given(Struct, frozen=True, kw_only=True):
    """What a run is given besides its command."""

    payload: Mapping[str, Any] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: Millis | None = None
    kill_grace: Millis = KILL_GRACE


async def run_once(folder: Path, command: str, given: Given, *, cwd: Path | None = None) -> Ran:
    """Run a command of the plugin in this folder, as the gateway does, in the working directory.

    Raises NoPluginFolder, BadPlugin (also for a configuration that would quarantine it), NoSuchCommand, BadPayload,
    SpawnFailed.
    """
    opened = open_folder(folder)
    plugin = instance(opened, config=given.config, env=given.env)
    require_command(plugin.manifest, command)
    if wrong := config_problems(plugin.manifest, given.config):
        mark = Mark(str(opened.manifest_path), 1, 1)
        raise BadPlugin(folder=folder, problems=[Problem(code="bad_config", message=one, mark=mark) for one in wrong])
    payload = given.payload or {}
    validator = plugin.validators.get(command)
    if validator is not None and (invalid := validator(dict(payload))):
        raise BadPayload(command=command, errors=[_error(one.path, one.message) for one in invalid])
    bench = Bench(
        SpawnRunner(), system_clock, Limits(timeout=given.timeout, kill_grace=given.kill_grace), instance=new_id()
    )
    ask = Ask(command=command, payload=payload, state=given.state)
    try:
        exchange = await bench.ask(plugin, ask, Place(cwd=cwd or Path.cwd(), environ=os.environ))
    finally:
        await bench.close()
    return Ran(plugin=plugin, ask=ask, exchange=exchange)


def _error(path: str, message: str) -> dict[str, str]:
    return {"path": path or "/", "message": message}
