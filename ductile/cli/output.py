"""What a command prints: data on stdout, everything else on stderr.

A command hands data over once, and `--format` decides how it looks:

    out.rows({"NAME": "name", "STATE": lambda job: …}, jobs)     maps under headings: a key of each, or a function of it
    out.rows(columns, page["jobs"], document=page)               JSON and YAML show the document instead of the rows
    out.fields(job)                                              one map
    out.value(anything)                                          whatever it is: a map, a list of maps, a scalar
    out.lines(["a.yaml:3:1: …"], document={"problems": […]})     sentences for people
    out.text(markdown)                                           a document as it is; JSON only if it was asked for
    out.document(schema)                                         a JSON document that is no table: JSON, or YAML
    out.item(event, line="…")                                    one of a stream, shown at once: JSON on one line

              rows                     fields                        item
    table     aligned, with headings   name: value, aligned          the line
    list      name: value, a block     name: value, on one line      the line
              for each row             each
    json      indented                 indented                      on one line (JSON Lines)
    yaml      a document               a document                    a document of a stream

Control characters never reach a terminal: what a plugin printed is escaped in every format. For people on stderr:
`out.tell(sentence)` says it unless --quiet, `out.detail(sentence)` only with --verbose. A command fails by raising a
DuctileError, or `typer.Exit(Exit.…)` after it has printed its data.

Besides, `out` carries the options (`out.dry_run`, `out.wait`, `out.timeout` in seconds, `out.config`) and calls the
gateway they name: `out.ask(lambda client: client.job(id))`.
"""

import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from ductile.cli import render
from ductile.cli.codes import OutputFailed, UsageError, WaitedTooLong
from ductile.cli.spinner import Spinner, is_wanted
from ductile.cli.tables import table
from ductile.errors import DuctileError

if TYPE_CHECKING:  # aiohttp and pydantic take longer to import than `--help` to run
    from ductile.cli.target import Target
    from ductile.client import Client

FORMATS = ("table", "list", "json", "yaml")
Column = str | Callable[[Mapping[str, Any]], Any]
"""What of a row stands in a column: the value of this key, or what the function makes of the row."""


class Out:
    """The output of one command, and the options it was called with. Used as `with Out(…) as out`.

    With `output`, data is kept until the command has ended well and then replaces the file at once.
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
        self.asked_format = asked_format(format_, json=json)
        self.dry_run, self.wait, self.timeout = dry_run, wait, read_timeout(timeout, wait=wait)
        self.url, self.token, self.config = url, token, config
        if quiet and verbose:
            raise UsageError(reason="--quiet and --verbose exclude each other")
        self.quiet, self.verbose = quiet, verbose
        self._file = writable(output) if output not in (None, "-") else None
        self._kept: list[str] = []
        self._spinner: Spinner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file is not None and (error is None or isinstance(error, typer.Exit | WaitedTooLong)):
            save(self._file, "".join(self._kept))

    @property
    def terminal(self) -> bool:
        """Whether data goes to a terminal."""
        return self._file is None and sys.stdout.isatty()

    @property
    def format(self) -> str:
        """`table`, `list`, `json` or `yaml`."""
        return self.asked_format or ("table" if self.terminal else "json")

    @property
    def for_people(self) -> bool:
        """Whether the format is one that people read."""
        return self.format in ("table", "list")

    def rows(self, columns: Mapping[str, Column], rows: Iterable[Mapping[str, Any]], document: Any = None) -> None:
        """Rows under headings; JSON and YAML show the document, or else the rows as they are."""
        rows = list(rows)
        if not self.for_people:
            self._value(rows if document is None else document)
            return
        cells = [[render.cell(taken(column, row)) for column in columns.values()] for row in rows]
        if self.format == "table":
            style = self.terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
            width = terminal_width() if self.terminal else None
            self._lines(table(list(columns), cells, width=width, bold=style))
            return
        blocks = ["\n".join(render.listed(dict(zip(columns, row, strict=True)))) for row in cells]
        self._write("\n\n".join(blocks) + "\n" if blocks else "")

    def fields(self, fields: Mapping[str, Any], document: Any = None) -> None:
        """One map, null members left out where people read."""
        if not self.for_people:
            self._value(fields if document is None else document)
        else:
            self._lines(render.fields(fields) if self.format == "table" else render.listed(fields))

    def value(self, value: Any) -> None:
        """Any JSON value."""
        if isinstance(value, Mapping):
            self.fields(value)
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            self.rows({str(key).upper(): str(key) for key in dict.fromkeys(key for one in value for key in one)}, value)
        elif not self.for_people:
            self._value(value)
        else:
            self._lines(render.cell(one) for one in (value if isinstance(value, list) else [value]))

    def lines(self, lines: Iterable[str], document: Any = None) -> None:
        """Lines of text; JSON and YAML show the document, or else a list of them."""
        if self.for_people:
            self._lines(render.safe(line) for line in lines)
        else:
            self._value(list(lines) if document is None else document)

    def text(self, text: str, document: Any = None) -> None:
        """A document such as Markdown or a file, as it is; JSON and YAML (text, or the document) only if asked for."""
        if self.asked_format in ("json", "yaml"):
            self._value(text if document is None else document)
        else:
            shown = render.safe(text) if self.terminal else text
            self._write(shown if shown.endswith("\n") or not shown else shown + "\n")

    def document(self, document: Any) -> None:
        """A JSON document that means nothing as a table: JSON, or YAML where that was asked for."""
        self._write((render.as_yaml(document) if self.format == "yaml" else render.as_json(document)) + "\n")

    def item(self, value: Any, line: str) -> None:
        """One of a stream: its line for people, else JSON on one line, or a YAML document."""
        if self.for_people:
            self._lines([render.safe(line)])
        elif self.format == "yaml":
            self._write(f"---\n{render.as_yaml(value)}\n")
        else:
            self._write(render.as_json(value, indent=False) + "\n")
        if self._file is None:
            sys.stdout.flush()

    def time(self, time: Any) -> str | None:
        """An RFC 3339 time as a table shows it: how long ago on a terminal, else the time itself."""
        from ductile.cli.moments import age, moment  # noqa: PLC0415 - only a table has times

        return age(time) if self.terminal and self.format == "table" else moment(time)

    def tell(self, sentence: str) -> None:
        """A sentence for people, on stderr."""
        if not self.quiet:
            self._hide()
            tell(sentence)

    def detail(self, sentence: str) -> None:
        """What only --verbose tells."""
        if self.verbose:
            self._hide()
            tell(sentence)

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Meanwhile a sign turns on stderr, from the first second on, where a person waits there."""
        outer = self._spinner
        if outer is not None:
            before, outer.text = outer.text, text
            try:
                yield
            finally:
                outer.text = before
            return
        if self.quiet or not is_wanted():
            yield
            return
        with Spinner(text) as spinner:
            self._spinner = spinner
            try:
                yield
            finally:
                self._spinner = None

    def ask(
        self,
        work: "Callable[[Client], Coroutine[Any, Any, Any]]",
        waits_for: str | None = "The gateway works on it",
        *,
        loop: bool = False,
    ) -> Any:
        """What the gateway answers. `waits_for` is what a person sees meanwhile; None where what comes is printed.

        `loop` is for what waits or streams, beside calls: it needs an event loop, which takes its time to start.
        Raises the client's errors, and those of finding out which gateway it is.
        """
        from ductile.cli.target import exchange  # noqa: PLC0415 - imports the client

        with nullcontext() if waits_for is None else self.busy(waits_for):
            return exchange(work, self.target(), self.detail, loop=loop)

    def target(self) -> "Target":
        """The gateway that the options or their defaults name. Raises ConfigNotFound, UsageError."""
        from ductile.cli.target import find_target  # noqa: PLC0415 - as above

        return find_target(self.url, self.token, self.config)

    def _value(self, value: Any) -> None:
        self._write((render.as_yaml(value) if self.format == "yaml" else render.as_json(value)) + "\n")

    def _lines(self, lines: Iterable[str]) -> None:
        self._write("".join(f"{line}\n" for line in lines))

    def _hide(self) -> None:
        if self._spinner is not None:
            self._spinner.hide()

    def _write(self, text: str) -> None:
        if self._file is None:
            self._hide()
            sys.stdout.write(text)
        else:
            self._kept.append(text)


