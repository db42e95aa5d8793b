"""`.env` files: `KEY=VALUE` lines, with quotes, comments and an optional `export`."""

import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from ductile.document.problem import Mark, Problem

_OVERRIDE = re.compile(r"DUCTILE_.*__.*")


def read_dotenv(path: Path, name: str) -> tuple[dict[str, str], list[Problem]]:
    """The variables of one file, and the lines that are none. Raises OSError and UnicodeDecodeError."""
    variables: dict[str, str] = {}
    problems: list[Problem] = []
    for binding in parse_stream(StringIO(path.read_text(encoding="utf-8"))):
        skipped = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:skipped].count("\n")
        mark = Mark(name, line, 1)
        if binding.error or (binding.key and binding.value is None):
            message = "is no `KEY=VALUE`; quote a value with spaces, and begin a comment with #"
            problems.append(Problem(code="dotenv", message=f"this line {message}", mark=mark))
        elif binding.key and binding.value is not None:
            variables[binding.key] = binding.value
            problems.extend(overrides({binding.key: binding.value}, mark))
    return variables, problems


def overrides(variables: Mapping[str, str], mark: Mark | None = None) -> list[Problem]:
    """The variables that a later version takes for settings, such as `DUCTILE_API__LISTEN`."""
    message = "the environment variable `{}` would set a configuration key, which is not in this version; unset it"
    names = sorted(name for name in variables if _OVERRIDE.fullmatch(name))
    return [Problem(code="not_in_this_version", message=message.format(name), mark=mark) for name in names]
