"""The exit codes of the command line."""

from enum import IntEnum


class ExitCode(IntEnum):
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
