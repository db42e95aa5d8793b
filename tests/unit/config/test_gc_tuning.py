import gc
from collections.abc import Iterator

import pytest

from ductile.config.gc_tuning import freeze_startup_objects, gc_paused


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_nothing_is_collected_meanwhile_and_afterwards_it_is_as_before() -> None:
    with gc_paused():
        assert not gc.isenabled()
        with gc_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_has_settled_is_never_looked_at_again() -> None:
    kept = [[] for _ in range(1000)]
    with gc_paused():
        freeze_startup_objects()
        assert gc.isenabled()
    assert gc.get_freeze_count() > len(kept)
    assert not any(one is kept for one in gc.get_objects())


def test_what_a_few_hundred_requests_hold_is_not_looked_through() -> None:
    freeze_startup_objects()
    gc.collect()
    looks: list[object] = []
    gc.callbacks.append(lambda *look: looks.append(look))
    try:
        under_way = [[] for _ in range(15_000)]
    finally:
        gc.callbacks.pop()
    assert (len(under_way), looks) == (15_000, [])
