"""Claims: which attempts start now, and the gate that each job passes."""

from collections.abc import Callable

from msgspec import Struct

from ductile.model.job import ClaimedJob, Job

Gate = Callable[[Job], str | None]
"""Asked for a job as it would start, before it does: None admits the job, anything else is why it is held."""

PLUGIN_UNAVAILABLE = "plugin_unavailable"
"""Why a job is held whose plugin or command is not there; `release` queues the job again."""

MAX_MOVED_JOBS = 512
"""Jobs that one transaction moves at most."""


class Claims(Struct, frozen=True):
    """The attempts to start now, in order, and the lanes without another ready job (notified as `LaneDrained`)."""

    claimed: tuple[ClaimedJob, ...]
    drained: frozenset[str]
