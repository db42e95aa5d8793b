"""Runs a plugin's command again at each save, and prints each round."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import watchfiles
from msgspec.structs import replace

from ductile.errors import DuctileError
from ductile.kit.build import build_plugin, needs_build
from ductile.kit.errors import BadPlugin, BuildFailed, CannotWatch
from ductile.kit.exchange import program_of_command
from ductile.kit.kit_settings import read_cases, read_settings
from ductile.kit.plugin_under_test import build_instance, open_plugin
from ductile.kit.sample_requests import NoSampleRequest, sample_requests
from ductile.kit.single_run import RunInput, RunResult, run_once
from ductile.kit.workspace import scratch_workspace
from ductile.plugin.trust import BUILD_SCRIPT

RoundPrinter = Callable[[dict[str, Any], str], None]
"""Takes a round: as a document, and as text for people."""

_IGNORED_FOLDERS = frozenset(
    {"target", "node_modules", "__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
"""Folders that hold no sources of the plugin."""
_MAX_NAMED_FILES = 3
"""Changed files that a round names."""
_QUIET_MILLIS = 50
"""Milliseconds without a change that end a burst: an editor saves in several steps."""


class _SourceFilter(watchfiles.DefaultFilter):
    """Lets changes of sources pass, not those of build products."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ignore_dirs=[*watchfiles.DefaultFilter.ignore_dirs, *_IGNORED_FOLDERS])
        self._made = frozenset(str(folder / name) for name in _build_products(folder))

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        return path not in self._made and super().__call__(change, path)


def _build_products(folder: Path) -> Iterator[str]:
    """The files that `build.sh` writes."""
    if needs_build(folder):
        with suppress(DuctileError):
            manifest = open_plugin(folder).loaded.manifest
            yield from (manifest.entrypoint, f"{manifest.entrypoint}.new") if manifest else ()
        yield from ("run", "run.new")


async def run_one_round(folder: Path, command: str | None, run_input: RunInput, show: RoundPrinter) -> bool:
    """One round: build, run, print. Returns whether the run succeeded."""
    succeeded, _ = await _run_round(folder, command, run_input, show)
    return succeeded


