"""The conformance kit: every case, on one plugin."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from ductile.document.problem import did_you_mean
from ductile.document.redactor import Redactor
from ductile.errors import end_sentence
from ductile.kit.bench import Bench, Exchange, Limits, Place
from ductile.kit.cases import answers, ending, repeat, robust, warm, whole
from ductile.kit.cases.talk import Lab, Talk, answered
from ductile.kit.errors import BadSettings
from ductile.kit.finding import Finding, Seen, Verdict, failed, skipped
from ductile.kit.probes import NoProbe, Probe, probes_of
from ductile.kit.run import KILL_GRACE
from ductile.kit.scratch import scratch
from ductile.kit.settings import read_cases, read_settings
from ductile.kit.subject import Opened, instance, open_folder, redactor, require_command
from ductile.model.clock import Millis, system_clock
from ductile.model.ids import new_id
from ductile.model.manifest import Command, CommandType, Manifest
from ductile.model.snapshot import Plugin
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.spawn_runner import SpawnRunner

Check = Callable[[Talk], Awaitable[Seen]]

ON_EACH_COMMAND: Mapping[str, tuple[str, Check]] = {
    "answers": (answers.ANSWERS, answers.answers),
    "result": (answers.RESULT, answers.result),
    "events": (answers.EVENTS, answers.events),
    "output": (answers.OUTPUT, answers.output),
    "stdout": (answers.STDOUT, answers.stdout),
    "unknown_fields": (robust.UNKNOWN_FIELDS, robust.unknown_fields),
    "wrong_payload": (robust.WRONG_PAYLOAD, robust.wrong_payload),
    "large_payload": (robust.LARGE_PAYLOAD, robust.large_payload),
    "environment": (robust.ENVIRONMENT, robust.environment),
    "stable": (repeat.STABLE, repeat.stable),
    "state": (repeat.STATE, repeat.state),
    "concurrency": (repeat.CONCURRENCY, repeat.concurrency),
    "deadline": (ending.DEADLINE, ending.deadline),
    "leftovers": (ending.LEFTOVERS, ending.leftovers),
    "worker": (warm.WORKER, warm.worker),
}
ON_THE_WHOLE: Mapping[str, str] = {
    "manifest": whole.MANIFEST,
    "build": whole.BUILT,
    "trust": whole.TRUST,
    "config": whole.CONFIG,
    "malformed": whole.MALFORMED,
    "timing": whole.TIMING,
}
RULES: Mapping[str, str] = {**ON_THE_WHOLE, **{name: rule for name, (rule, _) in ON_EACH_COMMAND.items()}}
"""Every case, with what it asks of a plugin."""
ON_WORKERS = frozenset({"worker"})
"""Cases of what the manifest calls `lifecycle: persistent`."""
WITHOUT_REQUEST = frozenset({"unknown_fields", "wrong_payload", "large_payload", "state", "deadline"})
"""Cases of the request that a plain program (`output: text`) does not read."""
UNANSWERED = frozenset({"answers", "output"})
"""Cases that look at a command which has not answered."""

_REFUSED = "Mend what the system refused; `plugin run` shows the same."
_NO_REQUEST = "a plain program (`output: text`) reads no request"
_GIVE = "Give a payload that works: `examples: [{…}]` in input_schema, a case in tests/NAME.json, or"

TIMEOUT: Millis = 10_000
AT_ONCE = 4


class Options(Struct, frozen=True, kw_only=True):
    """What to test, and with what."""

    only: frozenset[str] = frozenset()
    """Cases (`answers`), or single ones of them (`answers[greet]`); empty for all."""
    skip: Mapping[str, str] = field(default_factory=dict)
    """Command → why it is not run."""
    read_only: bool = False
    """Commands of `type: write` are not run."""
    payloads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: Millis = TIMEOUT
    kill_grace: Millis = KILL_GRACE
    at_once: int = AT_ONCE
    build: bool = True
    """Whether `build.sh` is run first."""


class Report(Struct, frozen=True, kw_only=True):
    """All that was found, in order."""

    plugin: str
    folder: Path
    findings: tuple[Finding, ...]
    seconds: float
    redactor: Redactor
    """Hides the secrets of the configuration wherever an exchange is shown."""

    def count(self, verdict: Verdict) -> int:
        """How many cases ended so."""
        return sum(finding.seen.verdict is verdict for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.count(Verdict.FAILED) == 0


async def examine(folder: Path, options: Options) -> Report:
    """Test the plugin in this folder. Raises NoPluginFolder, BadSettings, NoSuchCommand."""
    began = time.monotonic()
    opened = open_folder(folder)
    folder = opened.folder
    settings = read_settings(folder)
    check_only(options.only)
    config, env = {**settings.config, **options.config}, {**settings.env, **options.env}
    bench = Bench(
        SpawnRunner(),
        system_clock,
        Limits(timeout=options.timeout, kill_grace=options.kill_grace),
        instance=new_id(),
    )
    lab = Lab(bench=bench, files=settings.files, at_once=options.at_once)
    manifest = opened.loaded.manifest
    if manifest is not None:
        for name in (*settings.skip, *options.skip, *options.payloads):
            require_command(manifest, name)
    exam = _Exam(lab, replace(options, skip={**settings.skip, **options.skip}))
    try:
        await exam.run(opened, config, env)
    finally:
        await bench.close()
    if options.only and not exam.findings:
        raise BadSettings(
            what=f"--only {', '.join(sorted(options.only))}", reason="the plugin has nothing of that name"
        )
    return Report(
        plugin=opened.loaded.name,
        folder=folder,
        findings=tuple(exam.findings),
        seconds=time.monotonic() - began,
        redactor=redactor(manifest, config, env),
    )


def check_only(only: Iterable[str]) -> None:
    """Raises BadSettings for what is no case."""
    for name in only:
        case = name.partition("[")[0]
        if case not in RULES:
            hint = did_you_mean(case, RULES) or f"; the cases are {', '.join(RULES)}"
            raise BadSettings(what=f"--only {name}", reason=f"`{case}` is no case{hint}")


class _Exam:
    """One plugin's findings, as they are made."""

    def __init__(self, lab: Lab, options: Options) -> None:
        self._lab = lab
        self._options = options
        self.findings: list[Finding] = []

    async def run(self, opened: Opened, config: Mapping[str, Any], env: Mapping[str, str]) -> None:
        """All cases: files first, then commands, then what is no command."""
        self._note("manifest", None, whole.manifest(opened))
        made, seconds = await _timed(partial(whole.built, opened, build_it=self._options.build))
        self._note("build", None, made, seconds)
        if made.verdict is Verdict.FAILED:
            return
        opened = open_folder(opened.folder)  # with what was built
        self._note("trust", None, whole.trust(opened))
        manifest = opened.loaded.manifest
        if opened.errors or manifest is None:
            return
        ready = whole.config(manifest, config)
        self._note("config", None, ready)
        if ready.verdict is Verdict.FAILED:
            return
        await self._commands(manifest, instance(opened, config=config, env=env), opened.folder)

    async def _commands(self, manifest: Manifest, plugin: Plugin, folder: Path) -> None:
        cases = read_cases(folder)
        for name, case in cases.items():
            if case.command not in manifest.commands:
                hint = did_you_mean(case.command, manifest.commands) or f"; it has {', '.join(manifest.commands)}"
                raise BadSettings(what=folder / "tests" / name, reason=f"there is no command `{case.command}`{hint}")
        room = asyncio.Semaphore(self._lab.at_once if manifest.concurrency_safe else 1)
        speaking: list[Probe] = []
        for name, command in manifest.commands.items():
            if (why := self._skips(command)) is not None:
                self._note("answers", name, skipped(why))
                continue
            probes = probes_of(plugin, command, cases, self._options.payloads.get(name))
            if isinstance(probes, NoProbe):
                self._note(
                    "answers",
                    name,
                    failed(end_sentence(f"Nothing was sent: {probes.reason}"), f"{_GIVE} --payload {name}=JSON."),
                )
                continue
            talk = await self._talk(manifest, command, probes, room)
            if talk is not None and answered(talk.first) is not None:
                speaking.append(talk.probe)
        await self._whole(speaking, manifest, room)

    def _skips(self, command: Command) -> str | None:
        """Why the command is not run."""
        if self._options.read_only and command.type is CommandType.WRITE:
            return "it is of type write, and --read-only was given"
        return self._options.skip.get(command.name)

    async def _talk(
        self, manifest: Manifest, command: Command, probes: tuple[Probe, ...], room: asyncio.Semaphore
    ) -> Talk | None:
        """All cases of one command; None where it did not start."""
        with ExitStack() as places:
            sent = [(probe, places.enter_context(scratch(self._lab.files))) for probe in probes]
            try:
                exchanges = await asyncio.gather(*(_sent(self._lab, probe, place, room) for probe, place in sent))
            except SpawnFailed as failure:
                self._note(
                    "answers", command.name, failed(end_sentence(f"It did not start: {failure.reason}"), _REFUSED)
                )
                return None
            talk = Talk(
                lab=self._lab,
                manifest=manifest,
                command=command,
                probes=probes,
                exchanges=tuple(exchanges),
                place=sent[0][1],
            )
            silent = answered(talk.first) is None
            cases = [case for case in ON_EACH_COMMAND if manifest.lifecycle == "persistent" or case not in ON_WORKERS]
            wanted = [case for case in cases if self._wanted(case, command.name)]
            seen = await asyncio.gather(*(_look(talk, case, room, silent=silent) for case in wanted))
        for case, (one, seconds) in zip(wanted, seen, strict=True):
            self._note(case, command.name, one, seconds)
        return talk

    async def _whole(self, speaking: Sequence[Probe], manifest: Manifest, room: asyncio.Semaphore) -> None:
        if not speaking:
            for case in ("malformed", "timing"):
                self._note(case, None, skipped("a command has to answer first; see answers"))
            return
        readers = [probe for probe in speaking if manifest.commands[probe.ask.command].program is None]
        if not readers:
            self._note("malformed", None, skipped(_NO_REQUEST))
        kinds = [kind for kind in whole.KINDS if readers and self._wanted("malformed", kind)]
        looks = [_timed(partial(whole.malformed, self._lab, readers[0], kind), room) for kind in kinds]
        for kind, (seen, seconds) in zip(kinds, await asyncio.gather(*looks), strict=True):
            self._note("malformed", kind, seen, seconds)
        if self._wanted("timing", None):
            quick = next((probe for probe in speaking if probe.ask.command == "health"), speaking[0])
            self._note("timing", None, *await _timed(partial(whole.timing, self._lab, quick), room))

    def _wanted(self, case: str, of: str | None) -> bool:
        only = self._options.only
        return not only or case in only or f"{case}[{of}]" in only

    def _note(self, case: str, of: str | None, seen: Seen, seconds: float = 0.0) -> None:
        if self._wanted(case, of) or (
            seen.verdict is Verdict.FAILED and case in ("manifest", "build", "trust", "config")
        ):
            self.findings.append(Finding(case=case, of=of, rule=RULES[case], seen=seen, seconds=seconds))


async def _sent(lab: Lab, probe: Probe, place: Place, room: asyncio.Semaphore) -> Exchange:
    async with room:
        return await lab.bench.ask(probe.plugin, probe.ask, place)


async def _look(talk: Talk, case: str, room: asyncio.Semaphore, *, silent: bool) -> tuple[Seen, float]:
    if talk.command.program is not None and case in WITHOUT_REQUEST:
        return skipped(_NO_REQUEST), 0.0
    if silent and case not in UNANSWERED:
        return skipped("it has to answer first; see answers"), 0.0
    return await _timed(lambda: ON_EACH_COMMAND[case][1](talk), room)


async def _timed(look: Callable[[], Awaitable[Seen]], room: asyncio.Semaphore | None = None) -> tuple[Seen, float]:
    async with room or nullcontext():
        began = time.monotonic()
        seen = await look()
        return seen, time.monotonic() - began
