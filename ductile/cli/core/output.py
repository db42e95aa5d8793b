"""What a command prints: data on stdout, everything else on stderr.

A command hands data over once, and `--format` decides how the data look:

    out.print_rows({"NAME": "name", "STATE": lambda job: …}, jobs)    maps below headings: a key, or a function of a map
    out.print_rows(columns, page["jobs"], document=page)              JSON and YAML show the document, not the rows
    out.print_fields(job)                                             one map
    out.print_value(anything)                                         any value: a map, a list of maps, a scalar
    out.print_lines(["a.yaml:3:1: …"], document={"problems": […]})    sentences for people
    out.print_text(markdown)                                          a text unchanged; JSON only if requested
    out.print_document(schema)                                        a JSON document that is no table: JSON or YAML
    out.print_item(event, line="…")                                   one item of a stream, at once: JSON on one line

              print_rows               print_fields                  print_item
    table     aligned, with headings   name: value, aligned          the line
    list      name: value, a block     name: value, on one line      the line
              for each row             each
    json      indented                 indented                      on one line (JSON Lines)
    yaml      a document               a document                    a document of a stream

Control characters never reach a terminal: what a plugin printed is escaped in every format. For people on stderr:
`out.tell(sentence)` unless --quiet, `out.tell_detail(sentence)` only with --verbose. A command fails by raising a
DuctileError, or `typer.Exit(ExitCode.…)` after the command has printed its data.

`out` also carries the options (`out.dry_run`, `out.wait`, `out.timeout` in seconds, `out.config`) and calls the
gateway that the options name: `out.call_gateway(lambda client: client.job(id))`.
"""

import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from ductile.cli.core import render
from ductile.cli.core.errors import OutputFailed, UsageError, WaitedTooLong
from ductile.cli.core.spinner import Spinner, can_spin
from ductile.cli.core.table import format_table
from ductile.errors import DuctileError

if TYPE_CHECKING:  # aiohttp and pydantic take longer to import than `--help` to run
    from ductile.cli.core.gateway.target import Target
    from ductile.client import Client

FORMATS = ("table", "list", "json", "yaml")
Column = str | Callable[[Mapping[str, Any]], Any]
"""The cell of a row: the value of this key, or the result of the function of the row."""


