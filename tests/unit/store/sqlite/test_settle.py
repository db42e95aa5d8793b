"""Settling one attempt: everything it changes, or nothing."""

import pytest
from support.store import SqliteHarness, event, settlement, start

from ductile.model.job import Outcome, State
from ductile.model.journal import EntryKind
from ductile.model.notification import JobEnded
from ductile.model.writes import Note, StateUpdate
from ductile.store.errors import Stale
from ductile.store.settle import settle


def test_an_attempt_is_kept_so_that_it_can_stand_alone(harness: SqliteHarness) -> None:
    harness.insert(start())
    job = harness.claim_one("echo").job
    assert harness.settle(job, State.FAILED, error="no", exit_code=-9, stderr="e", stdout="o", logs=b"[]", result=b"{}")
    assert harness.all(
        "SELECT attempt, plugin, command, submitted_by, outcome, exit_code, error, stderr, stdout, logs, result"
        " FROM attempts WHERE job_id = ?",
        job.id,
    ) == [(1, "echo", "poll", "api", "failed", -9, "no", "e", "o", b"[]", b"{}")]
    assert harness.signals == [JobEnded(job.id, State.FAILED)]
    assert harness.row(job.id)["ended_at"] == harness.now


def test_a_late_result_of_an_abandoned_attempt_changes_nothing(harness: SqliteHarness) -> None:
    harness.insert(start())
    job = harness.claim_one("echo").job
    harness.settle(job, State.QUEUED, outcome=Outcome.LOST)
    harness.claim_one("echo")
    before = list(harness.connection.iterdump())
    late = settlement(
        job, events=(event(),), starts=(start(),), state_update=StateUpdate(plugin="echo", values={"a": 1})
    )
    harness.signals = []
    with pytest.raises(Stale):
        harness.do(settle, late)
    assert list(harness.connection.iterdump()) == before
    assert harness.signals == []
    assert harness.state(job.id) == "running"


def test_a_fact_is_appended_and_becomes_the_state(harness: SqliteHarness) -> None:
    for values in ({"a": 1}, {"b": 2}):
        harness.insert(start())
        update = StateUpdate(plugin="echo", values=values, fact_type="echo.snapshot")
        harness.settle(harness.claim_one("echo").job, state_update=update)
    assert harness.all("SELECT seq, fact_type, value FROM plugin_facts") == [
        (1, "echo.snapshot", b'{"a":1}'),
        (2, "echo.snapshot", b'{"b":2}'),
    ]
    assert harness.all("SELECT value FROM plugin_state") == [(b'{"b":2}',)]


def test_notes_and_the_end_are_journalled_in_order(harness: SqliteHarness) -> None:
    harness.insert(start())
    job = harness.claim_one("echo").job
    harness.settle(job, notes=(Note(kind=EntryKind.CONDITION_UNDECIDED, job_id=job.id, data={"code": 3}),))
    rows = harness.all("SELECT kind, job_id, data FROM journal ORDER BY seq")
    assert [row[0] for row in rows] == ["job.started", "job.ended", "pipeline.condition_undecided"]
    assert rows[2] == ("pipeline.condition_undecided", job.id, b'{"code":3}')
