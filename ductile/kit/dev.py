"""Runs a plugin's command again at each save, and shows what happens."""

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
from ductile.kit.bench import program_of
from ductile.kit.build import build, needs_build
from ductile.kit.errors import BadPlugin, BuildFailed, Unwatched
from ductile.kit.probes import NoProbe, probes_of
from ductile.kit.run import Given, Ran, run_once
from ductile.kit.scratch import scratch
from ductile.kit.settings import read_cases, read_settings
from ductile.kit.subject import instance, open_folder
from ductile.plugin.trust import BUILD_SCRIPT

Show = Callable[[dict[str, Any], str], None]
"""Takes a round: as a document, and as text for people."""

_IDLE = frozenset({"target", "node_modules", "__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
"""Folders in which nobody writes the plugin."""
_NAMED = 3
"""Changed files that are named."""
_QUIET = 50
"""Milliseconds without a change that end a burst: an editor saves in several steps."""


class _Sources(watchfiles.DefaultFilter):
    """What a plugin is made of: not what a build makes of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ignore_dirs=[*watchfiles.DefaultFilter.ignore_dirs, *_IDLE])
        self._made = frozenset(str(folder / name) for name in _made(folder))

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        return path not in self._made and super().__call__(change, path)


def _made(folder: Path) -> Iterator[str]:
    """What `build.sh` writes."""
    if needs_build(folder):
        with suppress(DuctileError):
            manifest = open_folder(folder).loaded.manifest
            yield from (manifest.entrypoint, f"{manifest.entrypoint}.new") if manifest else ()
        yield from ("run", "run.new")


async def once(folder: Path, command: str | None, given: Given, show: Show) -> bool:
    """One round: build, run, show. Whether it succeeded."""
    succeeded, _ = await _round(folder, command, given, show)
    return succeeded


async def watch(folder: Path, command: str | None, given: Given, show: Show) -> bool:
    """Rounds until it is cancelled (Ctrl-C): one now, and one after each change. A change ends the round under way.

    Raises NoPluginFolder if there is nothing to watch from the start, and Unwatched.
    """
    folder = open_folder(folder).folder.absolute()
    stop = asyncio.Event()
    changes = watchfiles.awatch(
        folder, watch_filter=_Sources(folder), step=_QUIET, stop_event=stop, ignore_permission_denied=True
    )
    state = dict(given.state)
    following = asyncio.ensure_future(anext(changes))
    running = asyncio.ensure_future(_round(folder, command, given, show))
    try:
        while True:
            await asyncio.wait({following, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                _, state = running.result()  # also raises what keeps it from being shown
                await asyncio.wait({following})
            else:
                await _ended(running)
            _tell(folder, following, show)
            following = asyncio.ensure_future(anext(changes))
            running = asyncio.ensure_future(_round(folder, command, replace(given, state=state), show))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return True
    finally:
        stop.set()
        await _ended(running)
        await _ended(following)


def _tell(folder: Path, following: "asyncio.Future[set[tuple[watchfiles.Change, str]]]", show: Show) -> None:
    """Shows what has changed. Raises Unwatched."""
    try:
        changes = following.result()
    except (OSError, RuntimeError) as error:  # the latter is what watchfiles makes of errors it does not know
        raise Unwatched(folder=folder, reason=error) from None
    named = sorted({path.removeprefix(f"{folder}{os.sep}") for _, path in changes})
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    show({"changed": named}, f"\n— {', '.join(named[:_NAMED])}{more} changed —")


async def _ended(task: "asyncio.Future[Any]") -> None:
    """The end of a task, whose outcome nobody asks for any more."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


async def _round(folder: Path, command: str | None, given: Given, show: Show) -> tuple[bool, dict[str, Any]]:
    """Whether it succeeded, and the state that it leaves."""
    state = dict(given.state)
    try:
        if needs_build(folder):
            await build(folder)
        ran = await _run(folder, command, given)
    except BuildFailed as error:
        code = error.details["exit_code"]
        ended = f" (exit code {code})" if code else ""
        text = f"{folder / BUILD_SCRIPT} failed{ended}, and nothing was run:\n{error.output.rstrip()}"
        show({"error": error.code, "message": error.message, "output": error.output}, text)
        return False, state
    except DuctileError as error:
        show({"error": error.code, "message": error.message, "details": error.public_details()}, _told(error))
        return False, state
    request = ran.redactor.value(_request(ran))
    show({"request": request, **ran.document()}, ran.redactor.clip(_shown(ran)))
    response = ran.exchange.judged.response
    updates = response.state_updates if response is not None and response.ok else None
    return ran.succeeded, {**state, **(updates or {})}


async def _run(folder: Path, command: str | None, given: Given) -> Ran:
    """Run the command with what was given, and else with what the plugin's own tests say."""
    settings = read_settings(folder)
    config, env = {**settings.config, **given.config}, {**settings.env, **given.env}
    plugin = instance(open_folder(folder), config=config, env=env)
    commands = plugin.manifest.commands
    name = command or ("health" if "health" in commands else next(iter(commands)))
    payload = given.payload
    if payload is None and name in commands:
        probes = probes_of(plugin, commands[name], read_cases(folder), None)
        payload = {} if isinstance(probes, NoProbe) else probes[0].ask.payload
    with scratch(settings.files) as place:  # what it writes into its working directory must not look like a save
        return await run_once(
            folder, name, replace(given, payload=payload or {}, config=config, env=env), cwd=place.cwd
        )


def _told(error: DuctileError) -> str:
    problems = error.problems if isinstance(error, BadPlugin) else error.public_details().get("errors", [])
    return "\n".join([error.message, *(f"  {_line(problem)}" for problem in problems)])


def _line(problem: Any) -> str:
    return f"{problem['path']}: {problem['message']}" if isinstance(problem, dict) else str(problem)


def _request(ran: Ran) -> dict[str, Any]:
    """What the plugin was given."""
    exchange = ran.exchange
    if program_of(ran.plugin, ran.ask.command) is None:
        request: dict[str, Any] = orjson.loads(exchange.stdin)
        return request
    return {"args": list(exchange.args), "stdin": exchange.stdin.decode()}


def _shown(ran: Ran) -> str:
    """Request, response, stderr and timing, as a person reads them."""
    execution, judged = ran.exchange.execution, ran.exchange.judged
    parts = [
        f"request   {_indented(orjson.dumps(_request(ran), option=orjson.OPT_INDENT_2).decode())}",
        f"response  {_pretty(execution.stdout) or '(nothing)'}",
    ]
    if execution.stderr:
        parts.append(f"stderr    {_indented(execution.stderr.decode(errors='replace').rstrip())}")
    error = "" if ran.succeeded else f": {first_line(judged.error or '')}"
    parts.append(f"{judged.kind.value} after {execution.duration} ms, exit code {execution.exit_code}{error}")
    return "\n".join(parts)


def _pretty(output: bytes) -> str:
    try:
        text = orjson.dumps(orjson.loads(output), option=orjson.OPT_INDENT_2).decode()
    except ValueError:
        text = output.decode(errors="replace").rstrip()
    return _indented(text)


def _indented(text: str) -> str:
    return text.replace("\n", "\n          ")


def first_line(error: str) -> str:
    """Why it failed, without the stderr that is shown already."""
    return next(iter(error.partition(": Traceback")[0].splitlines()), "")
