"""`ductile plugin new | test | dev`, and `plugin run` of a folder: an author's work, which needs no gateway."""

import logging
import signal
import sys
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import complete_languages
from ductile.cli.core.errors import UsageError
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.json_input import read_json_argument, read_payload
from ductile.cli.core.options import Payload
from ductile.cli.core.output import Output, check_output_path, save_output
from ductile.model.json_reader import read_json as read_exact

Result = TypeVar("Result")

app = new_group("Make, test and watch a plugin of your own.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The plugin's folder.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--config", metavar="KEY=VALUE|JSON", help="Configuration for the plugin: one key, or an object. Repeatable."
    ),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="A variable for the plugin, as `env` gives it. Repeatable."),
]
Limit = Annotated[
    str | None, typer.Option("--timeout", metavar="DURATION", help="The longest a run may take, such as 30s.")
]
State = Annotated[
    str | None, typer.Option("--state", metavar="JSON|@FILE|-", help="What the plugin remembers from earlier runs.")
]


@command(app, changes=True)
def new(
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    *,
    lang: Annotated[
        str,
        typer.Option(
            "--lang",
            metavar="python|node|bash|go|rust",
            help="What it is written in.",
            autocompletion=complete_languages,
        ),
    ],
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where its folder is made, such as a plugin root.")
    ] = Path(),
    persistent: Annotated[
        bool,
        typer.Option("--persistent", help="Let its workers stay up (python, node): the author library comes with it."),
    ] = False,
    small: Annotated[
        bool, typer.Option("--small", help="Make only a short manifest and a program of about ten lines.")
    ] = False,
    build: Annotated[bool, typer.Option(help="Build a Go or Rust plugin at once.")] = True,
) -> None:
    """Make a working plugin: manifest, code, README, tests and a schema for the editor; or, with --small, the least."""
    from ductile.kit import build as builder  # noqa: PLC0415 - --help needs none of this
    from ductile.kit.new import check_name, check_place, make, missing_programs  # noqa: PLC0415
    from ductile.kit.template import TRADES, Language, plugin_files  # noqa: PLC0415
    from ductile.plugin.trust import BUILD_SCRIPT  # noqa: PLC0415

    if lang not in tuple(Language):
        raise UsageError(reason=f"--lang must be one of {', '.join(Language)}, not {lang!r}")
    language = Language(lang)
    check_name(name)
    if persistent and TRADES[language].library is None:
        known = " and ".join(one for one, trade in TRADES.items() if trade.library is not None)
        raise UsageError(reason=f"--persistent needs an author library, which there is for {known}, not for {language}")
    files = plugin_files(name, language, persistent=persistent, small=small)
    folder = check_place(name, directory) if out.dry_run else make(name, directory, files)
    missing = missing_programs(language, small=small)
    out.print_fields({"plugin": name, "folder": str(folder), "files": list(files), "missing": list(missing) or None})
    if out.dry_run:
        return
    if missing:
        then = f", then run {folder / BUILD_SCRIPT}" if TRADES[language].builds else ""
        out.tell(f"{name} needs {', '.join(missing)}, which the PATH lacks: install it{then}.")
    elif TRADES[language].builds and build:
        out.tell(f"Building it: {folder / BUILD_SCRIPT}")
        run_to_end(builder.build(folder))
    elif TRADES[language].builds:
        out.tell(f"Build it: {folder / BUILD_SCRIPT}")
    out.tell(f"Test it: ductile plugin test {folder}")


