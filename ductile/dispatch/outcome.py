"""From an execution's exit code and output to an outcome, a response and whether another try may help."""

import signal
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ductile.model.job import Outcome
from ductile.model.output import DEFAULT_OUTPUT, OutputRules
from ductile.plugin.messages import Response, read_log, read_logs, read_response
from ductile.plugin.runner.interface import Execution, StopReason
from ductile.plugin.stdout_parser import OverBudget, Unreadable, both_ends, cut_middle

EX_CONFIG = 78
"""The exit code of a permanent configuration failure (BSD sysexits)."""

QUOTED_STDERR_CHARS = 600
"""Characters of stderr that an error message quotes, from both ends."""

STORED_STDOUT_CHARS = 64 * 1024
"""Characters of an unreadable stdout that are stored, from both ends."""


_FLOOD_ADVICE = "write large results to a file and answer with its path, or allow more"

ENDED_BY_GATEWAY: Mapping[StopReason, tuple[Outcome, str]] = {
    StopReason.CANCELLED: (Outcome.CANCELLED, "cancelled"),
    StopReason.LOST: (Outcome.LOST, "the gateway stopped before the plugin had answered"),
}
"""Outcome and error of an attempt that the gateway ended."""

Redact = Callable[[str], str]
"""Replaces the secrets in a text."""


class AttemptOutcome(Struct, frozen=True, kw_only=True):
    """The outcome of one attempt, with the plugin's response."""

    kind: Outcome
    response: Response | None = None
    error: str | None = None
    retry: bool = True
    """False: permanent."""
    answered: bool = False
    """The plugin's own response decided."""
    execution: Execution | None = None
    stdout: str | None = None
    """Stored where it held no readable response."""
    logs: tuple[Mapping[str, Any], ...] = ()
    plain_lines: int = 0
    """Number of log entries that were lines of plain text on stdout."""


def read_outcome(execution: Execution, redact: Redact, rules: OutputRules = DEFAULT_OUTPUT) -> AttemptOutcome:
    """Read an execution. A valid response decides, whatever the exit code; exit 78 is permanent.

    Errors quote a part of the output. The output is redacted before it is cut: half a secret is a secret, too.
    """
    logs = tuple(read_log(entry) for entry in execution.logs)
    outcome = _read_execution(execution, redact, rules)
    if outcome.response is None and execution.stdout and execution.runner != "persistent":
        logs += read_logs(execution.stdout, rules)
    plain = execution.plain_lines + (outcome.response.plain_lines if outcome.response else 0)
    return replace(outcome, logs=(*logs, *outcome.logs), plain_lines=plain) if logs or plain else outcome


def _read_execution(execution: Execution, redact: Redact, rules: OutputRules) -> AttemptOutcome:
    if execution.stop is StopReason.FLOODED:
        return _unreadable_outcome(
            execution, redact, f"protocol error: {execution.fault}; {_FLOOD_ADVICE}", retry=False
        )
    if execution.stop is not None:
        return _outcome_of_stop(execution, execution.stop, redact)
    if execution.fault is not None:
        return _outcome_of_fault(execution, execution.fault, redact)
    try:
        response = read_response(execution.stdout, rules, execution.answer)
    except Unreadable as unreadable:
        return _outcome_without_response(execution, unreadable, redact)
    return _outcome_of_response(execution, response, redact)


def _outcome_of_response(execution: Execution, response: Response, redact: Redact) -> AttemptOutcome:
    if execution.exit_code == EX_CONFIG:
        error = response.error or f"exit {EX_CONFIG}: configuration error{_stderr_suffix(execution, redact)}"
        return AttemptOutcome(
            kind=Outcome.FAILED, response=response, error=error, retry=False, answered=True, execution=execution
        )
    return AttemptOutcome(
        kind=Outcome.SUCCEEDED if response.ok else Outcome.FAILED,
        response=response,
        error=None if response.ok else response.error,
        retry=response.retry,
        answered=True,
        execution=execution,
        logs=_exit_code_logs(execution),
    )


def _outcome_of_stop(execution: Execution, stop: StopReason, redact: Redact) -> AttemptOutcome:
    if stop is StopReason.TIMED_OUT:
        return _outcome_of_timeout(execution, redact)
    outcome, error = ENDED_BY_GATEWAY[stop]
    return AttemptOutcome(kind=outcome, error=error, execution=execution, stdout=_stored_stdout(execution, redact))


