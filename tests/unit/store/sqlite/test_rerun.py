"""What has ended is started again beside the old row, which never changes."""

from msgspec.structs import replace
from support.store import SqliteHarness, start

from ductile.model.job import State
from ductile.model.writes import Start
from ductile.store.rerun import insert_rerun


def again(first: Start) -> Start:
    """Another start on the event of the first."""
    return replace(start(), event=None, event_id=first.event_id, cause_event_id=first.event_id)


def ended(harness: SqliteHarness) -> Start:
    first = start()
    harness.insert(first)
    harness.settle(harness.claim_one("echo").job, State.FAILED)
    return first


def test_the_new_job_names_the_old_one_and_shares_its_event(harness: SqliteHarness) -> None:
    first = ended(harness)
    before = harness.row(first.id)
    accepted = harness.do(insert_rerun, again(first), first.id)
    row = harness.row(accepted.job_id)
    assert (row["retry_of"], row["event_id"], row["state"]) == (first.id, first.event_id, "queued")
    assert harness.row(first.id) == before
    assert harness.all("SELECT count(*) FROM events") == [(1,)]
    assert harness.claim_one("echo").event == first.event
    assert harness.counts_are_true()
