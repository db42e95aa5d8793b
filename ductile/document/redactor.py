"""Replaces known secrets in what is shown or kept for people."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from ductile.document.secret_spellings import MIN_SECRET_CHARACTERS

if TYPE_CHECKING:  # its engines take their time to import, which a command of the command line may not need
    from ductile.document.secret_finder import SecretFinder

MASK = "[REDACTED]"
CUT_MARK = "…"
"""Stands in a text of ours for what was left out."""
_MASK = MASK.encode()
_CUTS = re.compile(r"\n?\[… .{1,80} …\]\n?|…")
"""The notes of what was cut out of a plugin's output, and the mark of a shortened quote."""
_MOST_CUTS = 64
"""Cuts of one text that are looked at: a text of ours has a few, and a plugin's may be full of such marks."""
_SHORTEST_START = 4
"""Characters of a secret that give it away."""
_LONGEST_PART = 8192
"""Characters of a secret's part beside a cut that are looked for."""

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


class Redactor:
    """Replaces the given secrets, however they are spelled. Longer ones win over the shorter ones they contain."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = frozenset(secret for secret in secrets if secret)

    def text(self, text: str) -> str:
        """The text with each secret replaced by `[REDACTED]`."""
        if not self.secrets:
            return text
        written = text.encode(errors="surrogatepass")
        redacted = self._finder.replace(written, _MASK)
        return text if redacted is written else redacted.decode(errors="surrogatepass")

    def holds(self, text: bytes) -> bool:
        """Whether a secret stands in the text, as UTF-8."""
        return bool(self.secrets) and self._finder.replace(text, _MASK) is not text

    def clip(self, text: str) -> str:
        """The text redacted, where `…` in it may stand for what was cut out of the middle of a secret."""
        text = self.text(text)
        if not self.secrets or CUT_MARK not in text:
            return text
        marks = [mark.span() for mark in _CUTS.finditer(text)]
        for start, end in reversed([*marks[: _MOST_CUTS // 2], *marks[_MOST_CUTS // 2 :][-_MOST_CUTS // 2 :]]):
            kept = start - self._part(text[max(0, start - _LONGEST_PART) : start], ended=True)
            resumed = end + self._part(text[end : end + _LONGEST_PART], ended=False)
            before = text[:kept] + MASK * (kept < start)
            text = before + text[start:end] + MASK * (resumed > end) + text[resumed:]
        return text

    def _part(self, text: str, *, ended: bool) -> int:
        """How many characters at the end of the text (`ended`), or at its start, are a part of a secret."""
        return max((_cached_redactor(text, form, ended=ended) for form in self._forms()), default=0)

    def _forms(self) -> Iterator[str]:
        for secret in self.secrets:
            if len(secret) >= MIN_SECRET_CHARACTERS:
                yield secret
                yield orjson.dumps(secret).decode()[1:-1]

    def value(self, value: Any) -> Any:
        """A JSON value with the secrets replaced in its strings and numbers, keys included."""
        return self._walk(value) if self._may_hold(value) else value

    def encode_json(self, value: Any) -> bytes:
        """The value as JSON, with the secrets replaced."""
        written = orjson.dumps(value)
        if not self.secrets or not self._finder.candidates(written):
            return written
        return orjson.dumps(self._walk(value))

    @cached_property
    def _finder(self) -> "SecretFinder":
        """Built when it is first needed, which for many secrets takes a while."""
        from ductile.document.secret_finder import finder_of  # noqa: PLC0415 - as above

        return finder_of(self.secrets)

    def _may_hold(self, value: Any) -> bool:
        """Whether one look at the value's JSON finds what may be a secret: in most values it finds nothing."""
        if not self.secrets:
            return False
        try:
            return bool(self._finder.candidates(orjson.dumps(value)))
        except TypeError:  # no JSON: half a character, or a number of more than 64 bits
            return True

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._walk(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self._walk(member) for member in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return MASK if self.text(str(value)) != str(value) else value
        return value


def _cached_redactor(text: str, secret: str, *, ended: bool) -> int:
    """The longest start of the secret that the text ends with; else the longest end of it that the text starts with."""
    if not ended:
        text, secret = text[::-1], secret[::-1]
    window = text[-len(secret) :]
    at = window.find(secret[:_SHORTEST_START])
    while at >= 0:
        if secret.startswith(window[at:]):
            return len(window) - at
        at = window.find(secret[:_SHORTEST_START], at + 1)
    return 0
