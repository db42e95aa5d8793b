"""What the cases of one command share: how to ask it, and what it answered first."""

from collections.abc import Mapping

import orjson
from msgspec import Struct
from msgspec.structs import replace

from ductile.dispatch.outcome import QUOTED_STDERR_CHARS
from ductile.kit.bench import Bench, Exchange, Place
from ductile.kit.probes import Probe
from ductile.kit.request import Ask
from ductile.kit.scratch import scratch
from ductile.model.manifest import Command, CommandType, Manifest
from ductile.plugin.messages import Response
from ductile.plugin.runner.interface import StopReason
from ductile.plugin.stdout_parser import cut_middle


class Lab(Struct, frozen=True, kw_only=True):
    """Where the cases run."""

    bench: Bench
    files: Mapping[str, str]
    """What each working directory holds."""
    at_once: int
    """How many run together where that is tested."""


class Talk(Struct, frozen=True, kw_only=True):
    """A command, and the requests it was sent with what came back, in order; at least one."""

    lab: Lab
    manifest: Manifest
    command: Command
    probes: tuple[Probe, ...]
    exchanges: tuple[Exchange, ...]
    place: Place
    """Where the first request was answered; for a second one."""

    @property
    def probe(self) -> Probe:
        """The request that the others are compared with."""
        return self.probes[0]

    @property
    def first(self) -> Exchange:
        """What it was answered."""
        return self.exchanges[0]

    @property
    def repeatable(self) -> bool:
        """Whether the manifest says that a second run changes nothing."""
        return self.command.idempotent is True or self.command.type is CommandType.READ

    async def ask(self, ask: Ask | None = None) -> Exchange:
        """Ask in a scratch folder of its own."""
        with scratch(self.lab.files) as place:
            return await self.lab.bench.ask(self.probe.plugin, ask or self.probe.ask, place)

    async def send(self, stdin: bytes) -> Exchange:
        """Send these bytes, in a scratch folder of its own."""
        with scratch(self.lab.files) as place:
            return await self.lab.bench.send(self.probe.plugin, stdin, place, self.command.name)

    def with_probe(self, probe: Probe) -> "Talk":
        """The same with another request in front."""
        return replace(self, probes=(probe, *self.probes[1:]))


def answered(exchange: Exchange) -> Response | None:
    """The response that counts: none where the plugin was ended before it had answered."""
    return exchange.judged.response


def told(exchange: Exchange) -> str:
    """What came back, in words that go on from `it answers`."""
    response = answered(exchange)
    if response is not None:
        return "`ok`" if response.ok else f"the error `{short(response.error or '')}`"
    if exchange.execution.stop is StopReason.TIMED_OUT:
        return f"nothing within {seconds(exchange.execution.duration)}"
    last = next(reversed(_stderr(exchange).splitlines()), "")
    return f"nothing that can be read ({why(exchange)}{f'; stderr ends with `{short(last)}`' if last else ''})"


def why(exchange: Exchange) -> str:
    """Why there is no answer, without the end of stderr, which is shown beside it."""
    return (exchange.judged.error or "").removesuffix(f": {cut_middle(_stderr(exchange), QUOTED_STDERR_CHARS)}")


def _stderr(exchange: Exchange) -> str:
    return exchange.execution.stderr.decode(errors="replace").strip()


def same_outcome(one: Exchange, other: Exchange) -> bool:
    """Whether both answered `ok`, or both an error."""
    first, second = answered(one), answered(other)
    return first is not None and second is not None and first.ok == second.ok


def seconds(millis: int) -> str:
    """`0.3 s`, `10 s`."""
    return f"{millis / 1000:.3g} s"


def short(text: str, longest: int = 160) -> str:
    """The text on one line of so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def as_json(value: object, longest: int = 300) -> str:
    """The value as it is sent, cut."""
    return short(orjson.dumps(value).decode(), longest)
