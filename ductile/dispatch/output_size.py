"""What reading the output of an attempt costs."""

from ductile.plugin.runner.interface import Execution

LOG_COST_BYTES = 64
"""A log entry costs as much as this many bytes of stdout."""


def output_size(execution: Execution | None) -> int:
    """What reading the output costs, in bytes of stdout."""
    return 0 if execution is None else len(execution.stdout) + LOG_COST_BYTES * len(execution.logs)
