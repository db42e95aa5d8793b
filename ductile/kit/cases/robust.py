"""Requests that a plugin is not made for, and places that lack what it may be used to."""

import os

import orjson
from msgspec.structs import replace

from ductile.kit.bench import Exchange, Place
from ductile.kit.cases.talk import Talk, answered, as_json, same_outcome, told
from ductile.kit.finding import Seen, failed, passed, skipped
from ductile.kit.probes import large, wrong_payloads
from ductile.kit.request import changed
from ductile.kit.scratch import scratch
from ductile.plugin.runner.interface import StopReason

UNKNOWN_FIELDS = "Members of a request that a plugin does not know are ignored: newer gateways send more."
WRONG_PAYLOAD = "A payload that does not fit is answered, too: what another plugin emits is passed on as it is."
LARGE_PAYLOAD = "A request may be large: 1 MB of payload, and 8 MB in all."
ENVIRONMENT = "A plugin needs no variables but those the operator names: HOME may be absent and the locale may be C."

PAYLOAD = 1_000_000
"""Characters; what the gateway takes by default."""
REQUEST = 8_000_000
"""Characters; baggage and events of other plugins come on top of a payload."""
_IN_VAIN = "that is tried again in vain, and an answer with `retry: false` would not be"
_SHOWN = 80
"""Characters of a payload in a sentence."""


async def unknown_fields(talk: Talk) -> Seen:
    """The same answer with members that nobody knows."""
    plain = talk.lab.bench.written(talk.probe.plugin, talk.probe.ask)
    unknown = {"kit_unknown": {"nested": [1, None, "text"]}, "kit_unknown_flag": True}
    members = dict(unknown)
    event = orjson.loads(plain).get("event")
    if event is not None:
        members["event"] = {**event, **unknown}
    exchange = await talk.send(changed(plain, **members))
    if same_outcome(talk.first, exchange):
        return passed()
    said = f"With the unknown members `kit_unknown` and `kit_unknown_flag` it answers {told(exchange)}; "
    said += f"without them {told(talk.first)}."
    fix = "Read the members you need and leave the others alone; turn off strict decoding (`deny_unknown_fields`, "
    fix += "`DisallowUnknownFields`, `**request` into a function, …)."
    return failed(said, fix, exchange)


async def wrong_payload(talk: Talk) -> Seen:
    """An answer, or an exit code, to what the schema does not allow."""
    payloads = wrong_payloads(talk.probe)
    if not payloads:
        return skipped("its input_schema allows any payload" if talk.command.input_schema else "it has no input_schema")
    remarks = []
    for payload in payloads:
        exchange = await talk.ask(replace(talk.probe.ask, payload=payload))
        if answered(exchange) is None:
            if exchange.execution.stop is not None or exchange.execution.exit_code == 0:
                said = f"To `{as_json(payload, _SHOWN)}`, which its schema does not allow, it answers {told(exchange)}."
                fix = 'Check what you read, and answer {"status": "error", "error": "…", "retry": false}.'
                return failed(said, fix, exchange)
            code = exchange.execution.exit_code
            remarks.append(f"to `{as_json(payload, _SHOWN)}` it ends with exit code {code} and no answer; {_IN_VAIN}")
    return passed(*remarks)


async def large_payload(talk: Talk) -> Seen:
    """An answer to 1 MB of text, and the same answer with 8 MB beside it."""
    longer = large(talk.probe, PAYLOAD)
    if longer is not None:
        exchange = await talk.ask(longer)
        if answered(exchange) is None and exchange.execution.stop is not StopReason.FLOODED:
            return _too_large(f"To {PAYLOAD:,} characters in its payload", exchange)
    exchange = await talk.ask(replace(talk.probe.ask, context={**talk.probe.ask.context, "kit_padding": "x" * REQUEST}))
    if not same_outcome(talk.first, exchange):
        return _too_large(f"To a request of {REQUEST:,} characters (most of them in `context`)", exchange)
    return passed()


def _too_large(asked: str, exchange: Exchange) -> Seen:
    fix = (
        "Read stdin to its end before you decode it; an argument holds 128 KiB, and a line-wise reader has limits too."
    )
    return failed(f"{asked} it answers {told(exchange)}.", fix, exchange)


async def environment(talk: Talk) -> Seen:
    """The same answer with nothing but a PATH."""
    with scratch(talk.lab.files) as place:
        bare = Place(cwd=place.cwd, environ={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "LC_ALL": "C"})
        exchange = await talk.lab.bench.ask(talk.probe.plugin, talk.probe.ask, bare)
    if same_outcome(talk.first, exchange):
        return passed()
    said = f"Without HOME and with the locale C it answers {told(exchange)}; with them {told(talk.first)}."
    fix = "Take settings from `config`, have a default for each variable, and write UTF-8 whatever the locale is."
    return failed(said, fix, exchange)
