"""The kit passes every bundled and every fresh plugin, and fails what is broken: by the one case meant for it."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.gateway import write_plugin
from support.kit import BROKEN_PLUGINS, BrokenPlugin, MakePlugin, build_in, examine, failed_cases, replace, report_text

from ductile.kit.case_result import Verdict
from ductile.kit.dev_loop import run_one_round
from ductile.kit.single_run import RunInput, run_once
from ductile.kit.template import TOOLCHAINS, Language

ROOT = Path(__file__).parents[3]
BUNDLED = sorted(path.parent for path in ROOT.glob("plugins/*/manifest.yaml"))


@pytest.mark.parametrize("folder", BUNDLED, ids=lambda folder: folder.name)
def test_each_bundled_plugin_keeps_every_rule(folder: Path) -> None:
    report = examine(folder, at_once=3)
    assert report.ok, report_text(report)
    untested = [
        one.name for one in report.case_results if one.case == "answers" and one.observation.verdict is Verdict.SKIPPED
    ]
    assert untested == []


@pytest.mark.parametrize("language", Language)
def test_a_fresh_plugin_keeps_every_rule_and_its_own_tests_pass(make_plugin: MakePlugin, language: str) -> None:
    folder = build_in(make_plugin(language, "greeter"))
    report = examine(folder)
    assert report.ok, report_text(report)
    assert report.count(Verdict.PASSED) == 46 + TOOLCHAINS[Language(language)].builds
    ran = subprocess.run(
        TOOLCHAINS[Language(language)].test, shell=True, cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("language", [one for one, toolchain in TOOLCHAINS.items() if toolchain.library is not None])
def test_a_fresh_plugin_that_stays_up_keeps_every_rule_as_a_worker_too(
    make_plugin: MakePlugin, language: Language
) -> None:
    folder = make_plugin(language, "greeter", persistent=True)
    report = examine(folder)
    assert report.ok, report_text(report)
    assert "beside an answer" not in report_text(report), "it ends as one that has answered"
    assert [(one.target, one.observation.verdict) for one in report.case_results if one.case == "worker"] == [
        (command, Verdict.PASSED) for command in ("greet", "handle", "health")
    ]
    ran = subprocess.run(TOOLCHAINS[language].test, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


SMALL = [
    *((one, False) for one in TOOLCHAINS),
    *((one, True) for one, toolchain in TOOLCHAINS.items() if toolchain.library),
]


@pytest.mark.parametrize(("language", "persistent"), SMALL)
def test_a_small_plugin_keeps_every_rule_and_greets(
    make_plugin: MakePlugin, language: Language, *, persistent: bool
) -> None:
    folder = build_in(make_plugin(language, "greeter", persistent=persistent, small=True))
    report = examine(folder)
    assert report.ok, report_text(report)
    assert "note: to `" not in report_text(report), "a payload that does not fit is answered"
    assert report.count(Verdict.PASSED) >= 12
    payloads: list[dict[str, Any]] = [{}, {"name": 'Ada "Countess" Lovelace ☃'}]
    answers = [asyncio.run(run_once(folder, "greet", RunInput(payload=payload))) for payload in payloads]
    assert [one.document()["result"] for one in answers] == ["Hello, world!", 'Hello, Ada "Countess" Lovelace ☃!']


RUN = "    plugin.run()\n"
AS_A_WORKER = "    import os, sys, threading\n\n    if 'DUCTILE_LIFECYCLE' in os.environ:\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            RUN,
            f"{AS_A_WORKER}        sys.exit(3)\n{RUN}",
            "The first request to a worker is answered by nothing that can be read (exit 3 without a response)",
        ),
        (
            RUN,
            f"{AS_A_WORKER}        sys.stdin = sys.stdin.buffer.readline()\n{RUN}",
            "The first request to a worker is answered by nothing within 5",
        ),
        (
            RUN,
            f"{AS_A_WORKER}        threading.Thread(target=threading.Event().wait).start()\n{RUN}",
            "When its stdin has ended, it goes on, and has to be killed after 0.5 s.",
        ),
        (
            RUN,
            f"{AS_A_WORKER}        import atexit; atexit.register(os._exit, 3)\n{RUN}",
            "When its stdin has ended, it ends with exit code 3.",
        ),
        (
            "def health(request):\n",
            "def health(request, asked=[]):\n    asked.append(1)\n    if asked[1:]:\n        raise Failure('again')\n",
            "The second request to a worker is answered by the error `again`; in a run of its own it is `ok`.",
        ),
    ],
)
def test_a_bad_worker_is_told_what_it_does_wrong(make_plugin: MakePlugin, old: str, new: str, message: str) -> None:
    folder = make_plugin("python", "broken", persistent=True)
    replace(folder / "run.py", old, new)
    skip = dict.fromkeys(("greet", "handle"), "one command is enough")
    report = examine(folder, skip=skip, timeout=5_000, kill_grace=500)
    assert failed_cases(report) == {"worker"}, report_text(report)
    assert message in report_text(report)


TALKATIVE_WORKER = """#!/usr/bin/env python3
import json, os, sys

