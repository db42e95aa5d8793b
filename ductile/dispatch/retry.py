"""What becomes of a job after an attempt: pure, and the one place that decides it."""

import random

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import MAX_LOST, Job, Outcome, State

JITTER = 0.25
"""A backoff is lengthened by up to this share of itself, so that failures do not return in step."""

LONGEST: Millis = 365 * 86_400_000
"""A backoff doubles up to here: what lies beyond the year 9999 is no time any more."""

_PLAIN = {Outcome.SUCCEEDED: State.SUCCEEDED, Outcome.CANCELLED: State.CANCELLED}

UNSAFE = "not tried again: its manifest says `retry_safe: false`, and this attempt may have had an effect"


class Verdict(Struct, frozen=True, kw_only=True):
    """The job's next state; with `queued`, not before `run_at`."""

    state: State
    run_at: Millis | None = None
    note: str | None = None
    """What to add to the attempt's error."""


class Rules(Struct, frozen=True, kw_only=True):
    """What the plugin, its manifest and this attempt say about another try."""

    backoff_base: Millis
    retry: bool = True
    """False where another try cannot help: the plugin said so, exit 78, an unreadable response."""
    answered: bool = False
    """The plugin itself reported the failure; else it crashed, was killed or timed out, and may have had an effect."""
    started: bool = True
    """A process of it has run; one that could not be started has had no effect."""
    retry_safe: bool = True


def decide(job: Job, outcome: Outcome, rules: Rules, now: Millis, chance: float) -> Verdict:
    """Decide on the attempt `job.attempt` that has just ended; `chance` is uniform in [0, 1)."""
    if outcome in _PLAIN:
        return Verdict(state=_PLAIN[outcome])
    final = State.TIMED_OUT if outcome is Outcome.TIMED_OUT else State.FAILED
    unsafe = not rules.retry_safe and rules.started and not rules.answered
    if unsafe or not rules.retry:
        return Verdict(state=final, note=UNSAFE if unsafe and rules.retry else None)
    if outcome is Outcome.LOST:
        return Verdict(state=State.DEAD if job.lost >= MAX_LOST else State.QUEUED)
    tried = job.attempt - job.lost
    if tried >= job.max_attempts:
        return Verdict(state=final if job.max_attempts == 1 else State.DEAD)
    return Verdict(state=State.QUEUED, run_at=now + backoff(rules.backoff_base, tried, chance))


def backoff(base: Millis, tried: int, chance: float) -> Millis:
    """`base · 2^(tried-1)`, at most `LONGEST`, and up to `JITTER` of it more, for the n-th failed try."""
    wait = min(base << (tried - 1), max(base, LONGEST))
    return wait + int(wait * JITTER * chance)


def chance() -> float:
    """A uniform number in [0, 1) for `decide`."""
    return random.random()  # noqa: S311  # spreads load; nothing secret hangs on it
