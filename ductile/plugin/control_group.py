"""The control group of a gateway: whatever the gateway starts is born into it, and the kernel kills all of it at once.

A process has to move itself on purpose to leave its control group (cgroups(7), version 2); a changed mark, a cleared
environment, and forks that are faster than whoever looks for them do not help. So nothing that a gateway left behind
outlives the end of its group, at the gateway's stop and at its next start.

It is one group a gateway, not one a job. To be born into a group costs nothing, but to move a process waits until no
processor is in the midst of a start of a process (an RCU grace period): 8 to 15 ms on an idle machine, beside 1.4 ms
for a shell job. The gateway moves once, itself.
"""

import os
import select
import time
from contextlib import suppress
from pathlib import Path

import structlog
from msgspec import Struct

DEATH_SECONDS = 5.0
"""How long the killed are waited for; one in an uninterruptible system call may take longer."""

SYSTEMD = Path("/run/systemd/system")
"""It exists where systemd manages services (sd_booted(3)): groups that it has not delegated are its own."""

DELEGATED = ("user.delegate", "trusted.delegate")
"""The attributes by which systemd marks a group as delegated; the second one is of versions before 251."""

_MOUNTS = Path("/proc/self/mountinfo")
_OWN_GROUP = Path("/proc/self/cgroup")

_log = structlog.get_logger()


class _Place(Struct, frozen=True):
    """Where the group of an instance is, or would be."""

    base: Path
    """The group that the gateway was started in."""
    folder: Path
    inside: bool
    """Whether this process is in the group already."""


def enter_group(instance: str) -> str | None:
    """Make the group of this instance below this process's own, and move into it. The reason where there is none."""
    place = _find_place(instance)
    if isinstance(place, str):
        return place
    if SYSTEMD.is_dir() and not _is_delegated(place.base):
        return f"{place.base} belongs to systemd: the unit has no Delegate="
    try:
        place.folder.mkdir(exist_ok=True)
    except OSError as error:
        return f"no group can be made in {place.base}: {error.strerror}"
    try:
        if not (place.folder / "cgroup.kill").exists():
            raise OSError(None, "the kernel is older than 5.14")  # noqa: TRY301 - ends as the others do
        _stop_pressure_accounts(place.folder)
        (place.folder / "cgroup.procs").write_text("0")
    except OSError as error:
        with suppress(OSError):  # something of the last gateway is in it and does not die
            place.folder.rmdir()
        return f"no process can be moved into {place.folder}: {error.strerror}"
    return None


def end_group(instance: str) -> list[int]:
    """Kill all that is in the group of this instance, and remove the group; returns the pids.

    This process leaves the group first. Where that is refused, nothing is killed.
    """
    place = _find_place(instance)
    if isinstance(place, str) or not place.folder.is_dir():
        return []
    try:
        if place.inside:
            (place.base / "cgroup.procs").write_text("0")
        pids = _read_processes(place.folder)
        (place.folder / "cgroup.kill").write_text("1")
        if not _await_empty(place.folder):
            _log.error("processes in the gateway's control group do not die", pids=_read_processes(place.folder))
        for folder in _groups(place.folder):
            folder.rmdir()
    except OSError as error:
        _log.warning("the gateway's control group cannot be ended", group=str(place.folder), reason=error.strerror)
        return []
    return pids


def _find_place(instance: str) -> _Place | str:
    name = f"ductile-{instance}"
    if "/" in name:
        return "the instance is no name of a group"
    try:
        own = next(Path(line[3:]) for line in _OWN_GROUP.read_text().splitlines() if line.startswith("0::/"))
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines() if " - cgroup2 " in line]
    except (OSError, StopIteration):
        return "the system has no cgroup version 2"
    if ".." in own.parts:
        return "the gateway's own group is outside its cgroup namespace"
    inside = name in own.parts
    if inside:
        own = Path(*own.parts[: own.parts.index(name)])
    for _, _, _, root, mount, *_ in mounts:
        if own.is_relative_to(root):
            base = Path(mount, own.relative_to(root))
            return _Place(base, base / name, inside)
    return "no cgroup version 2 hierarchy is mounted"


def _is_delegated(group: Path) -> bool:
    for name in DELEGATED:
        try:
            if os.getxattr(group, name) == b"1":
                return True
        except OSError:
            continue
    return False


def _stop_pressure_accounts(group: Path) -> None:
    """One level of groups more costs every change of tasks a little; the level above tells the same."""
    try:
        (group / "cgroup.pressure").write_text("0")
    except OSError:
        return  # the kernel is older than 6.1, or keeps none


def _groups(folder: Path) -> list[Path]:
    """The group and all below it, the lowest first: plugins may have made some."""
    return [Path(path) for path, _, _ in os.walk(folder, topdown=False)]


def _read_processes(folder: Path) -> list[int]:
    return [int(pid) for group in _groups(folder) for pid in (group / "cgroup.procs").read_text().split()]


def _await_empty(folder: Path) -> bool:
    until = time.monotonic() + DEATH_SECONDS
    fd = os.open(folder / "cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    try:
        changed = select.poll()
        changed.register(fd, select.POLLPRI)
        while b"populated 0" not in os.pread(fd, 256, 0):
            left = until - time.monotonic()
            if left <= 0:
                return False
            changed.poll(left * 1000)
    finally:
        os.close(fd)
    return True
