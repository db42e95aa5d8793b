"""Reload: build everything, swap one reference, let the parts follow. An error leaves the old one serving.

The listener, the store and running attempts are never touched.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ductile.config.compile import Compiled, compile_config
from ductile.config.config_section import AnySection
from ductile.config.installation import Installation
from ductile.config.lockout import NOBODY, Asker, check_operators
from ductile.document.problem import Problem
from ductile.errors import DuctileError, Unprocessable
from ductile.model.clock import Clock, Millis, rfc3339
from ductile.model.route import Surface
from ductile.model.snapshot import Snapshot

log = structlog.get_logger(__name__)

WATCH = "watch"
"""The cause of a reload that the watcher asks for: it asks once too often rather than not often enough."""

Apply = Callable[[Snapshot, Snapshot], None]
"""Told of a swap, on the loop: the old snapshot and the new one. It must not fail and must not wait."""


class ReloadRefused(Unprocessable):
    """The configuration was refused for {found} (`details.errors` says where), and the old one serves on."""

    code = "invalid_configuration"


class RestartRequired(Unprocessable):
    """A change of {keys} needs a restart; nothing was applied. Run `ductile system stop`, then start it again."""

    code = "restart_required"


class FilesChanged(Exception):
    """The files changed while they were read, so that what was read may be half of something."""


class ReloadResult(Struct, frozen=True, kw_only=True):
    """What a reload did."""

    generation: int
    config_hash: str
    changes: list[str]
    """The parts that were added, changed or removed: `plugins.echo`, `service`, …"""
    changed: bool
    """False where the configuration is the one that serves already."""
    warnings: list[str]
    """What is wrong with it and keeps nothing else from working: `file:line:column: …`, quarantined plugins too."""


class FinishedReload(Struct, frozen=True, kw_only=True):
    """A reload that is over."""

    cause: str
    old: Snapshot
    new: Snapshot
    """Of the old one's generation where nothing changed; the old one where it was refused."""
    changes: Sequence[str] = ()
    refusal: DuctileError | None = None

    @property
    def changed(self) -> bool:
        """Whether another configuration serves now."""
        return self.new.generation != self.old.generation


StillnessCheck = Callable[[], Awaitable[bool]]
"""Whether the files are as they were when somebody asked for them to be read."""


async def always_still() -> bool:
    """They count as still."""
    return True


ReloadListener = Callable[[FinishedReload], Awaitable[None]]
"""Told of every reload before its caller is answered; it must not fail."""


