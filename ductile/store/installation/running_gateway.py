"""Where the running gateway listens, written beside its state: for commands that find other addresses in the files."""

from pathlib import Path

import msgspec
from msgspec import Struct

from ductile.document.atomic_write import replace_file

_PRIVATE_MODE = 0o600


class RunningGateway(Struct, frozen=True, kw_only=True):
    """What a gateway says of itself while it runs. It may have died since: only the lock tells."""

    pid: int
    urls: tuple[str, ...]


def record_running(state: Path, running: RunningGateway) -> None:
    """Write it beside the database. Raises OSError."""
    replace_file(_file(state), msgspec.json.encode(running), mode=_PRIVATE_MODE)


def forget_running(state: Path) -> None:
    """Take it away, when the gateway ends. Raises OSError."""
    _file(state).unlink(missing_ok=True)


def read_running(state: Path) -> RunningGateway | None:
    """What the last gateway of this state said of itself; None where that cannot be read."""
    try:
        return msgspec.json.decode(_file(state).read_bytes(), type=RunningGateway)
    except (OSError, msgspec.DecodeError):
        return None


def _file(state: Path) -> Path:
    return state.with_name(f"{state.name}.gateway")
