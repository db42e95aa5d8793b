"""The checks of `ductile config doctor`: whether this machine lets a gateway of this configuration work well.

Each check is a function of what it examines, and yields its findings.
"""

import asyncio
import errno
import os
import resource
import shutil
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from yaml import YAMLError

from ductile.cli.core.gateway.process import lock_holder, lock_path
from ductile.cli.core.gateway.target import reachable_address
from ductile.cli.core.render import format_count
from ductile.client import UNIX_PREFIX, Client, ClientError, Unreachable
from ductile.config.compile import Compiled
from ductile.config.edit_diff import mask_secrets
from ductile.config.load import Layers
from ductile.http.edge.port_holder import tcp_holder
from ductile.model.clock import rfc3339
from ductile.store.sqlite.lock import NETWORK_FILE_SYSTEMS, file_system_type, read_mounts

OK, WARN, FAIL = "ok", "warn", "fail"
MEGABYTE_BYTES = 1 << 20
MIN_FREE_BYTES, LOW_FREE_BYTES = 64 * MEGABYTE_BYTES, 1024 * MEGABYTE_BYTES
FILES_PER_ATTEMPT = 8
"""Descriptors that a running attempt takes: its pipes, its pidfd, and those of the event loop."""
BASE_FILES = 128
"""Descriptors for the listener, the database, and some clients."""
ALL_CAN_READ, GROUP_CAN_READ, ALL_CAN_WRITE = stat.S_IROTH, stat.S_IRGRP, stat.S_IWOTH
ANSWER_TIMEOUT_SECONDS = 5.0
"""Seconds for an answer."""
EARLIEST_CLOCK_SECONDS = 1_735_689_600
"""2025-01-01: a clock before it was never set (seconds)."""