@command(app, "test")
def conform(
    out: Output,
    folder: Folder,
    *,
    junit: Annotated[
        str | None, typer.Option("--junit", metavar="FILE", help="Also write the report as JUnit XML.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CASE", help="Only this case, such as state or state[poll]. Repeatable."),
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="COMMAND", help="Do not run this command. Repeatable.")
    ] = None,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Do not run commands of `type: write`. Else all run, in a scratch folder."),
    ] = False,
    payload: Annotated[
        list[str] | None,
        typer.Option(
            "--payload", metavar="COMMAND=JSON", help="Ask a command with this payload (or =@FILE). Repeatable."
        ),
    ] = None,
    config: Settings = None,
    env: Variables = None,
    build: Annotated[bool, typer.Option(help="Run the plugin's `build.sh` first, if it has one.")] = True,
    timeout: Limit = None,
    grace: Annotated[
        str | None, typer.Option("--grace", metavar="DURATION", help="From SIGTERM to SIGKILL; 5s when not given.")
    ] = None,
    at_once: Annotated[
        int, typer.Option("--at-once", metavar="N", min=2, max=64, help="So many run together where that is tested.")
    ] = 4,
) -> None:
    """Test a plugin against every rule of the protocol; exits with 1 if one is broken.

    Every command is run, also those that write, in a scratch folder that is working directory, HOME and TMPDIR, and
    with few variables. `tests/kit.yaml` says what all runs need (config, env, files) and what is skipped;
    `tests/*.json` are requests with what must come back, and `examples` in an input_schema are payloads that work.
    """
    from ductile.kit import show, suite  # noqa: PLC0415 - --help needs none of this
    from ductile.kit.junit import junit as as_junit  # noqa: PLC0415
    from ductile.kit.run import KILL_GRACE  # noqa: PLC0415
    from ductile.model.clock import system_clock  # noqa: PLC0415

    target = None if junit is None else check_output_path(junit)
    options = suite.Options(
        only=frozenset(only or ()),
        skip=dict.fromkeys(skip or (), "--skip was given"),
        read_only=read_only,
        payloads={
            name: _read_command_payload(name, text) for name, text in _read_pairs(payload, "--payload", "COMMAND=JSON")
        },
        config=read_plugin_config(config),
        env=dict(_read_pairs(env, "--env", "NAME=VALUE")),
        timeout=read_duration("--timeout", timeout) or suite.TIMEOUT,
        kill_grace=read_duration("--grace", grace) or KILL_GRACE,
        at_once=at_once,
        build=build,
    )
    report = run_to_end(suite.examine(folder, options))
    if target is not None:
        save_output(target, as_junit(report, system_clock()).decode())
    text = "\n".join(show.lines(report, all_skips=out.verbose))
    out.print_text(text, document=show.document(report))
    if not report.ok:
        raise typer.Exit(ExitCode.FAILED)


@command(app)
def dev(
    out: Output,
    folder: Folder,
    name: Annotated[str | None, typer.Argument(metavar="COMMAND", show_default=False)] = None,
    *,
    payload: Payload = None,
    config: Settings = None,
    env: Variables = None,
    state: State = None,
    timeout: Limit = None,
    once: Annotated[bool, typer.Option("--once", help="Run it once and exit: with 1 if it fails.")] = False,
) -> None:
    """Run a command of a plugin at each save, and show request, response, stderr and timing; Ctrl-C ends it.

    Without a COMMAND it is `health`, or the first of the manifest; without a payload the first that `plugin test` would
    send. A `build.sh` runs first. Each run starts in a scratch folder, with what `tests/kit.yaml` says; state is kept
    from run to run, as the gateway does.
    """
    from ductile.kit import dev as development  # noqa: PLC0415 - --help needs none of this
    from ductile.kit.run import Given  # noqa: PLC0415

    given = Given(
        payload=None if payload is None else read_payload(payload),
        config=read_plugin_config(config),
        state=_read_state(state),
        env=dict(_read_pairs(env, "--env", "NAME=VALUE")),
        timeout=read_duration("--timeout", timeout),
    )
    show = _RoundPrinter(out)
    if not once:
        out.tell(f"Watching {folder}; Ctrl-C ends it.")
    work = development.once(folder, name, given, show) if once else development.watch(folder, name, given, show)
    if not run_to_end(work):
        raise typer.Exit(ExitCode.FAILED)


