"""Which interpreter a script in Python asks for, as far as a zygote can stand in for it."""

import re
import shlex
from pathlib import Path

from ductile.plugin.runner.errors import Unforkable
from ductile.plugin.runner.spawn_errors import shebang

_PYTHON = re.compile(r"python(3(\.[0-9]+)?)?")
"""`python` may be of version 2, which comes up as no zygote; it is spawned then."""
_ENV = re.compile(r"(?:/usr)?/bin/env")
_FLAGS = re.compile(r"-[bBdEIOPqsSuv]+|-[WX].+")
"""Flags that change how a script is run, not what is run."""


def interpreter_argv(executable: Path) -> list[str]:
    """The interpreter and its flags, as the shebang names them: `["/usr/bin/env", "python3"]`. Raises Unforkable."""
    line = (shebang(executable) or "").strip(" \t")
    if not line:
        raise Unforkable(reason="it has no shebang")
    program, _, rest = line.partition(" ")
    words = [rest.strip()] if rest.strip() else []
    if not _ENV.fullmatch(program):
        return _check_flags([program], words)
    if not words:
        raise Unforkable(reason=f"its interpreter is `{line}`")
    if words[0].startswith("-S"):
        words = _split(words[0].removeprefix("-S"))
    elif " " in words[0]:
        raise Unforkable(reason=f"`env` takes `{words[0]}` for one name; write `env -S`")
    return _check_flags([program, *words[:1]], words[1:])


def _split(text: str) -> list[str]:
    if "$" in text or "\\" in text:
        raise Unforkable(reason="its shebang has variables or escapes")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Unforkable(reason=f"its shebang cannot be read: {error}") from None


def _check_flags(interpreter: list[str], flags: list[str]) -> list[str]:
    name = interpreter[-1].rpartition("/")[2]
    if not _PYTHON.fullmatch(name):
        raise Unforkable(reason=f"its interpreter is `{name}`")
    for flag in flags:
        if not _FLAGS.fullmatch(flag) or " " in flag:
            raise Unforkable(reason=f"its interpreter is given `{flag}`")
    return [*interpreter, *flags]
