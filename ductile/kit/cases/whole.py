"""Cases of the whole plugin: files, malformed requests and the time that a start takes."""

import statistics
from collections.abc import Mapping
from typing import Any

from ductile.errors import end_sentence
from ductile.kit.bench import Exchange
from ductile.kit.build import build, needs_build, newer_source
from ductile.kit.build_excerpt import build_excerpt
from ductile.kit.cases.talk import Lab, answered, told
from ductile.kit.errors import BuildFailed
from ductile.kit.finding import Seen, failed, passed, skipped
from ductile.kit.probes import Probe
from ductile.kit.request import changed
from ductile.kit.scratch import scratch
from ductile.kit.subject import Opened, config_problems
from ductile.model.manifest import Manifest
from ductile.plugin.messages import PROTOCOL_VERSION
from ductile.plugin.trust import BUILD_SCRIPT

MANIFEST = "manifest.yaml holds what a manifest may hold; manifest.schema.json tells an editor the same."
BUILT = "The entrypoint is made from the sources that are there: `build.sh`, where there is one, ends with 0."
TRUST = "The entrypoint is executable, its interpreter is there, and nobody but its owner may change it."
CONFIG = "The configuration has what `config_keys.required` and `config_schema` ask for."
MALFORMED = "What is no request is answered by an error or an exit code other than 0, and not by hanging."
TIMING = "How long a start takes is said, not judged."

_STARTS = 5
_FILES = frozenset({"untrusted", "unbuilt", "missing_program"})
"""Problems of files, not of the manifest."""
_MEND_BUILD = "Mend what the compiler names, or install the program that is missing. An older build is not tested."
_BUILD_IT = "Build it again; with a build.sh beside the manifest, `plugin test` and `plugin dev` do so themselves."
_TRUSTED = (
    "Correct what is named: the entrypoint in the manifest, the file's mode by `chmod`, "
    "or its first line, as in `#!/usr/bin/env python3`."
)

KINDS: Mapping[str, str] = {
    "empty": "nothing at all",
    "not_json": "text that is no JSON",
    "cut": "the first half of a request",
    "list": "a JSON list",
    "protocol": f"a request of protocol 99, not {PROTOCOL_VERSION}",
    "unknown_command": "a request for a command that it does not have",
}


def manifest(opened: Opened) -> Seen:
    """The manifest could be read."""
    wrong = [str(problem) for problem in opened.errors if problem.code not in _FILES]
    if wrong:
        return failed("\n".join(wrong), "Correct the named lines; the first mistake may be the cause of the others.")
    return passed(*(str(problem) for problem in opened.warnings))


def trust(opened: Opened) -> Seen:
    """The files may be run."""
    wrong = [problem for problem in opened.errors if problem.code in _FILES]
    if wrong:
        fix = _BUILD_IT if wrong[0].code == "unbuilt" else _TRUSTED
        return failed("\n".join(end_sentence(problem.message) for problem in wrong), fix)
    return passed() if opened.loaded.executable else skipped("the manifest says no entrypoint yet")


async def built(opened: Opened, *, build_it: bool) -> Seen:
    """What is tested was made from the sources that are there."""
    manifest, folder = opened.loaded.manifest, opened.folder
    if manifest is None:
        return skipped("the manifest says no entrypoint yet")
    if needs_build(folder) and build_it:
        try:
            await build(folder)
        except BuildFailed as error:
            code = error.details["exit_code"]
            ended = f" with exit code {code}" if code else ""
            said = "\n".join(build_excerpt(error.output))
            return failed(f"{folder / BUILD_SCRIPT} failed{ended}:\n{said}", _MEND_BUILD)
        return passed()
    made = folder / manifest.entrypoint
    newer = newer_source(folder, made) if made.is_file() else None
    if newer is not None:
        return failed(f"{newer} is newer than {made}, so what is there is not what its sources say.", _BUILD_IT)
    return skipped("--no-build was given" if needs_build(folder) else f"it has no {BUILD_SCRIPT}: nothing is built")


def config(found: Manifest, given: Mapping[str, Any]) -> Seen:
    """The plugin would not be quarantined for its configuration."""
    wrong = config_problems(found, given)
    if not wrong:
        return passed()
    return failed(
        ". ".join(wrong) + ".", "Give it by --config KEY=VALUE, or for good in tests/kit.yaml under `config:`."
    )


def malformed_stdin(kind: str, request: bytes) -> bytes:
    """What is sent instead of a request."""
    if kind == "protocol":
        return changed(request, protocol=99)
    if kind == "unknown_command":
        return changed(request, command="kit-no-such-command")
    if kind == "cut":
        return request[: len(request) // 2]
    return {"empty": b"", "not_json": b"this is no JSON\n", "list": b"[1, 2, 3]\n"}[kind]


async def malformed(lab: Lab, probe: Probe, kind: str) -> Seen:
    """An error, or an exit code."""
    stdin = malformed_stdin(kind, lab.bench.written(probe.plugin, probe.ask))
    with scratch(lab.files) as place:
        exchange = await lab.bench.send(probe.plugin, stdin, place, probe.ask.command)
    response, execution = answered(exchange), exchange.execution
    if execution.stop is None and (execution.exit_code != 0 if response is None else not response.ok):
        return passed()
    return failed(f"To {KINDS[kind]} it answers {told(exchange)}.", _mend(kind, exchange), exchange)


def _mend(kind: str, exchange: Exchange) -> str:
    if exchange.execution.stop is not None:
        return "Read stdin to its end, then decode; end with an error when that fails."
    answer = '{"status": "error", "error": "…", "retry": false}'
    if kind == "protocol":
        return f"Compare `protocol` with {PROTOCOL_VERSION} before all else, and answer {answer} to any other."
    if kind == "unknown_command":
        return f"Answer {answer} in the last branch of what chooses the command."
    return f"Decode all of stdin, and answer {answer} to what is no JSON object."


async def timing(lab: Lab, probe: Probe) -> Seen:
    """The median of a few starts."""
    taken = []
    with scratch(lab.files) as place:
        for _ in range(_STARTS):
            exchange = await lab.bench.ask(probe.plugin, probe.ask, place)
            taken.append(exchange.execution.duration)
    said = f"a run of `{probe.ask.command}` takes {statistics.median(taken)} ms (p50 of {_STARTS}; "
    return passed(f"{said}fastest {min(taken)}, slowest {max(taken)})")
