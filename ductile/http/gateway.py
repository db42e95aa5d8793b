"""The running gateway's parts that HTTP handlers work with."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct, field

from ductile.config.reload import LiveConfig
from ductile.http.auth.authenticator import Authenticator
from ductile.http.document_cache import DocumentCache
from ductile.model.clock import Clock, Millis
from ductile.model.large_values import LargeValueThreads
from ductile.observe.event_feed import EventFeed
from ductile.observe.metrics import Metrics
from ductile.observe.running_logs import RunningLogs
from ductile.observe.waiters import Waiters
from ductile.store.contract import Store


class GatewayControl(Protocol):
    """What an operator may do to the running gateway."""

    @property
    def paused(self) -> bool:
        """Whether nothing is claimed."""

    @property
    def running(self) -> int:
        """How many attempts run."""

    @property
    def draining(self) -> bool:
        """Whether the gateway is about to stop."""

    async def pause(self) -> None:
        """Claim nothing from now on, over a restart too."""

    async def resume(self) -> None:
        """Claim again."""

    def request_stop(self) -> None:
        """Begin the graceful stop; returns at once."""


class StateLock(Protocol):
    """What keeps a second gateway from the state."""

    def renew(self) -> bool:
        """Makes the lock file anew where it was deleted; whether it did. Blocking. Raises OSError."""


class Gateway(Struct, frozen=True, kw_only=True):
    """What the handlers work with."""

    store: Store
    live: LiveConfig
    lock: StateLock
    control: GatewayControl
    waiters: Waiters
    running_logs: RunningLogs
    feed: EventFeed
    metrics: Metrics
    clock: Clock
    authenticators: Sequence[Authenticator]
    """Asked in order who calls."""
    started_at: Millis
    version: str
    binary_path: str
    documents: DocumentCache = field(default_factory=DocumentCache)
    large_values: LargeValueThreads = field(default_factory=LargeValueThreads)
