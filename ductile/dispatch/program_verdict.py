"""What the end of a plain program means: its exit code is the verdict, its stdout the result."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ductile.dispatch.judge import (
    ENDED_BY_GATEWAY,
    EX_CONFIG,
    STDERR_SHOWN,
    STDOUT_SHOWN,
    Judged,
    Redact,
    judge,
    signal_name,
)
from ductile.model.event import Emitted
from ductile.model.job import Outcome
from ductile.model.program import ExitCode, Program, exit_event
from ductile.model.snapshot import Plugin
from ductile.plugin.protocol import Response
from ductile.plugin.runner.call import Execution, Stop
from ductile.plugin.stdout import cut_middle


def judging(plugin: Plugin, command: str) -> Callable[[Execution, Redact], Judged]:
    """How the end of a process of this command is understood."""
    found = plugin.manifest.commands.get(command)
    if found is None or found.program is None:
        return partial(judge, rules=plugin.output)
    return partial(judge_program, program=found.program, plugin=plugin.manifest.name, command=command)


def judge_program(execution: Execution, redact: Redact, program: Program, plugin: str, command: str) -> Judged:
    """The verdict of the exit code. A declared code is the program's own answer; another one that is not 0 a crash."""
    text = execution.stdout.decode(errors="replace").rstrip("\r\n")
    if execution.stop is not None:
        return _stopped(execution, execution.stop, text, redact)
    code = execution.exit_code
    if code < 0:
        return _failed(execution, text, f"killed by {signal_name(-code)}", redact)
    meaning = program.exit_codes.get(code) or ExitCode(ok=code == 0, retry=code != EX_CONFIG)
    error = None if meaning.ok else f"exit {_named(code, meaning)}{_said(execution, text, redact)}"
    response = Response(
        ok=meaning.ok,
        result=text,
        error=error,
        retry=meaning.retry,
        events=_events(meaning, code, plugin, command),
        logs=_logs(execution, code, meaning),
    )
    return Judged(
        outcome=Outcome.SUCCEEDED if meaning.ok else Outcome.FAILED,
        response=response,
        error=error,
        retry=meaning.retry,
        answered=meaning.ok or code in program.exit_codes,
        execution=execution,
    )


def _stopped(execution: Execution, stop: Stop, text: str, redact: Redact) -> Judged:
    if stop is Stop.FLOODED:
        error = f"{execution.fault}; write large results to a file and print its path, or allow more"
        return _failed(execution, text, error, redact, retry=False)
    if stop is Stop.TIMED_OUT:
        error = f"timed out after {execution.duration} ms"
        return _failed(execution, text, error, redact, outcome=Outcome.TIMED_OUT)
    outcome, error = ENDED_BY_GATEWAY[stop]
    return Judged(outcome=outcome, error=error, execution=execution, stdout=_kept(text, redact))


def _failed(
    execution: Execution,
    text: str,
    error: str,
    redact: Redact,
    *,
    outcome: Outcome = Outcome.FAILED,
    retry: bool = True,
) -> Judged:
    """It came to no verdict."""
    said = "" if execution.stop is Stop.FLOODED else _said(execution, text, redact)
    return Judged(outcome=outcome, error=f"{error}{said}", retry=retry, execution=execution, stdout=_kept(text, redact))


def _named(code: int, meaning: ExitCode) -> str:
    return f"{code} ({meaning.name})" if meaning.name else str(code)


def _said(execution: Execution, text: str, redact: Redact) -> str:
    """What it printed on stderr, or on stdout where that is empty: cut after secrets were replaced, never before."""
    printed = redact(execution.stderr.decode(errors="replace")).strip() or redact(text).strip()
    return f": {cut_middle(printed, STDERR_SHOWN)}" if printed else ""


def _kept(text: str, redact: Redact) -> str | None:
    return cut_middle(redact(text), STDOUT_SHOWN) or None


def _events(meaning: ExitCode, code: int, plugin: str, command: str) -> tuple[Emitted, ...]:
    """A code with a name is an event, which `on:` of a pipeline can wait for."""
    if meaning.name is None:
        return ()
    payload = {"command": command, "exit_code": code, "exit_name": meaning.name}
    return (Emitted(type=exit_event(plugin, meaning.name), payload=payload),)


def _logs(execution: Execution, code: int, meaning: ExitCode) -> tuple[Mapping[str, Any], ...]:
    logs = []
    if meaning.ok and code:
        logs.append({"level": "warning", "message": f"exit {_named(code, meaning)}, which counts as a success"})
    try:
        execution.stdout.decode()
    except UnicodeDecodeError as error:
        message = f"stdout is not UTF-8 (byte {error.start} is 0x{execution.stdout[error.start]:02x}): what cannot be "
        logs.append({"level": "warning", "message": f"{message}read stands as \N{REPLACEMENT CHARACTER} in the result"})
    return tuple(logs)
