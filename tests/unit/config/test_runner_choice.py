"""Which runner a plugin gets."""

from pathlib import Path

import pytest

from ductile.config.runner_choice import choose_runner
from ductile.model.manifest import Command, Manifest
from ductile.model.program import Program


def manifest(lifecycle: str = "spawn", program: Program | None = None) -> Manifest:
    commands = {"run": Command(name="run", program=program)}
    return Manifest(name="demo", version="1", entrypoint="run", commands=commands, lifecycle=lifecycle)


@pytest.mark.parametrize("wanted", ["auto", "spawn", "fork", "persistent"])
def test_a_plain_program_is_spawned_whatever_it_is_written_in(tmp_path: Path, wanted: str) -> None:
    executable = tmp_path / "run"
    executable.write_text("#!/usr/bin/env python3\n")
    choice = choose_runner(wanted, manifest(program=Program()), executable)
    assert (choice.runner, choice.unmet) == ("spawn", wanted in ("fork", "persistent"))


@pytest.mark.parametrize(
    ("wanted", "lifecycle", "shebang", "runner", "unmet"),
    [
        ("auto", "spawn", "#!/usr/bin/env python3", "fork", False),
        ("auto", "spawn", "#!/bin/sh", "spawn", False),
        ("spawn", "spawn", "#!/usr/bin/env python3", "spawn", False),
        ("fork", "spawn", "#!/usr/bin/env python3", "fork", False),
        ("fork", "spawn", "#!/bin/sh", "spawn", True),
        ("auto", "persistent", "#!/bin/sh", "persistent", False),
        ("persistent", "persistent", "#!/usr/bin/env python3", "persistent", False),
        ("spawn", "persistent", "#!/usr/bin/env python3", "spawn", False),
        ("fork", "persistent", "#!/usr/bin/env python3", "fork", False),
        ("persistent", "spawn", "#!/usr/bin/env python3", "fork", True),
        ("persistent", "spawn", "#!/bin/sh", "spawn", True),
    ],
)
def test_the_runner_follows_the_configuration_and_the_shebang(
    tmp_path: Path, wanted: str, lifecycle: str, shebang: str, runner: str, *, unmet: bool
) -> None:
    executable = tmp_path / "run"
    executable.write_text(f"{shebang}\n")
    choice = choose_runner(wanted, manifest(lifecycle), executable)
    assert (choice.runner, choice.unmet) == (runner, unmet)
    assert choice.reason
