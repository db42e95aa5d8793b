"""Secrets that are planted, the ways in which programs write them, and what of them can be found in a sink."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdwIBADANBgkqhkiG9w0Canary\n"
    "BAQEFAASCAmEwggJdAgEAAoCanary\n"
    "-----END PRIVATE KEY-----"
)

CANARIES = {
    "variable": "canary/var+1234&x",
    "dotenv": "canary-of-dotenv 'quoted'",
    "file": 'canary\\of"file-9876',
    "pem": PEM,
    "schema": "canary-write-only-ä",
    "address": "canary@address#1",
    "token": "canary-token-5d41402a",
    "inherited": "canary-inherited-77",
    "number": "31415926535897",
}
"""Way in → the secret that takes it."""


def spellings(secret: str) -> Iterator[str]:
    """The secret as programs write it."""
    raw = secret.encode()
    yield from (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (json.dumps(json.dumps(secret))[3:-3], secret.replace("\n", "\n    "))
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret), raw.hex())
    yield quote(secret, safe="").lower() if secret.islower() else quote_plus(secret, safe="/")
    for before in ("", "a", "ab", "user:"):
        yield b64encode(before.encode() + raw).decode()
        yield urlsafe_b64encode(before.encode() + raw + b"z").decode().rstrip("=")


def marks(secret: str) -> set[bytes]:
    """What gives a secret away, wherever it stands: each spelling, each line, and the middle of its base64."""
    found = {spelling.encode() for spelling in spellings(secret)}
    found |= {line.encode() for line in secret.splitlines() if not line.startswith("-----")}
    for place in range(3):
        found.add(b64encode(b"x" * place + secret.encode())[4:-4])
    return {mark for mark in found if len(mark) >= 6}


def leaks(sink: bytes, ways: Iterable[str] = CANARIES) -> dict[str, bytes]:
    """Way in → what of its secret stands in the sink."""
    return {way: mark for way in ways for mark in marks(CANARIES[way]) if mark in sink}
