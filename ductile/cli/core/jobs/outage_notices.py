"""Notices that the gateway is away while somebody waits, and that it is back."""

from typing import Final

from ductile.cli.core.output import Output
from ductile.client.errors import Refused, Unreachable

WAITING_SENTENCE: Final = "It is waited for until it is there again; Ctrl-C ends that."


class GatewayLost(Unreachable):
    """The gateway at {url} went away while job {job_id} was waited for: {reason}. The job is kept, and goes on when the
    gateway runs again: `ductile system start` starts it, `ductile job inspect {job_id}` shows the job.
    """  # noqa: D205 - one message

    code = "gateway_lost"


class OutageNotices:
    """Reports that the gateway is away, and that it is back, each once."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._away = False

    def report_loss(self, error: Unreachable | Refused) -> None:
        """The gateway does not answer; only the first call of an outage is reported."""
        if not self._away:
            self._away = True
            reason = str(error.details.get("reason") or error.message).rstrip(".")
            self._out.tell(f"The gateway went away: {reason}. {WAITING_SENTENCE}")

    def report_return(self) -> None:
        """The gateway answers again."""
        if self._away:
            self._away = False
            self._out.tell("The gateway is there again.")
