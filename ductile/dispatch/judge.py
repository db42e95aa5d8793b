"""What an execution means: from exit code and output to an outcome, a response and whether another try may help."""

import signal
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from ductile.model.job import Outcome
from ductile.plugin.protocol import Response, Unreadable, read_response
from ductile.plugin.runner.call import Execution, Stop

EX_CONFIG = 78
"""The exit code of a permanent configuration failure (BSD sysexits)."""

STDERR_TAIL = 500
"""Characters of stderr that an error message quotes."""


Redact = Callable[[str], str]
"""Replaces the secrets in a text."""


class Judged(Struct, frozen=True, kw_only=True):
    """One attempt, understood."""

    outcome: Outcome
    response: Response | None = None
    error: str | None = None
    retry: bool = True
    """False: permanent."""
    answered: bool = False
    """The plugin's own response decided."""
    execution: Execution | None = None
    stdout: str | None = None
    """Kept where no response could be read from it."""
    logs: tuple[Mapping[str, Any], ...] = ()


def judge(execution: Execution, redact: Redact) -> Judged:
    """Read what came back. A valid response decides, whatever the exit code says; exit 78 is permanent.

    Errors quote a piece of what was printed. It is cut from the redacted whole: half a secret is one, too.
    """
    if execution.stop is not None and execution.stop is not Stop.FLOODED:
        return _stopped(execution, execution.stop, redact)
    if execution.stop is Stop.FLOODED:
        error = "protocol error: stdout is larger than 10 MiB; write large results to a file and answer with its path"
        return _unreadable(execution, error, retry=False)
    try:
        response = read_response(execution.stdout)
    except Unreadable as unreadable:
        return _no_response(execution, unreadable, redact)
    if execution.exit_code == EX_CONFIG:
        error = response.error or f"exit {EX_CONFIG}: configuration error{_tail(execution, redact)}"
        return Judged(
            outcome=Outcome.FAILED, response=response, error=error, retry=False, answered=True, execution=execution
        )
    return Judged(
        outcome=Outcome.SUCCEEDED if response.ok else Outcome.FAILED,
        response=response,
        error=None if response.ok else response.error,
        retry=response.retry,
        answered=True,
        execution=execution,
        logs=_exit_note(execution),
    )


def _stopped(execution: Execution, stop: Stop, redact: Redact) -> Judged:
    outcome, error = {
        Stop.TIMED_OUT: (Outcome.TIMED_OUT, f"timed out after {execution.duration} ms{_tail(execution, redact)}"),
        Stop.CANCELLED: (Outcome.CANCELLED, "cancelled"),
        Stop.LOST: (Outcome.LOST, "the gateway stopped before the plugin had answered"),
    }[stop]
    return Judged(outcome=outcome, error=error, execution=execution, stdout=_text(execution.stdout))


def _no_response(execution: Execution, unreadable: Unreadable, redact: Redact) -> Judged:
    code = execution.exit_code
    if code == EX_CONFIG:
        return _unreadable(execution, f"exit {EX_CONFIG}: configuration error{_tail(execution, redact)}", retry=False)
    if code < 0:
        return _unreadable(execution, f"killed by {_signal_name(-code)}{_tail(execution, redact)}", retry=True)
    if code > 0:
        return _unreadable(execution, f"exit {code} without a response{_tail(execution, redact)}", retry=True)
    return _unreadable(execution, f"protocol error: {_reason(execution, unreadable, redact)}", retry=False)


def _reason(execution: Execution, unreadable: Unreadable, redact: Redact) -> str:
    """Why it is no response, as the redacted output tells it where it differs."""
    printed = execution.stdout.decode(errors="replace")
    shown = redact(printed)
    if shown == printed:
        return unreadable.reason
    try:
        read_response(shown.encode())
    except Unreadable as again:
        return again.reason
    return "stdout is no response"


def _unreadable(execution: Execution, error: str, *, retry: bool) -> Judged:
    return Judged(outcome=Outcome.FAILED, error=error, retry=retry, execution=execution, stdout=_text(execution.stdout))


def _exit_note(execution: Execution) -> tuple[Mapping[str, Any], ...]:
    if execution.exit_code == 0:
        return ()
    return ({"level": "warning", "message": f"exit code {execution.exit_code}; the response on stdout decided"},)


def _tail(execution: Execution, redact: Redact) -> str:
    text = redact(execution.stderr.decode(errors="replace")).strip()
    return f": {text[-STDERR_TAIL:]}" if text else ""


def _text(output: bytes) -> str | None:
    return output.decode(errors="replace") if output else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
