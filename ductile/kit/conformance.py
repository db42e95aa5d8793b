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
from ductile.kit.case_result import CaseResult, Observation, Verdict, fail_case, skip_case
from ductile.kit.cases import answer_cases, ending_cases, plugin_cases, repeat_cases, robustness_cases, worker_cases
from ductile.kit.cases.case_context import CaseContext, CommandContext, read_response
from ductile.kit.errors import BadSettings
from ductile.kit.exchange import Exchange, Limits, RequestSender
from ductile.kit.kit_settings import read_cases, read_settings
from ductile.kit.plugin_under_test import PluginUnderTest, build_instance, build_redactor, open_plugin, require_command
from ductile.kit.sample_requests import NoSampleRequest, SampleRequest, sample_requests
from ductile.kit.single_run import KILL_GRACE
from ductile.kit.workspace import Workspace, scratch_workspace
from ductile.model.clock import Millis, system_clock
from ductile.model.ids import new_id
from ductile.model.manifest import Command, CommandType, Manifest
from ductile.model.snapshot import Plugin
from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.spawn_runner import SpawnRunner

CaseCheck = Callable[[CommandContext], Awaitable[Observation]]

COMMAND_CASES: Mapping[str, tuple[str, CaseCheck]] = {
    "answers": (answer_cases.ANSWERS_RULE, answer_cases.check_answers),
    "result": (answer_cases.RESULT_RULE, answer_cases.check_result),
    "events": (answer_cases.EVENTS_RULE, answer_cases.check_events),
    "output": (answer_cases.OUTPUT_RULE, answer_cases.check_output),
    "stdout": (answer_cases.STDOUT_RULE, answer_cases.check_stdout),
    "unknown_fields": (robustness_cases.UNKNOWN_FIELDS_RULE, robustness_cases.check_unknown_fields),
    "wrong_payload": (robustness_cases.WRONG_PAYLOAD_RULE, robustness_cases.check_wrong_payload),
    "large_payload": (robustness_cases.LARGE_PAYLOAD_RULE, robustness_cases.check_large_payload),
    "environment": (robustness_cases.ENVIRONMENT_RULE, robustness_cases.check_environment),
    "stable": (repeat_cases.STABLE_RULE, repeat_cases.check_stable),
    "state": (repeat_cases.STATE_RULE, repeat_cases.check_state),
    "concurrency": (repeat_cases.CONCURRENCY_RULE, repeat_cases.check_concurrency),
    "deadline": (ending_cases.DEADLINE_RULE, ending_cases.check_deadline),
    "leftovers": (ending_cases.LEFTOVERS_RULE, ending_cases.check_leftovers),
    "worker": (worker_cases.WORKER_RULE, worker_cases.check_worker),
}
PLUGIN_CASES: Mapping[str, str] = {
    "manifest": plugin_cases.MANIFEST_RULE,
    "build": plugin_cases.BUILD_RULE,
    "trust": plugin_cases.TRUST_RULE,
    "config": plugin_cases.CONFIG_RULE,
    "malformed": plugin_cases.MALFORMED_RULE,
    "timing": plugin_cases.TIMING_RULE,
}
RULES: Mapping[str, str] = {**PLUGIN_CASES, **{name: rule for name, (rule, _) in COMMAND_CASES.items()}}
"""Every case with its rule."""
WORKER_CASES = frozenset({"worker"})
"""Cases of plugins with `lifecycle: persistent`."""
REQUEST_CASES = frozenset({"unknown_fields", "wrong_payload", "large_payload", "state", "deadline"})
"""Cases about the request, which a plain program (`output: text`) does not read."""
NO_ANSWER_CASES = frozenset({"answers", "output"})
"""Cases that also examine a command that has not answered."""

_SPAWN_FIX = "Mend what the system refused; `plugin run` shows the same."
_NO_REQUEST = "a plain program (`output: text`) reads no request"
_PAYLOAD_FIX = "Give a payload that works: `examples: [{…}]` in input_schema, a case in tests/NAME.json, or"

DEFAULT_TIMEOUT: Millis = 10_000
DEFAULT_AT_ONCE = 4


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
    timeout: Millis = DEFAULT_TIMEOUT
    kill_grace: Millis = KILL_GRACE
    at_once: int = DEFAULT_AT_ONCE
    build: bool = True
    """Whether `build.sh` is run first."""


