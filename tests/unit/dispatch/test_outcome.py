"""What an execution means."""

from typing import Any

import pytest

from ductile.dispatch.outcome import QUOTED_STDERR_CHARS, AttemptOutcome, read_outcome
from ductile.document.redactor import Redactor
from ductile.model.job import Outcome
from ductile.plugin.runner.interface import Execution, StopReason

SECRET = "s3cr3t-of-the-house"
OK = b'{"status": "ok", "result": 1}'


def outcome_of(
    stdout: bytes = OK, *, exit_code: int = 0, stderr: bytes = b"", stop: StopReason | None = None, **more: Any
) -> AttemptOutcome:
    execution = Execution(exit_code=exit_code, stdout=stdout, stderr=stderr, stop=stop, duration=1500, **more)
    return read_outcome(execution, Redactor([SECRET]).text)


def test_an_answer_decides() -> None:
    ended = outcome_of()
    assert (ended.kind, ended.error, ended.answered) == (Outcome.SUCCEEDED, None, True)


def test_an_answer_decides_even_with_a_non_zero_exit_which_is_logged() -> None:
    ended = outcome_of(exit_code=3)
    assert ended.kind is Outcome.SUCCEEDED
    assert "exit code 3" in ended.logs[0]["message"]


@pytest.mark.parametrize(("retry", "again"), [(b"", True), (b', "retry": true', True), (b', "retry": false', False)])
def test_an_error_says_whether_to_try_again(retry: bytes, *, again: bool) -> None:
    ended = outcome_of(b'{"status": "error", "error": "no luck"%s}' % retry, exit_code=1)
    assert (ended.kind, ended.error, ended.retry, ended.answered) == (Outcome.FAILED, "no luck", again, True)


@pytest.mark.parametrize(
    ("stdout", "error"),
    [
        (b"", "exit 78: configuration error: no key"),
        (b'{"status": "error", "error": "no key at all", "retry": true}', "no key at all"),
        (OK, "exit 78: configuration error: no key"),
    ],
)
def test_exit_78_is_a_permanent_failure_whatever_else_was_said(stdout: bytes, error: str) -> None:
    ended = outcome_of(stdout, exit_code=78, stderr=b"no key\n")
    assert (ended.kind, ended.error, ended.retry) == (Outcome.FAILED, error, False)


@pytest.mark.parametrize(
    "stdout", [b"", b"hello", b"{}", b'{"status": "ok"}', b'{"status": "fine", "result": 1}', b"[1]", b"\xff"]
)
def test_a_protocol_error_is_permanent_and_keeps_what_was_printed(stdout: bytes) -> None:
    ended = outcome_of(stdout, stderr=b"why")
    assert (ended.kind, ended.retry, ended.answered) == (Outcome.FAILED, False, False)
    assert str(ended.error).startswith("protocol error: ")
    assert ended.stdout == (stdout.decode(errors="replace") or None)
    assert ended.execution is not None
    assert ended.execution.stderr == b"why"


def test_a_flood_is_a_protocol_error() -> None:
    ended = outcome_of(b"x" * 100, stop=StopReason.FLOODED, fault="it wrote more than 10 MiB on stdout")
    assert (ended.kind, ended.retry) == (Outcome.FAILED, False)
    assert "10 MiB" in str(ended.error)


@pytest.mark.parametrize(
    ("exit_code", "error"),
    [(3, "exit 3 without a response: why"), (-11, "killed by SIGSEGV: why"), (-250, "killed by signal 250: why")],
)
def test_a_crash_or_a_kill_fails_one_attempt(exit_code: int, error: str) -> None:
    ended = outcome_of(b"half an ans", exit_code=exit_code, stderr=b"why\n")
    assert (ended.kind, ended.error, ended.retry, ended.answered) == (Outcome.FAILED, error, True, False)


@pytest.mark.parametrize(
    ("stop", "outcome"),
    [
        (StopReason.TIMED_OUT, Outcome.TIMED_OUT),
        (StopReason.CANCELLED, Outcome.CANCELLED),
        (StopReason.LOST, Outcome.LOST),
    ],
)
def test_a_stop_decides_whatever_was_answered_in_the_grace(stop: StopReason, outcome: Outcome) -> None:
    ended = outcome_of(stop=stop)
    assert (ended.kind, ended.retry, ended.response) == (outcome, True, None)


@pytest.mark.parametrize("exit_code", [0, 1, -9, 78])
def test_an_error_that_quotes_what_was_printed_holds_no_part_of_a_secret(exit_code: int) -> None:
    cut = b"x" * 70 + SECRET.encode() + b"y" * (QUOTED_STDERR_CHARS - len(SECRET) // 2)
    error = str(outcome_of(cut, exit_code=exit_code, stderr=cut).error)
    assert all(part not in error for part in (SECRET[:5], SECRET[-5:]))


def test_the_fault_of_output_with_a_secret_is_that_of_the_redacted_output() -> None:
    assert "near '[REDACTED]'" in str(outcome_of(SECRET.encode()).error)
    assert outcome_of(b'{"%s": 1}' % SECRET.encode()).error == "protocol error: the response has no `status`"
    assert outcome_of(b'{"status": "ok", "result": 1} "%s"' % SECRET.encode()).error is not None


def test_an_answer_before_the_deadline_is_reported_and_not_run_again() -> None:
    ended = outcome_of(OK, stop=StopReason.TIMED_OUT, before_stop=len(OK))
    assert (ended.kind, ended.retry, ended.response) == (Outcome.TIMED_OUT, False, None)
    assert "it had answered, and did not end; close what it holds open" in str(ended.error)
    assert ended.stdout == OK.decode()


def test_half_an_answer_at_the_deadline_or_a_whole_one_after_it_is_run_again() -> None:
    for stdout, before in ((OK[:10], 10), (OK, 0), (OK, 10)):
        ended = outcome_of(stdout, stop=StopReason.TIMED_OUT, before_stop=before)
        assert (ended.kind, ended.retry) == (Outcome.TIMED_OUT, True)
        assert "instead of a response it printed" in str(ended.error)


def test_plain_text_before_the_response_is_logged_and_counted() -> None:
    ended = outcome_of(b"starting\n{'a': 1}\n[INFO] on\n" + OK)
    assert ended.response is not None
    assert [log["message"] for log in ended.response.logs] == ["starting", "{'a': 1}", "[INFO] on"]
    assert (ended.kind, ended.plain_lines) == (Outcome.SUCCEEDED, 3)


def test_logs_before_a_crash_are_kept() -> None:
    ended = outcome_of(b'{"log": "one"}\ntwo\n{"progress": 1}\n', exit_code=1)
    assert [log["message"] for log in ended.logs] == ["one", "two"]


def test_a_long_error_keeps_both_its_ends() -> None:
    ended = outcome_of(b"", exit_code=1, stderr=b"FIRST " + b"x" * 5_000 + b" LAST")
    assert str(ended.error).startswith("exit 1 without a response: FIRST xx")
    assert "characters cut" in str(ended.error)
    assert str(ended.error).endswith("xx LAST")


def test_what_is_kept_of_an_unreadable_stdout_is_bounded() -> None:
    ended = outcome_of(b"<" + b"x" * 9_900_000 + b">", exit_code=1)
    assert len(str(ended.stdout)) < 66_000
    assert str(ended.stdout)[0] + str(ended.stdout)[-1] == "<>"
