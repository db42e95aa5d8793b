"""Waiting for a job's end."""

from collections.abc import Sequence
from typing import Any

import pytest
from support.cli import FakeGateway

from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.jobs import waiting
from ductile.cli.core.jobs.waiting import CALL_WAIT_SECONDS, poll_until_ended
from ductile.cli.main import main
from ductile.client.errors import Refused, Unreachable

FULL = Refused(envelope={"error": "too_many_waiters", "message": "Too many."}, http_status=503)
ENDED = {"job_id": "j", "status": "succeeded"}
RUNNING = {"job_id": "j", "status": "running"}


class Gateway:
    """Answers one after the other, the last one again and again, and notes how long it was asked to wait."""

    def __init__(self, *answers: Any) -> None:
        self.answers: Sequence[Any] = answers
        self.waits: list[float] = []

    async def job(self, _: str, *, wait: float = 0) -> Any:
        answer = self.answers[min(len(self.waits), len(self.answers) - 1)]
        self.waits.append(wait)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE_SECONDS", 0)


async def wait(gateway: Gateway, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - of the function under test
    return await poll_until_ended(gateway, "j", timeout)  # type: ignore[arg-type]  # plays the client


async def test_the_gateway_is_asked_to_wait_again_until_the_job_has_ended() -> None:
    gateway = Gateway(RUNNING, RUNNING, ENDED)
    assert await wait(gateway) == ENDED
    assert gateway.waits == [CALL_WAIT_SECONDS] * 3


async def test_no_call_waits_longer_than_there_is_time() -> None:
    gateway = Gateway(ENDED)
    await wait(gateway, 5)
    assert 4 < gateway.waits[0] <= 5
    late = Gateway(RUNNING)
    assert await wait(late, 0) == RUNNING
    assert late.waits == [0]


async def test_a_gateway_with_too_many_waiters_is_asked_without_waiting() -> None:
    gateway = Gateway(FULL, RUNNING, FULL, ENDED)
    assert await wait(gateway) == ENDED
    assert gateway.waits == [CALL_WAIT_SECONDS, 0, CALL_WAIT_SECONDS, 0]


async def test_what_else_goes_wrong_ends_the_waiting() -> None:
    with pytest.raises(Refused):
        await wait(Gateway(Refused(envelope={}, http_status=500)))


@pytest.mark.parametrize("line", [["plugin", "run", "echo", "say", "--wait"], ["echo", "say"]])
def test_a_gateway_that_goes_away_meanwhile_is_told_with_the_job(
    line: list[str], gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.answers["plugin"] = {"name": "echo", "commands": [{"name": "say"}]}
    gateway.answers["trigger"] = {"job_id": "j-1", "status": "queued"}
    gateway.answers["job"] = Unreachable(url="http://here", reason="Connection refused")
    assert main(line) == ExitCode.UNREACHABLE
    assert capsys.readouterr().err.startswith(
        "ductile: The gateway at http://here went away while job j-1 was waited for: Connection refused. "
    )
