"""Sends requests to a plugin through the gateway's own runner."""

import asyncio
from pathlib import Path

from msgspec import Struct

from ductile.dispatch.build_request import PluginRequest
from ductile.dispatch.outcome import AttemptOutcome
from ductile.dispatch.program_outcome import outcome_reader
from ductile.kit.request import Request, new_job, write_request
from ductile.kit.workspace import Workspace
from ductile.model.clock import Clock, Millis
from ductile.model.program import Program
from ductile.model.snapshot import Plugin
from ductile.plugin import sweep
from ductile.plugin.environment import plugin_environment
from ductile.plugin.runner.interface import Execution, Runner, RunnerCall, RunningCall, StopReason


class Exchange(Struct, frozen=True, kw_only=True):
    """A request and the execution that answered it."""

    stdin: bytes
    args: tuple[str, ...] = ()
    """The arguments of a plain program."""
    execution: Execution
    outcome: AttemptOutcome


class Limits(Struct, frozen=True, kw_only=True):
    """How long one execution may take, in milliseconds."""

    timeout: Millis | None
    """None: the command's own."""
    kill_grace: Millis
    """From SIGTERM to SIGKILL."""


class RequestSender:
    """Sends requests to plugins. `instance` marks all processes of this sender, so that each can be found."""

    def __init__(self, runner: Runner, clock: Clock, limits: Limits, *, instance: str) -> None:
        self._runner = runner
        self._clock = clock
        self.limits = limits
        self.instance = instance

    def now(self) -> Millis:
        """The time by this sender's clock."""
        return self._clock()

    async def send_request(self, plugin: Plugin, request: Request, workspace: Workspace) -> Exchange:
        """Send a request as the gateway writes it. Raises SpawnFailed."""
        now = self._clock()
        job = new_job(plugin, request.command, now)
        plugin_request = write_request(plugin, request, job, now)
        return await self.send_stdin(
            plugin, plugin_request.stdin, workspace, request.command, job_id=job.id, args=plugin_request.args
        )

    def build_request(self, plugin: Plugin, request: Request) -> PluginRequest:
        """The request as the gateway writes it, for a test that starts the plugin itself."""
        now = self._clock()
        return write_request(plugin, request, new_job(plugin, request.command, now), now)

    def build_stdin(self, plugin: Plugin, request: Request) -> bytes:
        """The stdin of a request, for a test that changes it before sending."""
        return self.build_request(plugin, request).stdin

    async def send_stdin(
        self,
        plugin: Plugin,
        stdin: bytes,
        workspace: Workspace,
        command: str,
        *,
        job_id: str | None = None,
        args: tuple[str, ...] = (),
    ) -> Exchange:
        """Send these bytes, with the deadline of the command. Raises SpawnFailed."""
        job_id = job_id or new_job(plugin, command, self._clock()).id
        running = self.start(plugin, stdin, workspace, command, job_id=job_id, args=args)
        return read_exchange(plugin, command, stdin, await wait_until_ended(running), args=args)

    def start(
        self,
        plugin: Plugin,
        stdin: bytes,
        workspace: Workspace,
        command: str | None = None,
        *,
        job_id: str,
        args: tuple[str, ...] = (),
        executable: Path | None = None,
    ) -> RunningCall:
        """Start the plugin, or an executable that starts it. Raises SpawnFailed."""
        return self._runner.start(
            RunnerCall(
                job_id=job_id,
                attempt=1,
                executable=executable or plugin.executable,
                args=args,
                cwd=workspace.cwd,
                env=plugin_environment(plugin, (), instance=self.instance, own=workspace.environ),
                stdin=stdin,
                timeout=self._timeout(plugin, command),
                kill_grace=self.limits.kill_grace,
                instance=self.instance,
            )
        )

    def _timeout(self, plugin: Plugin, command: str | None) -> Millis:
        own = plugin.timeouts.get(command or "") or max(plugin.timeouts.values())
        return own if self.limits.timeout is None else min(own, self.limits.timeout)

    def with_runner(self, runner: Runner) -> "RequestSender":
        """The same sender with another runner."""
        return RequestSender(runner, self._clock, self.limits, instance=self.instance)

    async def close(self) -> None:
        """Kill all processes that still carry this sender's mark."""
        await asyncio.to_thread(sweep.kill_instance, self.instance)


async def wait_until_ended(running: RunningCall) -> Execution:
    """The ended execution. A cancelled wait ends the plugin."""
    try:
        return await running.wait()
    except asyncio.CancelledError:
        running.stop(StopReason.CANCELLED)
        await running.wait()
        raise


def read_exchange(
    plugin: Plugin, command: str, stdin: bytes, execution: Execution, *, args: tuple[str, ...] = ()
) -> Exchange:
    """The exchange, as the gateway understands it."""
    outcome = outcome_reader(plugin, command)(execution, str)
    return Exchange(stdin=stdin, args=args, execution=execution, outcome=outcome)


def program_of_command(plugin: Plugin, command: str) -> Program | None:
    """The command's plain program, or None."""
    found = plugin.manifest.commands.get(command)
    return found.program if found else None
