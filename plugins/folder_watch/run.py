#!/usr/bin/env python3
"""Looks at folders and says what came, changed or went since the last poll.

What was seen is the plugin's state: `{"folders": {folder: {relative path: fingerprint}}}`. A difference that is not
reported yet is not in the state yet, so that a later poll finds it again. State is only sent when it differs.
"""

import fnmatch
import json
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""
MAX_STATE = 1_000_000
"""Bytes of state that the gateway keeps for a plugin."""

DEEPEST = 100
"""Folders inside each other that are looked into."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

LATEST = 253_402_300_799
"""Seconds since 1970 that still have a year of four digits; a file may claim any."""

Response = dict[str, Any]
Seen = dict[str, dict[str, str]]
"""Folder → relative path → fingerprint."""


class Refused(Exception):
    """The request cannot be done, however often it is tried."""


class BadConfig(Exception):
    """The operator has to mend the configuration."""


class Unreadable(Exception):
    """A folder cannot be listed now; it may be back at the next attempt."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration, checked."""

    folders: list[Path]
    patterns: list[str]
    recursive: bool
    create_folders: bool
    emit_existing: bool
    settle_ms: int
    max_events: int
    max_files: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One file that is not as the last poll saw it; `now` is None for one that went."""

    folder: str
    relative: str
    change: str
    fingerprint: str
    now: str | None


def settings(config: Any) -> Settings:
    if not isinstance(config, dict) or not config.get("folders"):
        raise BadConfig("config.folders must name at least one folder")
    return Settings(
        folders=[absolute(folder) for folder in texts(config, "folders", [])],
        patterns=texts(config, "patterns", ["*"]),
        recursive=flag(config, "recursive"),
        create_folders=flag(config, "create_folders"),
        emit_existing=flag(config, "emit_existing"),
        settle_ms=number(config, "settle_ms", 0, least=0),
        max_events=number(config, "max_events", 100),
        max_files=number(config, "max_files", 5000),
    )


def absolute(folder: str) -> Path:
    """Relative folders lie below the working directory, which is the configuration folder."""
    return Path(os.path.realpath(os.path.expanduser(folder)))  # noqa: PTH111 - expanduser of pathlib raises where there is no home


def texts(config: Mapping[str, Any], key: str, default: list[str]) -> list[str]:
    value = config.get(key, default)
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(item, str) and item for item in listed):
        raise BadConfig(f"config.{key} must be a list of texts")
    return listed


def flag(config: Mapping[str, Any], key: str) -> bool:
    value = config.get(key, False)
    if not isinstance(value, bool):
        raise BadConfig(f"config.{key} must be true or false")
    return value


def number(config: Mapping[str, Any], key: str, default: int, least: int = 1) -> int:
    value = config.get(key, default)
    if type(value) is not int or value < least:
        raise BadConfig(f"config.{key} must be a whole number, {least} or more")
    return value


def fingerprint(status: os.stat_result) -> str:
    """Size, mtime and inode tell whether the content is another; the last part (ctime) only makes it unique."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}:{status.st_ctime_ns}"


def same(one: str, other: str) -> bool:
    return one.rpartition(":")[0] == other.rpartition(":")[0]


def wanted(relative: str, patterns: list[str]) -> bool:
    """Whether a pattern fits the name, or, where it has a `/`, the path. A hidden name needs a pattern with a dot."""
    name = relative.rpartition("/")[2]
    for pattern in patterns:
        against = relative if "/" in pattern else name
        hidden = name.startswith(".") and not pattern.rpartition("/")[2].startswith(".")
        if not hidden and fnmatch.fnmatchcase(against, pattern):
            return True
    return False