class Report(Struct, frozen=True, kw_only=True):
    """All case results, in order."""

    plugin: str
    folder: Path
    case_results: tuple[CaseResult, ...]
    seconds: float
    redactor: Redactor
    """Hides the secrets of the configuration wherever an exchange is shown."""

    def count(self, verdict: Verdict) -> int:
        """The number of cases with this verdict."""
        return sum(case_result.observation.verdict is verdict for case_result in self.case_results)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.count(Verdict.FAILED) == 0


async def examine_plugin(folder: Path, options: Options) -> Report:
    """Test the plugin in this folder. Raises NoPluginFolder, BadSettings, NoSuchCommand."""
    began = time.monotonic()
    subject = open_plugin(folder)
    folder = subject.folder
    settings = read_settings(folder)
    check_case_names(options.only)
    config, env = {**settings.config, **options.config}, {**settings.env, **options.env}
    sender = RequestSender(
        SpawnRunner(),
        system_clock,
        Limits(timeout=options.timeout, kill_grace=options.kill_grace),
        instance=new_id(),
    )
    case_context = CaseContext(sender=sender, files=settings.files, at_once=options.at_once)
    manifest = subject.loaded.manifest
    if manifest is not None:
        for name in (*settings.skip, *options.skip, *options.payloads):
            require_command(manifest, name)
    examination = _Examination(case_context, replace(options, skip={**settings.skip, **options.skip}))
    try:
        await examination.run(subject, config, env)
    finally:
        await sender.close()
    if options.only and not examination.case_results:
        raise BadSettings(
            what=f"--only {', '.join(sorted(options.only))}", reason="the plugin has nothing of that name"
        )
    return Report(
        plugin=subject.loaded.name,
        folder=folder,
        case_results=tuple(examination.case_results),
        seconds=time.monotonic() - began,
        redactor=build_redactor(manifest, config, env),
    )


def check_case_names(only: Iterable[str]) -> None:
    """Raises BadSettings for what is no case."""
    for name in only:
        case = name.partition("[")[0]
        if case not in RULES:
            hint = did_you_mean(case, RULES) or f"; the cases are {', '.join(RULES)}"
            raise BadSettings(what=f"--only {name}", reason=f"`{case}` is no case{hint}")


