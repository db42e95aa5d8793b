"""The help of each command, whole, as `tests/golden/cli/<command>.txt` has it; `UPDATE_GOLDEN=1` writes it anew."""

import os
from pathlib import Path

import pytest
import typer

from ductile.cli.command_groups import COMMAND_GROUPS, load_group
from ductile.cli.main import app, main
from ductile.cli.root_command import group_commands

GOLDEN = Path(__file__).parents[2] / "golden/cli"
CONTEXT = typer.main.get_command(app).make_context("ductile", [], resilient_parsing=True)
COMMANDS = [
    "",
    *COMMAND_GROUPS,
    *(f"{name} {verb}" for name in COMMAND_GROUPS for verb in group_commands(CONTEXT, name)),
]


def golden(command: str) -> Path:
    return GOLDEN / f"{'-'.join(command.split()) or 'ductile'}.txt"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_is_as_it_was_agreed(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*command.split(), "--help"]) == 0
    help_ = capsys.readouterr().out.strip() + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        golden(command).write_text(help_)
    assert help_ == golden(command).read_text()


def test_no_help_is_kept_of_a_command_that_is_gone() -> None:
    assert {path.name for path in GOLDEN.iterdir()} - {golden(command).name for command in COMMANDS} == set()


def test_every_command_says_what_it_does_and_has_the_options_that_all_have() -> None:
    for name in COMMAND_GROUPS:
        noun = load_group(name)
        for verb, command in getattr(noun, "commands", {name: noun}).items():
            options = {option for param in command.params for option in param.opts}
            assert {"--format", "--json", "--output", "--quiet", "--verbose"} <= options, f"{name} {verb}"
            assert (command.help or "").endswith("."), f"{name} {verb}"
