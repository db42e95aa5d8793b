"""What the end of a plain program means."""

from typing import Any

import pytest

from ductile.dispatch.outcome import AttemptOutcome
from ductile.dispatch.program_outcome import read_program_outcome
from ductile.document.redactor import Redactor
from ductile.model.job import Outcome
from ductile.model.program import ExitCode, Program
from ductile.plugin.runner.interface import Execution, StopReason

SECRET = "s3cr3t-of-the-house"
CODES = {
    1: ExitCode(ok=True, name="warning"),
    2: ExitCode(ok=False, name="critical"),
    3: ExitCode(ok=False, retry=False),
}


def outcome_of(
    stdout: bytes = b"", *, exit_code: int = 0, stderr: bytes = b"", stop: StopReason | None = None, **more: Any
) -> AttemptOutcome:
    execution = Execution(exit_code=exit_code, stdout=stdout, stderr=stderr, stop=stop, duration=1500, **more)
    return read_program_outcome(execution, Redactor([SECRET]).text, Program(exit_codes=CODES), "disk", "check")


@pytest.mark.parametrize(
    ("stdout", "result"),
    [
        (b"DISK OK\n", "DISK OK"),
        (b"a\n\nb\r\n\n", "a\n\nb"),
        (b"", ""),
        (b' {"status": "error"}', ' {"status": "error"}'),
        (b'{"log": "x"}\n{"status": "ok", "result": 1}\n', '{"log": "x"}\n{"status": "ok", "result": 1}'),
    ],
)
def test_stdout_is_the_result_whatever_it_looks_like(stdout: bytes, result: str) -> None:
    ended = outcome_of(stdout)
    assert (ended.kind, ended.error, ended.logs) == (Outcome.SUCCEEDED, None, ())
    assert ended.response is not None
    assert (ended.response.ok, ended.response.result, ended.response.logs) == (True, result, ())


def test_bytes_that_are_not_utf_8_are_replaced_and_reported() -> None:
    ended = outcome_of(b"caf\xe9\n")
    assert ended.response is not None
    assert ended.response.result == "caf\N{REPLACEMENT CHARACTER}"
    assert "byte 3 is 0xe9" in ended.response.logs[0]["message"]


def test_a_named_code_that_is_a_success_is_logged_and_is_an_event() -> None:
    ended = outcome_of(b"DISK WARNING", exit_code=1)
    assert (ended.kind, ended.answered) == (Outcome.SUCCEEDED, True)
    assert ended.response is not None
    (event,) = ended.response.events
    assert (event.type, event.payload) == (
        "disk.warning",
        {"command": "check", "exit_code": 1, "exit_name": "warning"},
    )
    assert ended.response.logs[0]["message"] == "exit 1 (warning), which counts as a success"


@pytest.mark.parametrize(
    ("exit_code", "error", "retry", "answered"),
    [
        (2, "exit 2 (critical): no room", True, True),
        (3, "exit 3: no room", False, True),
        (4, "exit 4: no room", True, False),
        (78, "exit 78: no room", False, False),
    ],
)
def test_an_error_says_its_code_and_what_was_printed(
    exit_code: int, error: str, *, retry: bool, answered: bool
) -> None:
    for printed in ({"stderr": b"no room\n"}, {"stdout": b"no room\n"}, {"stdout": b"x", "stderr": b"no room\n"}):
        ended = outcome_of(exit_code=exit_code, **printed)
        assert (ended.kind, ended.error, ended.retry) == (Outcome.FAILED, error, retry)
        assert ended.answered is answered
        assert ended.response is not None
        assert ended.response.result == printed.get("stdout", b"").decode().strip()


def test_a_kill_and_a_deadline_are_no_verdict() -> None:
    killed = outcome_of(b"half", exit_code=-9)
    assert (killed.error, killed.retry, killed.response, killed.stdout) == (
        "killed by SIGKILL: half",
        True,
        None,
        "half",
    )
    late = outcome_of(b"half", exit_code=-15, stop=StopReason.TIMED_OUT, stderr=b"waiting")
    assert (late.kind, late.error) == (Outcome.TIMED_OUT, "timed out after 1500 ms: waiting")
    assert outcome_of(stop=StopReason.CANCELLED).kind is Outcome.CANCELLED
    flooded = outcome_of(b"x" * 100, stop=StopReason.FLOODED, fault="it wrote more than 10 MiB on stdout")
    assert (flooded.kind, flooded.retry) == (Outcome.FAILED, False)
    assert str(flooded.error).startswith("it wrote more than 10 MiB on stdout; ")


def test_secrets_are_replaced_before_a_long_error_loses_its_middle() -> None:
    ended = outcome_of(exit_code=2, stderr=b"head " + b"x" * 290 + SECRET.encode() + b"y" * 5000 + b" tail")
    assert ended.error is not None
    assert SECRET[:6] not in ended.error
    assert ended.error.startswith("exit 2 (critical): head ")
    assert ended.error.endswith(" tail")
