"""Each `*.txt` beside this file is a case: files of a configuration, then exactly the problems that compiling finds.

A part begins with `--- <file>`; `--- environment` holds variables, `--- expect` the problems. The folders `plugins`
and `faulty` beside this file are there too. `UPDATE_GOLDEN=1` writes what was found: read it before you commit.
"""

import os
import shutil
from pathlib import Path

import pytest

from ductile.config.compile import compile_config

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.txt"))


def parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split("\n--- ")[1:]:
        name, _, body = part.partition("\n")
        found[name] = body if body.endswith("\n") or not body else f"{body}\n"
    return found


def written(root: Path, files: dict[str, str]) -> None:
    for name in ("plugins", "faulty"):
        shutil.copytree(HERE / name, root / name)
    for name, body in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)


def found(root: Path, environment: str) -> str:
    variables = dict(line.split("=", 1) for line in environment.splitlines())
    compiled = compile_config(root / "config.yaml", variables, generation=1)
    assert (compiled.snapshot is None) == bool(compiled.errors)
    return "".join(f"{problem}\n" for problem in compiled.problems).replace(str(root), "<root>")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_configuration_gives_exactly_these_problems(case: Path, tmp_path: Path) -> None:
    text = case.read_text()
    files = parts(text)
    expected = files.pop("expect", "")
    environment = files.pop("environment", "")
    written(tmp_path, files)
    problems = found(tmp_path, environment)
    if os.environ.get("UPDATE_GOLDEN"):
        case.write_text(text.partition("\n--- expect")[0] + f"\n--- expect\n{problems}")
    else:
        assert problems == expected


def test_there_are_cases_for_all_that_can_be_wrong() -> None:
    assert len(CASES) >= 45
