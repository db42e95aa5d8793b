"""The places that attempts take: `max_workers` in all, `parallelism` a plugin instance."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from ductile.model.snapshot import Snapshot


class Promise(Struct, frozen=True):
    """Places that a claim on its way may take: so many of each lane, and in all."""

    lanes: Mapping[str, int]
    total: int


class Places:
    """Who has a place, and which are promised. `left` is called when one becomes free."""

    def __init__(self, left: Callable[[], None]) -> None:
        self._left = left
        self._busy: Counter[str] = Counter()
        self._promised: Counter[str] = Counter()
        self._taken = 0
        """Places that are busy or promised."""

    def promise(self, snapshot: Snapshot, lanes: Iterable[str], most: int) -> Promise | None:
        """What a claim may take of these lanes, at most so many; None where there is nothing."""
        total = min(snapshot.service.max_workers - self._taken, most)
        if total <= 0:
            return None
        plugins = snapshot.plugins
        free = {lane: spare for lane in lanes if (spare := plugins[lane].parallelism - self._in(lane)) > 0}
        if not free:
            return None
        promise = Promise(free, min(total, sum(free.values())))
        for lane, places in free.items():
            self._promised[lane] += places
        self._taken += promise.total
        return promise

    def _in(self, lane: str) -> int:
        return self._busy[lane] + self._promised[lane]

    def redeem(self, promise: Promise) -> None:
        """The claim is answered: what it has not taken is free again."""
        self._taken -= promise.total
        for lane, places in promise.lanes.items():
            self._promised[lane] -= places
            if not self._promised[lane]:
                del self._promised[lane]

    def take(self, lane: str) -> "Place":
        """A place for an attempt."""
        self._busy[lane] += 1
        self._taken += 1
        return Place(self._leave, lane)

    def _leave(self, lane: str) -> None:
        self._taken -= 1
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        self._left()


class Place:
    """What an attempt takes up of its lane and of the whole, until it leaves."""

    __slots__ = ("_lane", "_left")

    def __init__(self, left: Callable[[str], None], lane: str) -> None:
        self._left: Callable[[str], None] | None = left
        self._lane = lane

    def leave(self) -> None:
        """Give it back; a second time does nothing."""
        left, self._left = self._left, None
        if left is not None:
            left(self._lane)
