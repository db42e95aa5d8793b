"""`.env` files: `KEY=VALUE` lines, with quotes, comments and an optional `export`."""

from io import StringIO
from pathlib import Path

from msgspec import Struct

from ductile.document.problem import Mark, Problem


class Variable(Struct, frozen=True, kw_only=True):
    """A variable and where it was set."""

    value: str
    mark: Mark
    folder: Path
    """What a relative path in it is relative to."""


def read_dotenv(path: Path, name: str) -> tuple[dict[str, Variable], list[Problem]]:
    """The variables of one file, and the lines that are none. Raises OSError and UnicodeDecodeError."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - most configurations list no such file

    variables: dict[str, Variable] = {}
    problems: list[Problem] = []
    for binding in parse_stream(StringIO(path.read_text(encoding="utf-8"))):
        skipped = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:skipped].count("\n")
        mark = Mark(name, line, 1)
        if binding.error or (binding.key and binding.value is None):
            message = "is no `KEY=VALUE`; quote a value with spaces, and begin a comment with #"
            problems.append(Problem(code="dotenv", message=f"this line {message}", mark=mark))
        elif binding.key and binding.value is not None:
            variables[binding.key] = Variable(value=binding.value, mark=mark, folder=path.parent)
    return variables, problems
