"""Commands by which a plugin says whether it can work: `init`, once a version of it, and `health`, by a schedule."""

from msgspec import Struct

from ductile.model.clock import Millis

INIT = "init"
HEALTH = "health"
CHECKS = frozenset({INIT, HEALTH})
"""Each has one attempt: another one would answer for another time. The last job to end is a plugin's word."""


class Unhealthy(Struct, frozen=True, kw_only=True):
    """A plugin whose last check has not succeeded."""

    plugin: str
    command: str
    reason: str
    since: Millis
    """When the first of an unbroken row of failures ended."""
    job_id: str
    """The last one."""
