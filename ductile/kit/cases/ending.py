"""How a plugin ends: at its deadline, at SIGTERM, and without leaving anything behind."""

import asyncio
import signal

from ductile.kit.bench import ended, understood
from ductile.kit.cases.talk import Talk, answered, seconds, told
from ductile.kit.finding import Seen, failed, passed, skipped
from ductile.kit.held import Held
from ductile.kit.request import changed
from ductile.kit.scratch import scratch
from ductile.kit.watched import Left, watched
from ductile.model.clock import rfc3339
from ductile.model.ids import new_id
from ductile.plugin.runner.interface import StopReason

DEADLINE = "A plugin ends at SIGTERM within the grace, and does not hang because its deadline has passed."
LEFTOVERS = "When a plugin has answered, no process of it is left: the gateway kills what is."

_PAST = 1_000
"""Milliseconds by which the passed deadline has passed."""


async def deadline(talk: Talk) -> Seen:
    """It ends by itself though its deadline is over, and at SIGTERM while it waits for the rest of its request."""
    plain = talk.lab.bench.written(talk.probe.plugin, talk.probe.ask)
    exchange = await talk.send(changed(plain, deadline_at=rfc3339(talk.lab.bench.now() - _PAST)))
    if exchange.execution.stop is StopReason.TIMED_OUT:
        said = f"With a `deadline_at` that has passed it answers {told(exchange)}; with a later one {told(talk.first)}."
        return failed(said, "Compare the time with `deadline_at`, and answer an error when it is over.", exchange)
    return await _terminated(talk, plain)


async def _terminated(talk: Talk, stdin: bytes) -> Seen:
    with scratch(talk.lab.files) as place, Held(place.cwd, talk.probe.plugin.executable, stdin) as held:
        job_id = new_id()
        running = talk.lab.bench.start(
            talk.probe.plugin, b"", place, talk.command.name, job_id=job_id, executable=held.executable
        )
        waiting = asyncio.ensure_future(ended(running))
        reading = asyncio.ensure_future(held.read())
        try:
            await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
            running.stop(StopReason.TIMED_OUT)
            execution = await waiting
        finally:
            reading.cancel()
            running.stop(StopReason.CANCELLED)
    if execution.stop is None or execution.exit_code != -signal.SIGKILL:
        return passed()
    grace = seconds(talk.lab.bench.limits.kill_grace)
    said = f"It still ran {grace} after SIGTERM, while it waited for the rest of its request, and had to be killed."
    fix = (
        "Do not ignore SIGTERM: leave it alone, or end in its handler. In Bash, a trap runs only when the command in "
        "front has ended; in Python, an `except` around everything must let SystemExit pass."
    )
    return failed(said, fix, understood(talk.probe.plugin, talk.command.name, stdin, execution))


async def leftovers(talk: Talk) -> Seen:
    """Nothing carries its job once it has ended."""
    plugin, command = talk.probe.plugin, talk.command.name
    prepared = talk.lab.bench.prepared(plugin, talk.probe.ask)
    with scratch(talk.lab.files) as place:
        execution, left = await watched(talk.lab.bench, plugin, prepared, place, command)
    exchange = understood(plugin, command, prepared.stdin, execution, args=prepared.args)
    if answered(exchange) is None and not left:
        return skipped(f"under observation it answered {told(exchange)}")
    if not left:
        return passed()
    said = f"After its end there still ran: {'; '.join(_shown(one) for one in left)}."
    fix = "Wait for what you start (`wait`, `subprocess.run`), or end it before you answer: the gateway kills it."
    return failed(said, fix, exchange)


def _shown(left: Left) -> str:
    return f"`{left.command}` (pid {left.pid})"
