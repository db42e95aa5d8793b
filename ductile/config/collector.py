"""The collector of cyclic garbage, kept from looking at a configuration that is being built."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_later() -> Iterator[None]:
    """Collects nothing meanwhile; threads may be in it at once, and when they have left it is on again.

    A large configuration is a million objects, all of them wanted: looking through them again and again as they come
    costs a third of the time.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
