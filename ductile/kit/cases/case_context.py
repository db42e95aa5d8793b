"""What the cases of one command share: its sample requests and first answers, and how to send more."""

from collections.abc import Mapping

import orjson
from msgspec import Struct
from msgspec.structs import replace

from ductile.dispatch.outcome import QUOTED_STDERR_CHARS
from ductile.kit.exchange import Exchange, RequestSender
from ductile.kit.request import Request
from ductile.kit.sample_requests import SampleRequest
from ductile.kit.workspace import Workspace, scratch_workspace
from ductile.model.manifest import Command, CommandType, Manifest
from ductile.plugin.messages import Response
from ductile.plugin.runner.interface import StopReason
from ductile.plugin.stdout_parser import cut_middle


class CaseContext(Struct, frozen=True, kw_only=True):
    """What all cases of a plugin share."""

    sender: RequestSender
    files: Mapping[str, str]
    """The files of each working directory: path → text."""
    at_once: int
    """The number of concurrent runs in the case `concurrency`."""


class CommandContext(Struct, frozen=True, kw_only=True):
    """A command with its sample requests and their exchanges, in order; at least one."""

    case_context: CaseContext
    manifest: Manifest
    command: Command
    samples: tuple[SampleRequest, ...]
    exchanges: tuple[Exchange, ...]
    workspace: Workspace
    """The workspace of the first request, for a second request in the same place."""

    @property
    def sample(self) -> SampleRequest:
        """The request that the others are compared with."""
        return self.samples[0]

    @property
    def first(self) -> Exchange:
        """The exchange of the first sample."""
        return self.exchanges[0]

    @property
    def sender(self) -> RequestSender:
        """Sends requests to the plugin."""
        return self.case_context.sender

    @property
    def repeatable(self) -> bool:
        """Whether the manifest says that a second run changes nothing."""
        return self.command.idempotent is True or self.command.type is CommandType.READ

    async def send_request(self, request: Request | None = None) -> Exchange:
        """Send a request in a new workspace."""
        with scratch_workspace(self.case_context.files) as workspace:
            return await self.sender.send_request(self.sample.plugin, request or self.sample.request, workspace)

    async def send_stdin(self, stdin: bytes) -> Exchange:
        """Send these bytes in a new workspace."""
        with scratch_workspace(self.case_context.files) as workspace:
            return await self.sender.send_stdin(self.sample.plugin, stdin, workspace, self.command.name)

    def with_sample(self, sample: SampleRequest) -> "CommandContext":
        """The same context with another sample as the first."""
        return replace(self, samples=(sample, *self.samples[1:]))


def read_response(exchange: Exchange) -> Response | None:
    """The response that counts; None where the plugin was ended before its answer."""
    return exchange.outcome.response


def describe_answer(exchange: Exchange) -> str:
    """The answer in words that continue `it answers`."""
    response = read_response(exchange)
    if response is not None:
        return "`ok`" if response.ok else f"the error `{shorten(response.error or '')}`"
    if exchange.execution.stop is StopReason.TIMED_OUT:
        return f"nothing within {format_seconds(exchange.execution.duration)}"
    last_line = next(reversed(_stderr_text(exchange).splitlines()), "")
    stderr_end = f"; stderr ends with `{shorten(last_line)}`" if last_line else ""
    return f"nothing that can be read ({no_answer_reason(exchange)}{stderr_end})"


def no_answer_reason(exchange: Exchange) -> str:
    """Why there is no answer, without the end of stderr, which is shown beside it."""
    return (exchange.outcome.error or "").removesuffix(f": {cut_middle(_stderr_text(exchange), QUOTED_STDERR_CHARS)}")


def _stderr_text(exchange: Exchange) -> str:
    return exchange.execution.stderr.decode(errors="replace").strip()


def has_same_outcome(one: Exchange, other: Exchange) -> bool:
    """Whether both answered `ok`, or both an error."""
    first, second = read_response(one), read_response(other)
    return first is not None and second is not None and first.ok == second.ok


def format_seconds(millis: int) -> str:
    """`0.3 s`, `10 s`."""
    return f"{millis / 1000:.3g} s"


def shorten(text: str, longest: int = 160) -> str:
    """The text on one line of so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def to_short_json(value: object, longest: int = 300) -> str:
    """The value as JSON, cut to so many characters."""
    return shorten(orjson.dumps(value).decode(), longest)
