"""What the command's exit code says."""

from enum import IntEnum

from ductile.errors import DuctileError


class Exit(IntEnum):
    """The exit codes of `ductile`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    AUTH = 4
    UNREACHABLE = 7
    CONFIGURATION = 78


class UsageError(DuctileError):
    """{reason}; see --help."""

    code = "usage"
    status = 400
