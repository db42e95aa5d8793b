"""Cases about the plugin as a whole: files, malformed requests and the time of a start."""

import statistics
from collections.abc import Mapping
from typing import Any

from ductile.errors import end_sentence
from ductile.kit.build import build_plugin, needs_build, newer_source
from ductile.kit.build_excerpt import cut_build_output
from ductile.kit.case_result import Observation, fail_case, pass_case, skip_case
from ductile.kit.cases.case_context import CaseContext, describe_answer, read_response
from ductile.kit.errors import BuildFailed
from ductile.kit.exchange import Exchange
from ductile.kit.plugin_under_test import PluginUnderTest, config_problems
from ductile.kit.request import change_members
from ductile.kit.sample_requests import SampleRequest
from ductile.kit.workspace import scratch_workspace
from ductile.model.manifest import Manifest
from ductile.plugin.messages import PROTOCOL_VERSION
from ductile.plugin.trust import BUILD_SCRIPT

MANIFEST_RULE = "manifest.yaml holds what a manifest may hold; manifest.schema.json tells an editor the same."
BUILD_RULE = "The entrypoint is made from the sources that are there: `build.sh`, where there is one, ends with 0."
TRUST_RULE = "The entrypoint is executable, its interpreter is there, and nobody but its owner may change it."
CONFIG_RULE = "The configuration has what `config_keys.required` and `config_schema` ask for."
MALFORMED_RULE = "What is no request is answered by an error or an exit code other than 0, and not by hanging."
TIMING_RULE = "How long a start takes is said, not judged."

_MEASURED_STARTS = 5
_FILE_PROBLEMS = frozenset({"untrusted", "unbuilt", "missing_program"})
"""Codes of problems of files, not of the manifest."""
_BUILD_FIX = "Mend what the compiler names, or install the program that is missing. An older build is not tested."
_REBUILD_FIX = "Build it again; with a build.sh beside the manifest, `plugin test` and `plugin dev` do so themselves."
_TRUST_FIX = (
    "Correct what is named: the entrypoint in the manifest, the file's mode by `chmod`, "
    "or its first line, as in `#!/usr/bin/env python3`."
)

MALFORMED_KINDS: Mapping[str, str] = {
    "empty": "nothing at all",
    "not_json": "text that is no JSON",
    "cut": "the first half of a request",
    "list": "a JSON list",
    "protocol": f"a request of protocol 99, not {PROTOCOL_VERSION}",
    "unknown_command": "a request for a command that it does not have",
}


def check_manifest(subject: PluginUnderTest) -> Observation:
    """The manifest could be read."""
    wrong = [str(problem) for problem in subject.errors if problem.code not in _FILE_PROBLEMS]
    if wrong:
        return fail_case("\n".join(wrong), "Correct the named lines; the first mistake may be the cause of the others.")
    return pass_case(*(str(problem) for problem in subject.warnings))


def check_trust(subject: PluginUnderTest) -> Observation:
    """The files may be run."""
    wrong = [problem for problem in subject.errors if problem.code in _FILE_PROBLEMS]
    if wrong:
        fix = _REBUILD_FIX if wrong[0].code == "unbuilt" else _TRUST_FIX
        return fail_case("\n".join(end_sentence(problem.message) for problem in wrong), fix)
    return pass_case() if subject.loaded.executable else skip_case("the manifest says no entrypoint yet")


async def check_build(subject: PluginUnderTest, *, build_it: bool) -> Observation:
    """What is tested was made from the sources that are there."""
    manifest, folder = subject.loaded.manifest, subject.folder
    if manifest is None:
        return skip_case("the manifest says no entrypoint yet")
    if needs_build(folder) and build_it:
        try:
            await build_plugin(folder)
        except BuildFailed as error:
            code = error.details["exit_code"]
            ended = f" with exit code {code}" if code else ""
            message = "\n".join(cut_build_output(error.output))
            return fail_case(f"{folder / BUILD_SCRIPT} failed{ended}:\n{message}", _BUILD_FIX)
        return pass_case()
    product = folder / manifest.entrypoint
    newer = newer_source(folder, product) if product.is_file() else None
    if newer is not None:
        return fail_case(
            f"{newer} is newer than {product}, so what is there is not what its sources say.", _REBUILD_FIX
        )
    return skip_case("--no-build was given" if needs_build(folder) else f"it has no {BUILD_SCRIPT}: nothing is built")


def check_config(manifest: Manifest, given: Mapping[str, Any]) -> Observation:
    """The plugin would not be quarantined for its configuration."""
    wrong = config_problems(manifest, given)
    if not wrong:
        return pass_case()
    return fail_case(
        ". ".join(wrong) + ".", "Give it by --config KEY=VALUE, or for good in tests/kit.yaml under `config:`."
    )


def malformed_stdin(kind: str, request: bytes) -> bytes:
    """The malformed bytes in place of a request."""
    if kind == "protocol":
        return change_members(request, protocol=99)
    if kind == "unknown_command":
        return change_members(request, command="kit-no-such-command")
    if kind == "cut":
        return request[: len(request) // 2]
    return {"empty": b"", "not_json": b"this is no JSON\n", "list": b"[1, 2, 3]\n"}[kind]


async def check_malformed(case_context: CaseContext, sample: SampleRequest, kind: str) -> Observation:
    """A malformed request is answered by an error or an exit code."""
    stdin = malformed_stdin(kind, case_context.sender.build_stdin(sample.plugin, sample.request))
    with scratch_workspace(case_context.files) as workspace:
        exchange = await case_context.sender.send_stdin(sample.plugin, stdin, workspace, sample.request.command)
    response, execution = read_response(exchange), exchange.execution
    if execution.stop is None and (execution.exit_code != 0 if response is None else not response.ok):
        return pass_case()
    return fail_case(
        f"To {MALFORMED_KINDS[kind]} it answers {describe_answer(exchange)}.", _malformed_fix(kind, exchange), exchange
    )


def _malformed_fix(kind: str, exchange: Exchange) -> str:
    if exchange.execution.stop is not None:
        return "Read stdin to its end, then decode; end with an error when that fails."
    answer = '{"status": "error", "error": "…", "retry": false}'
    if kind == "protocol":
        return f"Compare `protocol` with {PROTOCOL_VERSION} before all else, and answer {answer} to any other."
    if kind == "unknown_command":
        return f"Answer {answer} in the last branch of what chooses the command."
    return f"Decode all of stdin, and answer {answer} to what is no JSON object."


async def measure_start(case_context: CaseContext, sample: SampleRequest) -> Observation:
    """The median of a few starts."""
    durations = []
    with scratch_workspace(case_context.files) as workspace:
        for _ in range(_MEASURED_STARTS):
            exchange = await case_context.sender.send_request(sample.plugin, sample.request, workspace)
            durations.append(exchange.execution.duration)
    message = (
        f"a run of `{sample.request.command}` takes {statistics.median(durations)} ms (p50 of {_MEASURED_STARTS}; "
    )
    return pass_case(f"{message}fastest {min(durations)}, slowest {max(durations)})")
