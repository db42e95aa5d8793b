"""Why the system refused to start an executable, in a sentence that says what to do."""

import errno
import os
import re
from pathlib import Path

from ductile.plugin.runner.errors import SpawnFailed
from ductile.plugin.runner.interface import RunnerCall
from ductile.plugin.trust import read_start

TRANSIENT_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ETXTBSY})
"""The machine is short of something, or the file is just being replaced: the same start may succeed later."""


def explain_refusal(call: RunnerCall, error: OSError | ValueError) -> SpawnFailed:
    """The refusal of this start as an error for people."""
    if isinstance(error, ValueError):  # a NUL byte, or a variable's name with `=` in it
        return SpawnFailed(reason=f"the system does not accept a name or value of its environment ({error})")
    reasons = {errno.ENOENT: _missing, errno.EACCES: _no_permission, errno.ENOEXEC: _no_program, errno.E2BIG: _too_big}
    reason = reasons.get(error.errno or 0, _other)(call, error)
    return SpawnFailed(reason=reason, transient=error.errno in TRANSIENT_ERRORS)


def _missing(call: RunnerCall, _: OSError) -> str:
    line = shebang(call.executable)
    if line is None:
        return f"{call.executable} does not exist; restore it or correct the manifest's entrypoint"
    if not line:
        return f"{call.executable} needs a loader that this system lacks; build it for this machine"
    if line.endswith("\r"):
        return f"the first line of {call.executable} ends in a carriage return; save the file with LF line ends"
    return (
        f"{call.executable} names the interpreter `{interpreter(line)}`, which does not exist; "
        "install it or correct the first line"
    )


def _no_permission(call: RunnerCall, _: OSError) -> str:
    if not os.access(call.executable, os.X_OK):
        return f"{call.executable} may not be executed by this user; `chmod +x` it and check the folders above it"
    named = interpreter(shebang(call.executable) or "")
    culprit = f"its interpreter `{named}`" if named else "it"
    return (
        f"{call.executable} may not be executed: {culprit} is no executable file "
        "or lies on a file system mounted noexec; correct the first line, or move it"
    )


def _no_program(call: RunnerCall, _: OSError) -> str:
    return (
        f"{call.executable} has no shebang and is no program for this machine; "
        "begin it with a line such as `#!/usr/bin/env python3`"
    )


def _too_big(call: RunnerCall, _: OSError) -> str:
    variables = call.variables
    size = sum(len(name) + len(value) for name, value in variables.items())
    arguments = sum(map(len, call.args))
    if arguments > size:
        return (
            f"its arguments are too big for the system ({arguments} characters in {len(call.args)} arguments); "
            "let the manifest pass large values by `stdin`"
        )
    return (
        f"its environment is too big for the system ({size} characters in {len(variables)} variables); "
        "pass large values in `config`, which travels on stdin, instead of `env`"
    )


def _other(call: RunnerCall, error: OSError) -> str:
    return f"{os.strerror(error.errno or 0)} while starting {call.executable}"


def shebang(executable: Path) -> str | None:
    """The first line without `#!`, empty for a file without one; None where there is no file to read."""
    try:
        line = read_start(executable).partition(b"\n")[0]
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    return line[2:].decode(errors="replace") if line.startswith(b"#!") else ""


def interpreter(line: str) -> str:
    """The path that a shebang line names, as the kernel reads it: a carriage return belongs to it."""
    return re.split(r"[ \t]", line.strip(" \t"), maxsplit=1)[0]


def is_program(executable: Path) -> bool:
    """Whether the file is in the format of Linux's own programs."""
    with executable.open("rb") as file:
        return file.read(4) == b"\x7fELF"
