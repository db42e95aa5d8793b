"""Replaces known secrets in what is shown or kept for people."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import orjson
import re2

MASK = "[REDACTED]"
SHORTEST_SECRET = 8
"""Characters; a shorter value is no secret by its name alone, since replacing it would mangle what people read."""

FEW = 16
"""Secrets that are looked for one by one before the pattern is asked: most texts hold none, and that is cheaper."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    {
        "apikey",
        "apikeys",
        "authorization",
        "credential",
        "credentials",
        "passphrase",
        "passwd",
        "password",
        "passwords",
        "secret",
        "secrets",
        "token",
    }
)
_SECRET_ENDINGS = ("apikey", "passphrase", "passwd", "password", "secret", "token")
"""Also of words written together: `PGPASSWORD`, `authtoken`."""
_SHORT_WORDS = frozenset({"pass", "pwd"})
"""Secret as the end of a longer name, `SMTP_PASS`; alone they are a verb and a folder."""
_SECRET_KEYS = frozenset(
    {
        "access",
        "account",
        "api",
        "auth",
        "client",
        "deploy",
        "encryption",
        "hmac",
        "license",
        "master",
        "private",
        "secret",
        "service",
        "shared",
        "signing",
        "ssh",
        "webhook",
    }
)
"""What a key is for that is a secret: `api_key`, `signing_key`; `key` alone, `primary_key` and `sort_key` are none."""
_ABOUT = frozenset(
    {
        "count",
        "endpoint",
        "expires",
        "expiry",
        "field",
        "file",
        "header",
        "id",
        "length",
        "limit",
        "name",
        "path",
        "prefix",
        "ref",
        "ttl",
        "type",
        "uri",
        "url",
        "var",
    }
)
"""A name that ends so says something of a secret: `password_file`, `token_ttl`, `secret_ref`."""
_KNOWN_NAMES = 1024
"""Names that need not be looked at again: a configuration has few keys, and each of them often."""
_DISPLAY_SECRETS = ("secret", "key", "token", "password", "credential", "auth")


@lru_cache(maxsize=_KNOWN_NAMES)
def is_secret_name(name: str) -> bool:
    """Whether the words of a configuration key or variable name say that its value is a secret.

    `password`, `githubToken`, `AWS_SECRET_ACCESS_KEY` and `private-key` do; `author_name`, `max_tokens`, `key` and
    `password_file` do not.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _ABOUT:
        return False
    if len(words) > 1 and words[-1] in _SHORT_WORDS:
        return True
    if any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words):
        return True
    return any(second in ("key", "keys") and first in _SECRET_KEYS for first, second in pairwise(words))


def is_display_secret(name: str) -> bool:
    """Whether a value under this name is hidden where configuration is shown; wider than `is_secret_name`."""
    lowered = name.lower()
    return any(part in lowered for part in _DISPLAY_SECRETS)


def _any_of(texts: Sequence[str]) -> Any:
    """The pattern that finds any of these; None for none."""
    return re2.compile("|".join(re2.escape(text) for text in texts)) if texts else None


class Redactor:
    """Replaces every occurrence of the given secrets. Longer secrets win over the shorter ones they contain."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        ordered = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._few = ordered if len(ordered) <= FEW else []
        self._pattern = _any_of(ordered)
        self._in_json = _any_of([orjson.dumps(secret).decode()[1:-1] for secret in ordered])

    def text(self, text: str) -> str:
        """The text with each secret replaced by `[REDACTED]`."""
        if self._pattern is None or (self._few and not any(secret in text for secret in self._few)):
            return text
        redacted: str = self._pattern.sub(MASK, str(text))  # str: re2 cannot rebuild an enum's member
        return redacted

    def value(self, value: Any) -> Any:
        """A JSON value with the secrets replaced in its strings, keys included."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(member) for member in value]
        return value

    def encoded(self, value: Any) -> bytes:
        """The value as JSON, with the secrets replaced in its strings.

        JSON writes each character by itself, so that a text holds a secret where its written form holds the secret's:
        most documents hold none, and one look at the whole tells.
        """
        written = orjson.dumps(value)
        if self._in_json is None or self._in_json.search(written.decode()) is None:
            return written
        return orjson.dumps(self.value(value))
