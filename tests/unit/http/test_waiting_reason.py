"""Why a queued or held job does not run yet."""

from typing import Any

import pytest
from msgspec.structs import replace
from support.web import snapshot

from ductile.http.waiting_reason import GatewayLoad, WaitingReason, waiting_json
from ductile.model.job import State
from ductile.model.read_models import JobRow

NOW = 1_700_000_000_000
QUEUED = JobRow(
    id="j",
    plugin="echo",
    command="poll",
    state=State.QUEUED,
    attempt=0,
    created_at=NOW - 5,
    started_at=None,
    ended_at=None,
    parent_id=None,
    lane="echo",
    run_at=NOW - 5,
    held_reason=None,
    cancel_at=None,
)
IDLE = GatewayLoad(busy={}, paused=False, stopping=False, now=NOW)
PLACES = snapshot().plugins["echo"].parallelism


@pytest.mark.parametrize(
    ("job", "load", "reason"),
    [
        ({}, {}, None),
        ({"run_at": NOW + 5}, {}, WaitingReason.SCHEDULED),
        ({"run_at": NOW + 5, "attempt": 2}, {}, WaitingReason.BACKOFF),
        ({"run_at": NOW + 5, "attempt": 2}, {"paused": True}, WaitingReason.PAUSED),
        ({}, {"paused": True, "stopping": True}, WaitingReason.STOPPING),
        ({}, {"busy": {"echo": PLACES}}, WaitingReason.LANE_FULL),
        ({}, {"busy": {"alias": 4}}, WaitingReason.WORKERS_BUSY),
        ({}, {"busy": {"alias": 3}}, None),
        ({"lane": "gone", "plugin": "gone"}, {}, WaitingReason.PLUGIN_UNAVAILABLE),
        ({"command": "gone"}, {"paused": True}, WaitingReason.PLUGIN_UNAVAILABLE),
        ({"state": State.HELD, "held_reason": "plugin_unavailable"}, {}, WaitingReason.PLUGIN_UNAVAILABLE),
        ({"state": State.HELD, "held_reason": "approval"}, {}, WaitingReason.HELD),
    ],
)
def test_the_weightiest_reason_is_told(job: dict[str, Any], load: dict[str, Any], reason: WaitingReason | None) -> None:
    told = waiting_json(replace(QUEUED, **job), snapshot(), replace(IDLE, **load))
    if reason is None:
        assert told is None
        return
    assert told is not None
    assert told["reason"] == reason
    assert told["message"]
    assert ("until" in told) is ("run_at" in job)


@pytest.mark.parametrize("state", sorted({*State} - {State.QUEUED, State.HELD}))
def test_what_does_not_wait_has_no_reason(state: State) -> None:
    assert waiting_json(replace(QUEUED, state=state), snapshot(), IDLE) is None


def test_the_root_of_a_run_waits_for_nothing_itself() -> None:
    assert waiting_json(replace(QUEUED, lane=None), snapshot(), IDLE) is None
