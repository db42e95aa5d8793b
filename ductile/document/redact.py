"""Replaces known secrets in what is shown or kept for people."""

from collections.abc import Iterable
from typing import Any

import re2

MASK = "[REDACTED]"


class Redactor:
    """Replaces every occurrence of the given secrets. Longer secrets win over the shorter ones they contain."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        ordered = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._pattern = re2.compile("|".join(re2.escape(secret) for secret in ordered)) if ordered else None

    def text(self, text: str) -> str:
        """The text with each secret replaced by `[REDACTED]`."""
        if self._pattern is None:
            return text
        redacted: str = self._pattern.sub(MASK, text)
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
