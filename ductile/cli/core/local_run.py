"""Running a plugin here, without a gateway."""

import logging
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer

from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.json_input import read_json_object
from ductile.cli.core.output import Output
from ductile.cli.core.plugin_arguments import read_plugin_config

Result = TypeVar("Result")


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
    from ductile.cli.core.plugin_commands import read_field_arguments
    from ductile.kit.plugin_under_test import open_plugin, plugin_document
    from ductile.kit.single_run import RunInput, run_once

    body = payload
    if fields or pairs:
        body = read_field_arguments(plugin_document(open_plugin(folder)), name, fields, pairs, payload)
    run_input = RunInput(
        payload=body,
        config=read_plugin_config([out.config] if out.config else None),
        state=read_json_object(state, "--state"),
        timeout=None if out.timeout is None else round(out.timeout * 1000),
    )
    run_result = run_to_end(run_once(folder, name, run_input))
    out.print_fields(run_result.document())
    if not run_result.succeeded:
        raise typer.Exit(ExitCode.FAILED)


def run_to_end(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of the work. SIGTERM and a closed terminal end the work and its plugins as Ctrl-C does."""
    import asyncio  # takes longer to import than a listing of plugins to run

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
    """Meanwhile warnings and errors are logged to stderr, for stdout carries data."""
    import structlog

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
    """The folder that the word names (`.`, or a word with `/`); None for the name of a gateway's plugin."""
    return Path(text) if "/" in text or text in (".", "..") else None
