"""The next state of a job after an attempt: a pure decision."""

import random

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import MAX_LOST_ATTEMPTS, Job, Outcome, State

MAX_JITTER_SHARE = 0.25
"""The largest jitter, as a share of the backoff; it keeps failed jobs from returning in step."""

MAX_BACKOFF_MS: Millis = 365 * 86_400_000
"""The longest backoff (one year): times beyond the year 9999 cannot be written."""

_FINAL_STATES = {Outcome.SUCCEEDED: State.SUCCEEDED, Outcome.CANCELLED: State.CANCELLED}

UNSAFE_NOTE = "not tried again: its manifest says `retry_safe: false`, and this attempt may have had an effect"


class RetryDecision(Struct, frozen=True, kw_only=True):
    """The job's next state; with `queued`, not before `run_at`."""

    state: State
    run_at: Millis | None = None
    note: str | None = None
    """A note to add to the attempt's error."""


class RetryRules(Struct, frozen=True, kw_only=True):
    """The rules of the plugin, its manifest and this attempt about another try."""

    backoff_base: Millis
    retry: bool = True
    """False where another try cannot help: the plugin said so, exit 78, an unreadable response."""
    answered: bool = False
    """The plugin itself reported the failure; otherwise it crashed or timed out, and may have had an effect."""
    started: bool = True
    """The attempt's process was started; without a process there was no effect."""
    retry_safe: bool = True


def decide(job: Job, outcome: Outcome, rules: RetryRules, now: Millis, jitter: float) -> RetryDecision:
    """Decide after the attempt `job.attempt` has ended; `jitter` is uniform in [0, 1)."""
    if outcome in _FINAL_STATES:
        return RetryDecision(state=_FINAL_STATES[outcome])
    final = State.TIMED_OUT if outcome is Outcome.TIMED_OUT else State.FAILED
    unsafe = not rules.retry_safe and rules.started and not rules.answered
    if unsafe or not rules.retry:
        return RetryDecision(state=final, note=UNSAFE_NOTE if unsafe and rules.retry else None)
    if outcome is Outcome.LOST:
        return RetryDecision(state=State.DEAD if job.lost >= MAX_LOST_ATTEMPTS else State.QUEUED)
    failed_attempts = job.attempt - job.lost
    if failed_attempts >= job.max_attempts:
        return RetryDecision(state=final if job.max_attempts == 1 else State.DEAD)
    return RetryDecision(state=State.QUEUED, run_at=now + backoff(rules.backoff_base, failed_attempts, jitter))


def backoff(base: Millis, failed_attempts: int, jitter: float) -> Millis:
    """`base · 2^(failed_attempts-1)`, at most `MAX_BACKOFF_MS`, and up to `MAX_JITTER_SHARE` of that more."""
    wait = min(base << (failed_attempts - 1), max(base, MAX_BACKOFF_MS))
    return wait + int(wait * MAX_JITTER_SHARE * jitter)


def random_jitter() -> float:
    """A uniform number in [0, 1) for `decide`."""
    return random.random()  # noqa: S311  # spreads load; not a secret