class _RoundPrinter:
    """Shows each round as it ends."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def __call__(self, document: dict[str, Any], text: str) -> None:
        self._out.print_item(document, text)


def run_folder(
    out: Output,
    folder: Path,
    name: str,
    payload: Mapping[str, Any],
    *,
    fields: Sequence[str] = (),
    pairs: Sequence[str] = (),
    state: str | None = None,
) -> None:
    """Run a command of the plugin in this folder once, with `--config KEY=VALUE|JSON` as its configuration.

    Exits with 1 if it fails.
    """
    from ductile.cli.core.plugin_commands import read_field_arguments  # noqa: PLC0415 - --help needs none of this
    from ductile.kit.run import Given, run_once  # noqa: PLC0415
    from ductile.kit.subject import as_document, open_folder  # noqa: PLC0415

    body = payload
    if fields or pairs:
        body = read_field_arguments(as_document(open_folder(folder)), name, fields, pairs, payload)
    given = Given(
        payload=body,
        config=read_plugin_config([out.config] if out.config else None),
        state=_read_state(state),
        timeout=None if out.timeout is None else round(out.timeout * 1000),
    )
    ran = run_to_end(run_once(folder, name, given))
    out.print_fields(ran.document())
    if not ran.succeeded:
        raise typer.Exit(ExitCode.FAILED)


def run_to_end(work: Coroutine[Any, Any, Result]) -> Result:
    """What the work comes to. SIGTERM and a closed terminal end it as Ctrl-C does: with its plugins."""
    import asyncio  # noqa: PLC0415 - takes longer to import than a listing of plugins to run

    async def run_until_signal() -> Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGHUP):
            if task is not None and signal.getsignal(number) is signal.SIG_DFL:  # under nohup it goes on
                loop.add_signal_handler(number, task.cancel)
        return await work

    try:
        with log_warnings_to_stderr():
            return asyncio.run(run_until_signal())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextmanager
def log_warnings_to_stderr() -> Iterator[None]:
    """Log lines go to stderr from warnings on: stdout is for data, and an author runs no gateway."""
    import structlog  # noqa: PLC0415 - --help needs none

    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def plugin_folder(text: str) -> Path | None:
    """The folder that a word names, `.` or one with a `/`, instead of a gateway's plugin."""
    return Path(text) if "/" in text or text in (".", "..") else None


def read_plugin_config(given: Iterable[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` (a JSON value, else text), a JSON object, or `@FILE` with one; later ones win. Raises UsageError."""
    config: dict[str, Any] = {}
    for text in given or ():
        if text[:1] in ("{", "@"):
            value = read_json_argument(text, "--config")
            if not isinstance(value, dict):
                raise UsageError(reason=f"--config must be KEY=VALUE or a JSON object, not {text}")
            config |= value
        else:
            [(key, word)] = _read_pairs([text], "--config", "KEY=VALUE or a JSON object")
            config[key] = _read_json_or_text(word)
    return config


def read_duration(option: str, text: str | None) -> int | None:
    """Milliseconds. Raises UsageError."""
    from ductile.document.units import duration  # noqa: PLC0415 - --help needs none

    if text is None:
        return None
    try:
        millis = duration(text)
    except ValueError as error:
        raise UsageError(reason=f"{option} {text}: {error}") from None
    if millis == 0:
        raise UsageError(reason=f"{option} must be longer than 0")
    return millis


def _read_state(text: str | None) -> dict[str, Any]:
    value = {} if text is None else read_json_argument(text, "--state")
    if not isinstance(value, dict):
        raise UsageError(reason="--state must be a JSON object")
    return value


def _read_command_payload(name: str, text: str) -> dict[str, Any]:
    value = read_json_argument(text, f"--payload {name}=…")
    if not isinstance(value, dict):
        raise UsageError(reason=f"--payload {name}=… must be a JSON object")
    return value


def _read_pairs(given: Iterable[str] | None, option: str, form: str) -> list[tuple[str, str]]:
    """The words of `KEY=VALUE`. Raises UsageError."""
    pairs = []
    for text in given or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(reason=f"{option} must be {form}, not {text!r}")
        pairs.append((key, value))
    return pairs


def _read_json_or_text(word: str) -> Any:
    try:
        return read_exact(word)
    except ValueError:
        return word
