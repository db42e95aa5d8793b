"""Following a job over streams that end, fall behind, and begin again."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ductile.cli.core.jobs import events
from ductile.cli.core.jobs.events import event_line, follow_job, follow_jobs
from ductile.cli.core.jobs.outage_notices import OutageNotices
from ductile.cli.core.output import Output
from ductile.client.errors import AuthFailed, Refused, Unreachable
from ductile.client.sse import Message


def event(number: int, kind: str, job: str = "j", **more: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "job_id": job, "root_job_id": "j", **more}


class Gateway:
    """Plays streams one after the other, each a list of events or an error, and tells how the job stands."""

    def __init__(self, *streams: Sequence[Any], statuses: Sequence[str] = ("running", "succeeded")) -> None:
        self.streams, self.statuses = list(streams), list(statuses)
        self.asked: list[str | None] = []

    async def job(self, job_id: str) -> dict[str, Any]:
        return {"job_id": job_id, "status": self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]}

    @asynccontextmanager
    async def following(self, last: str | None, _: Sequence[str]) -> AsyncIterator[AsyncIterator[Message]]:
        self.asked.append(last)
        stream = self.streams.pop(0)
        if isinstance(stream, Exception):
            raise stream
        yield play(stream)


async def play(stream: Sequence[Any]) -> AsyncIterator[Message]:
    for one in stream:
        if isinstance(one, Exception):
            raise one
        yield Message(str(one["id"]), one["type"], json.dumps(one) if len(one) > 2 else "")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "RECONNECT_DELAY_SECONDS", 0)


async def follow(gateway: Gateway) -> tuple[dict[str, Any], list[int]]:
    event_ids: list[int] = []

    async def note(one: dict[str, Any]) -> None:
        event_ids.append(one["id"])

    outages = OutageNotices(Output())
    job = await follow_job(gateway, lambda: gateway.job("j"), note, outages)  # type: ignore[arg-type]  # plays the client
    return job, event_ids


GONE = Unreachable(url="u", reason="gone")


async def test_events_of_the_job_and_its_steps_are_told_until_it_has_ended() -> None:
    gateway = Gateway([
        event(1, "job.started"),
        event(2, "job.started", "other", root_job_id="other"),
        event(3, "job.ended", "step"),
        {"id": 4, "type": "heartbeat"},
        event(5, "job.ended"),
        event(6, "job.started"),
    ])  # fmt: skip
    assert await follow(gateway) == ({"job_id": "j", "status": "succeeded"}, [1, 3, 5])


async def test_a_job_that_has_ended_already_is_not_waited_for() -> None:
    assert await follow(Gateway([], statuses=["failed"])) == ({"job_id": "j", "status": "failed"}, [])


async def test_a_stream_that_ends_is_opened_again_behind_its_last_event() -> None:
    gateway = Gateway([event(1, "job.started")], GONE, [event(2, "job.requeued"), GONE], [event(3, "job.ended")])
    assert (await follow(gateway))[1] == [1, 2, 3]
    assert gateway.asked == [None, "1", "1", "2"]


async def test_who_has_missed_events_looks_at_the_job() -> None:
    lagged = {"id": 9, "type": "lagged", "missed_from": 1}
    gateway = Gateway([lagged], statuses=["running", "succeeded"])
    assert (await follow(gateway))[0]["status"] == "succeeded"
    gateway = Gateway([lagged, event(10, "job.ended")], statuses=["running", "running", "succeeded"])
    assert (await follow(gateway))[1] == [10]


@pytest.mark.parametrize(
    "error", [GONE, AuthFailed(envelope={}, http_status=403), Refused(envelope={}, http_status=503)]
)
async def test_a_first_stream_that_cannot_be_opened_is_an_error(error: Exception) -> None:
    with pytest.raises(type(error)):
        await follow(Gateway(error))


async def test_a_credential_that_is_refused_later_is_an_error() -> None:
    with pytest.raises(AuthFailed):
        await follow(Gateway([event(1, "job.started")], AuthFailed(envelope={}, http_status=401)))


@pytest.mark.parametrize(
    ("more", "line_end"),
    [
        ({"type": "job.started", "attempt": 2}, "started, attempt 2"),
        ({"type": "job.requeued", "attempt": 1, "outcome": "failed"}, "attempt 1 failed, will be tried again"),
        ({"type": "job.held", "reason": "plugin_unavailable"}, "held: plugin_unavailable"),
        ({"type": "job.ended", "status": "dead"}, "dead"),
        ({"type": "job.new_kind"}, "new_kind"),
    ],
)
def test_an_event_is_a_line(more: dict[str, Any], line_end: str) -> None:
    one = {"at": "2026-11-22T05:49:07.123Z", "job_id": "j", "plugin": "p", "command": "c", "step": "one", **more}
    assert event_line(one) == f"2026-11-22 05:49:07Z j p.c one: {line_end}"


def test_what_was_missed_is_a_line() -> None:
    one = {"at": "2026-11-22T05:49:07Z", "type": "lagged", "missed_from": 3, "missed_to": 9, "reason": "slow_reader"}
    assert event_line(one) == "2026-11-22 05:49:07Z events 3 to 9 were missed: slow_reader"


async def test_an_outage_is_told_once_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway([event(1, "job.started"), GONE], GONE, GONE, [event(2, "job.ended")], statuses=["running"])
    await follow(gateway)
    assert capsys.readouterr().err == (
        "The gateway went away: gone. It is waited for until it is there again; Ctrl-C ends that.\n"
        "The gateway is there again.\n"
    )


async def test_all_jobs_are_followed_over_an_outage(capsys: pytest.CaptureFixture[str]) -> None:
    refused = AuthFailed(envelope={"message": "no"}, http_status=401)
    streams = [
        [event(1, "job.started", plugin="a"), event(2, "job.started", plugin="b")],
        GONE,
        [event(4, "lagged")],
        refused,
    ]
    gateway = Gateway(*streams)
    event_ids: list[int] = []

    async def note(one: dict[str, Any]) -> None:
        event_ids.append(one["id"])

    with pytest.raises(AuthFailed):
        await follow_jobs(gateway, {"plugin": "b"}, note, OutageNotices(Output()))  # type: ignore[arg-type]  # as above
    assert (event_ids, gateway.asked) == ([2, 4], [None, "2", "2", "4"])
    assert capsys.readouterr().err.count("went away") == 1
    with pytest.raises(Unreachable):  # it never was there
        await follow_jobs(Gateway(GONE), {}, note, OutageNotices(Output()))  # type: ignore[arg-type]  # as above
