"""An attempt as lines of text: how it ended, its log, its output."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ductile.cli.core.time_format import format_duration, format_time


def attempt_lines(attempt: Mapping[str, Any]) -> Iterator[str]:
    """A headline, and below it the logs and the output of the attempt."""
    yield attempt_headline(attempt)
    yield from titled_lines("error", attempt.get("last_error"))
    for entry in attempt.get("logs") or ():
        yield from entry_lines(entry)
    yield from output_lines(attempt)


def attempt_headline(attempt: Mapping[str, Any]) -> str:
    """`2026-11-22 05:49:07Z echo.say attempt 1: failed in 12 ms`; a running attempt has its start as time."""
    step = f" {attempt['step']}" if attempt.get("step") else ""
    job = f" {attempt['job_id']}" if attempt.get("job_id") else ""
    took = format_duration(attempt.get("started_at"), attempt.get("completed_at"))
    within = f" in {took}" if took else ""
    at = format_time(attempt.get("completed_at") or attempt.get("started_at"))
    command = f"{attempt['plugin']}.{attempt['command']}"
    return f"{at}{job}{step} {command} attempt {attempt['attempt']}: {attempt['status']}{within}"


def entry_lines(entry: Mapping[str, Any]) -> Sequence[str]:
    """An entry of a plugin's log."""
    return titled_lines(str(entry.get("level") or "log"), entry.get("message"))


def output_lines(attempt: Mapping[str, Any]) -> Iterator[str]:
    """Progress, stderr, stdout and result of an attempt."""
    yield from titled_lines("progress", attempt.get("progress"))
    yield from titled_lines("stderr", attempt.get("stderr"))
    yield from titled_lines("stdout", attempt.get("stdout"))
    answer = attempt.get("result")
    if isinstance(answer, Mapping):
        yield from titled_lines("result", answer.get("result"))


def titled_lines(title: str, text: Any) -> Sequence[str]:
    """The lines of a text under a title; none for an empty text."""
    from ductile.cli.core.json_args import format_value  # only with logs

    if text is None or text == "":
        return ()
    first, *more = format_value(text).rstrip("\n").split("\n")
    return [f"  {title}: {first}", *(f"  {' ' * len(title)}  {line}" for line in more)]
