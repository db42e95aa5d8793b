"""Cases about the answers to valid requests."""

from collections.abc import Iterator
from typing import Any

from ductile.kit.case_result import Observation, fail_case, pass_case, skip_case
from ductile.kit.cases.case_context import (
    CommandContext,
    describe_answer,
    format_seconds,
    no_answer_reason,
    read_response,
    shorten,
    to_short_json,
)
from ductile.kit.exchange import Exchange
from ductile.kit.sample_requests import SampleRequest, describe_misfit
from ductile.model.output import DEFAULT_OUTPUT, MEBIBYTE
from ductile.plugin.messages import Response
from ductile.plugin.runner.interface import StopReason

ANSWERS_RULE = (
    "A command answers a request that it should know with one JSON object on stdout, whose `status` is `ok`; "
    "a plain program (`output: text`) by an exit code that is a success."
)
RESULT_RULE = "`result` fits `output_schema`, and an answer is what the case in `tests/` expects."
EVENTS_RULE = "A command emits the events that its manifest names under `values.emit`, and no others."
OUTPUT_RULE = f"A plugin writes at most {DEFAULT_OUTPUT.max_stdout_bytes // 1024**2} MiB to stdout."
STDOUT_RULE = "stdout holds JSON alone: frames and the response. Notes for people go to stderr."

LOG_FIX = (
    'Print notes on stderr, or as log entries: {"log": "…"} on a line. '
    "The gateway takes plain text as log entries, and warns of the plugin."
)


async def check_answers(context: CommandContext) -> Observation:
    """Each request was answered, and with the status it should have."""
    remarks = []
    for sample, exchange in zip(context.samples, context.exchanges, strict=True):
        response = read_response(exchange)
        if exchange.execution.stop is StopReason.FLOODED:
            return skip_case("it wrote too much to be read; see output")
        if response is None:
            return fail_case(f"{_asked_with(sample)}: {no_answer_reason(exchange)}.", _answer_fix(exchange), exchange)
        if response.ok != (sample.expect.status == "ok"):
            return fail_case(*_status_failure(sample, exchange), exchange)
        if exchange.execution.exit_code:
            remarks.append(f"exit code {exchange.execution.exit_code} beside an answer: the answer counts")
    return pass_case(*dict.fromkeys(remarks))


def _asked_with(sample: SampleRequest) -> str:
    return f"Asked with {sample.source}"


def _status_failure(sample: SampleRequest, exchange: Exchange) -> tuple[str, str]:
    message = f"{_asked_with(sample)} it answers {describe_answer(exchange)}, not `{sample.expect.status}`."
    if not sample.from_schema:
        return message, f"Mend the command, or what {sample.source} says."
    return message, (
        "If that payload cannot work, give one that does: `examples: [{…}]` in its input_schema, "
        "a case in tests/NAME.json, or --payload COMMAND=JSON. "
        "Configuration and files that it needs go into tests/kit.yaml (`config:`, `files:`)."
    )


def _answer_fix(exchange: Exchange) -> str:
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


async def check_result(context: CommandContext) -> Observation:
    """Results fit what the manifest and the plugin's own cases say."""
    schema = context.command.output_schema
    if schema is None and not any(_expects(sample) for sample in context.samples):
        return skip_case("the manifest has no output_schema for it, and no case expects more than a status")
    if any(
        not _has_status(sample, exchange) for sample, exchange in zip(context.samples, context.exchanges, strict=True)
    ):
        return skip_case("its answers have to be right first; see answers")
    for sample, exchange in zip(context.samples, context.exchanges, strict=True):
        response = exchange.outcome.response
        if response is None:
            continue
        if response.ok and schema is not None and (wrong := describe_misfit(schema, response.result)):
            message = f"{_asked_with(sample)}, `result` does not fit output_schema: {wrong}."
            return fail_case(message, "Mend the result, or the `output_schema` that promises another.", exchange)
        for wrong in _unmet_expectations(sample, response):
            return fail_case(
                f"{_asked_with(sample)}: {wrong}.", f"Mend the command, or `expect` in {sample.source}.", exchange
            )
    return pass_case()