def taken(column: Column, row: Mapping[str, Any]) -> Any:
    """What a row has for a column."""
    return row.get(column) if isinstance(column, str) else column(row)


def terminal_width() -> int:
    """Columns of the terminal."""
    import shutil  # noqa: PLC0415 - only a table on a terminal needs it

    return shutil.get_terminal_size().columns


def asked_format(text: str | None, *, json: bool) -> str | None:
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
    from ductile.document.units import duration  # noqa: PLC0415 - --help needs none

    try:
        return duration(text) / 1000
    except ValueError as error:
        raise UsageError(reason=f"--timeout {text}: {error}") from None


def writable(output: str | None) -> Path:
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


def save(path: Path, text: str) -> None:
    """Raises OutputFailed; then the file is as it was."""
    from ductile.document.atomic_write import replace_file  # noqa: PLC0415 - --help needs none

    try:
        replace_file(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OutputFailed(path=path, reason=error.strerror) from None


def tell(sentence: str) -> None:
    """A sentence for people, on stderr."""
    sys.stderr.write(f"{render.safe(sentence)}\n")


def fail(error: DuctileError, *, as_json: bool) -> None:
    """An error on stderr: `{error, message, details}`, or a sentence with its details below."""
    envelope: Mapping[str, Any] = getattr(error, "envelope", None) or {}
    details = (envelope.get("details") if envelope else error.public_details()) or {}
    if as_json:
        document = {"error": envelope.get("error", error.code), "message": error.message, "details": details}
        sys.stderr.write(render.as_json(document) + "\n")
        return
    tell(f"ductile: {error.message}")
    problems: Sequence[Any] = details.get("errors", []) if isinstance(details, Mapping) else []
    for problem in problems:
        tell(f"  {located(problem) if isinstance(problem, Mapping) else problem}")


def located(problem: Mapping[str, Any]) -> str:
    """A problem of a configuration (file, line, column) or of a payload (a JSON Pointer)."""
    if problem.get("file"):
        at = f":{problem['line']}:{problem['column']}" if problem.get("line") else ""  # none: an environment variable
        kind = f"{problem.get('severity', 'error')}[{problem.get('code')}]"
        return f"{problem['file']}{at}: {kind}: {problem.get('message')}"
    path = problem.get("path")
    return f"{path}: {problem.get('message')}" if path else str(problem.get("message"))
