"""Ids: UUIDv7, so that the order of ids is the order of creation."""

from uuid import UUID

from uuid_utils import uuid7

from ductile.model.clock import Millis


def new_id() -> str:
    """A new UUIDv7 in its usual 36-character form."""
    return str(uuid7())


def is_id(text: str) -> bool:
    """Whether this is a UUID in its usual form."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def first_id(at: Millis) -> str:
    """An id below every one that is made at this time or later."""
    return str(UUID(int=(at << 80)))
