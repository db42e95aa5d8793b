"""Which runner a plugin gets."""

from pathlib import Path

import pytest

from ductile.config.runners import choose


@pytest.mark.parametrize(
    ("wanted", "shebang", "runner", "unmet"),
    [
        ("auto", "#!/usr/bin/env python3", "fork", False),
        ("auto", "#!/bin/sh", "spawn", False),
        ("spawn", "#!/usr/bin/env python3", "spawn", False),
        ("fork", "#!/usr/bin/env python3", "fork", False),
        ("fork", "#!/bin/sh", "spawn", True),
    ],
)
def test_the_runner_follows_the_configuration_and_the_shebang(
    tmp_path: Path, wanted: str, shebang: str, runner: str, *, unmet: bool
) -> None:
    executable = tmp_path / "run"
    executable.write_text(f"{shebang}\n")
    choice = choose(wanted, executable)
    assert (choice.runner, choice.unmet) == (runner, unmet)
    assert choice.reason
