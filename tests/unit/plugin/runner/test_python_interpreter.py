"""What a shebang says of a script: whether a zygote can stand in for its interpreter."""

from pathlib import Path

import pytest

from ductile.plugin.runner.errors import Unforkable
from ductile.plugin.runner.python_interpreter import interpreter_argv


def argv(tmp_path: Path, line: str) -> list[str]:
    path = tmp_path / "run"
    path.write_text(line + "\nprint(1)\n")
    return interpreter_argv(path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("#!/usr/bin/python3", ["/usr/bin/python3"]),
        ("#!/venv/bin/python", ["/venv/bin/python"]),
        ("#! /usr/bin/python3.12 ", ["/usr/bin/python3.12"]),
        ("#!/venv/bin/python3 -u", ["/venv/bin/python3", "-u"]),
        ("#!/venv/bin/python3 -IS", ["/venv/bin/python3", "-IS"]),
        ("#!/usr/bin/env python3", ["/usr/bin/env", "python3"]),
        ("#!/bin/env python3.11", ["/bin/env", "python3.11"]),
        ("#!/usr/bin/env -S python3 -u -B", ["/usr/bin/env", "python3", "-u", "-B"]),
        ("#!/usr/bin/env -Spython3 -Wignore", ["/usr/bin/env", "python3", "-Wignore"]),
        ("#!/usr/bin/env -S python3 -X utf8=1", None),
        ("#!/usr/bin/env -S python3 -Xutf8=1", ["/usr/bin/env", "python3", "-Xutf8=1"]),
    ],
)
def test_a_python_script_names_its_interpreter(tmp_path: Path, line: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(Unforkable):
            argv(tmp_path, line)
    else:
        assert argv(tmp_path, line) == expected


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "no shebang"),
        ("#!/bin/sh", "`sh`"),
        ("#!/usr/bin/python2.7", "`python2.7`"),
        ("#!/usr/bin/env", "`/usr/bin/env`"),
        ("#!/usr/bin/env node", "`node`"),
        ("#!/usr/bin/env python3 -u", "write `env -S`"),
        ("#!/usr/bin/env -S PYTHONPATH=x python3", "`PYTHONPATH=x`"),
        ("#!/usr/bin/env -S uv run --script", "`uv`"),
        ("#!/usr/bin/env -S python3 -m tool", "`-m`"),
        ("#!/usr/bin/env -S ${PYTHON}", "variables"),
        ("#!/usr/bin/env -S 'python3", "cannot be read"),
        ("#!/usr/bin/python3 -u -B", "`-u -B`"),
        ("#!/usr/bin/python3 -i", "`-i`"),
        ("#!/usr/bin/python3 other.py", "`other.py`"),
        ("#!/usr/bin/python3\r", "`python3\\r`"),
    ],
)
def test_anything_else_says_why_it_is_not_forked(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(Unforkable) as refused:
        argv(tmp_path, line)
    assert why in refused.value.reason.replace("\r", "\\r")
