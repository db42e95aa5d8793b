#!/usr/bin/env python3
"""Reads and writes text files inside the folders the operator allows.

A path is resolved first and must then lie inside an allowed folder. It is opened part by part below that folder without
following links, so that a link that is swapped in between leads nowhere.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""
MAX_BYTES = 1024 * 1024
PASSING = {errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}
PASSING |= {errno.EDQUOT, errno.ESTALE, errno.ETIMEDOUT}
"""Errors of the machine that may be gone at the next attempt; the others will be the same."""

LATEST = 253_402_300_799
"""Seconds since 1970 that still have a year of four digits; a file may claim any."""

Response = dict[str, Any]


class Refused(Exception):
    """The request cannot be done, however often it is tried."""


class BadConfig(Exception):
    """The operator has to mend the configuration."""


class Settings:
    """The configuration, checked."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.reads = folders(config, "allowed_read_paths")
        self.writes = folders(config, "allowed_write_paths")
        self.max_bytes = config.get("max_bytes", MAX_BYTES)
        if type(self.max_bytes) is not int or self.max_bytes < 1:
            raise BadConfig("config.max_bytes must be a whole number of bytes, 1 or more")
        if not self.reads and not self.writes:
            raise BadConfig("config.allowed_read_paths or config.allowed_write_paths must name a folder")


def folders(config: Mapping[str, Any], key: str) -> list[Path]:
    """The allowed folders, resolved; relative ones lie below the working directory, the configuration folder."""
    value = config.get(key) or []
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) and item.strip() for item in listed):
        raise BadConfig(f"config.{key} must be a list of folders")
    resolved = [Path(os.path.realpath(os.path.expanduser(item))) for item in listed]  # noqa: PTH111 - expanduser of pathlib raises where there is no home
    if Path("/") in resolved:
        raise BadConfig(f"config.{key} must name folders below /, not / itself")
    return resolved


def place(payload: Mapping[str, Any], allowed: list[Path], purpose: str) -> tuple[Path, Path]:
    """The allowed folder and the path below it, without links; Refused for anything outside."""
    if not allowed:
        raise BadConfig(f"config.allowed_{purpose}_paths names no folder")
    path = payload.get("path")
    if not isinstance(path, str) or not path or "\0" in path:
        raise Refused("payload.path must be text and not empty")
    if ".." in Path(path).parts:
        raise Refused(f"payload.path must not contain `..`: {path}")
    real = Path(os.path.realpath(path))
    for folder in allowed:
        if real != folder and real.is_relative_to(folder):
            return folder, real.relative_to(folder)
    raise Refused(f"{path} is not inside an allowed folder; config.allowed_{purpose}_paths lists them")


@contextlib.contextmanager
def opened_folder(folder: Path, parts: tuple[str, ...], *, make: bool) -> Iterator[int]:
    """A descriptor of the folder below `folder`, reached part by part without following a link."""
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(part, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def regular(descriptor: int, path: Path) -> os.stat_result:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{path} is no regular file")
    return status


def read(payload: Mapping[str, Any], settings: Settings) -> Response:
    folder, below = place(payload, settings.reads, "read")
    path = folder / below
    with opened_folder(folder, below.parts[:-1], make=False) as parent:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(below.name, flags, dir_fd=parent), "rb") as file:
            status = regular(file.fileno(), path)
            content = file.read(settings.max_bytes + 1)
    if len(content) > settings.max_bytes:
        raise Refused(f"{path} is larger than {settings.max_bytes} bytes (config.max_bytes)")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is no UTF-8 text: byte {error.start} is not valid") from None
    found = {"path": str(path), "name": path.name, "text": text, "size_bytes": len(content)}
    modified = datetime.fromtimestamp(min(max(status.st_mtime, 0), LATEST), timezone.utc)
    found["modified_at"] = modified.isoformat().replace("+00:00", "Z")
    return done(f"read {len(content)} bytes from {path}", "file_handler.read", found)


