"""Limits of the workers of a persistent plugin."""

from msgspec import Struct

from ductile.model.clock import Millis


class WorkerRules(Struct, frozen=True, kw_only=True):
    """The number of a persistent plugin's workers, and when a worker is replaced."""

    max_workers: int = 1
    max_jobs: int | None = None
    max_age: Millis | None = None
    max_rss: int | None = None
    """Bytes of resident memory, measured after each answer."""


DEFAULT_WORKERS = WorkerRules()
