"""Lifecycle signals of the end of a job or run, and the payload that they carry."""

from collections.abc import Mapping
from typing import Any, Final

from ductile.model.clock import Millis
from ductile.model.job import State

JOB_COMPLETED: Final = "job.completed"

JOB_FAILED: Final = "job.failed"

_FAILURE_SIGNALS: Mapping[State, tuple[str, ...]] = {
    State.FAILED: (JOB_FAILED,),
    State.TIMED_OUT: (JOB_FAILED, "job.timed_out"),
    State.DEAD: (JOB_FAILED, "job.dead"),
}
"""The signals of each failure: always `job.failed`, so that one hook receives every failure."""
_STATE_WORDS: Mapping[State, str] = {State.SUCCEEDED: "succeeded", State.CANCELLED: "cancelled"}
"""State → its word in a message; every other state reads `failed`."""


def lifecycle_signals(state: State) -> tuple[str, ...]:
    """The signals of a job that ends in this state, `job.completed` first."""
    return (JOB_COMPLETED, *_FAILURE_SIGNALS.get(state, ()))


def hook_payload(
    *, job_id: str, plugin: str, command: str, status: State, attempt: int, duration_ms: Millis, error: str | None
) -> dict[str, Any]:
    """The payload of an `on-hook` pipeline. `text` repeats `message` for plugins that read `text`."""
    summary = f"Job {_STATE_WORDS.get(status, 'failed')} [{plugin}]"
    message = f"{summary}: {error}" if error else summary
    return {
        "job_id": job_id,
        "plugin": plugin,
        "command": command,
        "status": str(status),
        "attempt": attempt,
        "duration_ms": duration_ms,
        "message": message,
        "text": message,
        "error": error,
    }
