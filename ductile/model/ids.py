"""Ids: UUIDv7, so that the order of ids is the order of creation."""

from uuid_utils import uuid7


def new_id() -> str:
    """A new UUIDv7 in its usual 36-character form."""
    return str(uuid7())
