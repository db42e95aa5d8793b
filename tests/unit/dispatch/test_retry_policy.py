"""What becomes of a job after an attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dispatch import sample_job

from ductile.dispatch.retry_policy import MAX_BACKOFF_MS, RetryRules, backoff, decide
from ductile.model.job import Job, Outcome, State

NOW = 1_000_000
BASE = 30_000


RULES = RetryRules(backoff_base=BASE)
PERMANENT = RetryRules(backoff_base=BASE, retry=False)
UNSAFE = RetryRules(backoff_base=BASE, retry_safe=False)
UNSAFE_NEVER_STARTED = RetryRules(backoff_base=BASE, retry_safe=False, started=False)
UNSAFE_ANSWERED = RetryRules(backoff_base=BASE, retry_safe=False, answered=True)


@pytest.mark.parametrize(
    ("job", "outcome", "rules", "state"),
    [
        (sample_job(), Outcome.SUCCEEDED, RULES, State.SUCCEEDED),
        (sample_job(), Outcome.CANCELLED, RULES, State.CANCELLED),
        (sample_job(), Outcome.FAILED, RULES, State.QUEUED),
        (sample_job(), Outcome.TIMED_OUT, RULES, State.QUEUED),
        (sample_job(attempt=4), Outcome.FAILED, RULES, State.DEAD),
        (sample_job(attempt=4), Outcome.TIMED_OUT, RULES, State.DEAD),
        (sample_job(attempt=4, lost=1), Outcome.FAILED, RULES, State.QUEUED),
        (sample_job(attempt=5, lost=1), Outcome.FAILED, RULES, State.DEAD),
        (sample_job(max_attempts=1), Outcome.FAILED, RULES, State.FAILED),
        (sample_job(max_attempts=1), Outcome.TIMED_OUT, RULES, State.TIMED_OUT),
        (sample_job(), Outcome.FAILED, PERMANENT, State.FAILED),
        (sample_job(attempt=3), Outcome.FAILED, PERMANENT, State.FAILED),
        (sample_job(), Outcome.FAILED, UNSAFE, State.FAILED),
        (sample_job(), Outcome.TIMED_OUT, UNSAFE, State.TIMED_OUT),
        (sample_job(), Outcome.LOST, UNSAFE, State.FAILED),
        (sample_job(), Outcome.FAILED, UNSAFE_ANSWERED, State.QUEUED),
        (sample_job(), Outcome.FAILED, UNSAFE_NEVER_STARTED, State.QUEUED),
        (sample_job(), Outcome.LOST, UNSAFE_NEVER_STARTED, State.QUEUED),
        (sample_job(attempt=1, max_attempts=1), Outcome.LOST, RULES, State.QUEUED),
        (sample_job(attempt=3, lost=2), Outcome.LOST, RULES, State.QUEUED),
        (sample_job(attempt=4, lost=3), Outcome.LOST, RULES, State.DEAD),
    ],
)
def test_the_state_after_an_attempt(job: Job, outcome: Outcome, rules: RetryRules, state: State) -> None:
    assert decide(job, outcome, rules, NOW, 0.5).state is state


def test_a_lost_attempt_is_queued_at_once() -> None:
    assert decide(sample_job(), Outcome.LOST, RULES, NOW, 0.5).run_at is None


def test_a_refused_retry_says_why() -> None:
    note = decide(sample_job(), Outcome.TIMED_OUT, UNSAFE, NOW, 0.5).note
    assert note is not None
    assert "retry_safe" in note


def test_backoff_doubles_with_each_failed_try() -> None:
    assert [backoff(BASE, tried, 0.0) for tried in (1, 2, 3)] == [30_000, 60_000, 120_000]


@given(base=st.integers(0, 10**7), tried=st.integers(1, 200), chance=st.floats(0, 1, exclude_max=True))
def test_jitter_adds_up_to_a_quarter(base: int, tried: int, chance: float) -> None:
    bare = min(base * 2 ** (tried - 1), max(base, MAX_BACKOFF_MS))
    assert bare <= backoff(base, tried, chance) <= bare * 1.25
