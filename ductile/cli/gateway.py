"""The gateway's code, imported in the least time: most of a start is imports."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread


def gateway() -> Callable[[Path], int]:
    """`ductile.app.run`, which runs the gateway of a configuration."""
    # As it is imported aiohttp reads the system's certificates, twice, and lets other threads run meanwhile.
    Thread(target=import_module, args=("aiohttp.web",), name="import").start()
    # For tracebacks that this gateway's log never has, structlog imports rich where there is one.
    with absent("rich"):
        from ductile.app import run  # noqa: PLC0415 - it is what takes the time
    return run


@contextmanager
def absent(name: str) -> Iterator[None]:
    """Meanwhile an import of this module fails as if it were not installed, unless it has been imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say so
    try:
        yield
    finally:
        del sys.modules[name]