async def run_at_changes(folder: Path, command: str | None, run_input: RunInput, show: RoundPrinter) -> bool:
    """Rounds until it is cancelled (Ctrl-C): one now, and one after each change. A change ends the round under way.

    Raises NoPluginFolder if there is nothing to watch from the start, and CannotWatch.
    """
    folder = open_plugin(folder).folder.absolute()
    stop = asyncio.Event()
    changes = watchfiles.awatch(
        folder, watch_filter=_SourceFilter(folder), step=_QUIET_MILLIS, stop_event=stop, ignore_permission_denied=True
    )
    state = dict(run_input.state)
    following = asyncio.ensure_future(anext(changes))
    running = asyncio.ensure_future(_run_round(folder, command, run_input, show))
    try:
        while True:
            await asyncio.wait({following, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                _, state = running.result()  # also raises what keeps it from being shown
                await asyncio.wait({following})
            else:
                await _discard(running)
            _print_changes(folder, following, show)
            following = asyncio.ensure_future(anext(changes))
            running = asyncio.ensure_future(_run_round(folder, command, replace(run_input, state=state), show))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return True
    finally:
        stop.set()
        await _discard(running)
        await _discard(following)


def _print_changes(
    folder: Path, following: "asyncio.Future[set[tuple[watchfiles.Change, str]]]", show: RoundPrinter
) -> None:
    """Print the names of changed files. Raises CannotWatch."""
    try:
        changes = following.result()
    except (OSError, RuntimeError) as error:  # the latter is what watchfiles makes of errors it does not know
        raise CannotWatch(folder=folder, reason=error) from None
    changed_names = sorted({path.removeprefix(f"{folder}{os.sep}") for _, path in changes})
    more = f" and {len(changed_names) - _MAX_NAMED_FILES} more" if len(changed_names) > _MAX_NAMED_FILES else ""
    show({"changed": changed_names}, f"\n— {', '.join(changed_names[:_MAX_NAMED_FILES])}{more} changed —")


async def _discard(task: "asyncio.Future[Any]") -> None:
    """Cancel a task whose result nobody needs any more, and wait for its end."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


async def _run_round(
    folder: Path, command: str | None, run_input: RunInput, show: RoundPrinter
) -> tuple[bool, dict[str, Any]]:
    """Run one round: whether the run succeeded, and the state that it leaves."""
    state = dict(run_input.state)
    try:
        if needs_build(folder):
            await build_plugin(folder)
        run_result = await _run_command(folder, command, run_input)
    except BuildFailed as error:
        code = error.details["exit_code"]
        ended = f" (exit code {code})" if code else ""
        text = f"{folder / BUILD_SCRIPT} failed{ended}, and nothing was run:\n{error.output.rstrip()}"
        show({"error": error.code, "message": error.message, "output": error.output}, text)
        return False, state
    except DuctileError as error:
        show({"error": error.code, "message": error.message, "details": error.public_details()}, _error_text(error))
        return False, state
    request = run_result.redactor.value(_request_document(run_result))
    show({"request": request, **run_result.document()}, run_result.redactor.clip(_round_text(run_result)))
    response = run_result.exchange.outcome.response
    updates = response.state_updates if response is not None and response.ok else None
    return run_result.succeeded, {**state, **(updates or {})}


async def _run_command(folder: Path, command: str | None, run_input: RunInput) -> RunResult:
    """Run the command with the given input, else with that of the plugin's own tests."""
    settings = read_settings(folder)
    config, env = {**settings.config, **run_input.config}, {**settings.env, **run_input.env}
    plugin = build_instance(open_plugin(folder), config=config, env=env)
    commands = plugin.manifest.commands
    name = command or ("health" if "health" in commands else next(iter(commands)))
    payload = run_input.payload
    if payload is None and name in commands:
        samples = sample_requests(plugin, commands[name], read_cases(folder), None)
        payload = {} if isinstance(samples, NoSampleRequest) else samples[0].request.payload
    with scratch_workspace(
        settings.files
    ) as workspace:  # what it writes into its working directory must not look like a save
        return await run_once(
            folder, name, replace(run_input, payload=payload or {}, config=config, env=env), cwd=workspace.cwd
        )


def _error_text(error: DuctileError) -> str:
    problems = error.problems if isinstance(error, BadPlugin) else error.public_details().get("errors", [])
    return "\n".join([error.message, *(f"  {_problem_line(problem)}" for problem in problems)])


def _problem_line(problem: Any) -> str:
    return f"{problem['path']}: {problem['message']}" if isinstance(problem, dict) else str(problem)


def _request_document(run_result: RunResult) -> dict[str, Any]:
    """The request that the plugin got."""
    exchange = run_result.exchange
    if program_of_command(run_result.plugin, run_result.request.command) is None:
        request: dict[str, Any] = orjson.loads(exchange.stdin)
        return request
    return {"args": list(exchange.args), "stdin": exchange.stdin.decode()}


def _round_text(run_result: RunResult) -> str:
    """Request, response, stderr and timing, as a person reads them."""
    execution, outcome = run_result.exchange.execution, run_result.exchange.outcome
    parts = [
        f"request   {_indent(orjson.dumps(_request_document(run_result), option=orjson.OPT_INDENT_2).decode())}",
        f"response  {_format_output(execution.stdout) or '(nothing)'}",
    ]
    if execution.stderr:
        parts.append(f"stderr    {_indent(execution.stderr.decode(errors='replace').rstrip())}")
    error = "" if run_result.succeeded else f": {first_error_line(outcome.error or '')}"
    parts.append(f"{outcome.kind.value} after {execution.duration} ms, exit code {execution.exit_code}{error}")
    return "\n".join(parts)


def _format_output(output: bytes) -> str:
    try:
        text = orjson.dumps(orjson.loads(output), option=orjson.OPT_INDENT_2).decode()
    except ValueError:
        text = output.decode(errors="replace").rstrip()
    return _indent(text)


def _indent(text: str) -> str:
    return text.replace("\n", "\n          ")


def first_error_line(error: str) -> str:
    """The first line of an error, without the stderr that is shown already."""
    return next(iter(error.partition(": Traceback")[0].splitlines()), "")