def new_text(payload: Mapping[str, Any], settings: Settings) -> bytes:
    text = payload.get("text")
    if not isinstance(text, str):
        raise Refused("payload.text must be text")
    content = text.encode("utf-8", "surrogatepass")
    if len(content) > settings.max_bytes:
        raise Refused(f"payload.text is larger than {settings.max_bytes} bytes (config.max_bytes)")
    return content


def write(payload: Mapping[str, Any], settings: Settings) -> Response:
    """Replaces the file: readers see the old one or the new one, also after a crash."""
    content = new_text(payload, settings)
    folder, below = place(payload, settings.writes, "write")
    with opened_folder(folder, below.parts[:-1], make=True) as parent:
        mode = existing_mode(parent, below.name, folder / below)
        temporary = f".{secrets.token_hex(8)}.tmp"  # no name that a killed attempt may have left behind
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, 0o666, dir_fd=parent), "wb") as file:
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, below.name, src_dir_fd=parent, dst_dir_fd=parent)
            os.fsync(parent)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)
            raise
    return written(folder / below, "write", content)


def existing_mode(parent: int, name: str, path: Path) -> int | None:
    try:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise Refused(f"{path} is no regular file")
    return stat.S_IMODE(mode)


def append(payload: Mapping[str, Any], settings: Settings) -> Response:
    content = new_text(payload, settings)
    folder, below = place(payload, settings.writes, "write")
    with opened_folder(folder, below.parts[:-1], make=True) as parent:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(below.name, flags, 0o666, dir_fd=parent), "ab") as file:
            regular(file.fileno(), folder / below)
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return written(folder / below, "append", content)


def written(path: Path, action: str, content: bytes) -> Response:
    payload = {"path": str(path), "name": path.name, "action": action, "size_bytes": len(content)}
    return done(f"{action}: {len(content)} bytes to {path}", "file_handler.written", payload)


def done(sentence: str, event_type: str, payload: Mapping[str, Any]) -> Response:
    return {
        "status": "ok",
        "result": payload,
        "events": [{"type": event_type, "payload": payload}],
        "logs": [{"level": "info", "message": sentence}],
    }


def handle(payload: Mapping[str, Any], settings: Settings) -> Response:
    actions = {"read": read, "write": write, "append": append}
    action = payload.get("action", "read")
    if not isinstance(action, str) or action not in actions:
        raise Refused(f"payload.action must be one of {', '.join(actions)}")
    return actions[action](payload, settings)


def health(_payload: Mapping[str, Any], settings: Settings) -> Response:
    for folder in [*settings.reads, *settings.writes]:
        nearest = next(parent for parent in [folder, *folder.parents] if parent.exists())
        if not nearest.is_dir():
            raise BadConfig(f"{nearest} is no folder")
    for folder in settings.writes:
        nearest = next(parent for parent in [folder, *folder.parents] if parent.exists())
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise Refused(f"{nearest} cannot be written to")
    return {"status": "ok", "result": "healthy"}


COMMANDS: Mapping[str, Callable[[Mapping[str, Any], Settings], Response]] = {
    "handle": handle,
    "read": read,
    "write": write,
    "health": health,
}


def run(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"file_handler speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise Refused(f"file_handler knows the commands {', '.join(COMMANDS)}")
    for member in ("config", "event"):
        if not isinstance(request.get(member) or {}, dict):
            raise Refused(f"`{member}` of the request must be an object")
    event = request.get("event") or {}
    payload = event.get("payload") or request.get("payload") or {}
    if not isinstance(payload, dict):
        raise Refused("the payload must be an object")
    settings = Settings(request.get("config") or {})
    try:
        return command(payload, settings)
    except OSError as error:
        return failed(f"{payload.get('path')}: {error.strerror}", retry=error.errno in PASSING)


def respond(stdin: bytes) -> tuple[Response, int]:
    try:
        return run(json.loads(stdin)), 0
    except BadConfig as error:
        return failed(str(error)), CONFIG_EXIT
    except Refused as error:
        return failed(str(error)), 0
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
