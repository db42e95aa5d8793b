"""Errors that hide the settings of a configuration."""

from collections.abc import Iterable
from pathlib import Path

from ductile.cli.core.errors import ConfigurationBroken
from ductile.config.read_files import UNREAD
from ductile.document.problem import Path as YamlPath
from ductile.document.problem import Problem


def unreadable_file_errors(problems: Iterable[Problem]) -> list[Problem]:
    """The errors of files that cannot be read or hold no map of keys."""
    return [one for one in problems if one.severity == "error" and (one.code in UNREAD or not one.path)]


def errors_at(problems: Iterable[Problem], setting: YamlPath) -> list[Problem]:
    """The errors of a setting and of the sections around it."""
    return [
        one
        for one in problems
        if one.severity == "error" and one.path and setting[: len(one.path)] == one.path[: len(setting)]
    ]


def raise_if_any(location: Path, problems: Iterable[Problem]) -> None:
    """Raises ConfigurationBroken with these errors unless there are none."""
    errors = [one.public() for one in problems]
    if errors:
        raise ConfigurationBroken(path=str(location), count=len(errors), errors=errors)