class Output:
    """The output of one command, and the values of its options. Used as `with Output(…) as out`.

    With `output`, the data replaces the file in one step once the command has succeeded.
    """

    def __init__(
        self,
        *,
        format_: str | None = None,
        json: bool = False,
        output: str | None = None,
        quiet: bool = False,
        verbose: bool = False,
        dry_run: bool = False,
        wait: bool = False,
        timeout: str | None = None,
        url: str | None = None,
        token: str | None = None,
        config: str | None = None,
    ) -> None:
        self.requested_format = read_format(format_, json=json)
        self.dry_run, self.wait, self.timeout = dry_run, wait, read_timeout(timeout, wait=wait)
        self.url, self.token, self.config = url, token, config
        if quiet and verbose:
            raise UsageError(reason="--quiet and --verbose exclude each other")
        self.quiet, self.verbose = quiet, verbose
        self._file = check_output_path(output) if output not in (None, "-") else None
        self._unsaved: list[str] = []
        self._spinner: Spinner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file is not None and (error is None or isinstance(error, typer.Exit | WaitedTooLong)):
            save_output(self._file, "".join(self._unsaved))

    @property
    def is_terminal(self) -> bool:
        """Whether data goes to a terminal."""
        return self._file is None and sys.stdout.isatty()

    @property
    def format(self) -> str:
        """`table`, `list`, `json` or `yaml`."""
        return self.requested_format or ("table" if self.is_terminal else "json")

    @property
    def for_people(self) -> bool:
        """Whether the format is one that people read."""
        return self.format in ("table", "list")

    def print_rows(
        self, columns: Mapping[str, Column], rows: Iterable[Mapping[str, Any]], document: Any = None
    ) -> None:
        """Rows under headings; JSON and YAML show the document, or else the rows as they are."""
        rows = list(rows)
        if not self.for_people:
            self._write_value(rows if document is None else document)
            return
        cells = [[render.format_cell(column_value(column, row)) for column in columns.values()] for row in rows]
        if self.format == "table":
            style = self.is_terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
            width = terminal_width() if self.is_terminal else None
            self._write_lines(format_table(list(columns), cells, width=width, bold=style))
            return
        blocks = ["\n".join(render.format_list(dict(zip(columns, row, strict=True)))) for row in cells]
        self._write("\n\n".join(blocks) + "\n" if blocks else "")

    def print_fields(self, fields: Mapping[str, Any], document: Any = None) -> None:
        """One map, null members left out where people read."""
        if not self.for_people:
            self._write_value(fields if document is None else document)
        else:
            self._write_lines(render.format_fields(fields) if self.format == "table" else render.format_list(fields))

    def print_value(self, value: Any) -> None:
        """Any JSON value."""
        if isinstance(value, Mapping):
            self.print_fields(value)
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            self.print_rows(
                {str(key).upper(): str(key) for key in dict.fromkeys(key for one in value for key in one)}, value
            )
        elif not self.for_people:
            self._write_value(value)
        else:
            self._write_lines(render.format_cell(one) for one in (value if isinstance(value, list) else [value]))

    def print_lines(self, lines: Iterable[str], document: Any = None) -> None:
        """Lines of text; JSON and YAML show the document, or else a list of them."""
        if self.for_people:
            self._write_lines(render.escape_controls(line) for line in lines)
        else:
            self._write_value(list(lines) if document is None else document)

    def print_text(self, text: str, document: Any = None) -> None:
        """A document such as Markdown or a file, as it is; JSON and YAML (text, or the document) only if asked for."""
        if self.requested_format in ("json", "yaml"):
            self._write_value(text if document is None else document)
        else:
            printable = render.escape_controls(text) if self.is_terminal else text
            self._write(printable if printable.endswith("\n") or not printable else printable + "\n")

    def print_document(self, document: Any) -> None:
        """A JSON document that means nothing as a table: JSON, or YAML where that was asked for."""
        self._write((render.to_yaml(document) if self.format == "yaml" else render.to_json(document)) + "\n")

    def print_item(self, value: Any, line: str) -> None:
        """One of a stream: its line for people, else JSON on one line, or a YAML document."""
        if self.for_people:
            self._write_lines([render.escape_controls(line)])
        elif self.format == "yaml":
            self._write(f"---\n{render.to_yaml(value)}\n")
        else:
            self._write(render.to_json(value, indent=False) + "\n")
        if self._file is None:
            sys.stdout.flush()

    def format_time(self, time: Any) -> str | None:
        """An RFC 3339 time as a table shows it: how long ago on a terminal, else the time itself."""
        from ductile.cli.core.time_format import format_age, format_time  # only a table has times

        return format_age(time) if self.is_terminal and self.format == "table" else format_time(time)

    def tell(self, sentence: str) -> None:
        """A sentence for people, on stderr."""
        if not self.quiet:
            self._hide_spinner()
            tell(sentence)

    def tell_detail(self, sentence: str) -> None:
        """Print a sentence that only --verbose shows."""
        if self.verbose:
            self._hide_spinner()
            tell(sentence)

    @contextmanager
    def show_spinner(self, text: str) -> Iterator[None]:
        """Show a spinner on stderr after the first second, where a person waits."""
        outer = self._spinner
        if outer is not None:
            before, outer.text = outer.text, text
            try:
                yield
            finally:
                outer.text = before
            return
        if self.quiet or not can_spin():
            yield
            return
        with Spinner(text) as spinner:
            self._spinner = spinner
            try:
                yield
            finally:
                self._spinner = None

    def call_gateway(
        self,
        work: "Callable[[Client], Coroutine[Any, Any, Any]]",
        waits_for: str | None = "The gateway works on it",
        *,
        loop: bool = False,
    ) -> Any:
        """The gateway's answer. `waits_for` is what the spinner says; None where the answers are printed as they come.

        `loop` is for work that waits or streams: it needs an event loop, whose start takes time.
        Raises the client's errors, and those of finding out which gateway it is.
        """
        from ductile.cli.core.gateway.target import call_gateway  # imports the client

        with nullcontext() if waits_for is None else self.show_spinner(waits_for):
            return call_gateway(work, self.find_target(), self.tell_detail, loop=loop)

    def find_target(self) -> "Target":
        """The gateway that the options or their defaults name. Raises ConfigNotFound, UsageError."""
        from ductile.cli.core.gateway.target import find_target

        return find_target(self.url, self.token, self.config)

    def _write_value(self, value: Any) -> None:
        self._write((render.to_yaml(value) if self.format == "yaml" else render.to_json(value)) + "\n")

    def _write_lines(self, lines: Iterable[str]) -> None:
        self._write("".join(f"{line}\n" for line in lines))

    def _hide_spinner(self) -> None:
        if self._spinner is not None:
            self._spinner.hide()

    def _write(self, text: str) -> None:
        if self._file is None:
            self._hide_spinner()
            sys.stdout.write(text)
        else:
            self._unsaved.append(text)


