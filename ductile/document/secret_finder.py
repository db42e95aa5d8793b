"""Finds many secrets in one look at a text.

An automaton looks for a few characters of each spelling. What it meets may be a secret: only then the full patterns of
those secrets are asked, which most texts never are. Both take linear time.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson
from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from ductile.document.secret_spellings import (
    FIRST_OWN_CHARACTER,
    LINE_CHARACTERS,
    MIN_SECRET_CHARACTERS,
    lines_of,
    literal,
    spellings,
)

_MAX_ANCHOR_BYTES = 8
"""Bytes of a spelling that the automaton looks for, at most."""
_MIN_ANCHOR_BYTES = 3
_DFA_SECRETS = 200
"""Secrets up to which the faster automaton, which takes longer to build, is worth it."""
_SLICE_BYTES = 1 << 20
"""Bytes that are looked through at once: a text may be full of what is met."""
_SECRETS_PER_PATTERN = 32
"""Secrets of one pattern: a pattern of very many costs more than several of them."""
_SHORT_TEXT_BYTES = 1024
_FEW_ANCHORS = 100
"""In a short text so many are looked for one by one: for the automaton the thread lets the interpreter go, and gets it
back late where others compute.
"""
_MAX_CACHED_PATTERNS = 64
_MAX_CACHED_FINDERS = 16
_PATTERN_MEMORY_BYTES = 64 << 20
"""Bytes that a pattern may take."""

_RUN = re.compile(r"[0-9A-Za-z]+")


class SecretFinder:
    """Finds these secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted(secrets, key=lambda secret: (-len(secret), secret))
        owners: dict[bytes, set[int]] = {}
        always: set[int] = set()
        """Secrets without a character that is always written as it is: they are looked for in every text."""
        for index, secret in enumerate(self._secrets):
            anchors = set(_anchors(secret))
            if not anchors:
                always.add(index)
            for anchor in anchors:
                owners.setdefault(anchor, set()).add(index)
        self._always = frozenset(always)
        self._anchors = list(owners)
        self._owners = [owners[anchor] for anchor in self._anchors]
        self._longest = max(map(len, self._anchors), default=0)
        kind = Implementation.DFA if len(self._secrets) <= _DFA_SECRETS else Implementation.ContiguousNFA
        self._automaton = BytesAhoCorasick(self._anchors, implementation=kind, matchkind=MatchKind.Standard)
        self._pattern = lru_cache(maxsize=_MAX_CACHED_PATTERNS)(self._compile)

    def candidates(self, text: bytes) -> frozenset[int]:
        """The secrets that may stand in the text, as UTF-8; never too few."""
        if len(text) <= _SHORT_TEXT_BYTES and len(self._anchors) <= _FEW_ANCHORS:
            met = {index for index, anchor in enumerate(self._anchors) if anchor in text}
        else:
            met = set()
            for start in range(0, len(text), _SLICE_BYTES):
                part = text[start : start + _SLICE_BYTES + self._longest]
                met.update(hit[0] for hit in self._automaton.find_matches_as_indexes(part, overlapping=True))
        return self._always.union(*(self._owners[anchor] for anchor in met)) if met else self._always

    def replace(self, text: bytes, mask: bytes) -> bytes:
        """The text with each secret replaced; the same object where it holds none."""
        found = self.candidates(text)
        if not found:
            return text
        ordered = sorted(found)  # longer ones first
        for start in range(0, len(ordered), _SECRETS_PER_PATTERN):
            pattern = self._pattern(tuple(ordered[start : start + _SECRETS_PER_PATTERN]))
            if pattern.search(text) is not None:
                text = pattern.sub(mask, text)
        return text

    def _compile(self, wanted: tuple[int, ...]) -> Any:
        import re2  # noqa: PLC0415 - needed once a secret is met, and it takes 3 MB

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = _PATTERN_MEMORY_BYTES
        options.longest_match = True
        options.never_capture = True
        options.log_errors = False
        ways = "|".join(way for index in wanted for way in _ways(self._secrets[index]))
        return re2.compile(ways.encode("latin-1"), options)


@lru_cache(maxsize=_MAX_CACHED_FINDERS)
def finder_of(secrets: frozenset[str]) -> SecretFinder:
    """The finder of these secrets; it is built when it is first needed."""
    return SecretFinder(secrets)


def _ways(secret: str) -> Iterator[str]:
    if len(secret) >= MIN_SECRET_CHARACTERS:
        yield from spellings(secret)
    else:
        yield literal(secret)


def _anchors(secret: str) -> Iterator[bytes]:
    """Bytes of which each spelling of the secret holds one; nothing where a spelling may do without."""
    if len(secret) < MIN_SECRET_CHARACTERS:
        yield secret.encode()
        yield orjson.dumps(secret)[1:-1]
        return
    texts = [line for line in lines_of(secret) if len(line) >= LINE_CHARACTERS]
    if not texts:
        return
    for text in texts:
        run = max(_RUN.findall(text), key=len, default="")
        if len(run) < _MIN_ANCHOR_BYTES:
            return
    for text in texts:
        yield max(_RUN.findall(text), key=len)[:_MAX_ANCHOR_BYTES].encode()
    raw = secret.encode()
    for place in range(3):
        own = b64encode(bytes(place) + raw).decode()[FIRST_OWN_CHARACTER[place] : 8 * (place + len(raw)) // 6]
        half = min(_MAX_ANCHOR_BYTES, len(own) // 2)
        for window in (own[:half], own[half : 2 * half]):  # a line of base64 may end in one of them
            yield from _alphabets(window)
    yield raw.hex()[:_MAX_ANCHOR_BYTES].encode()
    yield raw.hex().upper()[:_MAX_ANCHOR_BYTES].encode()


def _alphabets(base64: str) -> Iterator[bytes]:
    """A piece of base64 as it stands in texts: standard, for URLs, in a URL, in JSON."""
    yield base64.encode()
    yield base64.translate(str.maketrans("+/", "-_")).encode()
    for encoded in (quote(base64, safe=""), base64.replace("/", r"\/")):
        yield encoded.encode()
    yield base64.replace("+", "%2b").replace("/", "%2f").encode()