class _Examination:
    """Runs the cases of one plugin, and collects their results."""

    def __init__(self, case_context: CaseContext, options: Options) -> None:
        self._case_context = case_context
        self._options = options
        self.case_results: list[CaseResult] = []

    async def run(self, subject: PluginUnderTest, config: Mapping[str, Any], env: Mapping[str, str]) -> None:
        """Run all cases: files first, then commands, then the plugin as a whole."""
        self._record("manifest", None, plugin_cases.check_manifest(subject))
        build_observation, seconds = await _measure(
            partial(plugin_cases.check_build, subject, build_it=self._options.build)
        )
        self._record("build", None, build_observation, seconds)
        if build_observation.verdict is Verdict.FAILED:
            return
        subject = open_plugin(subject.folder)  # with what was built
        self._record("trust", None, plugin_cases.check_trust(subject))
        manifest = subject.loaded.manifest
        if subject.errors or manifest is None:
            return
        ready = plugin_cases.check_config(manifest, config)
        self._record("config", None, ready)
        if ready.verdict is Verdict.FAILED:
            return
        await self._run_commands(manifest, build_instance(subject, config=config, env=env), subject.folder)

    async def _run_commands(self, manifest: Manifest, plugin: Plugin, folder: Path) -> None:
        cases = read_cases(folder)
        for name, case in cases.items():
            if case.command not in manifest.commands:
                hint = did_you_mean(case.command, manifest.commands) or f"; it has {', '.join(manifest.commands)}"
                raise BadSettings(what=folder / "tests" / name, reason=f"there is no command `{case.command}`{hint}")
        slots = asyncio.Semaphore(self._case_context.at_once if manifest.concurrency_safe else 1)
        answering: list[SampleRequest] = []
        for name, command in manifest.commands.items():
            if (why := self._skip_reason(command)) is not None:
                self._record("answers", name, skip_case(why))
                continue
            samples = sample_requests(plugin, command, cases, self._options.payloads.get(name))
            if isinstance(samples, NoSampleRequest):
                self._record(
                    "answers",
                    name,
                    fail_case(
                        end_sentence(f"Nothing was sent: {samples.reason}"), f"{_PAYLOAD_FIX} --payload {name}=JSON."
                    ),
                )
                continue
            context = await self._run_command_cases(manifest, command, samples, slots)
            if context is not None and read_response(context.first) is not None:
                answering.append(context.sample)
        await self._run_plugin_cases(answering, manifest, slots)

    def _skip_reason(self, command: Command) -> str | None:
        """Why the command is not run."""
        if self._options.read_only and command.type is CommandType.WRITE:
            return "it is of type write, and --read-only was given"
        return self._options.skip.get(command.name)

    async def _run_command_cases(
        self, manifest: Manifest, command: Command, samples: tuple[SampleRequest, ...], slots: asyncio.Semaphore
    ) -> CommandContext | None:
        """All cases of one command; None where it did not start."""
        with ExitStack() as workspaces:
            sent = [
                (sample, workspaces.enter_context(scratch_workspace(self._case_context.files))) for sample in samples
            ]
            try:
                exchanges = await asyncio.gather(
                    *(_send(self._case_context, sample, workspace, slots) for sample, workspace in sent)
                )
            except SpawnFailed as failure:
                self._record(
                    "answers", command.name, fail_case(end_sentence(f"It did not start: {failure.reason}"), _SPAWN_FIX)
                )
                return None
            context = CommandContext(
                case_context=self._case_context,
                manifest=manifest,
                command=command,
                samples=samples,
                exchanges=tuple(exchanges),
                workspace=sent[0][1],
            )
            silent = read_response(context.first) is None
            cases = [case for case in COMMAND_CASES if manifest.lifecycle == "persistent" or case not in WORKER_CASES]
            selected = [case for case in cases if self._is_selected(case, command.name)]
            observation = await asyncio.gather(*(_run_case(context, case, slots, silent=silent) for case in selected))
        for case, (one, seconds) in zip(selected, observation, strict=True):
            self._record(case, command.name, one, seconds)
        return context

    async def _run_plugin_cases(
        self, answering: Sequence[SampleRequest], manifest: Manifest, slots: asyncio.Semaphore
    ) -> None:
        if not answering:
            for case in ("malformed", "timing"):
                self._record(case, None, skip_case("a command has to answer first; see answers"))
            return
        readers = [sample for sample in answering if manifest.commands[sample.request.command].program is None]
        if not readers:
            self._record("malformed", None, skip_case(_NO_REQUEST))
        kinds = [kind for kind in plugin_cases.MALFORMED_KINDS if readers and self._is_selected("malformed", kind)]
        looks = [
            _measure(partial(plugin_cases.check_malformed, self._case_context, readers[0], kind), slots)
            for kind in kinds
        ]
        for kind, (observation, seconds) in zip(kinds, await asyncio.gather(*looks), strict=True):
            self._record("malformed", kind, observation, seconds)
        if self._is_selected("timing", None):
            quick = next((sample for sample in answering if sample.request.command == "health"), answering[0])
            self._record(
                "timing", None, *await _measure(partial(plugin_cases.measure_start, self._case_context, quick), slots)
            )

    def _is_selected(self, case: str, target: str | None) -> bool:
        only = self._options.only
        return not only or case in only or f"{case}[{target}]" in only

    def _record(self, case: str, target: str | None, observation: Observation, seconds: float = 0.0) -> None:
        if self._is_selected(case, target) or (
            observation.verdict is Verdict.FAILED and case in ("manifest", "build", "trust", "config")
        ):
            self.case_results.append(
                CaseResult(case=case, target=target, rule=RULES[case], observation=observation, seconds=seconds)
            )


async def _send(
    case_context: CaseContext, sample: SampleRequest, workspace: Workspace, slots: asyncio.Semaphore
) -> Exchange:
    async with slots:
        return await case_context.sender.send_request(sample.plugin, sample.request, workspace)


async def _run_case(
    context: CommandContext, case: str, slots: asyncio.Semaphore, *, silent: bool
) -> tuple[Observation, float]:
    if context.command.program is not None and case in REQUEST_CASES:
        return skip_case(_NO_REQUEST), 0.0
    if silent and case not in NO_ANSWER_CASES:
        return skip_case("it has to answer first; see answers"), 0.0
    return await _measure(lambda: COMMAND_CASES[case][1](context), slots)


async def _measure(
    look: Callable[[], Awaitable[Observation]], slots: asyncio.Semaphore | None = None
) -> tuple[Observation, float]:
    async with slots or nullcontext():
        began = time.monotonic()
        observation = await look()
        return observation, time.monotonic() - began
