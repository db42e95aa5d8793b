"""Whether only trusted users can change what stands at a path: looks at each folder and link that leads there.

Who may write a folder can put another thing in the place of whatever is in it. So a plugin's files are as safe as the
weakest folder above them, and it takes a look at all of them up to `/`, on the way through each symbolic link.
"""

import os
import pwd
import stat
from collections.abc import Iterator

ROOT_USER = 0
_MAX_LINKS = 40
"""Links on one way, as the kernel counts them."""


class Untrusted(Exception):
    """Carries the sentence that says why, and what to do."""

    code = "untrusted"


def gateway_owners() -> frozenset[int]:
    """The users whose files are always trusted: the gateway's own and root."""
    return frozenset({ROOT_USER, os.geteuid()})


def check_way(path: str, owners: frozenset[int]) -> None:
    """Refuses a path if somebody else can change what stands there. Raises Untrusted, and OSError for a broken path.

    A folder above it may be everybody's if its sticky bit is set, as /tmp is: there nobody moves what is another's.
    What stands at the path itself may not.
    """
    *above, last = _entries(path)
    for entry, status in above:
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        check_entry(entry, status, owners, shared=bool(sticky), leads_to=path)
    check_entry(*last, owners)


def check_entry(
    path: str, status: os.stat_result, owners: frozenset[int], *, shared: bool = False, leads_to: str = ""
) -> None:
    """Refuses a file, a folder or a link that everybody may write (unless it is `shared`), or of another user."""
    way = f" on the way to {leads_to}" if leads_to else ""
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IWOTH and not shared and not stat.S_ISLNK(status.st_mode):
        message = f"everybody may write {path}{way} (mode {mode:04o}); run `chmod o-w {path}`"
        raise Untrusted(message)
    if status.st_uid not in owners:
        command = "chown -h" if stat.S_ISLNK(status.st_mode) else "chown"
        message = (
            f"{path}{way} belongs to {_user(status.st_uid)}, who can change what runs; "
            f"run `{command} {_user_name(os.geteuid())} {path}`, or list that user under `service.trusted_owners`"
        )
        raise Untrusted(message)


def _entries(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Each folder and link from `/` to the path, the thing itself last. Raises OSError where there is nothing."""
    at, left, links = "/", _parts(path), 0
    status = os.lstat(at)
    while left:
        yield at, status
        name = left.pop(0)
        if name == "..":
            at = os.path.dirname(at)  # noqa: PTH120 - a thousand plugins: texts are ten times as fast as paths
            status = os.lstat(at)
            continue
        inside = os.path.join(at, name)  # noqa: PTH118 - as above
        status = os.lstat(inside)
        if not stat.S_ISLNK(status.st_mode):
            at = inside
            continue
        links += 1
        if links > _MAX_LINKS:
            message = f"{path} leads through too many symbolic links"
            raise Untrusted(message)
        yield inside, status
        target = os.readlink(inside)  # noqa: PTH115 - as above
        left = _parts(target) + left
        at = "/" if target.startswith("/") else at
        status = os.lstat(at)
    yield at, status


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _user(uid: int) -> str:
    return f"the user {_user_name(uid)} (uid {uid})"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