def column_value(column: Column, row: Mapping[str, Any]) -> Any:
    """The value of a row in a column."""
    return row.get(column) if isinstance(column, str) else column(row)


def terminal_width() -> int:
    """Columns of the terminal."""
    import shutil  # only a table on a terminal needs it

    return shutil.get_terminal_size().columns


def read_format(text: str | None, *, json: bool) -> str | None:
    """The format that was asked for, if one was. Raises UsageError."""
    if text is not None and text not in FORMATS:
        raise UsageError(reason=f"--format must be one of {', '.join(FORMATS)}, not {text!r}")
    if json and text not in (None, "json"):
        raise UsageError(reason=f"--json and --format {text} exclude each other")
    return "json" if json else text


def read_timeout(text: str | None, *, wait: bool) -> float | None:
    """Seconds. Raises UsageError."""
    if text is None:
        return None
    if not wait:
        raise UsageError(reason="--timeout says how long --wait waits; give --wait too")
    from ductile.document.units import duration

    try:
        return duration(text) / 1000
    except ValueError as error:
        raise UsageError(reason=f"--timeout {text}: {error}") from None


def check_output_path(output: str | None) -> Path:
    """The file of `--output`, which is looked at before the command does anything. Raises OutputFailed."""
    path = Path(output or "")
    folder = Path(os.path.realpath(path)).parent
    if path.is_dir() or not output:
        raise OutputFailed(path=output or '""', reason="it is a folder" if output else "that is no name of a file")
    if not folder.is_dir():
        raise OutputFailed(path=output, reason=f"there is no folder {folder}")
    if not os.access(path if path.exists() and not path.is_file() else folder, os.W_OK):
        raise OutputFailed(path=output, reason=f"{folder} may not be written to")
    return path


def save_output(path: Path, text: str) -> None:
    """Raises OutputFailed; then the file is as it was."""
    from ductile.document.atomic_write import replace_file

    try:
        replace_file(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OutputFailed(path=path, reason=error.strerror) from None


def tell(sentence: str) -> None:
    """A sentence for people, on stderr."""
    sys.stderr.write(f"{render.escape_controls(sentence)}\n")


def print_error(error: DuctileError, *, as_json: bool) -> None:
    """An error on stderr: `{error, message, details}`, or a sentence with its details below."""
    envelope: Mapping[str, Any] = getattr(error, "envelope", None) or {}
    details = (envelope.get("details") if envelope else error.public_details()) or {}
    if as_json:
        document = {"error": envelope.get("error", error.code), "message": error.message, "details": details}
        sys.stderr.write(render.to_json(document) + "\n")
        return
    tell(f"ductile: {error.message}")
    problems: Sequence[Any] = details.get("errors", []) if isinstance(details, Mapping) else []
    for problem in problems:
        tell(f"  {problem_line(problem) if isinstance(problem, Mapping) else problem}")


def problem_line(problem: Mapping[str, Any]) -> str:
    """A problem of a configuration (file, line, column) or of a payload (a JSON Pointer)."""
    if problem.get("file"):
        at = f":{problem['line']}:{problem['column']}" if problem.get("line") else ""  # none: an environment variable
        kind = f"{problem.get('severity', 'error')}[{problem.get('code')}]"
        return f"{problem['file']}{at}: {kind}: {problem.get('message')}"
    path = problem.get("path")
    return f"{path}: {problem.get('message')}" if path else str(problem.get("message"))
