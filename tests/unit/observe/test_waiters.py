import asyncio

import pytest

from ductile.model.job import State
from ductile.model.notification import JobEnded, LaneReady
from ductile.model.principal import ALL_SCOPES, Principal
from ductile.observe.errors import TooManyWaiters, TooManyWaits
from ductile.observe.waiters import Waiters

NARROW = Principal(id="token:narrow", kind="token", scopes=frozenset({"plugin:rw"}))
OTHER = Principal(id="token:other", kind="token", scopes=frozenset({"plugin:rw"}))
OPERATOR = Principal(id="token:admin", kind="token", scopes=frozenset({ALL_SCOPES}))


async def test_everyone_who_expects_a_job_is_told_its_end() -> None:
    waiters = Waiters()
    with waiters.expect("a") as first, waiters.expect("a") as second, waiters.expect("b") as other:
        waiters.wake([LaneReady("lane"), JobEnded("a", State.FAILED), JobEnded("c", State.DEAD)])
        assert await first == JobEnded("a", State.FAILED)
        assert await second == JobEnded("a", State.FAILED)
        assert not other.done()
        waiters.wake([JobEnded("a", State.FAILED)])


async def test_an_end_that_nobody_expects_any_more_is_no_matter() -> None:
    waiters = Waiters()
    with waiters.expect("a") as future:
        future.cancel()
        waiters.wake([JobEnded("a", State.SUCCEEDED)])
    waiters.wake([JobEnded("a", State.SUCCEEDED)])


async def test_a_job_is_shown_to_those_who_asked_for_that_as_long_as_they_wait() -> None:
    waiters = Waiters()
    with waiters.expect("a"), waiters.expect("b", with_view=True):
        with waiters.expect("b"):
            pass
        assert (waiters.wants_view("a"), waiters.wants_view("b")) == (False, True)
    assert not waiters.wants_view("b")


async def test_places_are_limited_and_come_back() -> None:
    waiters = Waiters()
    with waiters.admit(2, NARROW, 2), waiters.admit(2, NARROW, 2):
        with pytest.raises(TooManyWaiters, match="2 callers") as refused, waiters.admit(2, OPERATOR, 2):
            pass
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
    with pytest.raises(ZeroDivisionError), waiters.admit(1, NARROW, 1):
        raise ZeroDivisionError
    with waiters.admit(1, NARROW, 1):
        pass


async def test_one_principal_takes_its_share_and_no_more() -> None:
    waiters = Waiters()
    with waiters.admit(10, NARROW, 2), waiters.admit(10, NARROW, 2):
        with (
            pytest.raises(TooManyWaits, match=r"api\.max_waits_per_principal") as refused,
            waiters.admit(10, NARROW, 2),
        ):
            pass
        assert refused.value.status == 429
        with waiters.admit(10, OTHER, 2), waiters.admit(10, OPERATOR, 2):
            pass
    with waiters.admit(10, NARROW, 2):
        pass


async def test_a_fifth_of_the_places_is_kept_for_operators() -> None:
    waiters = Waiters()
    with (
        waiters.admit(5, NARROW, 9),
        waiters.admit(5, NARROW, 9),
        waiters.admit(5, OTHER, 9),
        waiters.admit(5, OTHER, 9),
    ):
        with pytest.raises(TooManyWaiters), waiters.admit(5, OTHER, 9):
            pass
        with waiters.admit(5, OPERATOR, 9):
            pass


async def test_released_waiters_are_cancelled_and_so_are_later_ones() -> None:
    waiters = Waiters()
    with waiters.expect("a") as before:
        waiters.release_all()
        with waiters.expect("b") as after:
            await asyncio.wait({before, after})
            assert (before.cancelled(), after.cancelled()) == (True, True)
