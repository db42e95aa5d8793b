"""What the command prints: data on stdout, everything else on stderr; JSON where `--json` asks for it."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from ductile.errors import DuctileError

WIDE = 10_000
"""Columns of a table that is not shown on a terminal, so that nothing is cut or wrapped for a program."""


def show_json(value: Any) -> None:
    """The value on stdout, indented."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def show(lines: Iterable[str]) -> None:
    """Lines on stdout."""
    for line in lines:
        sys.stdout.write(f"{line}\n")


def tell_json(value: Any) -> None:
    """The value on stderr, indented."""
    sys.stderr.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def tell(sentence: str) -> None:
    """A sentence for people, on stderr."""
    sys.stderr.write(f"{sentence}\n")


def show_answer(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """What the gateway answered."""
    if as_json:
        show_json(answer)
    else:
        show_fields(answer)


def show_fields(fields: Mapping[str, Any]) -> None:
    """One `name: value` a line; what is null is left out, and what is no text is JSON."""
    width = max((len(name) for name, value in fields.items() if value is not None), default=0) + 1
    show(f"{name + ':':<{width}} {plain(value)}" for name, value in fields.items() if value is not None)


def plain(value: Any) -> str:
    """A value on one line."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings, aligned."""
    from rich.console import Console  # noqa: PLC0415 - rich takes longer to import than most commands to run
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    with console.capture() as captured:
        console.print(table)
    show(line.rstrip() for line in captured.get().splitlines())


def fail(error: DuctileError, *, as_json: bool) -> None:
    """An error on stderr: `{error, message, details}`, or a sentence with its details below."""
    envelope = getattr(error, "envelope", None) or {}
    details = envelope.get("details") if envelope else error.public_details()
    if as_json:
        document = {"error": envelope.get("error", error.code), "message": error.message, "details": details or {}}
        tell_json(document)
        return
    tell(f"ductile: {error.message}")
    for problem in (details or {}).get("errors", []) if isinstance(details, Mapping) else []:
        tell(f"  {_located(problem) if isinstance(problem, Mapping) else problem}")


def _located(problem: Mapping[str, Any]) -> str:
    """A problem of a configuration (file, line, column) or of a payload (a JSON Pointer)."""
    if problem.get("file"):
        place = f"{problem['file']}:{problem['line']}:{problem['column']}: "
        return f"{place}{problem.get('severity', 'error')}[{problem.get('code')}]: {problem.get('message')}"
    path = problem.get("path")
    return f"{path}: {problem.get('message')}" if path else str(problem.get("message"))
