"""Cases about persistent workers."""

from signal import SIGKILL

from ductile.kit.case_result import Observation, fail_case, pass_case
from ductile.kit.cases.answer_cases import LOG_FIX, plain_text_sentence
from ductile.kit.cases.case_context import CommandContext, describe_answer, has_same_outcome, shorten
from ductile.kit.workspace import scratch_workspace
from ductile.plugin.runner.persistent_runner import PersistentRunner

WORKER_RULE = (
    "A worker says that it is ready, answers one request after another as a run of its own does, and then ends. "
    "Its stdout holds JSON alone."
)

_REQUESTS = ("first", "second")
_PROTOCOL_FIX = (
    'Write {"ready": true, "protocol": 2} on a line first, then to each line of stdin a line with its `id`, and flush. '
    "The author libraries do: `plugin new --persistent` shows how."
)


async def check_worker(context: CommandContext) -> Observation:
    """Two requests to one worker, and the end of its stdin."""
    runner = PersistentRunner()
    sender = context.sender.with_runner(runner)
    try:
        with scratch_workspace(context.case_context.files) as workspace:
            for ordinal in _REQUESTS:
                exchange = await sender.send_request(context.sample.plugin, context.sample.request, workspace)
                if not has_same_outcome(context.first, exchange):
                    message = f"The {ordinal} request to a worker is answered by {describe_answer(exchange)}; "
                    message += f"in a run of its own it is {describe_answer(context.first)}."
                    return fail_case(message, _PROTOCOL_FIX, exchange)
                if exchange.outcome.plain_lines:
                    first = exchange.outcome.logs[0]["message"]
                    message = f"As a worker {plain_text_sentence(exchange.outcome.plain_lines)}; its first log entry is"
                    return fail_case(f"{message} `{shorten(first)}`.", LOG_FIX, exchange)
            persistent_worker = next(
                (one for pool in runner.pools for one in pool.workers if one.served == len(_REQUESTS)), None
            )
            if persistent_worker is None:
                return fail_case("It ended after the first request.", "Read stdin until it ends, a request a line.")
            runner.retire()
            await persistent_worker.gone.wait()
    finally:
        await runner.close()
    if persistent_worker.exit_code == 0:
        return pass_case()
    patience = context.sender.limits.kill_grace / 1000
    message = f"it ends with exit code {persistent_worker.exit_code}"
    if persistent_worker.exit_code == -SIGKILL:
        message = f"it goes on, and has to be killed after {patience:g} s"
    return fail_case(
        f"When its stdin has ended, {message}.",
        "End with exit code 0 once stdin has, and leave no thread or handle that keeps the process alive.",
    )
