#!/usr/bin/env python3
"""Looks at files and says which came, changed or went since the last poll.

What was seen is the plugin's state: `{"watches": {id: {"about": …, "files": {path: entry}}}}`. A difference that is not
reported yet is not in the state yet, so that a later poll finds it again. State is only sent when it differs.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from file_watch_look import Limits, Refused, Stamp, Unreadable, digest, found
from file_watch_settings import BadConfig, Settings, Watch, settings

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""
MAX_STATE = 950_000
"""Bytes of state; the gateway keeps 1 MB for a plugin."""
MARGIN = 2.0
"""Seconds before the deadline that are kept for the answer."""
LOOK_FOR = 50.0
"""Seconds of a poll that names no deadline."""
RACY_NS = 2_000_000_000
"""A file changed so shortly before the look may change again within the same tick of its clock: it is read again."""

Response = dict[str, Any]
Entry = list[Any]
"""fingerprint, size, mtime_ns, ctime_ns, inode, 1 where the stamp alone tells that nothing changed."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One file that is not as the last poll saw it."""

    path: str
    change: str
    before: Entry | None
    current: Entry | None


@dataclass(kw_only=True)
class Round:
    """One poll under way."""

    at: Settings
    limits: Limits
    instance: str
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, str]] = field(default_factory=list)

    def warn(self, message: str) -> None:
        self.logs.append({"level": "warn", "message": message})

    def full(self) -> bool:
        return len(self.events) >= self.at.max_events


def poll(request: Mapping[str, Any], at: Settings) -> Response:
    state = request.get("state")
    known = state.get("watches") if isinstance(state, dict) else None
    before: Mapping[str, Any] = known if isinstance(known, dict) else {}
    limits = Limits(until=time.monotonic() + seconds(request.get("deadline_at")), max_hash_bytes=at.max_hash_bytes)
    now = Round(at=at, limits=limits, instance=str(request.get("instance") or "file_watch"))
    after: dict[str, Any] = {}
    unread: list[str] = []
    for watch in at.watches:
        last = entries(before.get(watch.id), watch)
        try:
            seen = look(watch, last, now)
        except Unreadable as error:
            now.warn(f"{watch.id}: {error}")
            unread.append(str(error))
            if last is not None:
                after[watch.id] = {"about": watch.about, "files": last}
            continue
        after[watch.id] = {"about": watch.about, "files": compared(watch, last, seen, now)}
    check(after, at)
    if len(unread) == len(at.watches):
        return failed(f"nothing could be looked at: {unread[0]}", retry=True)
    result = {"files": sum(len(one["files"]) for one in after.values()), "events": len(now.events)}
    response: Response = {"status": "ok", "result": result, "events": now.events, "logs": now.logs}
    return response if after == before else {**response, "state_updates": {"watches": after}}


def seconds(deadline: Any) -> float:
    try:
        return datetime.fromisoformat(str(deadline).replace("Z", "+00:00")).timestamp() - time.time() - MARGIN
    except ValueError:
        return LOOK_FOR


def entries(known: Any, watch: Watch) -> dict[str, Entry] | None:
    """What the state holds of a watch; None where it is new, or about something else now."""
    if not isinstance(known, dict) or known.get("about") != watch.about:
        return None
    files = known.get("files")
    return {path: entry for path, entry in files.items() if is_entry(entry)} if isinstance(files, dict) else None


def is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 6 and isinstance(entry[0], str)  # noqa: PLR2004 - see Entry


def look(watch: Watch, last: Mapping[str, Entry] | None, now: Round) -> dict[str, Entry]:
    """What is there now. A file that still changes, or cannot be read, counts as the last poll saw it."""
    seen: dict[str, Entry] = {}
    time_ns = time.time_ns()
    now.limits.check()
    for inside, stamp in found(watch, now.limits, now.warn).items():
        path = str(watch.root.joinpath(*inside))
        entry = (last or {}).get(path)
        current: Entry | None = None
        if not 0 <= time_ns - stamp.mtime_ns < watch.min_stable_ns:
            try:
                current = fingerprinted(watch, inside, stamp, entry, now.limits)
            except Unreadable as error:
                now.warn(f"{watch.id}: {error}")
        if current is not None:
            seen[path] = current
        elif entry is not None:
            seen[path] = entry
        if len(seen) > now.at.max_files:
            raise too_many(now.at)
    return seen


