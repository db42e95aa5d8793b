"""Cases about the end of a plugin: at its deadline, at SIGTERM, and without leftover processes."""

import asyncio
import signal

from ductile.kit.blocked_plugin import BlockedPlugin
from ductile.kit.case_result import Observation, fail_case, pass_case, skip_case
from ductile.kit.cases.case_context import CommandContext, describe_answer, format_seconds, read_response
from ductile.kit.exchange import read_exchange, wait_until_ended
from ductile.kit.leftover_probe import Leftover, run_and_find_leftovers
from ductile.kit.request import change_members
from ductile.kit.workspace import scratch_workspace
from ductile.model.clock import rfc3339
from ductile.model.ids import new_id
from ductile.plugin.runner.interface import StopReason

DEADLINE_RULE = "A plugin ends at SIGTERM within the grace, and does not hang because its deadline has passed."
LEFTOVERS_RULE = "When a plugin has answered, no process of it is left: the gateway kills what is."

_PASSED_DEADLINE_MILLIS = 1_000
"""How long ago the passed deadline was."""


async def check_deadline(context: CommandContext) -> Observation:
    """It ends by itself though its deadline is over, and at SIGTERM while it waits for the rest of its request."""
    plain = context.sender.build_stdin(context.sample.plugin, context.sample.request)
    exchange = await context.send_stdin(
        change_members(plain, deadline_at=rfc3339(context.sender.now() - _PASSED_DEADLINE_MILLIS))
    )
    if exchange.execution.stop is StopReason.TIMED_OUT:
        message = f"With a `deadline_at` that has passed it answers {describe_answer(exchange)}; "
        message += f"with a later one {describe_answer(context.first)}."
        return fail_case(message, "Compare the time with `deadline_at`, and answer an error when it is over.", exchange)
    return await _check_sigterm(context, plain)


async def _check_sigterm(context: CommandContext, stdin: bytes) -> Observation:
    with (
        scratch_workspace(context.case_context.files) as workspace,
        BlockedPlugin(workspace.cwd, context.sample.plugin.executable, stdin) as blocked,
    ):
        job_id = new_id()
        running = context.sender.start(
            context.sample.plugin, b"", workspace, context.command.name, job_id=job_id, executable=blocked.executable
        )
        waiting = asyncio.ensure_future(wait_until_ended(running))
        reading = asyncio.ensure_future(blocked.wait_until_read())
        try:
            await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
            running.stop(StopReason.TIMED_OUT)
            execution = await waiting
        finally:
            reading.cancel()
            running.stop(StopReason.CANCELLED)
    if execution.stop is None or execution.exit_code != -signal.SIGKILL:
        return pass_case()
    grace = format_seconds(context.sender.limits.kill_grace)
    message = f"It still ran {grace} after SIGTERM, while it waited for the rest of its request, and had to be killed."
    fix = (
        "Do not ignore SIGTERM: leave it alone, or end in its handler. In Bash, a trap runs only when the command in "
        "front has ended; in Python, an `except` around everything must let SystemExit pass."
    )
    return fail_case(message, fix, read_exchange(context.sample.plugin, context.command.name, stdin, execution))


async def check_leftovers(context: CommandContext) -> Observation:
    """No process of the job is left once the plugin has ended."""
    plugin, command = context.sample.plugin, context.command.name
    plugin_request = context.sender.build_request(plugin, context.sample.request)
    with scratch_workspace(context.case_context.files) as workspace:
        execution, leftovers = await run_and_find_leftovers(context.sender, plugin, plugin_request, workspace, command)
    exchange = read_exchange(plugin, command, plugin_request.stdin, execution, args=plugin_request.args)
    if read_response(exchange) is None and not leftovers:
        return skip_case(f"under observation it answered {describe_answer(exchange)}")
    if not leftovers:
        return pass_case()
    message = f"After its end there still ran: {'; '.join(_process_text(one) for one in leftovers)}."
    fix = "Wait for what you start (`wait`, `subprocess.run`), or end it before you answer: the gateway kills it."
    return fail_case(message, fix, exchange)


def _process_text(leftovers: Leftover) -> str:
    return f"`{leftovers.command}` (pid {leftovers.pid})"
