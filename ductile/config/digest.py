"""BLAKE3 (hex) of values and of files."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from blake3 import blake3
from msgspec import Struct
from msgspec.structs import asdict

_KNOWN_FILES = 2048


def digest(part: Any) -> str:
    """The hash of a JSON value, in which structs and bytes of UTF-8 may stand; the order of keys is nothing."""
    return blake3(orjson.dumps(part, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=_plain)).hexdigest()


def file_digest(path: Path) -> str:
    """The hash of what a file holds; of one that may be run but not read, of what tells that it was written.

    A file is read once as long as nobody writes it.
    """
    version: tuple[int, ...] = ()
    try:
        status = path.stat()
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        return _read(path, version)
    except OSError:
        return digest(version)


@lru_cache(maxsize=_KNOWN_FILES)
def _read(path: Path, _version: tuple[int, ...]) -> str:
    return blake3().update_mmap(path).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Struct):
        return asdict(value)
    raise TypeError
