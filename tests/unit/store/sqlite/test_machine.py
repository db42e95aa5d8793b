"""Whatever happens in whatever order, the store's promises hold."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace
from support.store import MANY, SqliteHarness, child, event, run, settlement, start

from ductile.model.claims import PLUGIN_UNAVAILABLE
from ductile.model.job import ENDED_STATES, PIPELINE_PLUGIN, TRANSITIONS, UNSUCCESSFUL_STATES, Job, Outcome, State
from ductile.store.cancel import cancel
from ductile.store.errors import JobFinished, Stale
from ductile.store.lane_moves import hold_lane, promote, release
from ductile.store.settle import settle

LANES = ("a", "b")
STEPS = ("one", "two", "three")
picks = st.integers(min_value=0, max_value=MANY)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.harness = SqliteHarness(self.folder / "state.db")
        self.states: dict[str, State] = {}
        self.running: dict[str, Job] = {}
        self.abandoned: list[Job] = []
        self.started: set[tuple[str, int]] = set()

    def teardown(self) -> None:
        self.harness.close()
        shutil.rmtree(self.folder)

    def any_job(self, pick: int) -> str:
        return sorted(self.states)[pick % len(self.states)]

    def any_running(self, pick: int) -> Job:
        return self.running[sorted(self.running)[pick % len(self.running)]]

    def ended(self, job: Job) -> None:
        del self.running[job.id]
        self.abandoned.append(job)

    @rule(lane=st.sampled_from(LANES), wait=st.sampled_from([None, 0, 50]), key=st.sampled_from([None, "k"]))
    def insert_a_job(self, lane: str, wait: int | None, key: str | None) -> None:
        run_at = None if wait is None else self.harness.now + wait
        self.harness.insert(start(lane, run_at=run_at, dedupe_key=key, dedupe_ttl=20))

    @rule(steps=st.lists(st.sampled_from(STEPS), max_size=3), bad=st.booleans())
    def insert_a_run(self, steps: list[str], bad: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        given = event()
        children = [child(step, given.id, LANES[len(step) % 2]) for step in steps]
        if bad:
            children.append(child("bad", given.id, "a", error="a bad `with`"))
        self.harness.insert(run(event=given, event_id=given.id, children=tuple(children)))

    @rule()
    def claim_everything(self) -> None:
        self.claim_some(dict.fromkeys(LANES, MANY), MANY)

    @rule(free=st.fixed_dictionaries({lane: st.integers(0, 2) for lane in LANES}), total=st.integers(1, 3))
    def claim(self, free: dict[str, int], total: int) -> None:
        self.claim_some(free, total)

    def claim_some(self, free: dict[str, int], total: int) -> None:
        claims = self.harness.claim(free, total)
        assert len(claims.claimed) <= total
        for claimed in claims.claimed:
            job = claimed.job
            assert (job.id, job.attempt) not in self.started
            self.started.add((job.id, job.attempt))
            self.running[job.id] = job
        for lane, slots in free.items():
            assert sum(claimed.job.lane == lane for claimed in claims.claimed) <= slots

    @precondition(lambda self: self.running)
    @rule(pick=picks, steps=st.lists(st.sampled_from(STEPS), max_size=2), bad=st.booleans())
    def finish(self, pick: int, steps: list[str], bad: bool) -> None:  # noqa: FBT001 - as above
        job = self.any_running(pick)
        emitted = event(job_id=job.id)
        children = [child(step, emitted.id, LANES[len(step) % 2]) for step in steps]
        if bad:
            children.append(child("bad", emitted.id, "a", error="a claim without a source"))
        starts = (replace(start("b"), event=None, event_id=emitted.id, cause_event_id=emitted.id),) if bad else ()
        assert self.harness.settle(
            job, events=(emitted,), children=tuple(children) if job.parent_id else (), starts=starts
        )
        self.ended(job)

    @precondition(lambda self: self.running)
    @rule(pick=picks, state=st.sampled_from(sorted(UNSUCCESSFUL_STATES)))
    def fail(self, pick: int, state: State) -> None:
        job = self.any_running(pick)
        assert self.harness.settle(job, state, error="it broke")
        self.ended(job)

    @precondition(lambda self: self.running)
    @rule(pick=picks, wait=st.sampled_from([None, 40]))
    def fail_and_retry(self, pick: int, wait: int | None) -> None:
        job = self.any_running(pick)
        assert self.harness.settle(job, State.QUEUED, run_at=None if wait is None else self.harness.now + wait)
        self.ended(job)

    @precondition(lambda self: self.running)
    @rule()
    def die_and_rescue(self) -> None:
        self.harness.close()
        self.harness.open()
        for job in list(self.running.values()):
            assert self.harness.settle(job, State.QUEUED, outcome=Outcome.LOST)
            self.ended(job)

    @precondition(lambda self: self.abandoned)
    @rule(pick=picks, state=st.sampled_from([State.SUCCEEDED, State.DEAD, State.QUEUED]))
    def a_late_result_comes(self, pick: int, state: State) -> None:
        # Most of all from an attempt whose job runs again by now.
        late = [job for job in self.abandoned if job.id in self.running] or self.abandoned
        before = self.harness.connection.total_changes
        order = settlement(late[pick % len(late)], state, children=(child("one", "e"),), events=(event(),))
        with pytest.raises(Stale):
            self.harness.do(settle, order)
        assert self.harness.connection.total_changes == before

    @precondition(lambda self: self.states)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        job_id = self.any_job(pick)
        before = self.harness.state(job_id)
        try:
            state = self.harness.do(cancel, job_id)
        except JobFinished:
            assert before in ENDED_STATES
        else:
            assert self.harness.state(job_id) == state
            assert state is State.CANCELLED or self.harness.row(job_id)["cancel_at"] is not None

    @precondition(lambda self: State.QUEUED in self.states.values())
    @rule(lane=st.sampled_from(LANES), limit=st.integers(1, 3))
    def hold(self, lane: str, limit: int) -> None:
        assert self.harness.do(hold_lane, lane, PLUGIN_UNAVAILABLE, limit) <= limit

    @precondition(lambda self: State.HELD in self.states.values())
    @rule(limit=st.integers(1, 3))
    def release(self, limit: int) -> None:
        usable = dict.fromkeys(LANES, frozenset({"poll", "handle"}))
        assert self.harness.do(release, usable, limit) <= limit

    @rule(wait=st.sampled_from([0, 30]))
    def time_passes(self, wait: int) -> None:
        self.harness.now += wait
        following = self.harness.do(promote, 2)
        assert following is None or following >= self.harness.now

    @invariant()
    def only_legal_edges_are_taken(self) -> None:
        now = {job_id: State(state) for job_id, state in self.harness.all("SELECT id, state FROM jobs")}
        assert self.states.keys() <= now.keys()
        for job_id, before in self.states.items():
            after = now[job_id]
            assert after is before or after in TRANSITIONS[before], (job_id, before, after)
        self.states = now

    @invariant()
    def what_runs_is_what_was_started(self) -> None:
        rows = self.harness.all("SELECT id, attempt FROM jobs WHERE state = 'running' AND plugin <> ?", PIPELINE_PLUGIN)
        assert sorted(rows) == sorted((job.id, job.attempt) for job in self.running.values())

    @invariant()
    def runs_count_their_open_steps(self) -> None:
        rows = self.harness.all(
            "SELECT r.state, r.open_jobs, count(s.id) FILTER (WHERE s.ended_at IS NULL)"
            " FROM jobs r LEFT JOIN jobs s ON s.root_id = r.id AND s.parent_id IS NOT NULL"
            " WHERE r.plugin = ? GROUP BY r.id",
            PIPELINE_PLUGIN,
        )
        for state, counted, standing in rows:
            assert counted == standing
            assert (state in ENDED_STATES) == (standing == 0)

    @invariant()
    def runs_end_as_their_steps_did(self) -> None:
        rows = self.harness.all(
            "SELECT r.state, r.cancel_at, count(s.id) FILTER (WHERE s.state NOT IN ('succeeded'))"
            " FROM jobs r LEFT JOIN jobs s ON s.root_id = r.id AND s.parent_id IS NOT NULL"
            " WHERE r.plugin = ? AND r.ended_at IS NOT NULL GROUP BY r.id",
            PIPELINE_PLUGIN,
        )
        for state, cancel_at, unsuccessful in rows:
            assert state == ("cancelled" if cancel_at is not None else "failed" if unsuccessful else "succeeded")

    @invariant()
    def steps_are_unique(self) -> None:
        twice = self.harness.all(
            "SELECT 1 FROM jobs WHERE parent_id IS NOT NULL GROUP BY parent_id, step, event_id HAVING count(*) > 1"
        )
        assert twice == []

    @invariant()
    def counts_are_true(self) -> None:
        assert self.harness.counts_are_true()

    @invariant()
    def ended_jobs_say_when(self) -> None:
        ended = "'succeeded', 'failed', 'timed_out', 'dead', 'cancelled'"
        assert self.harness.all(f"SELECT 1 FROM jobs WHERE (ended_at IS NOT NULL) <> (state IN ({ended}))") == []


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
