"""What a command answers to requests that it should know."""

from collections.abc import Iterator
from typing import Any

from ductile.kit.bench import Exchange
from ductile.kit.cases.talk import Talk, answered, as_json, seconds, short, told, why
from ductile.kit.finding import Seen, failed, passed, skipped
from ductile.kit.probes import Probe, misfit
from ductile.model.output import DEFAULT_OUTPUT
from ductile.plugin.messages import Response
from ductile.plugin.runner.interface import StopReason

ANSWERS = (
    "A command answers a request that it should know with one JSON object on stdout, whose `status` is `ok`; "
    "a plain program (`output: text`) by an exit code that is a success."
)
RESULT = "`result` fits `output_schema`, and an answer is what the case in `tests/` expects."
EVENTS = "A command emits the events that its manifest names under `values.emit`, and no others."
OUTPUT = f"A plugin writes at most {DEFAULT_OUTPUT.max_stdout_bytes // 1024**2} MiB to stdout."
STDOUT = "stdout holds JSON alone: frames and the response. Notes for people go to stderr."

LOG_INSTEAD = (
    'Print notes on stderr, or as log entries: {"log": "…"} on a line. '
    "The gateway takes plain text as log entries, and warns of the plugin."
)

_MEBIBYTE = 1024 * 1024


async def answers(talk: Talk) -> Seen:
    """Each request was answered, and with the status it should have."""
    remarks = []
    for probe, exchange in zip(talk.probes, talk.exchanges, strict=True):
        response = answered(exchange)
        if exchange.execution.stop is StopReason.FLOODED:
            return skipped("it wrote too much to be read; see output")
        if response is None:
            return failed(f"{_asked(probe)}: {why(exchange)}.", _mend(exchange), exchange)
        if response.ok != (probe.expect.status == "ok"):
            return failed(*_other_status(probe, exchange), exchange)
        if exchange.execution.exit_code:
            remarks.append(f"exit code {exchange.execution.exit_code} beside an answer: the answer counts")
    return passed(*dict.fromkeys(remarks))


def _asked(probe: Probe) -> str:
    return f"Asked with {probe.source}"


def _other_status(probe: Probe, exchange: Exchange) -> tuple[str, str]:
    said = f"{_asked(probe)} it answers {told(exchange)}, not `{probe.expect.status}`."
    if not probe.made:
        return said, f"Mend the command, or what {probe.source} says."
    return said, (
        "If that payload cannot work, give one that does: `examples: [{…}]` in its input_schema, "
        "a case in tests/NAME.json, or --payload COMMAND=JSON. "
        "Configuration and files that it needs go into tests/kit.yaml (`config:`, `files:`)."
    )


def _mend(exchange: Exchange) -> str:
    execution = exchange.execution
    if execution.stop is StopReason.TIMED_OUT:
        return (
            "Find what it waits for: it is sent one JSON object and then the end of stdin. "
            "A command that may take longer says so by `timeout:` in the manifest; --timeout allows it here."
        )
    if execution.exit_code < 0:
        return "It was killed by a signal: look for a crash in native code, or for a `kill` of its own group."
    if execution.exit_code:
        return (
            "stderr says where it ended: mend that. What can go wrong with a request is caught and answered, "
            'by {"status": "error", "error": "why", "retry": false}.'
        )
    if not execution.stdout.strip():
        return 'Print the answer on stdout before the end: {"status": "ok", "result": …}.'
    return (
        "Print one JSON object on stdout and nothing else: banners, progress and debugging go to stderr. "
        "It has `status` (`ok` or `error`), and `result` with `ok`."
    )


async def result(talk: Talk) -> Seen:
    """Results fit what the manifest and the plugin's own cases say."""
    schema = talk.command.output_schema
    if schema is None and not any(_expects(probe) for probe in talk.probes):
        return skipped("the manifest has no output_schema for it, and no case expects more than a status")
    if any(not _has_status(probe, exchange) for probe, exchange in zip(talk.probes, talk.exchanges, strict=True)):
        return skipped("its answers have to be right first; see answers")
    for probe, exchange in zip(talk.probes, talk.exchanges, strict=True):
        response = exchange.judged.response
        if response is None:
            continue
        if response.ok and schema is not None and (wrong := misfit(schema, response.result)):
            said = f"{_asked(probe)}, `result` does not fit output_schema: {wrong}."
            return failed(said, "Mend the result, or the `output_schema` that promises another.", exchange)
        for wrong in _unexpected(probe, response):
            return failed(f"{_asked(probe)}: {wrong}.", f"Mend the command, or `expect` in {probe.source}.", exchange)
    return passed()


