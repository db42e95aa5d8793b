"""Claims: which attempts start now, and the gate that each job passes."""

from collections.abc import Callable

from msgspec import Struct

from ductile.model.clock import Millis
from ductile.model.job import ClaimedJob, Job

PLUGIN_UNAVAILABLE = "plugin_unavailable"
"""Why a job is held whose plugin or command is not there; `release` queues the job again."""

MAX_MOVED_JOBS = 512
"""Jobs that one transaction moves at most."""


class Hold(Struct, frozen=True):
    """Keeps a job from starting until it is released."""

    reason: str


class Defer(Struct, frozen=True):
    """Keeps a job in the queue until a time."""

    until: Millis


GateAnswer = Hold | Defer | None
"""None admits the job."""

Gate = Callable[[Job], GateAnswer]
"""Asked for a job as the job would start, before the attempt begins."""


class Claims(Struct, frozen=True):
    """The attempts to start now, in order, and the lanes without another ready job (notified as `LaneDrained`)."""

    claimed: tuple[ClaimedJob, ...]
    drained: frozenset[str]
