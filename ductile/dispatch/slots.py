"""The slots of running attempts: `max_workers` in all, `parallelism` for each plugin instance."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from ductile.model.snapshot import Snapshot


class Reservation(Struct, frozen=True):
    """The slots that a claim on its way may take: in each lane, and in total."""

    lanes: Mapping[str, int]
    total: int


class Slots:
    """Counts busy and reserved slots. `on_release` is called when a slot becomes free."""

    def __init__(self, on_release: Callable[[], None]) -> None:
        self._on_release = on_release
        self._busy: Counter[str] = Counter()
        self._reserved: Counter[str] = Counter()
        self._taken = 0
        """Slots that are busy or reserved."""

    def reserve(self, snapshot: Snapshot, lanes: Iterable[str], max_slots: int) -> Reservation | None:
        """Reserve free slots of these lanes for a claim; None without a free slot."""
        total = min(snapshot.service.max_workers - self._taken, max_slots)
        if total <= 0:
            return None
        plugins = snapshot.plugins
        free = {lane: spare for lane in lanes if (spare := plugins[lane].parallelism - self._in_use(lane)) > 0}
        if not free:
            return None
        reservation = Reservation(free, min(total, sum(free.values())))
        for lane, spare in free.items():
            self._reserved[lane] += spare
        self._taken += reservation.total
        return reservation

    def _in_use(self, lane: str) -> int:
        return self._busy[lane] + self._reserved[lane]

    def release(self, reservation: Reservation) -> None:
        """End a reservation, whose claim has answered."""
        self._taken -= reservation.total
        for lane, count in reservation.lanes.items():
            self._reserved[lane] -= count
            if not self._reserved[lane]:
                del self._reserved[lane]

    def take(self, lane: str) -> "Slot":
        """Take a slot for an attempt."""
        self._busy[lane] += 1
        self._taken += 1
        return Slot(self._free, lane)

    def _free(self, lane: str) -> None:
        self._taken -= 1
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        self._on_release()


class Slot:
    """One of a lane's slots, until it is released."""

    __slots__ = ("_free", "_lane")

    def __init__(self, free: Callable[[str], None], lane: str) -> None:
        self._free: Callable[[str], None] | None = free
        self._lane = lane

    def release(self) -> None:
        """Free the slot; a second call does nothing."""
        free, self._free = self._free, None
        if free is not None:
            free(self._lane)
