"""When a schedule is due next."""

from hypothesis import given
from hypothesis import strategies as st

from ductile.ingress.schedule import next_due
from ductile.model.snapshot import Schedule


def sample_schedule(interval: int, jitter: int = 0) -> Schedule:
    return Schedule(id="p/default", plugin="p", command="poll", payload={}, every=interval, jitter=jitter)


def test_the_next_due_time_is_one_interval_on() -> None:
    assert next_due(sample_schedule(60_000), 1_000_000, 1_000_005, 0.0).due_at == 1_060_000


def test_due_times_missed_meanwhile_fire_once() -> None:
    assert (
        next_due(sample_schedule(60_000), 1_000_000, 1_000_000 + 10 * 60_000 + 1, 0.0).due_at == 1_000_000 + 11 * 60_000
    )


@given(
    interval=st.integers(1_000, 10**9),
    jitter=st.integers(0, 10**6),
    late=st.integers(0, 10**10),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_the_next_due_time_is_ahead_on_the_grid_and_at_most_one_interval_and_the_jitter_away(
    interval: int, jitter: int, late: int, chance: float
) -> None:
    base = 5_000_000
    now = base + late
    due = next_due(sample_schedule(interval, jitter), base, now, chance)
    assert (due.base_at - base) % interval == 0
    assert now < due.base_at <= now + interval
    assert due.base_at <= due.due_at <= due.base_at + jitter
