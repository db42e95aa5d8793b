"""What one attempt may still print."""

from ductile.model.output import OutputRules, excess


class OutputBudget:
    """Counts what an attempt prints; `fault` names the first setting that it goes beyond."""

    def __init__(self, rules: OutputRules) -> None:
        self._rules = rules
        self._bytes = self._lines = self._entries = self._log_bytes = 0
        self.fault: str | None = None

    def add_bytes(self, count: int) -> None:
        """So much of stdout was read."""
        self._bytes += count
        if self._bytes > self._rules.max_stdout_bytes:
            self._exceed("max_stdout_bytes", self._rules.max_stdout_bytes, "on stdout")

    def add_frame(self, length: int, *, log: bool) -> None:
        """A frame of so many bytes came, or a line of plain text, which is a log entry."""
        self._lines += 1
        if self._lines > self._rules.max_lines:
            self._exceed("max_lines", self._rules.max_lines, "lines before its response")
        if log:
            self._entries += 1
            self._log_bytes += length
            if self._entries > self._rules.max_log_entries:
                self._exceed("max_log_entries", self._rules.max_log_entries, "log entries")
            elif self._log_bytes > self._rules.max_log_bytes:
                self._exceed("max_log_bytes", self._rules.max_log_bytes, "of log entries")

    def _exceed(self, name: str, limit: int, what: str) -> None:
        if self.fault is None:
            self.fault = f"it wrote {excess(name, limit, what)}"
