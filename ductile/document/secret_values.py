"""What of a configuration's values is secret: all of a value, by the name it stands under, or a part of one.

A password in the address of a service is secret under any name, and so is what follows `password=` in a list of
settings such as `host=db password=…`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import orjson

from ductile.document.redactor import is_secret_name
from ductile.document.secret_spellings import MIN_SECRET_CHARACTERS

_PAYLOAD_PATH = re.compile(r"\{?(payload|context|config)\.[\w.-]+\}?")
"""The value of a `with` or `baggage` entry: it names a secret, and is none."""
_AUTHORITY = re.compile(r"://([^\s/?#:@]*):([^\s/?#]*)@")
"""RFC 3986, 3.2: user and password of an address. A password may hold an `@` that nobody encoded."""
_SETTING = re.compile(r"([\w-]{1,64})[ \t]?=[ \t]?('[^']*'|\"[^\"]*\"|[^\s;&,'\"]+)")
"""One of a list of settings: `password=…`, `Pwd=…;`, `?api_key=…&`."""
_SHORT_KEYS = frozenset({"pass", "pwd"})
"""Names of a password where it stands in a list of settings."""
_SCHEME = re.compile(r"(?:Bearer|Basic|Token|ApiKey)\s+(\S+)", re.IGNORECASE)
"""RFC 9110, 11.4: the credential behind its scheme."""


def secrets_in(name: str, value: Any) -> Iterator[str]:
    """The secrets of a text or number that stands under this key, as texts of at least 8 characters."""
    for text in texts_of(value):
        if is_secret_name(name) and not _PAYLOAD_PATH.fullmatch(text):
            yield from _long(text)
            credential = _SCHEME.fullmatch(text)
            if credential is not None:
                yield from _long(credential[1])
        if isinstance(value, str):
            yield from embedded_secrets(text)


def embedded_secrets(text: str) -> Iterator[str]:
    """The secrets that stand in a text under any key."""
    if "://" in text:
        for user, password in _AUTHORITY.findall(text):
            yield from _passwords(user, password)
    if "=" in text:
        for key, value in _SETTING.findall(text):
            if (is_secret_name(key) or key.lower() in _SHORT_KEYS) and not _PAYLOAD_PATH.fullmatch(value):
                yield from _long(value.strip("'\""))


def texts_of(value: Any) -> Iterator[str]:
    """How a text or a number is written; nothing for any other value: nobody can tell one `true` from another."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
        with suppress(TypeError):  # more than 64 bits
            yield orjson.dumps(value).decode()


def secrets_of_file(text: str) -> Iterator[str]:
    """What of a `${file:}` is secret: all of it, and in a file of JSON also the values whose names say so."""
    yield text
    if text.lstrip()[:1] == "{":
        with suppress(orjson.JSONDecodeError):
            yield from secrets_below("", orjson.loads(text))


def secrets_below(name: str, value: Any) -> Iterator[str]:
    """The secrets of all texts and numbers in a value that stands under this key."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from secrets_below(str(key), member)
    elif isinstance(value, list):
        for member in value:
            yield from secrets_below(name, member)
    else:
        yield from secrets_in(name, value)


def _passwords(user: str, password: str) -> Iterator[str]:
    """The password as it is written and as it is meant; a short one only beside its user, or half of a text goes."""
    for name, secret in {(user, password), (unquote(user), unquote(password))}:
        if len(secret) >= MIN_SECRET_CHARACTERS:
            yield secret
        elif secret:
            yield f"{name}:{secret}@"
            yield from _long(f"{name}:{secret}")


def _long(text: str) -> Iterator[str]:
    if len(text) >= MIN_SECRET_CHARACTERS:
        yield text
