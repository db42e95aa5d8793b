"""The very beginning of a command."""

import subprocess
import sys

import pytest

from ductile.cli import entry
from ductile.cli.core.exit_code import ExitCode


@pytest.mark.parametrize("module", ["typer", "ductile.cli.main", "ductile.cli.commands.job"])
def test_ctrl_c_while_the_command_is_imported_is_no_traceback(module: str) -> None:
    script = f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from ductile.cli.entry import main
sys.argv = ["ductile", "job", "list"]
sys.exit(main())
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_the_exit_code_is_the_one_of_every_command() -> None:
    assert entry.INTERRUPTED_EXIT_CODE == ExitCode.INTERRUPTED
