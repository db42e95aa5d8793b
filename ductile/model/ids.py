"""Ids: UUIDv7, so that the order of ids is the order of creation."""

from uuid import UUID

from uuid_utils import uuid7


def new_id() -> str:
    """A new UUIDv7 in its usual 36-character form."""
    return str(uuid7())


def is_id(text: str) -> bool:
    """Whether this is a UUID in its usual form."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
