"""Limits of a plugin's output: of one attempt, and of an idle worker."""

from msgspec import Struct

KIBIBYTE = 1024
MEBIBYTE = 1024 * 1024


class OutputRules(Struct, frozen=True, kw_only=True):
    """The `output` settings of one plugin. An attempt that exceeds a limit is ended and fails for good."""

    max_stdout_bytes: int = 10 * MEBIBYTE
    max_stderr_bytes: int = 64 * KIBIBYTE
    """Bytes of stderr that are stored, from both ends; the rest is read and dropped."""
    max_lines: int = 100_000
    """Progress, log frames and lines of plain text before the response."""
    max_log_entries: int = 10_000
    max_log_bytes: int = 2 * MEBIBYTE
    """Bytes of all log messages together."""
    max_events: int = 5_000
    max_values: int = 500_000
    """JSON values of the response: making them holds up every thread."""
    max_event_bytes: int = 32 * MEBIBYTE
    """Bytes of all payloads of a response's events together, each with the result."""
    max_idle_bytes: int = MEBIBYTE
    """Bytes that a worker may print between two requests."""


DEFAULT_OUTPUT = OutputRules()


def excess(name: str, limit: int, what: str) -> str:
    """The exceeded limit in words: `more than 10,000 log entries (service.output.max_log_entries)`."""
    return f"more than {amount(name, limit)} {what} (`service.output.{name}`)"


def amount(name: str, limit: int) -> str:
    """A limit as people read it: `10 MiB` of a size, `10,000` of a count."""
    if not name.endswith("_bytes"):
        return f"{limit:,}"
    for unit, size in (("MiB", MEBIBYTE), ("KiB", KIBIBYTE)):
        if limit >= size and limit % size == 0:
            return f"{limit // size} {unit}"
    return f"{limit:,} bytes"
