"""The plugin as the worker that `lifecycle: persistent` makes of it."""

from signal import SIGKILL

from ductile.kit.cases.answers import LOG_INSTEAD, printed_text
from ductile.kit.cases.talk import Talk, same_outcome, short, told
from ductile.kit.finding import Seen, failed, passed
from ductile.kit.scratch import scratch
from ductile.plugin.runner.persistent_runner import PersistentRunner

WORKER = (
    "A worker says that it is ready, answers one request after another as a run of its own does, and then ends. "
    "Its stdout holds JSON alone."
)

_REQUESTS = ("first", "second")
_SPEAK = (
    'Write {"ready": true, "protocol": 2} on a line first, then to each line of stdin a line with its `id`, and flush. '
    "The author libraries do: `plugin new --persistent` shows how."
)


async def worker(talk: Talk) -> Seen:
    """Two requests to one worker, and the end of its stdin."""
    runner = PersistentRunner()
    bench = talk.lab.bench.over(runner)
    try:
        with scratch(talk.lab.files) as place:
            for nth in _REQUESTS:
                exchange = await bench.ask(talk.probe.plugin, talk.probe.ask, place)
                if not same_outcome(talk.first, exchange):
                    said = f"The {nth} request to a worker is answered by {told(exchange)}; in a run of its own it is "
                    return failed(f"{said}{told(talk.first)}.", _SPEAK, exchange)
                if exchange.judged.plain_lines:
                    first = exchange.judged.logs[0]["message"]
                    said = f"As a worker {printed_text(exchange.judged.plain_lines)}; its first log entry is"
                    return failed(f"{said} `{short(first)}`.", LOG_INSTEAD, exchange)
            kept = next((one for pool in runner.pools for one in pool.workers if one.served == len(_REQUESTS)), None)
            if kept is None:
                return failed("It ended after the first request.", "Read stdin until it ends, a request a line.")
            runner.retire()
            await kept.gone.wait()
    finally:
        await runner.close()
    if kept.exit_code == 0:
        return passed()
    patience = talk.lab.bench.limits.kill_grace / 1000
    said = f"it ends with exit code {kept.exit_code}"
    if kept.exit_code == -SIGKILL:
        said = f"it goes on, and has to be killed after {patience:g} s"
    return failed(
        f"When its stdin has ended, {said}.",
        "End with exit code 0 once stdin has, and leave no thread or handle that keeps the process alive.",
    )
