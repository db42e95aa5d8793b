"""Problems as they may be shown, logged and stored: their texts quote values, and some of those are secret."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from ductile.document.field_errors import quote_value
from ductile.document.paths import value_at
from ductile.document.problem import Path, Problem
from ductile.document.redactor import MASK, Redactor, is_display_secret, is_secret_name
from ductile.document.secret_spellings import MIN_SECRET_CHARACTERS
from ductile.document.secret_values import texts_of


class ProblemRedactor:
    """Redacts the problems of one configuration, in force or refused.

    Replaced are the secrets of the configuration and, of any length, the values below the problem's path that stand
    under a key which hints at a secret.
    """

    def __init__(self, value: Any, redactor: Redactor) -> None:
        self._value = value
        self._redactor = redactor

    def redact(self, problem: Problem) -> Problem:
        """The problem without secrets."""
        message = self._redactor.clip(self._without_values(problem.message, problem.path))
        path = tuple(self._redactor.text(part) if isinstance(part, str) else part for part in problem.path)
        return replace(problem, message=message, path=path)

    def _without_values(self, message: str, path: Path) -> str:
        """The message without the values that are hidden by their names alone."""
        names = [part for part in path if isinstance(part, str)]
        hidden = any(map(is_secret_name, names)) or any(map(is_display_secret, names[-1:]))
        values = set(_hidden_values(value_at(self._value, path), hidden=hidden)) if path else set()
        message = Redactor(value for value in values if len(value) >= MIN_SECRET_CHARACTERS).clip(message)
        for value in sorted(values, key=len, reverse=True):
            if len(value) < MIN_SECRET_CHARACTERS:  # a short one is replaced where it stands alone
                message = re.sub(rf"(?<![\w.-]){re.escape(value)}(?![\w-]|\.\w)", MASK, message)
            message = message.replace(quote_value(value), f"`{MASK}`")
        return message


def _hidden_values(value: Any, *, hidden: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _hidden_values(member, hidden=hidden or is_display_secret(str(key)))
    elif isinstance(value, list):
        for member in value:
            yield from _hidden_values(member, hidden=hidden)
    elif hidden:
        yield from (text for text in texts_of(value) if text)
