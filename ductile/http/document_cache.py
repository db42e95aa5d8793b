"""The documents of the snapshot that serves, each encoded once, with the entity tag that it is known by."""

import asyncio
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from blake3 import blake3
from msgspec import Struct

from ductile.model.snapshot import Snapshot

JSON_MEDIA = "application/json"
_HASH_DIGITS = 16
"""Hex digits of a hash in an entity tag."""
_ENTITY_TAG = re.compile(r'(?:W/)?("[^\x00-\x20"\x7f]*")')
"""RFC 9110, 8.8.3; said by what it excludes, which compiles in no time."""


class Representation(Struct, frozen=True, kw_only=True):
    """A document as it is sent."""

    body: bytes
    media: str
    etag: str
    """Strong: it names the generation, the configuration and these very bytes."""


class DocumentCache:
    """The encoded documents of the snapshot that serves. It keeps those of one generation."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._kept: dict[Hashable, asyncio.Future[Representation]] = {}

    async def get(
        self, snapshot: Snapshot, build: Callable[..., Any], *given: str, media: str = JSON_MEDIA
    ) -> Representation:
        """What `build` makes of the snapshot and of what is given beside it, redacted.

        It returns a JSON value, or text for another media type. It runs in a thread: with many plugins it takes long.
        """
        if self._snapshot is not snapshot:
            self._snapshot, self._kept = snapshot, {}
        kept, key = self._kept, (build, given)
        if key not in kept:
            kept[key] = asyncio.ensure_future(asyncio.to_thread(build_representation, snapshot, build, given, media))
        try:
            return await asyncio.shield(kept[key])
        except Exception:
            kept.pop(key, None)  # the next one who asks tries again
            raise


def build_representation(
    snapshot: Snapshot, build: Callable[..., Any], given: Sequence[str], media: str
) -> Representation:
    """Build it."""
    return encode_representation(snapshot, build(snapshot, *given), media)


def encode_representation(snapshot: Snapshot, content: Any, media: str = JSON_MEDIA) -> Representation:
    """A JSON value, or text of another media type, as a document of this snapshot."""
    body = snapshot.redactor.encode_json(content) if media == JSON_MEDIA else snapshot.redactor.text(content).encode()
    tag = f"{snapshot.generation}-{snapshot.config_hash[:_HASH_DIGITS]}-{blake3(body).hexdigest()[:_HASH_DIGITS]}"
    return Representation(body=body, media=media, etag=f'"{tag}"')


def matches_etag(etag: str, fields: Sequence[str]) -> bool:
    """Whether the `If-None-Match` fields name this entity tag, compared weakly as RFC 9110 (13.1.2) says."""
    asked = ",".join(fields).strip()
    return asked == "*" or etag in _ENTITY_TAG.findall(asked)
