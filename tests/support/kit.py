"""Fresh plugins, and ways to break them: what is replaced in which file, and the case that must find it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ductile.kit import text_report
from ductile.kit.build import build_plugin, needs_build
from ductile.kit.case_result import Verdict
from ductile.kit.conformance import Options, Report, examine_plugin
from ductile.kit.template import TOOLCHAINS, Language


class MakePlugin(Protocol):
    """Makes a new plugin of this language and name."""

    def __call__(self, language: str, name: str, *, persistent: bool = False, small: bool = False) -> Path: ...


def build_in(folder: Path) -> Path:
    """The folder, with its entrypoint built where that is needed."""
    if needs_build(folder):
        asyncio.run(build_plugin(folder))
    return folder


def replace(path: Path, old: str, new: str) -> None:
    """Puts the new text in the place of the old one, which must be there once."""
    report_text = path.read_text()
    assert report_text.count(old) == 1, f"{path}: {old!r} stands {report_text.count(old)} times"
    path.write_text(report_text.replace(old, new))


def examine(folder: Path, **options: object) -> Report:
    return asyncio.run(examine_plugin(folder, Options(**options)))  # type: ignore[arg-type]  # given by name


def failed_cases(report: Report) -> set[str]:
    """The cases that failed."""
    return {
        case_result.case for case_result in report.case_results if case_result.observation.verdict is Verdict.FAILED
    }


def report_text(report: Report) -> str:
    """The report, however its lines are filled."""
    return " ".join(" ".join(text_report.report_lines(report)).split())


@dataclass(frozen=True, kw_only=True)
class BrokenPlugin:
    """A plugin of the template in which one thing is wrong."""

    language: str
    fault: str
    case: str
    """The only case that fails."""
    message: str
    """A piece of what the report says of it."""
    changes: tuple[tuple[str, str], ...]
    """Texts of the program, and what is put in their place."""
    manifest: tuple[str, str] | None = None
    """A replacement in the manifest, too."""

    @property
    def file(self) -> str:
        """The program."""
        return {"go": "main.go", "rust": "src/main.rs"}.get(
            self.language, TOOLCHAINS[Language(self.language)].entrypoint
        )


_PY_HANDLE = "    word, name = greeting_word(request), name_of(request)\n"
_NODE_HANDLE = "    const [word, name] = [greetingWord(request), nameOf(request)];\n"
_BASH_START = "set -euo pipefail\n"
_BASH_HANDLE = '    greeting="$word$again, $name!"\n'
_GO_HANDLE = '\ttext := fmt.Sprintf("%s%s, %s!", word, again, name)\n'
_RUST_HANDLE = '    let text = format!("{word}{again}, {name}!");\n'

BROKEN_PLUGINS = (
    BrokenPlugin(
        language="python",
        fault="hangs_on_term",
        case="deadline",
        message="had to be killed",
        changes=(("import sys\n", "import signal\nimport sys\n\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"),),
    ),
    BrokenPlugin(
        language="python",
        fault="ignores_stdin",
        case="malformed",
        message="To text that is no JSON it answers `ok`",
        changes=(
            (
                "respond(sys.stdin.buffer.read())",
                'respond(b\'{"protocol": 2, "command": "handle", "payload": {"name": "Ada"}}\')',
            ),
        ),
    ),
    BrokenPlugin(
        language="python",
        fault="is_not_concurrency_safe",
        case="concurrency",
        message="4 at once: one of them answers",
        changes=(
            ("import sys\n", "import os\nimport sys\nimport time\n"),
            (
                _PY_HANDLE,
                _PY_HANDLE + "    with open('name.tmp', 'x') as file:\n        file.write(name)\n    time.sleep(0.1)\n"
                "    name = open('name.tmp').read()\n    os.remove('name.tmp')\n",
            ),
        ),
    ),
    BrokenPlugin(
        language="python",
        fault="needs_home",
        case="environment",
        message="Without HOME and with the locale C it answers nothing that can be read",
        changes=(("import sys\n", "import os\nimport sys\n"), (_PY_HANDLE, _PY_HANDLE + "    os.environ['HOME']\n")),
    ),
    BrokenPlugin(
        language="python",
        fault="raises",
        case="answers",
        message="RuntimeError: Ada",
        changes=((_PY_HANDLE, _PY_HANDLE + "    raise RuntimeError(name)\n"),),
    ),
    BrokenPlugin(
        language="node",
        fault="prints_plain_text",
        case="stdout",
        message="it prints a line of plain text on stdout before its response: `Starting…`",
        changes=(("const chunks = [];", 'console.log("Starting…");\nconst chunks = [];'),),
    ),
    BrokenPlugin(
        language="node",
        fault="floods",
        case="output",
        message="more than 10 MiB",
        changes=((_NODE_HANDLE, _NODE_HANDLE + '    process.stdout.write("x".repeat(12e6));\n'),),
    ),
    BrokenPlugin(
        language="node",
        fault="lets_its_state_grow",
        case="state",
        message="Its state grows by",
        changes=(
            (
                "state_updates: { last_greeted: name }",
                "state_updates: { last_greeted: name, all: [...(request.state.all ?? []), `${name} was greeted`] }",
            ),
        ),
    ),
    BrokenPlugin(
        language="node",
        fault="hangs_at_a_wrong_payload",
        case="wrong_payload",
        message="it answers nothing within",
        changes=(
            (
                "  const name = request.payload?.name;\n",
                "  const name = request.payload?.name;\n  while (name === undefined) {}\n",
            ),
        ),
    ),
    BrokenPlugin(
        language="bash",
        fault="leaves_a_child",
        case="leftovers",
        message="`sleep 77`",
        changes=((_BASH_HANDLE, _BASH_HANDLE + "    sleep 77 >/dev/null 2>&1 &\n"),),
    ),
    BrokenPlugin(
        language="bash",
        fault="hangs_on_term",
        case="deadline",
        message="had to be killed",
        changes=((_BASH_START, _BASH_START + "trap '' TERM\n"),),
    ),
    BrokenPlugin(
        language="bash",
        fault="passes_the_request_as_an_argument",
        case="large_payload",
        message="Argument list too long",
        changes=((_BASH_START, _BASH_START + 'all=$(cat)\n/bin/true "$all"\nexec <<<"$all"\n'),),
    ),
    BrokenPlugin(
        language="bash",
        fault="exits_without_an_answer",
        case="answers",
        message="exit 3 without a response",
        changes=((_BASH_HANDLE, _BASH_HANDLE + "    exit 3\n"),),
    ),
    BrokenPlugin(
        language="go",
        fault="refuses_unknown_fields",
        case="unknown_fields",
        message="With the unknown members `kit_unknown` and `kit_unknown_flag` it answers",
        changes=(
            (
                "\tif request.Protocol != protocol {",
                (
                    '\tif strings.Contains(string(stdin), `"kit_unknown":`) {\n\t\tpanic("unknown field")\n\t}\n'
                    "\tif request.Protocol != protocol {"
                ),
            ),
        ),
    ),
    BrokenPlugin(
        language="go",
        fault="leaves_a_daemon",
        case="leftovers",
        message="`sleep 78`",
        changes=(
            ('\t"os"\n', '\t"os"\n\t"os/exec"\n\t"syscall"\n'),
            (
                _GO_HANDLE,
                _GO_HANDLE + '\tdaemon := exec.Command("sleep", "78")\n'
                "\tdaemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}\n\t_ = daemon.Start()\n",
            ),
        ),
    ),
    BrokenPlugin(
        language="go",
        fault="emits_another_event",
        case="events",
        message="It emits `broken.hello`",
        changes=(("broken.greeted", "broken.hello"),),
    ),
    BrokenPlugin(
        language="go",
        fault="panics",
        case="answers",
        message="panic: Ada",
        changes=((_GO_HANDLE, _GO_HANDLE + "\tpanic(text[7:10])\n"),),
    ),
    BrokenPlugin(
        language="rust",
        fault="answers_with_another_type",
        case="result",
        message="`result` does not fit output_schema: 42 is not of type",
        changes=(('"result": text,', '"result": 42,'),),
    ),
    BrokenPlugin(
        language="rust",
        fault="panics",
        case="answers",
        message="exit 101 without a response",
        changes=((_RUST_HANDLE, _RUST_HANDLE + '    assert_eq!(text, "");\n'),),
    ),
    BrokenPlugin(
        language="rust",
        fault="takes_any_command",
        case="malformed",
        message="To a request for a command that it does not have it answers `ok`",
        changes=(
            (
                '        Some("health") => health(request),\n',
                (
                    '        Some("health") => health(request),\n'
                    "        Some(name) if name.len() > 6 => health(request),\n"
                ),
            ),
        ),
    ),
    BrokenPlugin(
        language="rust",
        fault="answers_otherwise_the_second_time",
        case="stable",
        message="its answer is built in another way, at `result`",
        changes=(
            (
                _RUST_HANDLE,
                _RUST_HANDLE
                + '    let text = match std::fs::File::create_new("once") {\n        Ok(_) => json!(text),\n'
                "        Err(_) => json!([text]),\n    };\n",
            ),
        ),
        manifest=("concurrency_safe: true", "concurrency_safe: false"),
    ),
)
