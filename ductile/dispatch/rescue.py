"""At start: ends the attempts that the last gateway left running.

Their processes are killed first, so that no attempt still works when its job is queued again; then each running
attempt is settled as lost, by the code that settles any other.
"""

import structlog

from ductile.dispatch.retry_policy import decide
from ductile.dispatch.settlement import lost_retry_rules
from ductile.model.clock import Millis
from ductile.model.job import Job, Outcome
from ductile.model.snapshot import Snapshot
from ductile.model.writes import Settlement
from ductile.plugin.sweep import kill_instance
from ductile.store.contract import Store

log = structlog.get_logger(__name__)

LOST_ERROR = "lost: the gateway died or was stopped while this attempt ran"


async def rescue(store: Store, snapshot: Snapshot, instance: str, now: Millis) -> int:
    """Kill the processes of this instance and settle every running attempt as lost; returns the number of attempts."""
    killed = kill_instance(instance, log_unknown=True)
    jobs = await store.abandoned_jobs()
    for job in jobs:
        await store.settle(_lost_settlement(job, snapshot, now))
    if killed or jobs:
        log.warning("rescued what the last gateway left", attempts=len(jobs), processes=len(killed))
    return len(jobs)


def _lost_settlement(job: Job, snapshot: Snapshot, now: Millis) -> Settlement:
    decision = decide(job, Outcome.LOST, lost_retry_rules(job, snapshot), now, 0.0)
    return Settlement(
        job=job,
        outcome=Outcome.LOST,
        state=decision.state,
        run_at=decision.run_at,
        started_at=job.started_at or now,
        runner="",
        generation=snapshot.generation,
        error=f"{LOST_ERROR}; {decision.note}" if decision.note else LOST_ERROR,
    )
