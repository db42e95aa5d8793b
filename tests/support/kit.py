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


class Fresh(Protocol):
    """Makes a new plugin of this language and name."""

    def __call__(self, language: str, name: str, *, persistent: bool = False, small: bool = False) -> Path: ...


def built(folder: Path) -> Path:
    """The folder, with its entrypoint built where that is needed."""
    if needs_build(folder):
        asyncio.run(build_plugin(folder))
    return folder


def replace(path: Path, old: str, new: str) -> None:
    """Puts the new text in the place of the old one, which must be there once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path}: {old!r} stands {text.count(old)} times"
    path.write_text(text.replace(old, new))


def examined(folder: Path, **options: object) -> Report:
    return asyncio.run(examine_plugin(folder, Options(**options)))  # type: ignore[arg-type]  # given by name


def failed(report: Report) -> set[str]:
    """The cases that failed."""
    return {
        case_result.case for case_result in report.case_results if case_result.observation.verdict is Verdict.FAILED
    }


def text(report: Report) -> str:
    """The report, however its lines are filled."""
    return " ".join(" ".join(text_report.report_lines(report)).split())


@dataclass(frozen=True, kw_only=True)
class Break:
    """A plugin of the template in which one thing is wrong."""

    language: str
    way: str
    case: str
    """The only case that fails."""
    says: str
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

BREAKS = (
    Break(
        language="python",
        way="hangs_on_term",
        case="deadline",
        says="had to be killed",
        changes=(("import sys\n", "import signal\nimport sys\n\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"),),
    ),
    Break(
        language="python",
        way="ignores_stdin",
        case="malformed",
        says="To text that is no JSON it answers `ok`",
        changes=(
            (
                "respond(sys.stdin.buffer.read())",
                'respond(b\'{"protocol": 2, "command": "handle", "payload": {"name": "Ada"}}\')',
            ),
        ),
    ),
    Break(
        language="python",
        way="is_not_concurrency_safe",
        case="concurrency",
        says="4 at once: one of them answers",
        changes=(
            ("import sys\n", "import os\nimport sys\nimport time\n"),
            (
                _PY_HANDLE,
                _PY_HANDLE + "    with open('name.tmp', 'x') as file:\n        file.write(name)\n    time.sleep(0.1)\n"
                "    name = open('name.tmp').read()\n    os.remove('name.tmp')\n",
            ),
        ),
    ),
    Break(
        language="python",
        way="needs_home",
        case="environment",
        says="Without HOME and with the locale C it answers nothing that can be read",
        changes=(("import sys\n", "import os\nimport sys\n"), (_PY_HANDLE, _PY_HANDLE + "    os.environ['HOME']\n")),
    ),
    Break(
        language="python",
        way="raises",
        case="answers",
        says="RuntimeError: Ada",
        changes=((_PY_HANDLE, _PY_HANDLE + "    raise RuntimeError(name)\n"),),
    ),
    Break(
        language="node",
        way="prints_plain_text",
        case="stdout",
        says="it prints a line of plain text on stdout before its response: `Starting…`",
        changes=(("const chunks = [];", 'console.log("Starting…");\nconst chunks = [];'),),
    ),
    Break(
        language="node",
        way="floods",
        case="output",
        says="more than 10 MiB",
        changes=((_NODE_HANDLE, _NODE_HANDLE + '    process.stdout.write("x".repeat(12e6));\n'),),
    ),
    Break(
        language="node",
        way="lets_its_state_grow",
        case="state",
        says="Its state grows by",
        changes=(
            (
                "state_updates: { last_greeted: name }",
                "state_updates: { last_greeted: name, all: [...(request.state.all ?? []), `${name} was greeted`] }",
            ),
        ),
    ),
    Break(
        language="node",
        way="hangs_at_a_wrong_payload",
        case="wrong_payload",
        says="it answers nothing within",
        changes=(
            (
                "  const name = request.payload?.name;\n",
                "  const name = request.payload?.name;\n  while (name === undefined) {}\n",
            ),
        ),
    ),
    Break(
        language="bash",
        way="leaves_a_child",
        case="leftovers",
        says="`sleep 77`",
        changes=((_BASH_HANDLE, _BASH_HANDLE + "    sleep 77 >/dev/null 2>&1 &\n"),),
    ),
    Break(
        language="bash",
        way="hangs_on_term",
        case="deadline",
        says="had to be killed",
        changes=((_BASH_START, _BASH_START + "trap '' TERM\n"),),
    ),
    Break(
        language="bash",
        way="passes_the_request_as_an_argument",
        case="large_payload",
        says="Argument list too long",
        changes=((_BASH_START, _BASH_START + 'all=$(cat)\n/bin/true "$all"\nexec <<<"$all"\n'),),
    ),
    Break(
        language="bash",
        way="exits_without_an_answer",
        case="answers",
        says="exit 3 without a response",
        changes=((_BASH_HANDLE, _BASH_HANDLE + "    exit 3\n"),),
    ),
    Break(
        language="go",
        way="refuses_unknown_fields",
        case="unknown_fields",
        says="With the unknown members `kit_unknown` and `kit_unknown_flag` it answers",
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
    Break(
        language="go",
        way="leaves_a_daemon",
        case="leftovers",
        says="`sleep 78`",
        changes=(
            ('\t"os"\n', '\t"os"\n\t"os/exec"\n\t"syscall"\n'),
            (
                _GO_HANDLE,
                _GO_HANDLE + '\tdaemon := exec.Command("sleep", "78")\n'
                "\tdaemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}\n\t_ = daemon.Start()\n",
            ),
        ),
    ),
    Break(
        language="go",
        way="emits_another_event",
        case="events",
        says="It emits `broken.hello`",
        changes=(("broken.greeted", "broken.hello"),),
    ),
    Break(
        language="go",
        way="panics",
        case="answers",
        says="panic: Ada",
        changes=((_GO_HANDLE, _GO_HANDLE + "\tpanic(text[7:10])\n"),),
    ),
    Break(
        language="rust",
        way="answers_with_another_type",
        case="result",
        says="`result` does not fit output_schema: 42 is not of type",
        changes=(('"result": text,', '"result": 42,'),),
    ),
    Break(
        language="rust",
        way="panics",
        case="answers",
        says="exit 101 without a response",
        changes=((_RUST_HANDLE, _RUST_HANDLE + '    assert_eq!(text, "");\n'),),
    ),
    Break(
        language="rust",
        way="takes_any_command",
        case="malformed",
        says="To a request for a command that it does not have it answers `ok`",
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
    Break(
        language="rust",
        way="answers_otherwise_the_second_time",
        case="stable",
        says="its answer is built in another way, at `result`",
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
