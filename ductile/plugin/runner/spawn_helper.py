"""The `spawn` runner of a gateway at work: where many programs start, a helper process starts them.

Starting a program holds up whoever does it until the program is loaded, half a millisecond, and holds up every other
thread of an interpreter with it. A small helper takes that half millisecond to another processor; what the program
sees is the same. A start that comes alone is done here, which is sooner.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

import structlog

from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.fork_runner import ForkedCall
from ductile.plugin.runner.interface import RunnerCall
from ductile.plugin.runner.process import Process
from ductile.plugin.runner.spawn_runner import SpawnRunner, is_here
from ductile.plugin.runner.zygote_client import Zygote
from ductile.plugin.runner.zygote_main import MAX_MESSAGE_BYTES

BUSY_SECONDS = 0.004
"""A start so soon after another one is relayed."""

_log = structlog.get_logger()


class SpawnHelper:
    """Starts each call, here or through the helper, which is started when it is first of use."""

    def __init__(self, spawn: SpawnRunner) -> None:
        self._spawn = spawn
        self._helper: Zygote | None = None
        self._leaving: set[Zygote] = set()
        self._last = 0.0
        self._unusable = False

    @property
    def helper(self) -> Zygote | None:
        """The helper, where there is one."""
        return self._helper

    def start(self, call: RunnerCall) -> Process | ForkedCall:
        """Starts the call on the running loop; raises SpawnFailed, at once or when it is waited for."""
        now = asyncio.get_running_loop().time()
        busy, self._last = now - self._last < BUSY_SECONDS, now
        if not busy or self._unusable or not is_here(call.cwd) or len(spawn_order(0, call)) > MAX_MESSAGE_BYTES:
            return self._spawn.start(call)
        helper = self._helper or self._start_helper(call)
        if helper is None:
            return self._spawn.start(call)
        forked = ForkedCall(call, self._spawn, runner="spawn")
        helper.fork(forked)
        return forked

    def retire(self) -> None:
        """The helper knows nothing of the configuration."""

    async def close(self) -> None:
        """Ends the helper; attempts have ended before."""
        helpers = {*self._leaving, *([self._helper] if self._helper else [])}
        for helper in helpers:
            helper.kill()
        for helper in helpers:
            await helper.gone.wait()  # that has a limit: see `Zygote.kill`

    def _start_helper(self, call: RunnerCall) -> Zygote | None:
        env = {"PATH": os.defpath, "DUCTILE_INSTANCE": call.instance}
        try:
            self._helper = Zygote(
                [sys.executable, "-IS"],
                call,
                env,
                self._on_leave,
                entrypoint="",
                order=spawn_order,
                children=self._spawn.children,
            )
        except (OSError, ValueError, SpawnFailed) as error:
            _log.warning("programs are started without a helper", reason=str(error))
            return None
        return self._helper

    def _on_leave(self, helper: Zygote, reason: str | None) -> None:
        if self._helper is helper:
            self._helper = None
        if reason is not None:
            self._unusable = True
            _log.warning("programs are started without a helper", reason=reason)
        if helper.gone.is_set():
            self._leaving.discard(helper)
        else:
            self._leaving.add(helper)


def spawn_order(number: int, call: RunnerCall) -> bytes:
    """The message that asks for a program."""
    return b"S\0%d\0%s\0%s" % (number, os.fsencode(call.executable), _variables(call.variables))


def _variables(env: Mapping[str, str]) -> bytes:
    return os.fsencode("\0".join([f"{name}={value}" for name, value in env.items()]))