def fingerprinted(
    watch: Watch, inside: tuple[str, ...], stamp: Stamp, last: Entry | None, limits: Limits
) -> Entry | None:
    """The entry of a file; None where it changes while it is read."""
    marks = [stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode]
    if last is not None and last[1:] == [*marks, 1]:
        return last
    if watch.strategy == "mtime_size" or stamp.size > limits.max_hash_bytes:
        return [f"{stamp.mtime_ns}:{stamp.size}", *marks, 1]
    settled = int(time.time_ns() - stamp.ctime_ns > RACY_NS)
    content = digest(watch, inside, stamp, limits)
    return None if content is None else [content, *marks, settled]


def compared(watch: Watch, last: dict[str, Entry] | None, seen: dict[str, Entry], now: Round) -> dict[str, Entry]:
    """What is remembered: what was seen, less the differences that there was no room to report."""
    if last is None and not watch.emit_initial:
        return dict(sorted(seen.items()))
    after = dict(last or {})
    for path in sorted({*after, *seen}):
        before, current = after.get(path), seen.get(path)
        change = changed(before, current)
        if change is not None and (change != "deleted" or watch.emit_deleted):
            if now.full():
                continue
            difference = Difference(path=path, change=change, before=before, current=current)
            now.events.append(event(watch, difference, now.instance))
        if current is None:
            del after[path]
        else:
            after[path] = current
    return dict(sorted(after.items()))


def changed(before: Entry | None, current: Entry | None) -> str | None:
    if current is None:
        return "deleted"
    if before is None:
        return "created"
    return None if before[0] == current[0] else "modified"


def event(watch: Watch, difference: Difference, instance: str) -> dict[str, Any]:
    path, before, current = difference.path, difference.before, difference.current
    payload: dict[str, Any] = {"watch_id": watch.id, "path": path, "name": path.rpartition("/")[2]}
    payload |= {"change_type": difference.change, "changed_at": utc_now()}
    if current is not None:
        payload |= {"fingerprint": current[0], "size": current[1], "mtime_ns": current[2]}
    if before is not None:
        payload["previous_fingerprint"] = before[0]
    # The stamp makes the key another one for a file that is what it was before the last change.
    stamp = ":".join(map(str, (current or before or [])[:5]))
    return {
        "type": watch.event_type or f"file.{difference.change}",
        "payload": payload,
        "dedupe_key": f"{instance}:{watch.id}:{difference.change}:{path}:{stamp}",
    }


def utc_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check(after: Mapping[str, Any], at: Settings) -> None:
    if sum(len(one["files"]) for one in after.values()) > at.max_files:
        raise too_many(at)
    size = len(json.dumps({"watches": after}, ensure_ascii=False).encode())
    if size > MAX_STATE:
        raise Refused(f"what is to be remembered takes {size} bytes, more than {MAX_STATE}; watch fewer files")


def too_many(at: Settings) -> Refused:
    return Refused(f"more than {at.max_files} files are watched (config.max_files); narrow config.watches")


def health(_request: Mapping[str, Any], at: Settings) -> Response:
    """Whether each root can be listed, and what is watched can be looked at."""
    limits = Limits(until=time.monotonic() + 5, max_hash_bytes=at.max_hash_bytes)
    notes: list[str] = []
    for watch in at.watches:
        if not watch.root.is_dir():
            raise Unreadable(f"{watch.id}: {watch.root} is no folder")
        found(watch, limits, notes.append)
    return {"status": "ok", "result": "healthy", "logs": [{"level": "warn", "message": note} for note in notes]}


COMMANDS: Mapping[str, Callable[[Mapping[str, Any], Settings], Response]] = {"poll": poll, "health": health}


def run(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"file_watch speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise Refused(f"file_watch knows the commands {', '.join(COMMANDS)}")
    return command(request, settings(request.get("config")))


def respond(stdin: bytes) -> tuple[Response, int]:
    try:
        return run(json.loads(stdin)), 0
    except BadConfig as error:
        return failed(str(error)), CONFIG_EXIT
    except Refused as error:
        return failed(str(error)), 0
    except Unreadable as error:
        return failed(str(error), retry=True), 0
    except (ValueError, RecursionError) as error:
        return failed(f"the request is not JSON: {error}"), 1


def failed(reason: str, *, retry: bool = False) -> Response:
    return {"status": "error", "error": reason, "retry": retry}


def main() -> int:
    response, code = respond(sys.stdin.buffer.read())
    print(json.dumps(response))
    return code


if __name__ == "__main__":
    sys.exit(main())
