"""What the workers of a persistent plugin may use up."""

from msgspec import Struct

from ductile.model.clock import Millis


class WorkerRules(Struct, frozen=True, kw_only=True):
    """How many workers a persistent plugin has, and when one is let go."""

    most: int = 1
    max_jobs: int | None = None
    max_age: Millis | None = None
    max_rss: int | None = None
    """Bytes of resident memory, looked at after each answer."""


DEFAULT_WORKERS = WorkerRules()