def answer(request, **members):
    known = (request.get("protocol"), request.get("command")) == (2, "handle")
    said = {"status": "ok", "result": 1} if known else {"status": "error", "error": "unknown", "retry": False}
    print(json.dumps({**members, **said}), flush=True)

if "DUCTILE_LIFECYCLE" not in os.environ:
    answer(json.load(sys.stdin))
    sys.exit()
print(json.dumps({"ready": True, "protocol": 2}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print("Loading the model")
    answer(request, id=request["id"])
"""


def test_a_worker_that_prints_plain_text_is_told_so(tmp_path: Path) -> None:
    report = examine(write_plugin(tmp_path, "talker", TALKATIVE_WORKER, lifecycle="persistent"))
    assert failed_cases(report) == {"worker"}, report_text(report)
    assert "As a worker it prints a line of plain text on stdout" in report_text(report)
    assert "`Loading the model`" in report_text(report)


@pytest.mark.parametrize("broken", BROKEN_PLUGINS, ids=lambda broken: f"{broken.language}_{broken.fault}")
def test_a_plugin_that_is_broken_in_one_way_fails_the_case_that_is_meant_for_it(
    make_plugin: MakePlugin, broken: BrokenPlugin
) -> None:
    folder = make_plugin(broken.language, "broken")
    shutil.rmtree(folder / "tests")  # its own cases would find some of it without the kit
    for old, new in broken.changes:
        replace(folder / broken.file, old, new)
    if broken.manifest:
        replace(folder / "manifest.yaml", *broken.manifest)
    skip = dict.fromkeys(("greet", "health"), "one command is enough")
    report = examine(build_in(folder), skip=skip, timeout=5_000, kill_grace=500)
    assert failed_cases(report) == {broken.case}, report_text(report)
    assert broken.message in " ".join(report_text(report).split())


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize(
    ("language", "check"),
    [
        ("go", "gofmt -l . | (! grep .) && go vet ./..."),
        ("rust", "cargo fmt --check"),
        ("node", "node --check run.mjs"),
    ],
)
def test_a_fresh_plugin_is_as_its_language_is_written(
    make_plugin: MakePlugin, language: str, check: str, *, small: bool
) -> None:
    folder = make_plugin(language, "greeter", small=small)
    ran = subprocess.run(check, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("small", [False, True])
def test_a_fresh_python_plugin_has_nothing_to_lint(make_plugin: MakePlugin, *, small: bool) -> None:
    folder = make_plugin("python", "greeter", small=small)
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--select",
            "E,F,W,I,B,UP,SIM,RET",
            "--line-length",
            "120",
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def test_a_plugin_that_was_not_built_is_told_how(make_plugin: MakePlugin) -> None:
    report = examine(make_plugin("go", "greeter"), build=False)
    assert failed_cases(report) == {"trust"}
    assert "the entrypoint `run` is not built yet; run `" in report_text(report)


def test_a_program_that_is_older_than_its_source_is_not_tested(make_plugin: MakePlugin) -> None:
    folder = build_in(make_plugin("go", "greeter"))
    assert examine(folder, only=frozenset({"trust"}), build=False).ok
    later = (folder / "run").stat().st_mtime_ns + 1_000_000
    os.utime(folder / "main.go", ns=(later, later))
    report = examine(folder, build=False)
    assert failed_cases(report) == {"build"}
    assert "main.go is newer than" in report_text(report)


COMPILER = """#!/bin/sh
%s
echo "main.c:1: error: expected ';'" >&2
exit %d
"""


@pytest.mark.parametrize(
    ("script", "mode", "message"),
    [
        (COMPILER % ("", 1), 0o755, "exit code 1: main.c:1: error: expected ';'"),
        (COMPILER % ("no-such-compiler main.c", 127), 0o755, "exit code 127: "),
        (COMPILER % ("", 0), 0o755, "It ended with 0, but"),
        (COMPILER % ("echo first: error; seq 100 >&2", 1), 0o755, "exit code 1: first: error 1 2 3"),
        (COMPILER % ("echo first: error; seq 100 >&2", 1), 0o755, "… 62 lines cut … 82 83"),
        (COMPILER % ("rm run", 0), 0o755, "It ended with 0, but there is no `run`"),
        (COMPILER % ("", 0), 0o644, "Permission denied; run `chmod +x "),
        ("#!/no/such/shell\n", 0o755, "exit code 126: "),
    ],
)
def test_an_old_program_is_never_passed_when_the_build_fails(
    tmp_path: Path, script: str, mode: int, message: str
) -> None:
    folder = write_plugin(tmp_path, "old", "#!/bin/sh\necho old\n", output="text")
    (folder / "main.c").write_text("int main(\n")
    os.utime(folder / "run", ns=(0, 0))
    os.utime(folder / "main.c", ns=(1, 1))
    (folder / "build.sh").write_text(script)
    (folder / "build.sh").chmod(mode)
    report = examine(folder)
    assert failed_cases(report) == {"build"}
    assert message in report_text(report)
    assert {one.case for one in report.case_results} == {"manifest", "build"}
    shown: list[str] = []
    assert not asyncio.run(run_one_round(folder, None, RunInput(), lambda _, told: shown.append(told)))
    assert message.partition(": ")[2] in " ".join(shown[0].split())


@pytest.mark.parametrize(
    ("old", "new", "case", "message"),
    [
        ("protocol: 2", "protocol: 2\nentrypont: x", "manifest", "manifest.yaml:7:1: error[unknown_key]"),
        ("protocol: 2", "protocol: 1", "manifest", "must be `2`"),
        ("entrypoint: run.py", "entrypoint: start.py", "trust", "`start.py` does not exist"),
        ("  required: []", "  required: [api_key]", "config", "`config.api_key` is required"),
        ("type: string, minLength: 1", "type: strin, minLength: 1", "manifest", "did you mean `string`?"),
    ],
)
def test_a_wrong_manifest_is_told_with_its_place(
    make_plugin: MakePlugin, old: str, new: str, case: str, message: str
) -> None:
    folder = make_plugin("python", "greeter")
    replace(folder / "manifest.yaml", old, new)
    report = examine(folder)
    assert failed_cases(report) == {case}, report_text(report)
    assert message in report_text(report)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.chmod(0o644), "is not executable; run `chmod +x"),
        (lambda run: run.chmod(0o757), "everybody may write"),
        (lambda run: replace(run, "#!/usr/bin/env python3", "#!/usr/bin/env python9"), "needs `python9`"),
        (lambda run: replace(run, "#!/usr/bin/env python3", "import os"), "its first line must name one"),
        (lambda run: run.write_bytes(run.read_bytes().replace(b"\n", b"\r\n")), "Windows line ends"),
    ],
)
def test_an_entrypoint_that_cannot_be_trusted_is_told_why(
    make_plugin: MakePlugin, change: object, message: str
) -> None:
    folder = make_plugin("python", "greeter")
    change(folder / "run.py")  # type: ignore[operator]  # a function of the table
    report = examine(folder)
    assert failed_cases(report) == {"trust"}
    assert message in report_text(report)


def test_nothing_of_a_plugin_is_left_when_it_was_tested(make_plugin: MakePlugin) -> None:
    folder = make_plugin("bash", "leaver")
    replace(folder / "run.sh", "need_name() {", "sleep 79 >/dev/null 2>&1 &\nneed_name() {")
    assert "leftovers" in failed_cases(examine(folder, only=frozenset({"leftovers"})))
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    assert b"sleep\x0079\x00" not in commands
