"""`<state>.key`: the key of an installation, made at its first start. A backup needs it beside the database."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ductile.document.vault import KEY_BYTES, Vault
from ductile.store.errors import KeyUnusable

_PRIVATE_MODE = 0o600


def key_file(state: Path) -> Path:
    """Where the key of this database is."""
    return state.with_name(f"{state.name}.key")


def open_vault(state: Path) -> Vault:
    """The vault of this database; its key is made where there is none. Raises KeyUnusable."""
    file = key_file(state)
    try:
        vault = read_vault(state)
        if vault is None:
            write_private(file, secrets.token_bytes(KEY_BYTES))
            vault = read_vault(state)
    except OSError as error:
        raise KeyUnusable(path=file, reason=error.strerror) from error
    if vault is None:
        raise KeyUnusable(path=file, reason="it cannot be read again")
    return vault


def read_vault(state: Path) -> Vault | None:
    """The vault of this database; None where it has no key. Raises OSError and KeyUnusable."""
    file = key_file(state)
    with suppress(FileNotFoundError):
        key = file.read_bytes()
        if len(key) != KEY_BYTES:
            raise KeyUnusable(path=file, reason=f"it holds {len(key)} bytes, and a key has {KEY_BYTES}")
        return Vault(key)
    return None


def write_private(file: Path, content: bytes) -> None:
    """Puts the content in the file's place, all of it or nothing, for its owner's eyes. Raises OSError."""
    draft = file.with_name(f"{file.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE_MODE)
    try:
        os.fchmod(descriptor, _PRIVATE_MODE)
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(file)
