"""Lifecycle signals and their payload."""

from typing import Any

import pytest

from ductile.flow.hook_payload import hook_payload, lifecycle_signals
from ductile.model.job import ENDED_STATES, State


@pytest.mark.parametrize(
    ("state", "signals"),
    [
        (State.SUCCEEDED, ("job.completed",)),
        (State.CANCELLED, ("job.completed",)),
        (State.FAILED, ("job.completed", "job.failed")),
        (State.TIMED_OUT, ("job.completed", "job.failed", "job.timed_out")),
        (State.DEAD, ("job.completed", "job.failed", "job.dead")),
    ],
)
def test_every_end_completes_every_bad_end_fails_and_says_which(state: Any, signals: Any) -> None:
    assert lifecycle_signals(state) == signals


def test_every_end_has_its_signals() -> None:
    assert all(lifecycle_signals(state)[0] == "job.completed" for state in ENDED_STATES)


def payload(status: Any, error: Any) -> Any:
    return hook_payload(job_id="j", plugin="git", command="sync", status=status, attempt=2, duration_ms=15, error=error)


def test_the_payload_of_a_hook() -> None:
    assert payload(State.DEAD, "connection reset") == {
        "job_id": "j",
        "plugin": "git",
        "command": "sync",
        "status": "dead",
        "attempt": 2,
        "duration_ms": 15,
        "message": "Job failed [git]: connection reset",
        "text": "Job failed [git]: connection reset",
        "error": "connection reset",
    }


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (State.SUCCEEDED, None, "Job succeeded [git]"),
        (State.FAILED, None, "Job failed [git]"),
        (State.TIMED_OUT, "too slow", "Job failed [git]: too slow"),
        (State.CANCELLED, None, "Job cancelled [git]"),
    ],
)
def test_message_and_text_are_one_sentence(status: Any, error: Any, message: Any) -> None:
    found = payload(status, error)
    assert found["message"] == found["text"] == message
    assert found["error"] == error
    assert type(found["status"]) is str
