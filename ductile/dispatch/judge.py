"""What an execution means: from exit code and output to an outcome, a response and whether another try may help."""

import signal
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ductile.model.job import Outcome
from ductile.model.output import DEFAULT_OUTPUT, OutputRules
from ductile.plugin.protocol import OverBudget, Response, Unreadable, read_log, read_logs, read_response
from ductile.plugin.runner.call import Execution, Stop
from ductile.plugin.stdout import cut_middle, ends

EX_CONFIG = 78
"""The exit code of a permanent configuration failure (BSD sysexits)."""

STDERR_SHOWN = 600
"""Characters of stderr that an error message quotes, from both its ends."""

STDOUT_SHOWN = 64 * 1024
"""Characters of an unreadable stdout that are kept, from both its ends."""


_FLOOD_ADVICE = "write large results to a file and answer with its path, or allow more"

ENDED_BY_GATEWAY: Mapping[Stop, tuple[Outcome, str]] = {
    Stop.CANCELLED: (Outcome.CANCELLED, "cancelled"),
    Stop.LOST: (Outcome.LOST, "the gateway stopped before the plugin had answered"),
}
"""What an attempt came to that was ended for no fault of its own."""

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
    plain_lines: int = 0
    """How many of the log entries were lines of plain text on stdout."""


def judge(execution: Execution, redact: Redact, rules: OutputRules = DEFAULT_OUTPUT) -> Judged:
    """Read what came back. A valid response decides, whatever the exit code says; exit 78 is permanent.

    Errors quote a piece of what was printed. It is cut from the redacted whole: half a secret is one, too.
    """
    heard = tuple(read_log(entry) for entry in execution.logs)
    judged = _judge(execution, redact, rules)
    if judged.response is None and execution.stdout and execution.runner != "persistent":
        heard += read_logs(execution.stdout, rules)
    plain = execution.plain_lines + (judged.response.plain_lines if judged.response else 0)
    return replace(judged, logs=(*heard, *judged.logs), plain_lines=plain) if heard or plain else judged


def _judge(execution: Execution, redact: Redact, rules: OutputRules) -> Judged:
    if execution.stop is Stop.FLOODED:
        return _unreadable(execution, redact, f"protocol error: {execution.fault}; {_FLOOD_ADVICE}", retry=False)
    if execution.stop is not None:
        return _stopped(execution, execution.stop, redact)
    if execution.fault is not None:
        return _faulty(execution, execution.fault, redact)
    try:
        response = read_response(execution.stdout, rules, execution.answer)
    except Unreadable as unreadable:
        return _no_response(execution, unreadable, redact)
    return _answered(execution, response, redact)


def _answered(execution: Execution, response: Response, redact: Redact) -> Judged:
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
    if stop is Stop.TIMED_OUT:
        return _timed_out(execution, redact)
    outcome, error = ENDED_BY_GATEWAY[stop]
    return Judged(outcome=outcome, error=error, execution=execution, stdout=_kept(execution, redact))


def _timed_out(execution: Execution, redact: Redact) -> Judged:
    """Past its deadline. One that had answered is not run again: its work is done."""
    error = f"timed out after {execution.duration} ms"
    answered = _had_answered(execution)
    if answered:
        error += f": {answered}"
    else:
        if execution.fault is not None:
            error += f": {execution.fault}"
        if printed := _printed(execution, redact):
            error += f"; instead of a response it printed {printed}"
    return Judged(
        outcome=Outcome.TIMED_OUT,
        error=f"{error}{_tail(execution, redact)}",
        retry=not answered,
        execution=execution,
        stdout=_kept(execution, redact),
    )


def _had_answered(execution: Execution) -> str | None:
    """What is said of a plugin whose whole answer had come before its deadline; None of all others."""
    persistent = execution.runner == "persistent"
    stdout = execution.stdout if persistent else execution.stdout[: execution.before_stop]
    if not stdout.strip():
        return None
    try:
        read_response(stdout)
    except Unreadable:
        return None
    if persistent:
        return "it had answered, but without the newline that ends an answer; write it and flush"
    return "it had answered, and did not end; close what it holds open (threads, connections, child processes)"


def _printed(execution: Execution, redact: Redact) -> str:
    """What stood where a response was expected, in quotes; empty where nothing did."""
    if execution.runner == "persistent" and not execution.stdout.strip():
        if not execution.plain_lines:
            return ""
        printed = "\n".join(str(entry) for entry in execution.logs)
    else:
        printed = execution.stdout.decode(errors="replace")
    printed = redact(printed).strip()
    return ends(printed) if printed else ""


def _faulty(execution: Execution, fault: str, redact: Redact) -> Judged:
    """The runner has found what is wrong: with the answer, or with the worker."""
    printed = redact(execution.stdout.decode(errors="replace")).strip()
    said = f": {cut_middle(printed, STDERR_SHOWN)}" if printed else _tail(execution, redact)
    if execution.broken:
        return _unreadable(execution, redact, f"protocol error: {fault}{said}", retry=False)
    return _unreadable(execution, redact, f"{fault}{said or ', and printed nothing'}", retry=True)


def _no_response(execution: Execution, unreadable: Unreadable, redact: Redact) -> Judged:
    code, tail = execution.exit_code, _tail(execution, redact)
    if isinstance(unreadable, OverBudget):
        return _unreadable(execution, redact, f"protocol error: {unreadable.reason}; {_FLOOD_ADVICE}", retry=False)
    if code == EX_CONFIG:
        return _unreadable(execution, redact, f"exit {EX_CONFIG}: configuration error{tail}", retry=False)
    if code < 0:
        return _unreadable(execution, redact, f"killed by {signal_name(-code)}{tail}", retry=True)
    if code > 0:
        return _unreadable(execution, redact, f"exit {code} without a response{tail}", retry=True)
    return _unreadable(execution, redact, f"protocol error: {_reason(execution, unreadable, redact)}", retry=False)


def _reason(execution: Execution, unreadable: Unreadable, redact: Redact) -> str:
    """Why it is no response, as the redacted output tells it where it differs."""
    if execution.plain_lines and not execution.stdout.strip():
        return f"stdout is not JSON: it printed no response, but plain text: {_printed(execution, redact)}"
    printed = execution.stdout.decode(errors="replace")
    shown = redact(printed)
    if shown == printed:
        return unreadable.reason
    try:
        read_response(shown.encode())
    except Unreadable as again:
        return again.reason
    return "stdout is no response"


def _unreadable(execution: Execution, redact: Redact, error: str, *, retry: bool) -> Judged:
    stdout = _kept(execution, redact)
    return Judged(outcome=Outcome.FAILED, error=error, retry=retry, execution=execution, stdout=stdout)


def _exit_note(execution: Execution) -> tuple[Mapping[str, Any], ...]:
    if execution.exit_code == 0:
        return ()
    return ({"level": "warning", "message": f"exit code {execution.exit_code}; the response on stdout decided"},)


def _tail(execution: Execution, redact: Redact) -> str:
    text = redact(execution.stderr.decode(errors="replace")).strip()
    return f": {cut_middle(text, STDERR_SHOWN)}" if text else ""


def _kept(execution: Execution, redact: Redact) -> str | None:
    """What is kept of stdout where no response was read from it: cut after secrets were replaced, never before."""
    if not execution.stdout:
        return None
    return cut_middle(redact(execution.stdout.decode(errors="replace")), STDOUT_SHOWN)


def signal_name(number: int) -> str:
    """`SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