class LiveConfig:
    """Holds the current snapshot; a reload replaces it whole."""

    def __init__(
        self,
        snapshot: Snapshot,
        location: Path,
        environ: Mapping[str, str],
        clock: Clock,
        installation: Installation | None = None,
        *,
        surfaces: Sequence[Surface] = (),
        sections: Sequence[AnySection] = (),
    ) -> None:
        self.snapshot = snapshot
        self.last_error: Mapping[str, Any] | None = None
        """Of the last reload, where it was refused: `{at, message, errors}`."""
        self.inputs = snapshot.inputs
        """What the last reload read, refused or not."""
        self.notices: dict[str, str] = {}
        """Part → a sentence on what keeps it from working as configured; `/healthz` shows them as warnings."""
        self._location = location
        self._environ = environ
        self._clock = clock
        self._installation = installation
        self._surfaces = surfaces
        self._sections = sections
        self._turn = asyncio.Lock()
        self._on_begin: list[Callable[[], None]] = []
        self._on_swap: list[Apply] = []
        self._on_finish: list[ReloadListener] = []

    def on_begin(self, call: Callable[[], None]) -> None:
        """Call back when a reload begins."""
        self._on_begin.append(call)

    def on_swap(self, apply: Apply) -> None:
        """Call back with the old and the new snapshot after every swap."""
        self._on_swap.append(apply)

    def on_finish(self, listener: ReloadListener) -> None:
        """Call back after every reload, also one that was refused or changed nothing."""
        self._on_finish.append(listener)

    async def reload(self, cause: str, asker: Asker = NOBODY, *, still: StillnessCheck = always_still) -> ReloadResult:
        """Compile the configuration and let it serve.

        Raises ReloadRefused with every located problem, RestartRequired or OperatorLockedOut; all leave the old
        snapshot serving. Raises FilesChanged, as if nothing had been asked, where the files are not `still` once they
        are read. Reloads take turns, so each one answers for the files as they were after it was asked.
        """
        async with self._turn:
            old = self.snapshot
            for call in self._on_begin:
                call()
            try:
                result = await self._reload(asker, still)
            except FilesChanged:
                raise
            except Unprocessable as refusal:
                errors = refusal.details.get("errors", [])
                self.last_error = {"at": rfc3339(self._clock()), "message": refusal.message, "errors": errors}
                log.error("reload refused", cause=cause, reason=refusal.message, errors=errors)
                await self._finish(FinishedReload(cause=cause, old=old, new=old, refusal=refusal))
                raise
            except Exception:
                await self._finish(FinishedReload(cause=cause, old=old, new=self.snapshot, refusal=DuctileError()))
                raise
            self.last_error = None
            level = "info" if result.changed or cause != WATCH else "debug"
            getattr(log, level)("reloaded", cause=cause, generation=result.generation, changes=result.changes)
            await self._finish(FinishedReload(cause=cause, old=old, new=self.snapshot, changes=result.changes))
            return result

    async def _finish(self, reload: FinishedReload) -> None:
        for listener in self._on_finish:
            await listener(reload)

    async def preview(self, asker: Asker = NOBODY) -> ReloadResult:
        """What a reload would do now. Raises what it would raise; nothing is kept of it, not even an error."""
        async with self._turn:
            return serve_or_refuse(self.snapshot, await self._compile(), asker, self._clock())[1]

    async def _reload(self, asker: Asker, still: StillnessCheck) -> ReloadResult:
        old = self.snapshot
        compiled = await self._compile()
        if not await still():
            raise FilesChanged
        self.inputs = compiled.inputs
        new, result = serve_or_refuse(old, compiled, asker, self._clock())
        if result.changed and self._installation is not None:
            await asyncio.to_thread(self._installation.record, new)
        self.snapshot = new
        if result.changed:
            for apply in self._on_swap:
                apply(old, new)
        return result

    async def _compile(self) -> Compiled:
        """The configuration as it is written now."""
        old = self.snapshot
        return await asyncio.to_thread(self._compile_bound, old)

    def _compile_bound(self, old: Snapshot) -> Compiled:
        compiled = compile_config(
            self._location,
            self._environ,
            generation=old.generation + 1,
            surfaces=self._surfaces,
            sections=self._sections,
        )
        if compiled.snapshot is None or self._installation is None:
            return compiled
        return replace(compiled, snapshot=self._installation.bind(compiled.snapshot))


def serve_or_refuse(old: Snapshot, compiled: Compiled, asker: Asker, now: Millis) -> tuple[Snapshot, ReloadResult]:
    """The snapshot to serve, and what is new in it. Raises ReloadRefused, RestartRequired or OperatorLockedOut.

    Where nothing is new it is the old one, with the warnings as the files give rise to them now.
    """
    new = compiled.snapshot
    if new is None:
        raise reload_refusal(compiled.problems)
    if new.config_hash == old.config_hash:
        same = old if new.warnings == old.warnings else replace(old, warnings=new.warnings)
        return same, _result(same, [], changed=False)
    keys = fixed_keys_changed(old, new)
    if keys:
        raise RestartRequired(keys=keys)
    check_operators(old, new, compiled.marks, asker, now)
    return new, _result(new, changed_sections(old, new), changed=True)


def _result(serving: Snapshot, changes: list[str], *, changed: bool) -> ReloadResult:
    return ReloadResult(
        generation=serving.generation,
        config_hash=serving.config_hash,
        changes=changes,
        changed=changed,
        warnings=serving.redactor.value(list(serving.warnings)),
    )


def reload_refusal(problems: tuple[Problem, ...]) -> ReloadRefused:
    """The error that lists every problem of a configuration."""
    errors = [problem for problem in problems if problem.severity == "error"]
    found = f"{len(errors)} errors" if len(errors) > 1 else "an error"
    return ReloadRefused(found=found, errors=[problem.public() for problem in errors])


def fixed_keys_changed(old: Snapshot, new: Snapshot) -> list[str]:
    """The settings that differ and that a running gateway cannot follow."""
    keys = []
    if (old.api.listen, old.api.enabled) != (new.api.listen, new.api.enabled):
        keys.append("api.listen" if old.api.enabled == new.api.enabled else "api.enabled")
    if old.state_path != new.state_path:
        keys.append("state.path")
    before, after = old.restart_hashes, new.restart_hashes
    return keys + [key for key in after if before.get(key) != after[key]]


def changed_sections(old: Snapshot, new: Snapshot) -> list[str]:
    """The named parts that differ, in order."""
    names = old.section_hashes.keys() | new.section_hashes.keys()
    return sorted(name for name in names if old.section_hashes.get(name) != new.section_hashes.get(name))
