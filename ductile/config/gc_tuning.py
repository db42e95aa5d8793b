"""The collector of cyclic garbage, kept from looking at a configuration that is being built."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 20_000
"""New objects between two looks for garbage. Requests under way are some 50 each, and none of them garbage: with the
usual 700, thirty of them had every wave of requests looked through, for a sixth of the time that intake takes."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Collects nothing meanwhile; threads may be in it at once, and when they have left it is on again.

    A large configuration is a million objects, all of them wanted: looking through them again and again as they come
    costs a third of the time. The same holds for what imports make, a tenth of the time of a start.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def freeze_startup_objects() -> None:
    """Collect from now on, rarely, but never look again at what stands now: it is here to stay."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.enable()
