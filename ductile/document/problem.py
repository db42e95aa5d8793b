"""A problem of a document, with its place, what is wrong and what was probably meant."""

import difflib
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

Path = tuple[str | int, ...]
"""A YAML path: keys and list indexes from the root, such as `("plugins", "echo", "timeouts", "poll")`."""


class Mark(Struct, frozen=True, order=True):
    """A place in a file; line and column count from 1. A value that stands in no file has 0 for both."""

    file: str
    """The file's name, or `environment:` and the name of a variable."""
    line: int
    column: int

    @classmethod
    def variable(cls, name: str) -> "Mark":
        """The place of a value that an environment variable gives."""
        return cls(f"environment:{name}", 0, 0)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Problem(Struct, frozen=True, kw_only=True):
    """One thing wrong. `mark` is None where only the path is known; compiling adds the mark."""

    code: str
    """`unknown_key`, `bad_value`, `missing`, …"""
    message: str
    path: Path = ()
    mark: Mark | None = None
    severity: str = "error"
    """`error` or `warning`."""

    def __str__(self) -> str:
        place = f"{self.mark}: " if self.mark else ""
        return f"{place}{self.severity}[{self.code}]: {self.message}"

    def public(self) -> dict[str, Any]:
        """The problem as an HTTP answer shows it."""
        mark = self.mark
        return {
            "file": mark.file if mark else None,
            "line": mark.line or None if mark else None,
            "column": mark.column or None if mark else None,
            "path": ".".join(str(part) for part in self.path),
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
        }


def did_you_mean(wrong: str, known: Iterable[str], *, alike: float = 0.6) -> str:
    """`; did you mean `x`?` for the nearest known name, or nothing. `alike`: 1 is the same name."""
    near = difflib.get_close_matches(wrong, sorted(known), n=1, cutoff=alike)
    return f"; did you mean `{near[0]}`?" if near else ""
