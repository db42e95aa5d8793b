"""Completion as a real bash asks for it."""

import os
import subprocess
import sys
from pathlib import Path


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    """A bash of its own sources the script and is asked for what it would offer at the end of a line."""
    program = tmp_path / "ductile"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ductile.cli.main "$@"\n')
    program.chmod(0o755)
    line = """
        eval "$(ductile completion bash)"
        offer() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
            "$(complete -p ductile | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" ductile "${@: -1}" "${@: -2:1}"
            echo "${COMPREPLY[*]}"
        }
        offer ductile sy
        offer ductile job ins
        offer ductile job list --status = s
        offer ductile nothing ''
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DUCTILE_")}
    ended = subprocess.run(
        ["bash", "--norc", "-c", line],
        env={**environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "DUCTILE_CONFIG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == ["system", "inspect", "succeeded", ""]