def _outcome_of_timeout(execution: Execution, redact: Redact) -> AttemptOutcome:
    """The outcome past the deadline. A plugin that had answered is not run again: its work is done."""
    error = f"timed out after {execution.duration} ms"
    answer_note = _complete_answer_note(execution)
    if answer_note:
        error += f": {answer_note}"
    else:
        if execution.fault is not None:
            error += f": {execution.fault}"
        if output_quote := _quote_output(execution, redact):
            error += f"; instead of a response it printed {output_quote}"
    return AttemptOutcome(
        kind=Outcome.TIMED_OUT,
        error=f"{error}{_stderr_suffix(execution, redact)}",
        retry=not answer_note,
        execution=execution,
        stdout=_stored_stdout(execution, redact),
    )


def _complete_answer_note(execution: Execution) -> str | None:
    """A note on a plugin whose complete answer came before the deadline; None for all others."""
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


def _quote_output(execution: Execution, redact: Redact) -> str:
    """Quote the output that stands in place of a response; empty without output."""
    if execution.runner == "persistent" and not execution.stdout.strip():
        if not execution.plain_lines:
            return ""
        output = "\n".join(str(entry) for entry in execution.logs)
    else:
        output = execution.stdout.decode(errors="replace")
    output = redact(output).strip()
    return both_ends(output) if output else ""


def _outcome_of_fault(execution: Execution, fault: str, redact: Redact) -> AttemptOutcome:
    """The outcome of a fault of the answer or of the worker that the runner found."""
    output = redact(execution.stdout.decode(errors="replace")).strip()
    quote = f": {cut_middle(output, QUOTED_STDERR_CHARS)}" if output else _stderr_suffix(execution, redact)
    if execution.broken:
        return _unreadable_outcome(execution, redact, f"protocol error: {fault}{quote}", retry=False)
    return _unreadable_outcome(execution, redact, f"{fault}{quote or ', and printed nothing'}", retry=True)


def _outcome_without_response(execution: Execution, unreadable: Unreadable, redact: Redact) -> AttemptOutcome:
    code, tail = execution.exit_code, _stderr_suffix(execution, redact)
    if isinstance(unreadable, OverBudget):
        return _unreadable_outcome(
            execution, redact, f"protocol error: {unreadable.reason}; {_FLOOD_ADVICE}", retry=False
        )
    if code == EX_CONFIG:
        return _unreadable_outcome(execution, redact, f"exit {EX_CONFIG}: configuration error{tail}", retry=False)
    if code < 0:
        return _unreadable_outcome(execution, redact, f"killed by {signal_name(-code)}{tail}", retry=True)
    if code > 0:
        return _unreadable_outcome(execution, redact, f"exit {code} without a response{tail}", retry=True)
    return _unreadable_outcome(
        execution, redact, f"protocol error: {_unreadable_reason(execution, unreadable, redact)}", retry=False
    )


def _unreadable_reason(execution: Execution, unreadable: Unreadable, redact: Redact) -> str:
    """Why the output is not a response; read from the redacted output where that differs."""
    if execution.plain_lines and not execution.stdout.strip():
        return f"stdout is not JSON: it printed no response, but plain text: {_quote_output(execution, redact)}"
    output = execution.stdout.decode(errors="replace")
    redacted = redact(output)
    if redacted == output:
        return unreadable.reason
    try:
        read_response(redacted.encode())
    except Unreadable as again:
        return again.reason
    return "stdout is no response"


def _unreadable_outcome(execution: Execution, redact: Redact, error: str, *, retry: bool) -> AttemptOutcome:
    stdout = _stored_stdout(execution, redact)
    return AttemptOutcome(kind=Outcome.FAILED, error=error, retry=retry, execution=execution, stdout=stdout)


def _exit_code_logs(execution: Execution) -> tuple[Mapping[str, Any], ...]:
    if execution.exit_code == 0:
        return ()
    return ({"level": "warning", "message": f"exit code {execution.exit_code}; the response on stdout decided"},)


def _stderr_suffix(execution: Execution, redact: Redact) -> str:
    text = redact(execution.stderr.decode(errors="replace")).strip()
    return f": {cut_middle(text, QUOTED_STDERR_CHARS)}" if text else ""


def _stored_stdout(execution: Execution, redact: Redact) -> str | None:
    """The part of stdout to store without a response: cut after secrets were replaced, never before."""
    if not execution.stdout:
        return None
    return cut_middle(redact(execution.stdout.decode(errors="replace")), STORED_STDOUT_CHARS)


def signal_name(number: int) -> str:
    """`SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