def files(folder: int, below: str, *, recursive: bool) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and status of each regular file below a descriptor. Links are not followed, also not one that is
    swapped in while we look; hidden folders are not entered."""
    with os.scandir(folder) as entries:
        for entry in entries:
            relative = f"{below}/{entry.name}" if below else entry.name
            try:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield relative, status
                elif recursive and stat.S_ISDIR(status.st_mode) and not entry.name.startswith("."):
                    yield from files_below(folder, entry.name, relative)
            except FileNotFoundError:
                continue  # it went between the listing and the look


def files_below(folder: int, name: str, relative: str) -> Iterator[tuple[str, os.stat_result]]:
    if relative.count("/") >= DEEPEST:
        raise Refused(f"more than {DEEPEST} folders lie inside each other; watch a folder further down")
    descriptor = os.open(name, FOLDER, dir_fd=folder)
    try:
        yield from files(descriptor, relative, recursive=True)
    finally:
        os.close(descriptor)


def look(folder: Path, known: Mapping[str, str], at: Settings, now_ns: int, logs: list[str]) -> dict[str, str]:
    """What is in the folder now. A file that still changes counts as the last poll saw it."""
    found: dict[str, str] = {}
    try:
        if at.create_folders:
            folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for relative, status in files(descriptor, "", recursive=at.recursive):
                if not wanted(relative, at.patterns):
                    continue
                if not readable(relative):
                    logs.append(f"a name in {folder} is no UTF-8 and is left out: {relative!a}")
                elif not 0 <= now_ns - status.st_mtime_ns < at.settle_ms * 1_000_000:
                    found[relative] = fingerprint(status)
                elif relative in known:
                    found[relative] = known[relative]
                if len(found) > at.max_files:
                    raise too_many(len(found), at)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unreadable(f"{folder} cannot be listed: {error.strerror}") from None
    return found


def readable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def differences(folder: str, known: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Difference]:
    for relative in sorted({*known, *found}):
        before, now = known.get(relative), found.get(relative)
        if before is None:
            yield Difference(folder=folder, relative=relative, change="created", fingerprint=str(now), now=now)
        elif now is None:
            yield Difference(folder=folder, relative=relative, change="removed", fingerprint=before, now=None)
        elif not same(before, now):
            yield Difference(folder=folder, relative=relative, change="changed", fingerprint=now, now=now)


def event(difference: Difference, instance: str) -> dict[str, Any]:
    size, mtime_ns, _, _ = difference.fingerprint.split(":")
    path = f"{difference.folder}/{difference.relative}"
    modified = datetime.fromtimestamp(min(max(int(mtime_ns) / 1e9, 0), LATEST), timezone.utc).isoformat(
        timespec="milliseconds"
    )
    return {
        "type": f"folder_watch.file_{difference.change}",
        "payload": {
            "path": path,
            "name": difference.relative.rpartition("/")[2],
            "folder": difference.folder,
            "size_bytes": int(size),
            "modified_at": modified.replace("+00:00", "Z"),
            "change": difference.change,
        },
        "dedupe_key": f"{instance}:{difference.change}:{path}:{difference.fingerprint}",
    }


def poll(request: Mapping[str, Any], at: Settings) -> Response:
    last = request.get("state") or {}
    before = known_of(last.get("folders"))
    after: Seen = {}
    events: list[dict[str, Any]] = []
    logs: list[str] = []
    instance = str(request.get("instance") or "folder_watch")
    now_ns = time.time_ns()
    for folder in sorted(str(path) for path in at.folders):
        known = before.get(folder, {})
        found = look(Path(folder), known, at, now_ns, logs)
        if folder not in before and not at.emit_existing:
            after[folder] = found
            continue
        after[folder] = dict(known)
        for difference in differences(folder, known, found):
            if len(events) < at.max_events:
                events.append(event(difference, instance))
                note(after[folder], difference)
    check(after, at)
    response: Response = {"status": "ok", "result": f"{len(events)} differences", "events": events}
    response["logs"] = [{"level": "warn", "message": message} for message in logs]
    if after != before:
        response["state_updates"] = {"folders": {name: dict(sorted(seen.items())) for name, seen in after.items()}}
    return response


def known_of(folders: Any) -> Seen:
    """What the state holds; what is no fingerprint counts as never seen."""
    listed = folders.items() if isinstance(folders, dict) else ()
    return {
        folder: {name: mark for name, mark in seen.items() if isinstance(mark, str) and mark.count(":") == 3}  # noqa: PLR2004 - see fingerprint
        for folder, seen in listed
        if isinstance(seen, dict)
    }


def note(seen: dict[str, str], difference: Difference) -> None:
    if difference.now is None:
        del seen[difference.relative]
    else:
        seen[difference.relative] = difference.now


def check(seen: Seen, at: Settings) -> None:
    count = sum(len(files) for files in seen.values())
    if count > at.max_files:
        raise too_many(count, at)
    size = len(json.dumps({"folders": seen}))
    if size > MAX_STATE:
        raise Refused(f"what is to be remembered takes {size} bytes, more than {MAX_STATE}; watch fewer files")


def too_many(count: int, at: Settings) -> Refused:
    return Refused(f"{count} files are watched, more than {at.max_files} (config.max_files); narrow the patterns")


def health(_request: Mapping[str, Any], at: Settings) -> Response:
    for folder in at.folders:
        if folder.exists() or not at.create_folders:
            look(folder, {}, Settings(**{**vars(at), "create_folders": False}), time.time_ns(), [])
    return {"status": "ok", "result": "healthy"}


COMMANDS = {"poll": poll, "health": health}


def run(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"folder_watch speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise Refused(f"folder_watch knows the commands {', '.join(COMMANDS)}")
    for member in ("config", "state"):
        if not isinstance(request.get(member) or {}, dict):
            raise Refused(f"`{member}` of the request must be an object")
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