class Finding(Struct, frozen=True):
    """The finding of a check, and what to do about it."""

    check: str
    status: str
    message: str
    advice: str | None = None

    def public(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def check_configuration(compiled: Compiled) -> Iterator[Finding]:
    """Whether a gateway would accept the configuration."""
    snapshot = compiled.snapshot
    if snapshot is None:
        errors = len(compiled.errors)
        message = f"{errors} errors, the first: {compiled.errors[0]}" if errors > 1 else str(compiled.errors[0])
        yield Finding("configuration", FAIL, message, "Mend it; `ductile config check` says everything that is wrong.")
        return
    warnings = [str(one) for one in compiled.problems if " is quarantined: " not in one.message]  # see plugins()
    if warnings:
        message = warnings[0] if len(warnings) == 1 else f"{len(warnings)} warnings, the first: {warnings[0]}"
        yield Finding("configuration", WARN, message, "`ductile config check` lists them.")
    else:
        ready = (
            f"{format_count(len(snapshot.plugins), 'plugin')} and {format_count(len(snapshot.pipelines), 'pipeline')}"
        )
        yield Finding("configuration", OK, f"{ready} are ready to run")


def check_plugins(compiled: Compiled, configured: Iterable[str]) -> Iterator[Finding]:
    """Whether each plugin can run: manifest, executable bit, interpreter. An unconfigured plugin only warns."""
    snapshot = compiled.snapshot
    if snapshot is None:
        return
    bad = [one for one in snapshot.unusable.values() if one.kind == "quarantined"]
    for one in bad:
        status = FAIL if one.name in set(configured) else WARN
        yield Finding("plugins", status, f"{one.name} cannot run: {one.reason}", "`ductile plugin test DIR` says more.")
    if not bad:
        yield Finding("plugins", OK, "each one that was found can run")


def check_secrets(layers: Layers) -> Iterator[Finding]:
    """Whether others may read or change secrets."""
    found = False
    yaml = set(layers.files[: len(layers.names)])
    for path in dict.fromkeys(layers.files):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # that it is missing is an error of the configuration
        if not stat.S_ISREG(mode):
            continue
        secret = path not in yaml or _has_secrets(path)
        if mode & ALL_CAN_WRITE:
            found = True
            yield Finding("secrets", FAIL, f"everybody may write {path}", f"chmod o-w {path}")
        elif secret and mode & ALL_CAN_READ:
            found = True
            status = FAIL if path.name.endswith(".env") else WARN
            yield Finding("secrets", status, f"everybody may read {path}, which holds secrets", f"chmod 600 {path}")
        elif secret and mode & GROUP_CAN_READ:
            found = True
            yield Finding(
                "secrets", WARN, f"the group of {path} may read it, and it holds secrets", f"chmod 600 {path}"
            )
    if not found:
        yield Finding("secrets", OK, "only their owner may read and write the files with secrets")


def _has_secrets(path: Path) -> bool:
    """Whether the YAML file holds a secret itself, not only its name; a file that is no YAML may hold one."""
    try:
        text = path.read_text("utf-8")
        return mask_secrets(text) != text
    except (OSError, ValueError):
        return False
    except (YAMLError, RecursionError):
        return True


def check_database(path: Path, *, mounts: str | None = None) -> Iterator[Finding]:
    """Whether the database can be there: folder, space, file system, mode."""
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        what = f"{folder} may not be written to" if folder.is_dir() else f"{folder} is no folder"
        yield Finding("state", FAIL, what, "Change its owner or mode, or set `state.path`.")
        return
    kind = file_system_type(folder.resolve(), read_mounts() if mounts is None else mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        yield Finding(
            "state", FAIL, f"{folder} is on a network file system ({kind})", "Set `state.path` to a local one."
        )
    free = shutil.disk_usage(folder).free
    if free < LOW_FREE_BYTES:
        status = FAIL if free < MIN_FREE_BYTES else WARN
        advice = "Make room, shorten `service.job_log_retention`, or set `state.path`."
        yield Finding("state", status, f"{folder} has {free // MEGABYTE_BYTES} MB left", advice)
    for file in (path, path.with_name(f"{path.name}-wal")):
        if file.exists() and file.stat().st_mode & (ALL_CAN_READ | GROUP_CAN_READ):
            yield Finding("state", FAIL, f"others may read {file}, which holds the plugins' state", f"chmod 600 {file}")
    if kind not in NETWORK_FILE_SYSTEMS and free >= LOW_FREE_BYTES:
        yield Finding("state", OK, f"{folder} can be written to, and {free // (1024 * MEGABYTE_BYTES)} GB are free")


async def check_address(address: str, root: Path, database: Path) -> Finding:
    """Whether the address is free, or its gateway is the one of this configuration.

    To a caller without a token the gateway does not name its folder; then the lock of the database tells.
    """
    url = address if address.startswith(UNIX_PREFIX) else f"http://{reachable_address(address)}"
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS), Client(url) as client:
            health = await client.health()
    except TimeoutError:
        return Finding(
            "listen", FAIL, f"{address} is used by something that does not answer", "Look at what listens there."
        )
    except Unreachable:
        return _check_bindable(address)
    except (ClientError, ValueError):
        return Finding(
            "listen", FAIL, f"{address} is used by something that is no gateway", "Stop it, or set `api.listen`."
        )
    folder = health.get("config_path")
    if folder == str(root) or (folder is None and lock_holder(lock_path(database)) is not None):
        message = f"the gateway of this configuration answers at {address} (generation {health.get('generation')})"
        sound = health.get("status") == "ok"
        return Finding(
            "listen", OK if sound else WARN, message, None if sound else "It is degraded: ductile system status"
        )
    advice = "Stop that one, or set `api.listen`."
    return Finding(
        "listen",
        FAIL,
        f"{address} is used by {'another gateway' if folder is None else f'the gateway of {folder}'}",
        advice,
    )


def _check_bindable(address: str) -> Finding:
    """Whether a gateway could listen there."""
    if address.startswith(UNIX_PREFIX):
        folder = Path(address.removeprefix(UNIX_PREFIX)).parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            return Finding(
                "listen", FAIL, f"no socket can be made in {folder}", "Make the folder, or set `api.listen`."
            )
        return Finding("listen", OK, f"{address} is free")
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((host.strip("[]"), int(port)))
    except OSError as error:
        advice = {
            errno.EADDRINUSE: port_holder_advice(host.strip("[]"), int(port)),
            errno.EACCES: "A port below 1024 needs CAP_NET_BIND_SERVICE; set `api.listen` to a higher one.",
        }.get(error.errno or 0, "Set `api.listen` to an address of this machine.")
        return Finding("listen", FAIL, f"{address} cannot be listened at: {error.strerror}", advice)
    return Finding("listen", OK, f"{address} is free")


def port_holder_advice(host: str, port: int) -> str:
    """Advice about the process that listens at a port and does not answer."""
    holder = tcp_holder(host, port)
    return f"{holder or 'Something'} listens there and does not answer: stop it, or set `api.listen`."


def check_open_files(workers: int) -> Finding:
    """Whether the gateway may open as many files as its attempts need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed_files = BASE_FILES + FILES_PER_ATTEMPT * workers
    if soft != resource.RLIM_INFINITY and soft < needed_files:
        message = f"{soft} files may be open, and {workers} attempts at once want {needed_files}"
        enough = hard == resource.RLIM_INFINITY or hard >= needed_files
        how = f"`ulimit -n {needed_files}`" if enough else "as root, or by `LimitNOFILE=` of the service"
        return Finding("files", FAIL, message, f"Raise the limit ({how}), or lower `service.max_workers`.")
    return Finding("files", OK, f"{'any number of' if soft == resource.RLIM_INFINITY else soft} files may be open")


def check_clock(layers: Layers, database: Path, *, now: float | None = None) -> Finding:
    """Whether the clock is set: its time is not before that of the files."""
    seconds = time.time() if now is None else now
    if seconds < EARLIEST_CLOCK_SECONDS:
        return Finding("clock", FAIL, f"it is {rfc3339(int(seconds * 1000))}, which cannot be", "Set the clock (NTP).")
    newest, name = 0.0, ""
    for path in (*layers.files, database):
        if path.exists() and path.stat().st_mtime > newest:
            newest, name = path.stat().st_mtime, str(path)
    if newest > seconds + 60:
        message = f"{name} was changed in the future ({rfc3339(int(newest * 1000))})"
        return Finding("clock", WARN, message, "Check the clock (NTP): schedules and retention go by it.")
    return Finding("clock", OK, f"it is {rfc3339(int(seconds * 1000))}")
