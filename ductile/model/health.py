"""Health checks of plugins: the commands `init`, run once for each version, and `health`, run by a schedule."""

from msgspec import Struct

from ductile.model.clock import Millis

INIT_COMMAND = "init"
HEALTH_COMMAND = "health"
CHECK_COMMANDS = frozenset({INIT_COMMAND, HEALTH_COMMAND})
"""Each check has one attempt, since a retry would answer for another time. The last ended job decides the health."""


class UnhealthyPlugin(Struct, frozen=True, kw_only=True):
    """A plugin whose last check failed."""

    plugin: str
    command: str
    reason: str
    since: Millis
    """End of the first failure since the last success."""
    job_id: str
    """The job of the last failure."""
