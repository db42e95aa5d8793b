"""Lifecycle signals: which ones the end of a job or run gives, and the payload they carry."""

from collections.abc import Mapping
from typing import Any, Final

from ductile.model.clock import Millis
from ductile.model.job import State

COMPLETED: Final = "job.completed"

FAILED: Final = "job.failed"

_BAD_ENDS: Mapping[State, tuple[str, ...]] = {
    State.FAILED: (FAILED,),
    State.TIMED_OUT: (FAILED, "job.timed_out"),
    State.DEAD: (FAILED, "job.dead"),
}
"""The signals of each bad end: `job.failed` at all of them, so that one hook hears of every one."""
_WORDS: Mapping[State, str] = {State.SUCCEEDED: "succeeded", State.CANCELLED: "cancelled"}
"""How a message calls an end; every other one has failed."""


def signals_of(state: State) -> tuple[str, ...]:
    """The signals of this end, `job.completed` first."""
    return (COMPLETED, *_BAD_ENDS.get(state, ()))


def hook_payload(
    *, job_id: str, plugin: str, command: str, status: State, attempt: int, duration_ms: Millis, error: str | None
) -> dict[str, Any]:
    """What an `on-hook` pipeline is given. `text` repeats `message` for plugins that read it there."""
    summary = f"Job {_WORDS.get(status, 'failed')} [{plugin}]"
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
