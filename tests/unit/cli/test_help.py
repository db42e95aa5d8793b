"""The help, whole, as `tests/golden/cli/help.txt` has it; `DUCTILE_UPDATE=1 pytest` writes it anew."""

import os
from pathlib import Path

import pytest

from ductile.cli.main import main

GOLDEN = Path(__file__).parents[2] / "golden/cli/help.txt"
COMMANDS = [
    "",
    "system",
    "system start",
    "system status",
    "system reload",
    "system stop",
    "config",
    "config check",
    "plugin",
    "plugin list",
    "plugin run",
    "job",
    "job inspect",
]


def test_the_help_is_as_it_was_agreed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = []
    for command in COMMANDS:
        assert main([*command.split(), "--help"]) == 0
        shown.append(f"$ {' '.join(['ductile', *command.split(), '--help'])}\n{capsys.readouterr().out.strip()}\n")
    help_ = "\n\n".join(shown)
    if os.environ.get("DUCTILE_UPDATE"):
        GOLDEN.write_text(help_)
    assert help_ == GOLDEN.read_text()