def _has_status(sample: SampleRequest, exchange: Exchange) -> bool:
    response = read_response(exchange)
    return response is not None and response.ok == (sample.expect.status == "ok")


def _expects(sample: SampleRequest) -> bool:
    return sample.expect.model_fields_set - {"status"} != set()


def _unmet_expectations(sample: SampleRequest, response: Response) -> Iterator[str]:
    expect = sample.expect
    if "result" in expect.model_fields_set and response.result != expect.result:
        yield f"`result` is {to_short_json(response.result)}, not {to_short_json(expect.result)}"
    if expect.error is not None and expect.error not in (response.error or ""):
        yield f"`error` is {to_short_json(response.error)}, which does not contain {to_short_json(expect.error)}"
    if expect.retry is not None and response.retry != expect.retry:
        retry, expected_retry = to_short_json(response.retry), to_short_json(expect.retry)
        yield f"`retry` is {retry}, not {expected_retry} (an answer without it means true)"
    types = [event.type for event in response.events]
    if expect.events is not None and types != expect.events:
        yield f"the events are {to_short_json(types)}, not {to_short_json(expect.events)}"
    if expect.state_updates is not None and response.state_updates != expect.state_updates:
        yield f"`state_updates` is {to_short_json(response.state_updates)}, not {to_short_json(expect.state_updates)}"


async def check_events(context: CommandContext) -> Observation:
    """What is emitted was declared."""
    declared = context.command.emits
    emitted = [(event, exchange) for exchange in context.exchanges for event in _events(exchange)]
    if not declared and not emitted:
        return skip_case("it declares no events, and emits none")
    types = dict.fromkeys(event.type for event, _ in emitted)
    if not declared:
        type_names = ", ".join(types)
        return pass_case(f"emits {type_names}: name it under `values.emit`, and pipelines are checked against it")
    for event, exchange in emitted:
        if event.type not in declared:
            message = f"It emits `{event.type}`, which the manifest does not name; it names {', '.join(declared)}."
            return fail_case(
                message, "Correct the event's `type`, or add it to `values.emit` of the command.", exchange
            )
    unseen = [name for name in declared if name not in types]
    return pass_case(*([f"not emitted here: {', '.join(unseen)}"] if unseen else []))


def _events(exchange: Exchange) -> tuple[Any, ...]:
    response = read_response(exchange)
    return response.events if response is not None else ()


async def check_output(context: CommandContext) -> Observation:
    """The output stays within its limits."""
    remarks = []
    for sample, exchange in zip(context.samples, context.exchanges, strict=True):
        execution = exchange.execution
        if execution.stop is StopReason.FLOODED:
            message = f"{_asked_with(sample)} {execution.fault}, and was ended."
            message += f" It had run for {format_seconds(execution.duration)}."
            fix = "Write large results to a file and answer with its path; look for a loop that prints."
            return fail_case(message, fix, exchange)
        if len(execution.stdout) > DEFAULT_OUTPUT.max_stdout_bytes // 2:
            remarks.append(f"{len(execution.stdout) / MEBIBYTE:.1f} MiB of stdout")
        if len(execution.stderr) >= DEFAULT_OUTPUT.max_stderr_bytes:
            remarks.append(f"stderr is longer than the {DEFAULT_OUTPUT.max_stderr_bytes // 1024} KiB that are kept")
    return pass_case(*dict.fromkeys(remarks))


async def check_stdout(context: CommandContext) -> Observation:
    """No plain text stood before the response."""
    for sample, exchange in zip(context.samples, context.exchanges, strict=True):
        if exchange.outcome.plain_lines and exchange.outcome.response is not None:
            first = exchange.outcome.response.plain_text or ""
            printed = plain_text_sentence(exchange.outcome.plain_lines)
            message = f"{_asked_with(sample)} {printed} before its response: `{shorten(first)}`."
            return fail_case(message, LOG_FIX, exchange)
    return pass_case()


def plain_text_sentence(lines: int) -> str:
    """So many lines of plain text, in words."""
    return f"it prints {'a line' if lines == 1 else f'{lines:,} lines'} of plain text on stdout"
