"""The full text in volumes: one that is written, and full ones, which are searched until they go as a whole.

All that SQLite knows of one word it merges in one step, and everybody who waits for the writer waits for that: in one
table a step would grow with the history, in a volume it cannot. And an attempt need not be taken out of a full volume
word by word: it is no more found once its own row is gone, and when the last of them has gone, so does the volume, a
few pages at a time.

Row ids of deleted attempts are given anew when there is none behind them. A volume that reaches beyond the newest
attempt is therefore given up as well, and what is left of its attempts is written again.
"""

from msgspec import Struct
from msgspec.structs import replace

from ductile.store.tx import Tx

INDEXED = "logs_indexed"
"""The key in `meta`: the row id of the last attempt whose full text was written."""

OPENED = "text_opened"
"""The key in `meta`: the row id of the last attempt before the open volume."""

SIZE = "text_size"
"""The key in `meta`: how many bytes were read to write the open volume."""

ATTEMPTS = 65_536
"""Attempts that a volume takes, and a batch more."""

BYTES = 64_000_000
"""Bytes that are read for a volume, and a batch more."""

PAGES = 32
"""Pages of a volume that are freed at once."""


class Reach(Struct, frozen=True):
    """Where the full text stands, and between which row ids the attempts do; 0 where there are none."""

    opened: int
    """The open volume holds the full text of the attempts behind this one."""
    through: int
    """Those up to this one have their full text."""
    size: int
    """Bytes that were read to write the open volume."""
    oldest: int
    newest: int
    first_last: int
    """The last attempt of the oldest full volume."""
    last_last: int
    """The last attempt of the newest full volume."""


def reach(tx: Tx) -> Reach:
    """How far the full text reaches."""
    (row,) = tx.all("text_reach", opened=OPENED, through=INDEXED, size=SIZE)
    return Reach(*row)


def begin_when_full(tx: Tx, size: int = 0) -> Reach:
    """Begins a new volume where the open one is full, and counts in the bytes that are to be written to it next."""
    at = reach(tx)
    if at.through - at.opened >= ATTEMPTS or at.size >= BYTES:
        at = begin(tx, at)
    if size:
        _keep(tx, SIZE, at.size + size)
    return at


def begin(tx: Tx, at: Reach) -> Reach:
    """Begins a new volume; returns where the full text stands then."""
    ((volume,),) = tx.all("add_volume", last=at.through)
    tx.volume_run("set_aside", volume)
    tx.run("begin_text")
    tx.run("never_merge_alone")
    tx.run("never_merge_in_a_crisis")
    _keep(tx, OPENED, at.through)
    _keep(tx, SIZE, 0)
    return replace(at, opened=at.through, size=0)


def follow(tx: Tx) -> None:
    """Brings the volumes in line with the attempts that are left, after some were deleted."""
    at = reach(tx)
    through = min(at.through, at.newest)
    if at.last_last and (at.last_last > at.newest or at.first_last < at.oldest):
        through = min(through, _give_up(tx, at))
    if through < at.through:
        _keep(tx, INDEXED, through)
    if through < at.opened:
        _keep(tx, OPENED, through)
        _keep(tx, SIZE, 0)


def _give_up(tx: Tx, at: Reach) -> int:
    """Gives up the volumes that nothing is found in any more; returns what the full text may reach through then."""
    volumes: list[tuple[int, int]] = tx.all("volumes")
    for volume, last in volumes:
        if last > at.newest or last < at.oldest:
            tx.run("give_up_volume", volume=volume)
    if at.last_last <= at.newest:
        return at.through
    return max((last for _, last in volumes if last <= at.newest), default=0)


def free(tx: Tx) -> int:
    """Frees some pages of a volume that was given up; 0 where there is none."""
    row = tx.one("given_up")
    if row is None:
        return 0
    (volume,) = row
    freed = tx.volume_run("free_text", volume, limit=PAGES).rowcount
    freed = freed or tx.volume_run("free_terms", volume, limit=PAGES * 64).rowcount
    if not freed:
        tx.volume_run("drop_text", volume)
        tx.run("drop_volume", volume=volume)
    return max(freed, 1)


def _keep(tx: Tx, key: str, value: int) -> None:
    tx.run("set_meta", key=key, value=str(value))
