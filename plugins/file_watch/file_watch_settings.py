"""What is to be watched, checked."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STRATEGIES = ("sha256", "mtime_size")
KEYS = {"id", "path", "event_type", "strategy", "emit_initial", "emit_deleted", "min_stable_age"}
MOST_WATCHES = 500
MAGIC = re.compile(r"[*?[]")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
SECONDS = {"ms": 0.001, "s": 1, None: 1, "m": 60, "h": 3600, "d": 86400}


class BadConfig(Exception):
    """The operator has to mend the configuration."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A file, or all files that fit a pattern."""

    id: str
    root: Path
    """The folder that nothing leads out of; absolute, without links."""
    inside: tuple[str, ...]
    """The parts of the path below the root, or of the pattern."""
    pattern: bool
    event_type: str | None
    strategy: str
    emit_initial: bool
    emit_deleted: bool
    min_stable_ns: int

    @property
    def about(self) -> str:
        """What makes it another watch than the one the state knows."""
        return f"{self.strategy}:{self.root.joinpath(*self.inside)}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration, checked."""

    watches: list[Watch]
    max_events: int
    max_files: int
    max_hash_bytes: int


def settings(config: Any) -> Settings:
    if not isinstance(config, dict):
        raise BadConfig("the configuration must be an object")
    listed = config.get("watches")
    if not isinstance(listed, list) or not listed or len(listed) > MOST_WATCHES:
        raise BadConfig(f"config.watches must be a list of 1 to {MOST_WATCHES} watches")
    roots = config.get("roots", [])
    if not isinstance(roots, list) or not all(isinstance(root, str) and root.strip() for root in roots):
        raise BadConfig("config.roots must be a list of folders")
    inside = [Path(os.path.realpath(expanded(root))) for root in roots]
    watches = [watch(entry, f"config.watches[{at}]", inside) for at, entry in enumerate(listed)]
    twice = {one.id for one in watches if sum(one.id == other.id for other in watches) > 1}
    if twice:
        raise BadConfig(f"config.watches has the id {min(twice)!r} more than once")
    return Settings(
        watches=watches,
        max_events=number(config, "max_events", 100, 10_000),
        max_files=number(config, "max_files", 2000, 10_000),
        max_hash_bytes=number(config, "max_hash_bytes", 64 * 1024 * 1024, 1 << 40),
    )


def watch(entry: Any, at: str, roots: list[Path]) -> Watch:
    if not isinstance(entry, dict):
        raise BadConfig(f"{at} must be an object with `id` and `path`")
    if unknown := sorted(set(map(str, entry)) - KEYS):
        raise BadConfig(f"{at}.{unknown[0]} is no key of a watch; they are {', '.join(sorted(KEYS))}")
    strategy = entry.get("strategy", "sha256")
    if strategy not in STRATEGIES:
        raise BadConfig(f"{at}.strategy must be one of {', '.join(STRATEGIES)}")
    event_type = entry.get("event_type")
    root, inside, pattern = place(text(entry, "path", at), at, roots)
    return Watch(
        id=text(entry, "id", at),
        root=root,
        inside=inside,
        pattern=pattern,
        event_type=None if event_type is None else text(entry, "event_type", at),
        strategy=strategy,
        emit_initial=flag(entry, "emit_initial", at, default=False),
        emit_deleted=flag(entry, "emit_deleted", at, default=True),
        min_stable_ns=int(seconds(entry.get("min_stable_age", 0), f"{at}.min_stable_age") * 1e9),
    )


def place(path: str, at: str, roots: list[Path]) -> tuple[Path, tuple[str, ...], bool]:
    """The root of a path and the parts below it. Without `roots` its own folder is the root."""
    if "\0" in path or ".." in Path(path).parts:
        raise BadConfig(f"{at}.path must not contain `..`")
    parts = Path(os.path.abspath(expanded(path))).parts  # noqa: PTH100 - resolve() would follow the last link as well
    plain = next((index for index, part in enumerate(parts) if MAGIC.search(part)), len(parts) - 1)
    pattern = any(MAGIC.search(part) for part in parts)
    folder = Path(os.path.realpath(Path(*parts[:plain])))
    inside = parts[plain:]
    if not inside or len(parts) == 1:
        raise BadConfig(f"{at}.path must name a file")
    if not roots:
        return folder, inside, pattern
    for root in roots:
        if folder.is_relative_to(root):
            return root, (*folder.relative_to(root).parts, *inside), pattern
    raise BadConfig(f"{at}.path is not inside one of config.roots")


def expanded(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 - expanduser of pathlib raises where there is no home


def seconds(value: Any, at: str) -> float:
    """A number of seconds, or a duration such as `500ms` or `5m`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7:  # noqa: PLR2004 - a third of a year
        return float(value)
    found = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise BadConfig(f"{at} must be seconds, or a duration such as 500ms, 5s or 2m")
    return float(found[1]) * SECONDS[found[2]]


def text(entry: Mapping[str, Any], key: str, at: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadConfig(f"{at}.{key} must be text and not empty")
    return value.strip()


def flag(entry: Mapping[str, Any], key: str, at: str, *, default: bool) -> bool:
    value = entry.get(key, default)
    if not isinstance(value, bool):
        raise BadConfig(f"{at}.{key} must be true or false")
    return value


def number(config: Mapping[str, Any], key: str, default: int, most: int) -> int:
    value = config.get(key, default)
    if type(value) is not int or not 1 <= value <= most:
        raise BadConfig(f"config.{key} must be a whole number from 1 to {most}")
    return value
