"""What a plain program is given: its arguments and its stdin, filled with the values of one job.

No shell reads them. A value cannot become an option that the manifest does not name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ductile.errors import BadRequest
from ductile.model.program import ArgumentGroup, Program, Reference, Template
from ductile.plugin.argument_template import literal_start

MAX_ARGUMENT_BYTES = 128 * 1024 - 1
"""What Linux lets one argument hold (MAX_ARG_STRLEN, its closing NUL aside)."""

OPTIONS_END = "--"
"""Behind this argument programs take nothing for an option."""

_MAX_DIGITS = 10
"""A place in a list has fewer."""

Roots = Mapping[str, Any]
"""`payload` and `config` → their values."""


class BadArgument(BadRequest):
    """The program cannot be given its arguments: {reason}."""

    code = "bad_argument"

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


def program_arguments(program: Program, roots: Roots) -> tuple[str, ...]:
    """The arguments, in order. Raises BadArgument."""
    made: list[str] = []
    for group in program.groups:
        if _is_given(group, roots):
            made.extend(_arguments(group, roots, options_end=OPTIONS_END in made))
    return tuple(made)


def program_stdin(program: Program, roots: Roots) -> bytes:
    """What it reads: texts as they are, all other values as JSON. Raises BadArgument."""
    if program.stdin is None:
        return b""
    return "".join(_read(part, roots) for part in program.stdin).encode()


def _read(part: str | Reference, roots: Roots) -> str:
    if isinstance(part, str):
        return part
    value = _require(part, roots)
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value, _as_dict).decode()
    except orjson.JSONEncodeError as error:
        raise BadArgument(reason=f"`{part.name}` cannot be written as JSON ({error})") from None


def _as_dict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    message = f"{type(value).__name__} is no JSON value"
    raise TypeError(message)


def _is_given(group: ArgumentGroup, roots: Roots) -> bool:
    if group.when is not None:
        value = _value(group.when, roots)
        if value is not None and not isinstance(value, bool):
            raise BadArgument(reason=f"`{group.when.name}` is {_kind(value)}; `when` needs true or false")
        if not value:
            return False
    if not group.optional:
        return True
    parts = (part for template in group.arguments for part in template if isinstance(part, Reference))
    return all(_value(part, roots) not in (None, []) for part in parts)


def _arguments(group: ArgumentGroup, roots: Roots, *, options_end: bool) -> Iterator[str]:
    for template in group.arguments:
        start = literal_start(template)
        for argument in _fill(template, roots):
            if not options_end and argument.startswith("-") and (not start or argument == start):
                _check_option(template, start, argument)
            _check_text(argument, template)
            yield argument
        options_end = options_end or template == (OPTIONS_END,)


def _fill(template: Template, roots: Roots) -> Iterator[str]:
    """The argument of the template; one for each item where it is a single reference to a list."""
    if len(template) == 1 and isinstance(template[0], Reference):
        value = _require(template[0], roots)
        for item in value if isinstance(value, list) else [value]:
            yield _text(item, template[0])
        return
    yield "".join(part if isinstance(part, str) else _text(_require(part, roots), part) for part in template)


def _check_option(template: Template, start: str, argument: str) -> None:
    """Refuses what a program would take for an option, or for one without its value."""
    reference = next((part for part in template if isinstance(part, Reference)), None)
    if reference is None:
        return
    if not start:
        reason = (
            f"`{reference.name}` begins with `-`, and the program would take it for an option; "
            f"let the manifest write it as `--option={{{reference.name}}}`, or put `--` before it"
        )
        raise BadArgument(reason=reason)
    if not start.startswith("--"):
        reason = f"`{reference.name}` is empty, and `{argument}` would take the next argument for its value"
        raise BadArgument(reason=reason)


def _check_text(argument: str, template: Template) -> None:
    names = [part.name for part in template if isinstance(part, Reference)]
    named = f"`{names[0]}`" if names else "an argument"
    if "\0" in argument:
        raise BadArgument(reason=f"{named} has a NUL character, which no argument can hold")
    try:
        size = len(argument.encode())
    except UnicodeEncodeError:
        raise BadArgument(reason=f"{named} has half a character (a lone surrogate)") from None
    if size > MAX_ARGUMENT_BYTES:
        reason = (
            f"{named} makes an argument of {size:,} bytes, and {MAX_ARGUMENT_BYTES:,} are the most; "
            "let the manifest pass large values by `stdin`"
        )
        raise BadArgument(reason=reason)


def _require(reference: Reference, roots: Roots) -> Any:
    value = _value(reference, roots)
    if value is None:
        raise BadArgument(reason=f"there is no `{reference.name}`, which the manifest's `args` or `stdin` need")
    return value


def _value(reference: Reference, roots: Roots) -> Any:
    """What stands there; its default where that is nothing or null."""
    value: Any = roots
    for part in reference.path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list):
            value = _item(value, part)
        else:
            value = None
    return reference.default if value is None else value


def _item(values: list[Any], part: str) -> Any:
    """The item at a place that is written in digits."""
    is_place = part.isascii() and part.isdigit() and len(part) < _MAX_DIGITS
    return values[int(part)] if is_place and int(part) < len(values) else None


def _text(value: Any, reference: Reference) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return orjson.dumps(value).decode()
    reason = f"`{reference.name}` is {_kind(value)}; an argument is text, a number, true or false"
    raise BadArgument(reason=reason)


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list, which cannot stand inside an argument or another list"
    return {str: "text", type(None): "null"}.get(type(value), "a number")