def _has_status(probe: Probe, exchange: Exchange) -> bool:
    response = answered(exchange)
    return response is not None and response.ok == (probe.expect.status == "ok")


def _expects(probe: Probe) -> bool:
    return probe.expect.model_fields_set - {"status"} != set()


def _unexpected(probe: Probe, response: Response) -> Iterator[str]:
    expect = probe.expect
    if "result" in expect.model_fields_set and response.result != expect.result:
        yield f"`result` is {as_json(response.result)}, not {as_json(expect.result)}"
    if expect.error is not None and expect.error not in (response.error or ""):
        yield f"`error` is {as_json(response.error)}, which does not contain {as_json(expect.error)}"
    if expect.retry is not None and response.retry != expect.retry:
        yield f"`retry` is {as_json(response.retry)}, not {as_json(expect.retry)} (an answer without it means true)"
    types = [event.type for event in response.events]
    if expect.events is not None and types != expect.events:
        yield f"the events are {as_json(types)}, not {as_json(expect.events)}"
    if expect.state_updates is not None and response.state_updates != expect.state_updates:
        yield f"`state_updates` is {as_json(response.state_updates)}, not {as_json(expect.state_updates)}"


async def events(talk: Talk) -> Seen:
    """What is emitted was declared."""
    declared = talk.command.emits
    emitted = [(event, exchange) for exchange in talk.exchanges for event in _events(exchange)]
    if not declared and not emitted:
        return skipped("it declares no events, and emits none")
    types = dict.fromkeys(event.type for event, _ in emitted)
    if not declared:
        named = ", ".join(types)
        return passed(f"emits {named}: name it under `values.emit`, and pipelines are checked against it")
    for event, exchange in emitted:
        if event.type not in declared:
            said = f"It emits `{event.type}`, which the manifest does not name; it names {', '.join(declared)}."
            return failed(said, "Correct the event's `type`, or add it to `values.emit` of the command.", exchange)
    unseen = [name for name in declared if name not in types]
    return passed(*([f"not emitted here: {', '.join(unseen)}"] if unseen else []))


def _events(exchange: Exchange) -> tuple[Any, ...]:
    response = answered(exchange)
    return response.events if response is not None else ()


async def output(talk: Talk) -> Seen:
    """Nothing was flooded."""
    remarks = []
    for probe, exchange in zip(talk.probes, talk.exchanges, strict=True):
        execution = exchange.execution
        if execution.stop is StopReason.FLOODED:
            said = f"{_asked(probe)} {execution.fault}, and was ended."
            said += f" It had run for {seconds(execution.duration)}."
            fix = "Write large results to a file and answer with its path; look for a loop that prints."
            return failed(said, fix, exchange)
        if len(execution.stdout) > DEFAULT_OUTPUT.max_stdout_bytes // 2:
            remarks.append(f"{len(execution.stdout) / _MEBIBYTE:.1f} MiB of stdout")
        if len(execution.stderr) >= DEFAULT_OUTPUT.max_stderr_bytes:
            remarks.append(f"stderr is longer than the {DEFAULT_OUTPUT.max_stderr_bytes // 1024} KiB that are kept")
    return passed(*dict.fromkeys(remarks))


async def stdout(talk: Talk) -> Seen:
    """No plain text stood before the response."""
    for probe, exchange in zip(talk.probes, talk.exchanges, strict=True):
        if exchange.judged.plain_lines and exchange.judged.response is not None:
            first = exchange.judged.response.plain_text or ""
            said = f"{_asked(probe)} {printed_text(exchange.judged.plain_lines)} before its response: `{short(first)}`."
            return failed(said, LOG_INSTEAD, exchange)
    return passed()


def printed_text(lines: int) -> str:
    """So many lines of plain text, in words."""
    return f"it prints {'a line' if lines == 1 else f'{lines:,} lines'} of plain text on stdout"
