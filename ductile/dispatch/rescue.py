"""What a gateway does at start for those that the last one left running.

The processes go first, so that no attempt still works when its job is requeued; then each running attempt is settled as
lost, by the same code that settles any other.
"""

import structlog

from ductile.dispatch.retry import decide
from ductile.dispatch.settle import lost_rules
from ductile.model.clock import Millis
from ductile.model.job import Job, Outcome
from ductile.model.order import Settlement
from ductile.model.snapshot import Snapshot
from ductile.plugin.sweep import kill_instance
from ductile.store.settle import settle
from ductile.store.sqlite.store import Store

log = structlog.get_logger(__name__)

DIED = "lost: the gateway died or was stopped while this attempt ran"


async def rescue(store: Store, snapshot: Snapshot, instance: str, now: Millis) -> int:
    """Kill what still runs of this instance and settle every running attempt as lost; returns how many there were."""
    killed = kill_instance(instance, log_unknown=True)
    jobs = await store.running_jobs()
    for job in jobs:
        await store.write(settle, _lost(job, snapshot, now))
    if killed or jobs:
        log.warning("rescued what the last gateway left", attempts=len(jobs), processes=len(killed))
    return len(jobs)


def _lost(job: Job, snapshot: Snapshot, now: Millis) -> Settlement:
    verdict = decide(job, Outcome.LOST, lost_rules(job, snapshot), now, 0.0)
    return Settlement(
        job=job,
        outcome=Outcome.LOST,
        state=verdict.state,
        run_at=verdict.run_at,
        started_at=job.started_at or now,
        runner="",
        generation=snapshot.generation,
        error=f"{DIED}; {verdict.note}" if verdict.note else DIED,
    )
