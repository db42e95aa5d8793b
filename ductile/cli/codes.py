"""What the command's exit code says, and the command line's own errors."""

from enum import IntEnum

from ductile.errors import DuctileError


class Exit(IntEnum):
    """The exit codes of `ductile`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    AUTH = 4
    TIMED_OUT = 6
    UNREACHABLE = 7
    CONFIGURATION = 78
    INTERRUPTED = 130


class UsageError(DuctileError):
    """{reason}; see --help."""

    code = "usage"
    status = 400


class OutputFailed(DuctileError):
    """The output cannot be written to {path}: {reason}. Name another file with --output."""

    code = "output_failed"


class SystemRefused(DuctileError):
    """The system refused {what}: {reason}."""

    code = "system_refused"


class WaitedTooLong(DuctileError):
    """{what} within {waited}; it goes on. {then}."""

    code = "waited_too_long"
    status = 504
