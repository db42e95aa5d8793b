"""An attempt as lines of text: how it ended, its log, its output."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ductile.cli.core.time_format import format_duration, format_time


def attempt_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """A line on how an attempt ended or that it runs, and below it what it said."""
    yield attempt_headline(one)
    yield from titled_lines("error", one.get("last_error"))
    for entry in one.get("logs") or ():
        yield from entry_lines(entry)
    yield from output_lines(one)


def attempt_headline(one: Mapping[str, Any]) -> str:
    """`2026-11-22 05:49:07Z echo.say attempt 1: failed in 12 ms`; of one that runs, when it began."""
    step = f" {one['step']}" if one.get("step") else ""
    job = f" {one['job_id']}" if one.get("job_id") else ""
    took = format_duration(one.get("started_at"), one.get("completed_at"))
    within = f" in {took}" if took else ""
    at = format_time(one.get("completed_at") or one.get("started_at"))
    return f"{at}{job}{step} {one['plugin']}.{one['command']} attempt {one['attempt']}: {one['status']}{within}"


def entry_lines(entry: Mapping[str, Any]) -> Sequence[str]:
    """An entry of a plugin's log."""
    return titled_lines(str(entry.get("level") or "log"), entry.get("message"))


def output_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """What an attempt left behind beside its log."""
    yield from titled_lines("progress", one.get("progress"))
    yield from titled_lines("stderr", one.get("stderr"))
    yield from titled_lines("stdout", one.get("stdout"))
    answer = one.get("result")
    if isinstance(answer, Mapping):
        yield from titled_lines("result", answer.get("result"))


def titled_lines(title: str, text: Any) -> Sequence[str]:
    """Lines under a title; nothing where nothing was said."""
    from ductile.cli.core.json_args import format_value  # noqa: PLC0415 - only with logs

    if text is None or text == "":
        return ()
    first, *more = format_value(text).rstrip("\n").split("\n")
    return [f"  {title}: {first}", *(f"  {' ' * len(title)}  {line}" for line in more)]
