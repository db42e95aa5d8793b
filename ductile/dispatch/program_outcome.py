"""The outcome of a plain program: its exit code decides, its stdout is the result."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ductile.dispatch.outcome import (
    ENDED_BY_GATEWAY,
    EX_CONFIG,
    QUOTED_STDERR_CHARS,
    STORED_STDOUT_CHARS,
    AttemptOutcome,
    Redact,
    read_outcome,
    signal_name,
)
from ductile.model.event import EmittedEvent
from ductile.model.job import Outcome
from ductile.model.program import ExitCode, Program, exit_event
from ductile.model.snapshot import Plugin
from ductile.plugin.messages import Response
from ductile.plugin.runner.interface import Execution, StopReason
from ductile.plugin.stdout_parser import cut_middle


def outcome_reader(plugin: Plugin, command: str) -> Callable[[Execution, Redact], AttemptOutcome]:
    """The function that reads the outcome of this command's executions."""
    found = plugin.manifest.commands.get(command)
    if found is None or found.program is None:
        return partial(read_outcome, rules=plugin.output)
    return partial(read_program_outcome, program=found.program, plugin=plugin.manifest.name, command=command)


def read_program_outcome(
    execution: Execution, redact: Redact, program: Program, plugin: str, command: str
) -> AttemptOutcome:
    """Read the exit code. A declared code is the program's own answer; an undeclared code other than 0 is a crash."""
    text = execution.stdout.decode(errors="replace").rstrip("\r\n")
    if execution.stop is not None:
        return _outcome_of_stop(execution, execution.stop, text, redact)
    code = execution.exit_code
    if code < 0:
        return _failure(execution, text, f"killed by {signal_name(-code)}", redact)
    meaning = program.exit_codes.get(code) or ExitCode(ok=code == 0, retry=code != EX_CONFIG)
    error = None if meaning.ok else f"exit {_exit_code_text(code, meaning)}{_quote_output(execution, text, redact)}"
    response = Response(
        ok=meaning.ok,
        result=text,
        error=error,
        retry=meaning.retry,
        events=_events(meaning, code, plugin, command),
        logs=_logs(execution, code, meaning),
    )
    return AttemptOutcome(
        kind=Outcome.SUCCEEDED if meaning.ok else Outcome.FAILED,
        response=response,
        error=error,
        retry=meaning.retry,
        answered=meaning.ok or code in program.exit_codes,
        execution=execution,
    )


def _outcome_of_stop(execution: Execution, stop: StopReason, text: str, redact: Redact) -> AttemptOutcome:
    if stop is StopReason.FLOODED:
        error = f"{execution.fault}; write large results to a file and print its path, or allow more"
        return _failure(execution, text, error, redact, retry=False)
    if stop is StopReason.TIMED_OUT:
        error = f"timed out after {execution.duration} ms"
        return _failure(execution, text, error, redact, kind=Outcome.TIMED_OUT)
    outcome, error = ENDED_BY_GATEWAY[stop]
    return AttemptOutcome(kind=outcome, error=error, execution=execution, stdout=_stored_stdout(text, redact))


def _failure(
    execution: Execution,
    text: str,
    error: str,
    redact: Redact,
    *,
    kind: Outcome = Outcome.FAILED,
    retry: bool = True,
) -> AttemptOutcome:
    """The outcome of a program without an exit code."""
    quote = "" if execution.stop is StopReason.FLOODED else _quote_output(execution, text, redact)
    return AttemptOutcome(
        kind=kind, error=f"{error}{quote}", retry=retry, execution=execution, stdout=_stored_stdout(text, redact)
    )


def _exit_code_text(code: int, meaning: ExitCode) -> str:
    return f"{code} ({meaning.name})" if meaning.name else str(code)


def _quote_output(execution: Execution, text: str, redact: Redact) -> str:
    """Quote stderr, or stdout where stderr is empty: cut after secrets were replaced, never before."""
    output = redact(execution.stderr.decode(errors="replace")).strip() or redact(text).strip()
    return f": {cut_middle(output, QUOTED_STDERR_CHARS)}" if output else ""


def _stored_stdout(text: str, redact: Redact) -> str | None:
    return cut_middle(redact(text), STORED_STDOUT_CHARS) or None


def _events(meaning: ExitCode, code: int, plugin: str, command: str) -> tuple[EmittedEvent, ...]:
    """The event of an exit code that has a name; a pipeline's `on:` can wait for the event."""
    if meaning.name is None:
        return ()
    payload = {"command": command, "exit_code": code, "exit_name": meaning.name}
    return (EmittedEvent(type=exit_event(plugin, meaning.name), payload=payload),)


def _logs(execution: Execution, code: int, meaning: ExitCode) -> tuple[Mapping[str, Any], ...]:
    logs = []
    if meaning.ok and code:
        logs.append(
            {"level": "warning", "message": f"exit {_exit_code_text(code, meaning)}, which counts as a success"}
        )
    try:
        execution.stdout.decode()
    except UnicodeDecodeError as error:
        message = f"stdout is not UTF-8 (byte {error.start} is 0x{execution.stdout[error.start]:02x}): what cannot be "
        logs.append({"level": "warning", "message": f"{message}read stands as \N{REPLACEMENT CHARACTER} in the result"})
    return tuple(logs)
