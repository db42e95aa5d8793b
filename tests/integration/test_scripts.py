"""The scripts, in a copy of the project whose environment is set up already."""

import contextlib
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOKEN = re.compile(r"Bearer ([0-9a-f]{48})")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Locks, scripts and a `.venv` that fits them, with a `ductile` that only says how it was called."""
    project = tmp_path / "my project"
    shutil.copytree(ROOT / "scripts", project / "scripts")
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, project)
    (project / "config").mkdir()
    binaries = project / ".venv/bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    ductile = binaries / "ductile"
    ductile.write_text('#!/bin/sh\nprintf "called:"; printf " <%s>" "$@"; echo\n')
    ductile.chmod(0o755)
    (project / ".venv/.runtime").touch()
    sums = subprocess.check_output(
        ["cksum", "requirements.lock", "requirements-dev.lock", "pyproject.toml"], cwd=project
    )
    (project / ".venv/.locked").write_text(f"{project.resolve()} {sums.decode().rstrip()}")
    return project


def start(project: Path, *arguments: str, **environ: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
    ended = subprocess.run(
        [project / "scripts/start", *arguments],
        cwd="/",
        env={**inherited, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    return ended.stdout


def test_the_first_start_makes_a_token_tells_it_once_and_keeps_it_to_its_owner(project: Path) -> None:
    first = start(project)
    (token,) = TOKEN.findall(first)
    env_file = project / "config/.env"
    assert env_file.read_text() == f"DUCTILE_ADMIN_TOKEN={token}\n"
    assert env_file.stat().st_mode & 0o777 == 0o600
    assert first.endswith(f"called: <system> <start> <--config-dir> <{project.resolve()}/config>\n")
    second = start(project, "--json")
    assert token not in second
    assert second.endswith("<--json>\n")
    assert env_file.read_text() == f"DUCTILE_ADMIN_TOKEN={token}\n"


def test_what_the_env_file_holds_already_is_kept(project: Path) -> None:
    env_file = project / "config/.env"
    env_file.write_text("OTHER=1")
    (token,) = TOKEN.findall(start(project))
    assert env_file.read_text() == f"OTHER=1\nDUCTILE_ADMIN_TOKEN={token}\n"


def test_a_token_in_the_environment_is_enough(project: Path) -> None:
    assert not TOKEN.search(start(project, DUCTILE_ADMIN_TOKEN="given"))
    assert (project / "config/.env").read_text() == ""


def test_an_interpreter_that_does_not_run_or_is_too_old_is_passed_over(project: Path, tmp_path: Path) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    for name in ("python3.13", "python3.12"):
        (shims / name).write_text("#!/bin/sh\nexit 127\n")
        (shims / name).chmod(0o755)
    (shims / "python3.11").symlink_to(sys.executable)
    script = f'. "{project}/scripts/_env.sh"; find_python'
    found = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": f"{shims}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).samefile(sys.executable)


def test_without_an_interpreter_it_says_what_is_needed(project: Path, tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to(str(shutil.which("dirname")))
    script = f'. "{project}/scripts/_env.sh"; find_python'
    bash = str(shutil.which("bash"))
    ended = subprocess.run(
        [bash, "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "Python 3.11 or newer" in ended.stderr) == (1, True)


def test_each_script_is_short() -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    assert [path.name for path in scripts if len(path.read_text().splitlines()) > 60] == []


def test_an_active_environment_of_the_project_is_not_what_the_new_one_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3.13").symlink_to(sys.executable)
    script = f'. "{ROOT}/scripts/_env.sh"; find_python'
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    found = subprocess.run(["bash", "-c", script], env={"PATH": path}, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == os.path.realpath(sys.executable)


def read_all(terminal: int) -> str:
    """What was written to a terminal that nobody holds open any more; its end is an error (EIO)."""
    parts: list[bytes] = []
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 65536):
            parts.append(part)
    return b"".join(parts).decode()


def progress(command: str, *, terminal: bool) -> tuple[int, str, str]:
    """Run a command with its progress; its exit code, what it printed, and what stderr got."""
    ours, theirs = pty.openpty()
    try:
        script = f'. "{ROOT}/scripts/_progress.sh"; with_progress Making {command}'
        ended = subprocess.run(
            ["bash", "-c", script],
            env={**os.environ, "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=theirs if terminal else subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(theirs)
        theirs = -1
        told = read_all(ours) if terminal else str(ended.stderr)
        return ended.returncode, ended.stdout, told
    finally:
        for end in (ours, theirs):
            if end >= 0:
                os.close(end)


def test_who_waits_at_a_terminal_sees_that_a_script_works() -> None:
    code, out, told = progress("bash -c 'sleep 0.3; echo made; exit 3'", terminal=True)
    assert (code, out) == (3, "made\n")
    assert "Making … | 0s" in told
    assert told.endswith("\x1b[K\r\n")


def test_elsewhere_a_line_says_what_a_script_does() -> None:
    assert progress("bash -c 'echo made; exit 3'", terminal=False) == (3, "made\n", "Making …\n")
