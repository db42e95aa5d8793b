"""Cases with unexpected requests and bare environments."""

import os

import orjson
from msgspec.structs import replace

from ductile.kit.case_result import Observation, fail_case, pass_case, skip_case
from ductile.kit.cases.case_context import (
    CommandContext,
    describe_answer,
    has_same_outcome,
    read_response,
    to_short_json,
)
from ductile.kit.exchange import Exchange
from ductile.kit.request import change_members
from ductile.kit.sample_requests import enlarge, wrong_payloads
from ductile.kit.workspace import Workspace, scratch_workspace
from ductile.plugin.runner.interface import StopReason

UNKNOWN_FIELDS_RULE = "Members of a request that a plugin does not know are ignored: newer gateways send more."
WRONG_PAYLOAD_RULE = "A payload that does not fit is answered, too: what another plugin emits is passed on as it is."
LARGE_PAYLOAD_RULE = "A request may be large: 1 MB of payload, and 8 MB in all."
ENVIRONMENT_RULE = (
    "A plugin needs no variables but those the operator names: HOME may be absent and the locale may be C."
)

PAYLOAD_CHARS = 1_000_000
"""The gateway's default limit."""
REQUEST_CHARS = 8_000_000
"""Baggage and events of other plugins come on top of a payload."""
_RETRY_REMARK = "that is tried again in vain, and an answer with `retry: false` would not be"
_MAX_SHOWN_CHARS = 80
"""Characters of a payload that a sentence quotes."""


async def check_unknown_fields(context: CommandContext) -> Observation:
    """The same answer with members that nobody knows."""
    plain = context.sender.build_stdin(context.sample.plugin, context.sample.request)
    unknown = {"kit_unknown": {"nested": [1, None, "text"]}, "kit_unknown_flag": True}
    members = dict(unknown)
    event = orjson.loads(plain).get("event")
    if event is not None:
        members["event"] = {**event, **unknown}
    exchange = await context.send_stdin(change_members(plain, **members))
    if has_same_outcome(context.first, exchange):
        return pass_case()
    message = f"With the unknown members `kit_unknown` and `kit_unknown_flag` it answers {describe_answer(exchange)}; "
    message += f"without them {describe_answer(context.first)}."
    fix = "Read the members you need and leave the others alone; turn off strict decoding (`deny_unknown_fields`, "
    fix += "`DisallowUnknownFields`, `**request` into a function, …)."
    return fail_case(message, fix, exchange)


async def check_wrong_payload(context: CommandContext) -> Observation:
    """An answer, or an exit code, to what the schema does not allow."""
    payloads = wrong_payloads(context.sample)
    if not payloads:
        return skip_case(
            "its input_schema allows any payload" if context.command.input_schema else "it has no input_schema"
        )
    remarks = []
    for payload in payloads:
        exchange = await context.send_request(replace(context.sample.request, payload=payload))
        if read_response(exchange) is None:
            if exchange.execution.stop is not None or exchange.execution.exit_code == 0:
                message = f"To `{to_short_json(payload, _MAX_SHOWN_CHARS)}`, which its schema does not allow, "
                message += f"it answers {describe_answer(exchange)}."
                fix = 'Check what you read, and answer {"status": "error", "error": "…", "retry": false}.'
                return fail_case(message, fix, exchange)
            code = exchange.execution.exit_code
            excerpt = to_short_json(payload, _MAX_SHOWN_CHARS)
            remarks.append(f"to `{excerpt}` it ends with exit code {code} and no answer; {_RETRY_REMARK}")
    return pass_case(*remarks)


async def check_large_payload(context: CommandContext) -> Observation:
    """An answer to 1 MB of text, and the same answer with 8 MB beside it."""
    longer = enlarge(context.sample, PAYLOAD_CHARS)
    if longer is not None:
        exchange = await context.send_request(longer)
        if read_response(exchange) is None and exchange.execution.stop is not StopReason.FLOODED:
            return _size_failure(f"To {PAYLOAD_CHARS:,} characters in its payload", exchange)
    exchange = await context.send_request(
        replace(context.sample.request, context={**context.sample.request.context, "kit_padding": "x" * REQUEST_CHARS})
    )
    if not has_same_outcome(context.first, exchange):
        return _size_failure(f"To a request of {REQUEST_CHARS:,} characters (most of them in `context`)", exchange)
    return pass_case()


def _size_failure(asked: str, exchange: Exchange) -> Observation:
    fix = (
        "Read stdin to its end before you decode it; an argument holds 128 KiB, and a line-wise reader has limits too."
    )
    return fail_case(f"{asked} it answers {describe_answer(exchange)}.", fix, exchange)


async def check_environment(context: CommandContext) -> Observation:
    """The same answer with nothing but a PATH."""
    with scratch_workspace(context.case_context.files) as workspace:
        bare = Workspace(
            cwd=workspace.cwd, environ={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "LC_ALL": "C"}
        )
        exchange = await context.sender.send_request(context.sample.plugin, context.sample.request, bare)
    if has_same_outcome(context.first, exchange):
        return pass_case()
    message = f"Without HOME and with the locale C it answers {describe_answer(exchange)}; "
    message += f"with them {describe_answer(context.first)}."
    fix = "Take settings from `config`, have a default for each variable, and write UTF-8 whatever the locale is."
    return fail_case(message, fix, exchange)
