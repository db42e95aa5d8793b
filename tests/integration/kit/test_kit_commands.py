"""An author's commands as they are typed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.kit import replace
from support.terminal import CTRL_C, terminal

from ductile.cli.main import main
from ductile.kit.build import build_plugin as run_build
from ductile.kit.errors import BuildFailed
from ductile.kit.plugin_folder import make_folder
from ductile.kit.template import Language, plugin_files

PYTHON = str(Path(os.path.realpath(sys.executable)).parent)
ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")},
    "PATH": f"{PYTHON}{os.pathsep}{os.environ['PATH']}",  # the interpreter itself, and no shim of it
    "TERM": "xterm",
}


DEEP = f'{{"name": "Ada", "deep": {"[" * 250}{"]" * 250}}}'


def ductile(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command: Sequence[str | Path] = [sys.executable, "-W", "error", "-m", "ductile.cli.main", *words]
    return subprocess.run(command, cwd=cwd, env=ENVIRON, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """A new plugin in Python."""
    return make_folder("hello", tmp_path, plugin_files("hello", Language.PYTHON))


def test_new_makes_a_plugin_and_says_how_to_go_on(tmp_path: Path) -> None:
    made = ductile("plugin", "new", "hello", "--lang", "python", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "Test it: ductile plugin test hello\n")
    shown = json.loads(made.stdout)
    assert (shown["plugin"], shown["folder"]) == ("hello", "hello")
    assert all((tmp_path / "hello" / path).is_file() for path in shown["files"])


def test_new_makes_a_plugin_whose_workers_stay_up(tmp_path: Path) -> None:
    made = ductile("plugin", "new", "hello", "--lang", "node", "--persistent", cwd=tmp_path)
    assert made.returncode == 0
    assert "ductile_plugin.mjs" in json.loads(made.stdout)["files"]


def test_new_makes_a_small_plugin_of_two_files(tmp_path: Path) -> None:
    made = ductile("plugin", "new", "hello", "--lang", "python", "--small", cwd=tmp_path)
    assert made.returncode == 0
    assert json.loads(made.stdout)["files"] == ["manifest.yaml", "run.py"]
    assert sorted(path.name for path in (tmp_path / "hello").iterdir()) == ["manifest.yaml", "run.py"]


def test_new_can_be_tried_without_making_anything(tmp_path: Path) -> None:
    tried = ductile("plugin", "new", "hello", "--lang", "rust", "--dry-run", cwd=tmp_path)
    assert tried.returncode == 0
    assert "Cargo.lock" in json.loads(tried.stdout)["files"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("new", "hello", "--lang", "go", "--persistent"), 2, "which there is for python and node, not for go"),
        (("new", "core", "--lang", "go"), 2, "`core` cannot be a plugin's name: it is reserved"),
        (("new", "x", "--lang", "cobol"), 2, "--lang must be one of python, node, bash, go, rust"),
        (("new", "x", "--lang", "go", "--dir", "nowhere"), 1, "there is no such folder. Nothing was touched"),
        (("new", "hello", "--lang", "go"), 1, "hello is there already, and nothing was touched"),
        (("test", "nowhere"), 3, "nowhere is no plugin: there is no such folder"),
        (("test", "hello", "--only", "stat"), 2, "`stat` is no case; did you mean `state`?"),
        (("test", "hello", "--only", "answers[great]"), 2, "the plugin has nothing of that name"),
        (("test", "hello", "--skip", "great"), 3, "no command `great`; did you mean `greet`?"),
        (("test", "hello", "--payload", "greet"), 2, "--payload must be COMMAND=JSON, not 'greet'"),
        (("test", "hello", "--timeout", "5"), 2, "--timeout 5: "),
        (("test", "hello", "--junit", "nowhere/x.xml"), 1, "there is no folder"),
        (("run", "./hello", "great"), 3, "no command `great`; did you mean `greet`?"),
        (("run", "./hello", "greet", "--payload", '{"name": 5}'), 2, "does not fit the input schema"),
        (("run", "./hello", "greet", "--payload", "[]"), 2, "must be a JSON object"),
        (("run", "./hello", "greet", "--payload", DEEP), 2, "nests deeper than 200 levels"),
        (("run", "./nowhere", "greet"), 3, "there is no such folder"),
        (("run", "hello", "greet", "--state", "{}"), 2, "--state is for a plugin's folder"),
        (("dev", "nowhere", "--once"), 1, "there is no such folder"),
    ],
)
def test_what_cannot_be_done_is_said(  # noqa: PLR0917 - a row of the table, and two fixtures
    hello: Path,
    words: Sequence[str],
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(hello.parent)
    assert main(["plugin", *words]) == code
    assert says in "".join(capsys.readouterr())


def test_a_sound_plugin_passes_and_a_broken_one_is_told_with_all_that_helps(hello: Path) -> None:
    few = ("--only", "answers", "--only", "malformed")
    tested = ductile("plugin", "test", hello, *few, "--junit", "report.xml", "--json", cwd=hello.parent)
    assert tested.returncode == 0, tested.stdout
    report = json.loads(tested.stdout)
    assert (report["ok"], report["failed"]) == (True, 0)
    assert ET.parse(hello.parent / "report.xml").getroot()[0].attrib["failures"] == "0"
    replace(hello / "run.py", '"result": text', '"result": None')
    only = ("--only", "answers[handle]", "--only", "state")
    tested = ductile("plugin", "test", hello, *only, "--junit", "report.xml", cwd=hello.parent)
    assert tested.returncode == 1
    for piece in ("FAIL  answers[handle]", "Asked with tests/handle.json", "sent:", "stdout:", "rule:", "fix:"):
        assert piece in tested.stdout
    assert ET.parse(hello.parent / "report.xml").getroot()[0].attrib["failures"] == "1"


def test_commands_that_write_can_be_left_out(hello: Path) -> None:
    tested = ductile("plugin", "test", hello, "--read-only", "--only", "answers", "--json", cwd=hello.parent)
    verdicts = {case["of"]: case["verdict"] for case in json.loads(tested.stdout)["cases"]}
    assert verdicts == {"greet": "passed", "handle": "skipped", "health": "passed"}


def test_payload_and_configuration_can_be_given(hello: Path) -> None:
    given = ("--payload", 'greet={"name": "Bo"}', "--config", "greeting=Hi", "--config", '{"greeting": 5}')
    tested = ductile("plugin", "test", hello, *given, "--only", "answers[greet]", cwd=hello.parent)
    assert "Asked with --payload it answers the error `config.greeting must be text`" in " ".join(tested.stdout.split())


def test_a_folder_is_run_without_a_gateway(hello: Path) -> None:
    ran = ductile("plugin", "run", "./hello", "greet", "--name", "Ada", "--config", "greeting=Hi", cwd=hello.parent)
    assert (ran.returncode, json.loads(ran.stdout)["result"]) == (0, "Hi, Ada!")
    state = ("--state", '{"last_greeted": "Ada"}', "--payload", '{"name": "Ada"}')
    ran = ductile("plugin", "run", ".", "handle", *state, cwd=hello)
    assert json.loads(ran.stdout)["result"] == "Hello again, Ada!"
    ran = ductile("plugin", "run", ".", "greet", "--name", " ", cwd=hello)
    failed = json.loads(ran.stdout)
    assert (ran.returncode, failed["status"], failed["retry"]) == (1, "failed", False)


def test_a_folder_with_a_wrong_manifest_is_told_the_place(hello: Path) -> None:
    replace(hello / "manifest.yaml", "protocol: 2", "protocol: 2\nentrypont: x")
    ran = ductile("plugin", "run", ".", "greet", cwd=hello)
    assert ran.returncode == 1
    assert "manifest.yaml:7:1: error[unknown_key]: `entrypont` is no key" in ran.stderr


def test_dev_runs_once_for_scripts(hello: Path) -> None:
    ran = ductile("plugin", "dev", hello, "handle", "--once", cwd=hello.parent)
    shown = json.loads(ran.stdout)
    assert (ran.returncode, shown["request"]["payload"], shown["result"]) == (0, {"name": "Ada"}, "Hello, Ada!")
    replace(hello / "run.py", "import json\n", "import jason\n")
    ran = ductile("plugin", "dev", hello, "handle", "--once", cwd=hello.parent)
    assert ran.returncode == 1
    assert "No module named 'jason'" in json.loads(ran.stdout)["stderr"]


def test_dev_shows_each_save_in_a_terminal_and_ends_at_ctrl_c(hello: Path) -> None:
    with terminal("plugin", "dev", str(hello), "handle", environ=ENVIRON) as shown:
        shown.until("Hello, Ada!")
        shown.until("succeeded after")
        replace(hello / "run.py", '"Hello"', '"Good day"')
        shown.until("— run.py changed —")
        shown.until("Good day again, Ada!")  # it has remembered
        replace(hello / "manifest.yaml", "protocol: 2", "protocol: 3")
        shown.until("manifest.yaml:6:11: error[bad_value]: `protocol` must be `2`, not `3`")
        replace(hello / "run.py", "import sys\n", "import sys\nimport time\n\ntime.sleep(70)\n")
        replace(hello / "manifest.yaml", "protocol: 3", "protocol: 2")
        while not leftover_commands(hello):
            assert shown.lines
        shown.type(CTRL_C)
        assert shown.end() == 0
    assert leftover_commands(hello) == []


def test_dev_builds_before_it_runs_and_shows_what_the_compiler_says(hello: Path) -> None:
    build = hello / "build.sh"
    build.write_text("#!/bin/sh\necho 'main.go:3: undefined: x'\nexit 2\n")
    build.chmod(0o755)
    ran = ductile("plugin", "dev", hello, "greet", "--once", cwd=hello.parent)
    assert ran.returncode == 1
    shown = json.loads(ran.stdout)
    assert (shown["error"], shown["output"]) == ("build_failed", "main.go:3: undefined: x\n")


@pytest.mark.parametrize(
    ("script", "message", "lines"),
    [
        ("echo first; seq 100; exit 3", "exit code 3", ["first", "1", "… 61 lines cut …", "99", "100"]),
        (
            "rm run.py",
            "it ended with 0, and the entrypoint was not made",
            ["It ended with 0, but there is no `run.py`"],
        ),
    ],
)
def test_a_build_that_fails_is_told_with_both_ends_of_its_output(
    hello: Path, script: str, message: str, lines: list[str]
) -> None:
    build = hello / "build.sh"
    build.write_text(f"#!/bin/sh\n{script}\n")
    build.chmod(0o755)
    with pytest.raises(BuildFailed) as failure:
        asyncio.run(run_build(hello))
    assert failure.value.message.endswith(f"failed in {hello}: {message}.")
    said = "\n".join(failure.value.public_details()["errors"])
    assert all(line in said for line in lines), said


@pytest.fixture
def hangup() -> Iterator[None]:
    """SIGHUP ends a program also where the tests themselves run under nohup, which children would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_test_leaves_nothing(hello: Path, number: signal.Signals) -> None:
    replace(hello / "run.py", "import sys\n", "import sys\nimport time\n\ntime.sleep(70)\n")
    command = [sys.executable, "-m", "ductile.cli.main", "plugin", "test", str(hello), "--timeout", "60s"]
    with subprocess.Popen(command, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as testing:
        while not leftover_commands(hello):
            assert testing.poll() is None
        testing.send_signal(number)
        assert testing.wait(timeout=20) == 130
    assert leftover_commands(hello) == []


def leftover_commands(folder: Path) -> list[str]:
    """The command lines of processes of this plugin."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/run.py" in line:
            found.append(line)
    return found
