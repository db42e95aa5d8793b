"""Reads text and whole numbers of the command line without pydantic, with which Typer reads all values.

Importing pydantic takes longer than most commands run. Typer still reads all other values, and reports all errors.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_MISSING = object()


class PlainValue:
    """Reads a parameter's value in place of Typer's reader."""

    def __init__(self, typer_reader: Callable[[], Any]) -> None:
        self._typer_reader = typer_reader

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the parameter's type. Raises what Typer raises."""
        found = read_plain(value, param)
        return self._typer_reader().coerce(value, param=param, ctx=ctx) if found is _MISSING else found


def read_plain(value: Any, param: Any) -> Any:
    """The value where it is plain, else `_MISSING`."""
    several = param.multiple or param.nargs == -1
    kind = param.type_descriptor.annotation
    if value is None:
        return () if several else None
    if several:
        texts = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        return list(value) if kind == list[str] and texts else _MISSING
    if kind is str and isinstance(value, str):
        return value
    return read_whole_number(value, param.type_descriptor.parameter_info) if kind is int else _MISSING


def read_whole_number(value: Any, limits: Any) -> Any:
    """A whole number within the limits of its parameter, else `_MISSING`."""
    if not (type(value) is int or (isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value))) or limits.clamp:
        return _MISSING
    number = int(value)
    low, high = limits.min, limits.max
    inside = (low is None or number >= low) and (high is None or number <= high)
    return number if inside else _MISSING


class PlainParams:
    """Makes the parameters of a Typer command or group read plain values without pydantic."""

    def get_params(self, ctx: Any) -> Any:
        """All parameters, `--help` too."""
        params = super().get_params(ctx)  # type: ignore[misc]  # a command's or a group's
        for param in params:
            if "get_runtime_param" not in vars(param):
                param.get_runtime_param = partial(PlainValue, param.get_runtime_param)
        return params


class PlainCommand(PlainParams, TyperCommand):
    """A command."""


class PlainGroup(PlainParams, TyperGroup):
    """A group of commands."""
